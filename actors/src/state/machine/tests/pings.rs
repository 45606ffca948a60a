//! Pings that cost what requests cost.

use super::*;

const ALIVE: Event = Event::Pong(Pong::Alive { latency: MS });

fn billed(limits: Limits) -> EndpointPolicy {
    let settings = ProbeSettings {
        billed: true,
        ..ProbeSettings::default()
    };
    EndpointPolicy {
        probe: ProbePolicy::new(&settings).expect("valid"),
        ..limited(limits)
    }
}

fn three_a_minute() -> Limits {
    Limits {
        rpm: NonZeroU32::new(3),
        tpm: NonZeroU32::new(100),
        ..Limits::default()
    }
}

#[test]
fn a_billed_ping_is_booked_and_others_are_not() {
    for (policy, requests, tokens) in [
        (billed(three_a_minute()), 1, 16),
        (limited(three_a_minute()), 0, 0),
    ] {
        let (mut machine, now) = machine(policy);
        machine.told(ALIVE, now);
        let view = machine.view(now);
        assert_eq!((view.rpm.used, view.tpm.used), (requests, tokens));
        assert_eq!(view.rpm.limit, Some(3), "as it was configured");
    }
}

#[test]
fn a_ping_never_comes_on_top_of_a_full_window() {
    let (mut machine, now) = machine(billed(three_a_minute()));
    let grant = machine.grant(now);
    assert_eq!((grant.credits, grant.tokens_limit), (2, 84));
    machine.told(spent(0, 2), now);
    assert_eq!(machine.grant(now).credits, 0);
    assert!(machine.may_be_pinged(now), "there is room for one");
    machine.told(ALIVE, now + SECOND);
    assert_eq!(machine.view(now + SECOND).rpm.used, 3);
    assert!(!machine.may_be_pinged(now + SECOND));
    assert!(machine.may_be_pinged(now + 61 * SECOND));
}

#[test]
fn a_limit_with_no_room_for_both_still_serves() {
    let (machine, now) = machine(billed(Limits {
        rpm: NonZeroU32::new(1),
        tpm: NonZeroU32::new(10),
        rpd: NonZeroU32::new(1),
        max_in_flight: None,
    }));
    let grant = machine.grant(now);
    assert_eq!((grant.credits, grant.tokens_limit), (1, 10));
}

#[test]
fn a_billed_ping_keeps_to_a_pause_and_others_do_not() {
    for (policy, may) in [(billed(Limits::default()), false), (policy(), true)] {
        let (mut machine, now) = machine(policy);
        let limited = Outcome::RateLimited {
            retry_after: Some(20 * SECOND),
            daily: false,
        };
        machine.asked(limited, now);
        assert_eq!(machine.may_be_pinged(now), may);
        assert!(machine.may_be_pinged(now + 20 * SECOND));
        machine.told(Event::Drain(true), now + 20 * SECOND);
        assert_eq!(machine.may_be_pinged(now + 20 * SECOND), may);
    }
}

#[test]
fn who_has_only_failed_has_not_answered() {
    let (mut machine, now) = machine(policy());
    machine.told(Event::Pong(Pong::Failed), now);
    assert_eq!(machine.grant(now).status, Status::Unknown);
    machine.asked(FAILURE, now);
    assert_eq!(machine.grant(now).status, Status::Degraded);
    let later = now + 120 * SECOND;
    machine.told(Event::Tick, later);
    assert_eq!(machine.grant(later).status, Status::Unknown);
    machine.told(ALIVE, later);
    assert_eq!(machine.grant(later).status, Status::Healthy);
}

/// Whether a key may list models says little of whether it may chat.
#[test]
fn a_key_that_free_pings_see_rejected_is_tried_as_a_last_resort() {
    for (policy, last_resort) in [(policy(), 1), (billed(Limits::default()), 0)] {
        let (mut machine, now) = machine(policy);
        for _ in 0..3 {
            machine.told(Event::Pong(Pong::KeyRejected), now);
        }
        let end = now + 300 * SECOND;
        assert_eq!(machine.refused(now), Some((Why::KeyRejected, Some(end))));
        assert_eq!(machine.grant(now).last_resort, last_resort);
    }
    let (mut machine, now) = machine(policy());
    for _ in 0..3 {
        machine.told(Event::Pong(Pong::KeyRejected), now);
    }
    let epoch = machine.epoch();
    let taken = Event::Spent {
        epoch,
        requests: 0,
        last_resort: 1,
        tokens_mark: 0,
    };
    machine.told(taken, now);
    let mut served = machine.clone();
    let changes = served.told(settled(epoch, Outcome::Success), now);
    let reasons: Vec<_> = changes.iter().map(|it| it.reason).collect();
    assert_eq!(reasons, [TransitionReason::LastResort]);
    assert_eq!(served.grant(now).credits, 1, "the next trial");

    machine.told(settled(epoch, Outcome::KeyRejected), now);
    let later = now + 10 * SECOND;
    machine.told(Event::Tick, later);
    assert_eq!(machine.grant(later).last_resort, 0, "so it is true");
}
