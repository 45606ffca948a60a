//! What holds after any sequence of calls.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Copy, Debug)]
enum Act {
    /// Take what is lent, if anything is.
    Take,
    /// One of the requests under way begins to be answered.
    Speak(usize),
    /// One of the requests under way ends.
    Settle(usize, Verdict),
    Ping(bool),
    RejectPing,
    Patch(bool),
    Reset,
    Restart,
    Nothing,
}

fn any_act() -> impl proptest::strategy::Strategy<Value = Act> {
    let verdict = prop_oneof![
        4 => Just(Verdict::Good),
        4 => Just(Verdict::Bad),
        1 => Just(Verdict::KeyRejected),
        1 => Just(Verdict::None),
    ];
    prop_oneof![
        8 => Just(Act::Take),
        1 => (0..9_usize).prop_map(Act::Speak),
        6 => (0..9_usize, verdict).prop_map(|(which, verdict)| Act::Settle(which, verdict)),
        2 => any::<bool>().prop_map(Act::Ping),
        1 => Just(Act::RejectPing),
        1 => any::<bool>().prop_map(Act::Patch),
        1 => Just(Act::Reset),
        1 => Just(Act::Restart),
        1 => Just(Act::Nothing),
    ]
}

/// A request that was started under `epoch`.
#[derive(Clone, Copy, Debug)]
struct Started {
    epoch: u32,
    /// Until when nothing else may be tried; `None` for those of a closed circuit.
    alone_until: Option<Instant>,
}

/// Opens on the first failure and closes on the first success, and soon.
fn hasty() -> EndpointPolicy {
    policy(|settings| {
        settings.failure_threshold = 1;
        settings.half_open_requests = 1;
        settings.recovery_timeout = 5 * SECOND;
        settings.max_recovery_timeout = 20 * SECOND;
        settings.window = SECOND;
        settings.ramp = Duration::ZERO;
    })
}

impl Bench {
    /// Takes what is lent now and returns it.
    fn take_if_lent(&mut self) -> Option<Started> {
        let lent = match self.phase() {
            Phase::Closed => true,
            Phase::HalfOpen => self.breaker.lends_trial(),
            Phase::Open => self.breaker.lends_last_resort(self.now),
        };
        let longest = self.policy.breaker.trial_timeout;
        let trial = self.phase() != Phase::Closed;
        lent.then(|| Started {
            epoch: self.take(),
            alone_until: trial.then_some(self.now + longest),
        })
    }

    fn act(&mut self, act: Act, under_way: &mut Vec<Started>) -> Option<Transition> {
        match act {
            Act::Take | Act::Nothing => None,
            Act::Speak(which) => {
                if let Some(one) = under_way.get(which) {
                    self.breaker.first_byte(one.epoch, Duration::MAX, self.now);
                }
                None
            }
            Act::Settle(which, verdict) => {
                let ends = which < under_way.len();
                let one = ends.then(|| under_way.swap_remove(which))?;
                self.settle(one.epoch, verdict)
            }
            Act::Ping(good) => self.ping(good),
            Act::RejectPing => self.with(|breaker, turn| breaker.bad_ping(true, turn)),
            Act::Patch(hastier) => {
                let new = if hastier { hasty() } else { policy(|_| {}) };
                let old = std::mem::replace(&mut self.policy, new);
                self.with(|breaker, turn| breaker.patch(&old.breaker, turn))
            }
            Act::Reset => self.with(|breaker, turn| breaker.reset(turn.now)),
            Act::Restart => {
                self.breaker.raise_epoch();
                None
            }
        }
    }
}

proptest! {
    #[test]
    fn the_phases_keep_their_word(
        steps in prop::collection::vec((prop_oneof![0..3_000_u64, 0..90_000_u64], any_act()), 1..80),
    ) {
        let mut bench = bench();
        let mut under_way: Vec<Started> = Vec::new();
        for (wait, act) in steps {
            let (phase, epoch) = (bench.phase(), bench.breaker.epoch());
            let timed = bench.wait(Duration::from_millis(wait));
            let refuted = bench.breaker.refutes_key_pings();
            let told = bench.act(act, &mut under_way);
            if refuted && matches!(act, Act::RejectPing) {
                let is_about_key = |it: Transition| it.reason == TransitionReason::KeyRejected;
                prop_assert!(!told.is_some_and(is_about_key), "requests know better");
            }
            // Every change is told, one the table knows, from where it was to where it is.
            let mut told_of = phase;
            for change in [timed, told].into_iter().flatten() {
                prop_assert!(Transition::ALL.contains(&change), "{change:?}");
                prop_assert_eq!(change.from, told_of);
                told_of = change.to;
            }
            prop_assert_eq!(bench.phase(), told_of);
            prop_assert!(bench.breaker.epoch() >= epoch, "epochs never go back");
            let moved = [timed, told].into_iter().flatten().filter(|it| it.from != it.to);
            let changes = moved.count() as u32;
            prop_assert!(bench.breaker.epoch() >= epoch + changes, "each change voids what was lent");

            let (breaker, policy, now) = (&bench.breaker, &bench.policy.breaker, bench.now);
            let lends = (breaker.lends_trial(), breaker.lends_last_resort(now));
            match bench.phase() {
                Phase::Closed => {
                    prop_assert_eq!(lends, (false, false));
                    prop_assert!(breaker.failures_in_a_row() < policy.failure_threshold.get());
                }
                Phase::Open => {
                    prop_assert!(!lends.0, "an open circuit tries nothing but last resorts");
                    let (until, _) = breaker.opened().expect("open");
                    prop_assert!(until > now && until - now <= policy.max_recovery_timeout);
                }
                Phase::HalfOpen => {
                    prop_assert_eq!(lends, (!breaker.trial_under_way(), false));
                }
            }
            prop_assert_eq!(breaker.opened().is_some(), bench.phase() == Phase::Open);
            let ramp = breaker.ramp(policy, now);
            prop_assert!(ramp > 0.0 && ramp <= 1.0, "{ramp}");
            for lends in [false, true] {
                let next = breaker.next_deadline(policy, lends, now);
                prop_assert!(next.is_none_or(|next| next > now), "the past wakes nobody");
            }

            if matches!(act, Act::Take) && let Some(taken) = bench.take_if_lent() {
                let alone = |other: &Started| other.alone_until.is_none_or(|until| until <= bench.now);
                let trial = taken.alone_until.is_some();
                prop_assert!(!trial || under_way.iter().all(alone), "two trials at a time");
                under_way.push(taken);
            }
        }
        // Whatever happened, and if nothing is heard any more: it serves or tries
        // again. A weight that grows is looked at some twenty times meanwhile.
        let mut patience = 0;
        while bench.phase() == Phase::Open || bench.breaker.trial_under_way() {
            let next = bench.breaker.next_deadline(&bench.policy.breaker, false, bench.now);
            bench.wait(next.expect("a deadline") - bench.now);
            patience += 1;
            prop_assert!(patience < 40, "stuck");
        }
    }
}
