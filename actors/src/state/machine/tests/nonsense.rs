//! Events that no sane shell sends, in any order.

use proptest::{
    collection::vec,
    prelude::{Just, any, prop_assert, prop_assert_eq, prop_oneof, proptest},
    strategy::Strategy as _,
};

use super::*;
use crate::state::event::Remaining;

fn any_event() -> impl proptest::strategy::Strategy<Value = (Event, u64)> {
    let outcome = prop_oneof![
        Just(Outcome::Success),
        Just(FAILURE),
        Just(Outcome::KeyRejected),
        Just(Outcome::ClientFault),
        Just(Outcome::Cancelled),
        (proptest::option::of(any::<Duration>()), any::<bool>())
            .prop_map(|(retry_after, daily)| Outcome::RateLimited { retry_after, daily }),
    ];
    let remaining = || {
        let pair = (0..9_u64, proptest::option::of(any::<Duration>()));
        proptest::option::of(pair.prop_map(|(left, reset)| Remaining { left, reset }))
    };
    let pause = proptest::option::of(any::<Duration>());
    let limits =
        (remaining(), remaining(), pause).prop_map(|(requests, tokens, pause)| ProviderLimits {
            requests,
            tokens,
            pause,
        });
    let tokens =
        (any::<u64>(), any::<u64>(), any::<Option<u64>>()).prop_map(|(mark, reserved, used)| {
            Tokens {
                mark,
                reserved,
                used,
            }
        });
    let event = prop_oneof![
        (0..9_u32, any::<u32>(), 0..2_u32, any::<u64>()).prop_map(
            |(epoch, requests, last_resort, tokens_mark)| Event::Spent {
                epoch,
                requests,
                last_resort,
                tokens_mark
            }
        ),
        (0..9_u32, any::<Duration>(), any::<u64>(), limits.clone()).prop_map(
            |(epoch, latency, mark, limits)| Event::FirstByte {
                epoch,
                latency,
                mark,
                limits,
            }
        ),
        (0..9_u32, outcome, any::<Option<Duration>>(), limits, tokens).prop_map(
            |(epoch, outcome, latency, limits, tokens)| Event::Settled {
                epoch,
                outcome,
                latency,
                limits,
                tokens
            }
        ),
        any::<Duration>().prop_map(|latency| Event::Pong(Pong::Alive { latency })),
        Just(Event::Pong(Pong::Failed)),
        Just(Event::Pong(Pong::KeyRejected)),
        Just(Event::Pong(Pong::Unasked)),
        any::<bool>().prop_map(Event::Drain),
        Just(Event::Patch(policy())),
        Just(Event::Reset),
        Just(Event::Restarted),
        Just(Event::Tick),
    ];
    (event, 0..200_000_u64)
}

proptest! {
    /// Also nonsense from a confused shell neither panics nor breaks a grant,
    /// and the same nonsense an hour later comes to the same: what the wall
    /// clock says plays no part.
    #[test]
    fn nonsense_is_survived_and_only_differences_of_time_count(
        events in vec(any_event(), 0..60),
        luck in 0.0..1.0_f64,
    ) {
        let luck = Luck::new(luck).expect("a luck");
        let limits = Limits {
            rpm: NonZeroU32::new(5),
            tpm: NonZeroU32::new(50),
            rpd: NonZeroU32::new(500),
            max_in_flight: None,
        };
        let starts = [crate::clock::now(), crate::clock::now() + 3600 * SECOND];
        let mut machines = starts.map(|start| Machine::new(limited(limits), start));
        let mut passed = Duration::ZERO;
        for (event, wait) in events {
            passed += Duration::from_millis(wait);
            let seen: Vec<_> = machines.iter_mut().zip(starts).map(|(machine, start)| {
                let now = start + passed;
                let mut changes: Vec<Transition> = machine.step(event, now, luck).collect();
                // As the shell does: by itself a look lets no time pass.
                changes.extend(machine.step(Event::Tick, now, luck));
                let grant = machine.grant(now);
                let next = machine.next_deadline(now);
                (changes, grant, next.map(|next| next - now), now)
            }).collect();
            let (changes, grant, next, now) = &seen[0];
            prop_assert!(next.is_none_or(|next| next > Duration::ZERO));
            prop_assert!(grant.weight > 0.0 && grant.weight.is_finite());
            prop_assert_eq!(grant.credits > 0, grant.refusal.is_none());
            prop_assert!(grant.epoch < 1 << crate::state::grant::EPOCH_BITS);
            let until = |grant: &Grant, now: Instant| {
                grant.refusal.and_then(|refusal| refusal.until).map(|until| until - now)
            };
            prop_assert!(until(grant, *now).is_none_or(|wait| wait > Duration::ZERO));
            let (later_changes, later, later_next, later_now) = &seen[1];
            prop_assert_eq!(changes, later_changes);
            prop_assert_eq!(next, later_next);
            prop_assert_eq!(until(grant, *now), until(later, *later_now));
            prop_assert_eq!((grant.credits, grant.tokens_limit, grant.status),
                (later.credits, later.tokens_limit, later.status));
        }
    }
}
