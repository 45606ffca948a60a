//! An operator says that an endpoint is mended.

use super::*;

#[test]
fn a_reset_closes_the_circuit_ends_the_cooldown_and_keeps_what_was_used() {
    let (mut machine, now) = machine(limited(Limits {
        rpm: NonZeroU32::new(100),
        ..Limits::default()
    }));
    for _ in 0..5 {
        machine.asked(FAILURE, now);
    }
    machine.asked(
        Outcome::RateLimited {
            retry_after: None,
            daily: false,
        },
        now,
    );
    let before = machine.view(now);
    assert_eq!(before.phase, Phase::Open);
    let changes = machine.told(Event::Reset, now);
    assert_eq!(
        changes.first().map(|it| it.reason),
        Some(TransitionReason::Reset)
    );
    let after = machine.view(now);
    assert_eq!((after.phase, after.failures_in_a_row), (Phase::Closed, 0));
    assert_eq!((after.cooldown_until, after.refusal), (None, None));
    assert_eq!(after.rpm.used, before.rpm.used);
    assert_ne!(after.epoch, before.epoch, "what was started is a straggler");
    assert!(
        machine.told(Event::Reset, now).is_empty(),
        "nothing to tell"
    );
    assert!(machine.grant(now).weight < 2.0, "it still comes back");
}

#[test]
fn a_reset_of_a_closed_circuit_forgets_its_failures_and_leaves_its_weight() {
    let (mut machine, now) = machine(policy());
    machine.asked(Outcome::Success, now);
    for _ in 0..4 {
        machine.asked(FAILURE, now);
    }
    let paused = ProviderLimits {
        pause: Some(20 * SECOND),
        ..ProviderLimits::default()
    };
    let event = Event::FirstByte {
        epoch: machine.epoch(),
        latency: 100 * MS,
        mark: 0,
        limits: paused,
    };
    machine.told(event, now);
    assert_eq!(
        machine.refused(now),
        Some((Why::Paused, Some(now + 20 * SECOND)))
    );
    let before = machine.epoch();

    assert!(machine.told(Event::Reset, now).is_empty());
    let grant = machine.grant(now);
    assert_eq!((grant.refusal, grant.weight), (None, 2.0));
    assert_eq!(
        (grant.latency, grant.penalty),
        (Some(100 * MS), Duration::ZERO)
    );
    assert_eq!(grant.status, Status::Healthy);
    assert!(machine.told(settled(before, FAILURE), now).is_empty());
    assert_eq!(machine.view(now).failures_in_a_row, 0, "a straggler");
    for _ in 0..4 {
        assert!(machine.asked(FAILURE, now).is_empty(), "counted anew");
    }
    assert_eq!(machine.asked(FAILURE, now).len(), 1);
}
