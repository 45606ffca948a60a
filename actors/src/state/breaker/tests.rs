mod keys;
mod sequences;
mod trial;

use super::*;
use crate::state::policy::{BreakerSettings, Limits, ProbePolicy, ProbeSettings, Weight};

const SECOND: Duration = Duration::from_secs(1);

/// A breaker and its shell in one: time moves on by hand.
#[derive(Clone)]
struct Bench {
    breaker: Breaker,
    policy: EndpointPolicy,
    now: Instant,
}

/// Opens on 3 in a row or half of 10 in 10 s, for 60 s doubling to 300 s; two
/// trials of 30 s close it; two pings either way.
fn bench() -> Bench {
    bench_with(|_| {})
}

fn bench_with(change: impl FnOnce(&mut BreakerSettings)) -> Bench {
    let policy = policy(change);
    let now = crate::clock::now();
    Bench {
        breaker: Breaker::new(&policy.breaker, now),
        policy,
        now,
    }
}

fn policy(change: impl FnOnce(&mut BreakerSettings)) -> EndpointPolicy {
    let mut settings = BreakerSettings {
        failure_threshold: 3,
        min_requests: 10,
        half_open_requests: 2,
        ..BreakerSettings::default()
    };
    change(&mut settings);
    let probe = ProbeSettings {
        healthy_threshold: 2,
        unhealthy_threshold: 2,
        ..ProbeSettings::default()
    };
    EndpointPolicy {
        weight: Weight::new(1.0).expect("valid"),
        breaker: BreakerPolicy::new(&settings).expect("valid"),
        limits: Limits::default(),
        probe: ProbePolicy::new(&probe).expect("valid"),
    }
}

