//! What a grant promises, to routers that take all they can get.

use proptest::prelude::*;

use super::*;

fn any_outcome() -> impl proptest::strategy::Strategy<Value = Option<Outcome>> {
    let limited = |retry_after| Outcome::RateLimited {
        retry_after,
        daily: false,
    };
    prop_oneof![
        4 => Just(Some(Outcome::Success)),
        4 => Just(Some(FAILURE)),
        1 => prop::option::of((0..20_u64).prop_map(Duration::from_secs))
            .prop_map(move |after| Some(limited(after))),
        1 => Just(Some(Outcome::KeyRejected)),
        2 => Just(None),
    ]
}

fn any_limit(most: u32) -> impl proptest::strategy::Strategy<Value = Option<NonZeroU32>> {
    prop::option::of((1..most).prop_map(|limit| NonZeroU32::new(limit).expect("above zero")))
}

/// The sum of what was taken in any 60 seconds, at its greatest.
fn busiest(taken: &[(u64, u64)]) -> u64 {
    let slice = |from: u64| {
        let inside = move |at: &&(u64, u64)| (from..from + 60_000).contains(&at.0);
        taken.iter().filter(inside).map(|(_, amount)| amount).sum()
    };
    taken.iter().map(|(at, _)| slice(*at)).max().unwrap_or(0)
}

proptest! {
    /// Each grant is taken at once; the machine hears of it later, and of how
    /// it ended later still.
    #[test]
    fn all_that_is_granted_may_be_taken_and_no_minute_holds_too_much(
        rpm in any_limit(9),
        tpm in any_limit(2_000),
        steps in prop::collection::vec(
            (prop_oneof![0..2_000_u64, 0..40_000_u64], 0..500_u64, 1..900_u64, any_outcome()),
            1..80,
        ),
    ) {
        let limits = Limits { rpm, tpm, ..Limits::default() };
        let (mut machine, start) = machine(limited(limits));
        let (mut passed, mut mark) = (0, 0_u64);
        let (mut requests, mut tokens) = (Vec::new(), Vec::new());
        let mut epoch = 0;
        for (wait, delay, size, outcome) in steps {
            passed += wait;
            let now = start + Duration::from_millis(passed);
            machine.told(Event::Tick, now);
            let grant = machine.grant(now);
            prop_assert!(grant.epoch >= epoch, "epochs never go back");
            epoch = grant.epoch;
            let lent = match machine.phase() {
                Phase::Closed => (u32::MAX, 0),
                Phase::Open => (0, 1),
                Phase::HalfOpen => (1, 0),
            };
            prop_assert!(grant.credits <= lent.0 && grant.last_resort <= lent.1);
            prop_assert_eq!(grant.credits == 0, grant.refusal.is_some());
            prop_assert!(grant.weight > 0.0 && grant.weight <= 2.0, "{}", grant.weight);

            let (credits, mut taken) = (grant.credits.min(20) + grant.last_resort, 0);
            while taken < credits && mark + size <= grant.tokens_limit {
                (taken, mark) = (taken + 1, mark + size);
                requests.push((passed, 1));
                tokens.push((passed, size));
            }
            passed += delay;
            let now = start + Duration::from_millis(passed);
            let last_resort = grant.last_resort.min(taken);
            let report = Event::Spent {
                epoch,
                requests: taken - last_resort,
                last_resort,
                tokens_mark: mark,
            };
            machine.told(report, now);
            if let Some(outcome) = outcome.filter(|_| taken > 0) {
                machine.told(settled(epoch, outcome), now);
            }
        }
        let most = |limit: Option<NonZeroU32>| limit.map_or(u64::MAX, |limit| limit.get().into());
        prop_assert!(busiest(&requests) <= most(rpm), "{requests:?}");
        prop_assert!(busiest(&tokens) <= most(tpm), "{tokens:?}");

        let grant = machine.grant(start + Duration::from_millis(passed) + 61 * SECOND);
        let whole = tpm.map_or(u64::MAX, |limit| mark + u64::from(limit.get()));
        prop_assert_eq!(grant.tokens_limit, whole, "a quiet minute frees all of it");
    }

    /// A refusal that names a time is true: nothing is granted before it, and
    /// if nothing else happens something is then.
    #[test]
    fn a_refusal_lasts_until_it_said(
        rpm in any_limit(4),
        outcomes in prop::collection::vec((0..5_000_u64, any_outcome()), 1..20),
        share in 0.0..1.0_f64,
    ) {
        let (mut machine, mut now) = machine(limited(Limits { rpm, ..Limits::default() }));
        for (wait, outcome) in outcomes {
            now += Duration::from_millis(wait);
            machine.told(Event::Tick, now);
            if machine.grant(now).credits > 0 && let Some(outcome) = outcome {
                machine.asked(outcome, now);
            }
        }
        if let Some((_, Some(until))) = machine.refused(now) {
            prop_assert!(until > now);
            let meanwhile = now + (until - now).mul_f64(share * 0.999);
            let mut early = machine.clone();
            early.told(Event::Tick, meanwhile);
            prop_assert_eq!(early.grant(meanwhile).credits, 0);
            machine.told(Event::Tick, until);
            prop_assert!(machine.grant(until).credits > 0, "{:?}", machine.refused(until));
        }
    }
}
