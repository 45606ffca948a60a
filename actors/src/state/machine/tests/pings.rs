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