impl Bench {
    /// Lets the breaker do something with the policy and time of now.
    fn with<T>(&mut self, act: impl FnOnce(&mut Breaker, Turn<'_>) -> T) -> T {
        let turn = Turn {
            policy: &self.policy,
            now: self.now,
            luck: Luck::EVEN,
        };
        act(&mut self.breaker, turn)
    }

    fn wait(&mut self, time: Duration) -> Option<Transition> {
        self.now += time;
        self.with(Breaker::advance)
    }

    fn settle(&mut self, epoch: u32, verdict: Verdict) -> Option<Transition> {
        self.with(|breaker, turn| breaker.settle(epoch, verdict, turn))
    }

    fn spent(&mut self, epoch: u32, requests: u32, last_resort: u32) {
        self.with(|breaker, turn| breaker.spent(epoch, requests, last_resort, turn));
    }

    /// A request under the grant of now that ends at once.
    fn ask(&mut self, verdict: Verdict) -> Option<Transition> {
        let epoch = self.take();
        self.settle(epoch, verdict)
    }

    /// Takes what is lent: a credit, the trial or the last resort.
    fn take(&mut self) -> u32 {
        let epoch = self.breaker.epoch();
        let last_resort = u32::from(self.phase() == Phase::Open);
        self.spent(epoch, 1 - last_resort, last_resort);
        epoch
    }

    fn ping(&mut self, good: bool) -> Option<Transition> {
        self.with(|breaker, turn| match good {
            true => breaker.good_ping(turn),
            false => breaker.bad_ping(false, turn),
        })
    }

    fn phase(&self) -> Phase {
        self.breaker.phase()
    }

    fn open(mut self) -> Self {
        for _ in 0..3 {
            self.ask(Verdict::Bad);
        }
        assert_eq!(self.phase(), Phase::Open);
        self
    }

    fn half_open(self) -> Self {
        let mut this = self.open();
        this.wait(60 * SECOND);
        assert_eq!(this.phase(), Phase::HalfOpen);
        this
    }

    fn refuses_for(&self) -> Duration {
        self.breaker.opened().expect("open").0 - self.now
    }
}

#[track_caller]
fn assert_change(change: Option<Transition>, from: Phase, to: Phase, reason: TransitionReason) {
    assert_eq!(change, Some(Transition { from, to, reason }));
}

#[test]
fn failures_in_a_row_open_and_a_success_in_between_forgives() {
    let mut bench = bench();
    bench.ask(Verdict::Bad);
    bench.ask(Verdict::Bad);
    bench.ask(Verdict::Good);
    bench.ask(Verdict::Bad);
    assert_eq!(bench.ask(Verdict::Bad), None);
    let change = bench.ask(Verdict::Bad);
    assert_change(
        change,
        Phase::Closed,
        Phase::Open,
        TransitionReason::FailuresInARow,
    );
    assert_eq!(bench.refuses_for(), 60 * SECOND);
}

#[test]
fn a_thousand_requests_that_say_nothing_move_nothing() {
    let mut bench = bench();
    bench.ask(Verdict::Bad);
    bench.ask(Verdict::Bad);
    let before = bench.breaker.clone();
    for _ in 0..1000 {
        bench.ask(Verdict::None);
    }
    assert_eq!(bench.breaker, before);
}

#[test]
fn half_of_the_answers_failing_opens_once_there_are_enough() {
    let mut bench = bench_with(|settings| settings.failure_threshold = 100);
    for _ in 0..4 {
        bench.ask(Verdict::Good);
        assert_eq!(bench.ask(Verdict::Bad), None, "too few to judge");
    }
    bench.ask(Verdict::Good);
    let change = bench.ask(Verdict::Bad);
    assert_change(
        change,
        Phase::Closed,
        Phase::Open,
        TransitionReason::FailureRate,
    );
}

#[test]
fn failures_older_than_the_window_do_not_count() {
    let mut bench = bench_with(|settings| settings.failure_threshold = 100);
    for _ in 0..9 {
        bench.ask(Verdict::Bad);
    }
    bench.wait(10 * SECOND);
    assert_eq!(bench.breaker.failure_ratio(bench.now), None);
    assert_eq!(bench.ask(Verdict::Bad), None);
}

#[test]
fn luck_spreads_the_recovery_by_a_tenth_but_never_beyond_the_maximum() {
    for (luck, settled, expected) in [(0.0, 60, 54_000), (0.75, 60, 63_000), (0.75, 300, 300_000)] {
        let mut bench = bench_with(|settings| {
            settings.failure_threshold = 1;
            settings.recovery_timeout = settled * SECOND;
        });
        let luck = Luck::new(luck).expect("a luck");
        bench.with(|breaker, turn| breaker.settle(0, Verdict::Bad, Turn { luck, ..turn }));
        assert_eq!(bench.refuses_for().as_millis(), expected);
    }
}

#[test]
fn pings_half_open_a_circuit_before_its_time() {
    let mut bench = bench().open();
    assert_eq!(bench.ping(true), None);
    assert_eq!(bench.ping(false), None, "in a row, that is");
    assert_eq!(bench.ping(true), None);
    let change = bench.ping(true);
    assert_change(
        change,
        Phase::Open,
        Phase::HalfOpen,
        TransitionReason::HealthyPings,
    );
}

#[test]
fn failing_pings_open_unless_requests_are_served() {
    let mut bench = bench();
    for _ in 0..5 {
        bench.ask(Verdict::Good);
        assert_eq!(bench.ping(false), None, "traffic outvotes pings");
    }
    assert_eq!(bench.ping(false), None);
    let change = bench.ping(false);
    assert_change(change, Phase::Closed, Phase::Open, TransitionReason::Pings);
}

#[test]
fn bad_pings_of_the_open_time_do_not_condemn_the_trial() {
    let mut bench = bench().open();
    for _ in 0..10 {
        bench.ping(false);
    }
    bench.wait(60 * SECOND);
    assert_eq!(bench.ping(false), None, "the first of two");
    assert_eq!(bench.phase(), Phase::HalfOpen);
}

#[test]
fn a_rejected_key_waits_for_pings_settings_or_the_longest_time() {
    let mut bench = bench();
    let change = bench.ask(Verdict::KeyRejected);
    assert_change(
        change,
        Phase::Closed,
        Phase::Open,
        TransitionReason::KeyRejected,
    );
    assert_eq!(bench.refuses_for(), 300 * SECOND);
    assert!(!bench.breaker.lends_last_resort(bench.now + 10 * SECOND));

    let mut pinged = bench.clone();
    pinged.ping(true);
    let change = pinged.ping(true);
    assert_change(
        change,
        Phase::Open,
        Phase::HalfOpen,
        TransitionReason::HealthyPings,
    );

    let mut patched = bench.clone();
    let old = patched.policy.breaker;
    let change = patched.with(|breaker, turn| breaker.patch(&old, turn));
    assert_change(
        change,
        Phase::Open,
        Phase::HalfOpen,
        TransitionReason::Patched,
    );

    let change = bench.wait(300 * SECOND);
    assert_change(
        change,
        Phase::Open,
        Phase::HalfOpen,
        TransitionReason::RecoveryTimeout,
    );
}

#[test]
fn a_key_rejected_on_the_last_resort_ends_last_resorts() {
    let mut bench = bench().open();
    let change = bench.ask(Verdict::KeyRejected);
    let (open, rejected) = (Phase::Open, TransitionReason::KeyRejected);
    assert_change(change, open, open, rejected);
    assert_eq!(bench.refuses_for(), 300 * SECOND);
    bench.wait(2 * SECOND);
    assert!(!bench.breaker.lends_last_resort(bench.now));
}

#[test]
fn a_key_that_pings_see_rejected_later_is_told_once() {
    let rejected = |bench: &mut Bench| bench.with(|breaker, turn| breaker.bad_ping(true, turn));
    let mut bench = bench().open();
    assert_eq!(bench.refuses_for(), 60 * SECOND);
    assert_eq!(rejected(&mut bench), None, "one of two");
    let change = rejected(&mut bench);
    let (open, reason) = (Phase::Open, TransitionReason::KeyRejected);
    assert_change(change, open, open, reason);
    assert_eq!(bench.breaker.opened().expect("open").1, reason);
    assert_eq!(bench.refuses_for(), 300 * SECOND);
    bench.wait(100 * SECOND);
    for _ in 0..10 {
        assert_eq!(rejected(&mut bench), None, "that is known");
    }
    assert_eq!(bench.refuses_for(), 200 * SECOND, "nor put off by pings");
    bench.wait(SECOND);
    assert!(bench.breaker.lends_last_resort(bench.now), "it may chat");
    // A new key comes with new settings.
    let old = bench.policy.breaker;
    let change = bench.with(|breaker, turn| breaker.patch(&old, turn));
    assert_change(change, open, Phase::HalfOpen, TransitionReason::Patched);
}

#[test]
fn new_settings_judge_the_failures_already_counted() {
    let mut bench = bench();
    bench.ask(Verdict::Bad);
    bench.ask(Verdict::Bad);
    let old = bench.policy;
    let patch = |bench: &mut Bench, change: &dyn Fn(&mut BreakerSettings)| {
        bench.policy = policy(change);
        bench.with(|breaker, turn| breaker.patch(&old.breaker, turn))
    };
    let mut wider = bench.clone();
    assert_eq!(
        patch(&mut wider, &|settings| settings.window = 60 * SECOND),
        None
    );
    assert_eq!(wider.breaker.failure_ratio(wider.now), Some(1.0), "kept");
    assert_eq!(wider.breaker.failures_in_a_row(), 2);

    let change = patch(&mut bench.clone(), &|settings| {
        settings.failure_threshold = 2
    });
    assert_change(
        change,
        Phase::Closed,
        Phase::Open,
        TransitionReason::FailuresInARow,
    );
    let change = patch(&mut bench.clone(), &|settings| settings.min_requests = 2);
    assert_change(
        change,
        Phase::Closed,
        Phase::Open,
        TransitionReason::FailureRate,
    );

    let mut open = bench.open();
    let change = patch(&mut open, &|settings| {
        settings.recovery_timeout = SECOND;
        settings.max_recovery_timeout = 5 * SECOND;
    });
    assert_eq!(change, None);
    assert_eq!(
        open.refuses_for(),
        5 * SECOND,
        "never longer than allowed now"
    );
}

#[test]
fn the_weight_ramps_up_after_closing() {
    let mut bench = bench().half_open();
    let ramp = |bench: &Bench| bench.breaker.ramp(&bench.policy.breaker, bench.now);
    assert_eq!(ramp(&bench), 1.0, "a trial is drawn like any other");
    bench.ask(Verdict::Good);
    bench.ask(Verdict::Good);
    assert!((ramp(&bench) - 0.1).abs() < 1e-9);
    bench.wait(5 * SECOND);
    assert!((ramp(&bench) - 0.55).abs() < 1e-9);
    bench.wait(5 * SECOND);
    assert_eq!(ramp(&bench), 1.0);
}

#[test]
fn a_lent_trial_or_last_resort_is_looked_for_every_second() {
    let mut bench = bench().open();
    let next = |bench: &Bench, lends| {
        let at = bench
            .breaker
            .next_deadline(&bench.policy.breaker, lends, bench.now);
        at.map(|at| at - bench.now)
    };
    assert_eq!(next(&bench, true), Some(SECOND));
    assert_eq!(next(&bench, false), Some(60 * SECOND));
    bench.take();
    assert_eq!(next(&bench, true), Some(30 * SECOND), "its trial_timeout");
    bench.wait(60 * SECOND);
    bench.take();
    bench.settle(bench.breaker.epoch(), Verdict::None);
    assert_eq!(bench.phase(), Phase::HalfOpen);
    assert_eq!(next(&bench, true), Some(SECOND));
}

#[test]
fn epochs_wrap_without_mixing_up_trials() {
    let mut bench = bench().open();
    bench.breaker.epoch = (1 << EPOCH_BITS) - 1;
    bench.wait(60 * SECOND);
    assert_eq!(bench.breaker.epoch(), 0);
    bench.breaker.raise_epoch();
    let trial = bench.take();
    assert_eq!(trial, 1);
    assert!(bench.breaker.trial_under_way());
}

#[test]
fn what_was_counted_stands_whatever_is_set_or_comes_later() {
    let counted = |bad, all| Some(Counted { bad, all });
    let mut row = bench();
    assert_eq!(row.breaker.opened_by(), None);
    for _ in 0..3 {
        row.ask(Verdict::Bad);
    }
    assert_eq!(row.breaker.opened_by(), counted(3, 3));
    let old = row.policy.breaker;
    row.policy = policy(|settings| settings.failure_threshold = 9);
    row.with(|breaker, turn| breaker.patch(&old, turn));
    row.ping(false);
    assert_eq!(row.breaker.opened_by(), counted(3, 3));

    let mut rate = bench_with(|settings| settings.failure_threshold = 100);
    for verdict in [Verdict::Good, Verdict::Bad].repeat(5) {
        rate.ask(verdict);
    }
    assert_eq!(rate.breaker.opened_by(), counted(5, 10));

    let mut pings = bench();
    pings.ping(false);
    pings.ping(false);
    assert_eq!(pings.breaker.opened_by(), counted(2, 2));

    let mut key = bench();
    key.ask(Verdict::KeyRejected);
    assert_eq!(key.breaker.opened_by(), counted(0, 0));
}
