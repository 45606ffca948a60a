//! What is worth waiting for, and what is not.

use super::*;

fn half_open() -> (Machine, Instant) {
    let (mut machine, now) = machine(policy());
    for _ in 0..5 {
        machine.asked(FAILURE, now);
    }
    let now = now + 60 * SECOND;
    machine.told(Event::Tick, now);
    assert_eq!(machine.phase(), Phase::HalfOpen);
    (machine, now)
}

fn paused(wait: Duration) -> Event {
    Event::Settled {
        epoch: 0,
        outcome: FAILURE,
        latency: None,
        limits: ProviderLimits {
            pause: Some(wait),
            ..ProviderLimits::default()
        },
        tokens: Tokens::default(),
    }
}

#[test]
fn a_pause_is_no_rate_and_ends_by_itself() {
    for (asked, kept) in [(20, 20), (0, 0), (1_000_000, 300)] {
        let (mut machine, now) = machine(policy());
        machine.told(spent(0, 1), now);
        machine.told(paused(asked * SECOND), now);
        let end = now + kept * SECOND;
        let refused = (kept > 0).then_some((Why::Paused, Some(end)));
        assert_eq!(machine.refused(now), refused);
        assert_eq!(machine.refused(end), None);
        if kept > 0 {
            assert_eq!(machine.refused(end - MS), refused);
            assert!(machine.next_deadline(end - MS) <= Some(end));
        }
        assert_eq!(machine.view(now).failures_in_a_row, 1);
        assert_eq!(machine.view(now).cooldown_until, None);
    }
    assert!(Why::Paused.may_pass() && !Why::Paused.is_rate());
}

#[test]
fn a_pause_outranks_a_rate_and_lasts_as_long_as_both() {
    let (mut machine, now) = machine(policy());
    let limited = Outcome::RateLimited {
        retry_after: Some(30 * SECOND),
        daily: false,
    };
    machine.asked(limited, now);
    machine.told(spent(0, 1), now);
    machine.told(paused(20 * SECOND), now);
    let [sooner, later] = [20, 30].map(|wait| now + wait * SECOND);
    assert_eq!(machine.refused(now), Some((Why::Paused, Some(later))));
    assert_eq!(machine.refused(sooner), Some((Why::Cooldown, Some(later))));
}

#[test]
fn a_pause_holds_back_trials_last_resorts_and_billed_pings() {
    let (mut machine, now) = machine(policy());
    for _ in 0..5 {
        machine.asked(FAILURE, now);
    }
    assert_eq!(machine.grant(now).last_resort, 1);
    machine.told(paused(100 * SECOND), now);
    assert_eq!(machine.grant(now).last_resort, 0);
    let half_open = now + 60 * SECOND;
    machine.told(Event::Tick, half_open);
    let end = now + 100 * SECOND;
    assert_eq!(machine.refused(half_open), Some((Why::Paused, Some(end))));
    assert_eq!(machine.grant(end).credits, 1);
}

#[test]
fn a_trial_is_waited_for_as_long_as_it_is_likely_to_speak() {
    // What an endpoint took before, and for how long its trial is worth waiting for.
    for (took, patience) in [
        (None, 5_000),
        (Some(10), 500),
        (Some(200), 600),
        (Some(60_000), 5_000),
    ] {
        let (mut machine, now) = half_open();
        if let Some(took) = took {
            machine.latency.sample(took * MS, now);
        }
        machine.told(spent(machine.epoch(), 1), now);
        let end = now + patience * MS;
        let under_way = Some((Why::TrialUnderWay, None));
        assert_eq!(machine.refused(now), under_way, "{took:?}");
        assert_eq!(machine.refused(end - MS), under_way, "{took:?}");
        assert!(machine.next_deadline(now) <= Some(end), "{took:?}");
        assert_eq!(machine.refused(end), Some((Why::LongTrial, None)));
        assert!(machine.next_deadline(end) > Some(end), "{took:?}");
        // Still the only one, until its own deadline.
        assert_eq!(machine.grant(now + 29 * SECOND).credits, 0);
    }
    assert!(Why::TrialUnderWay.may_pass() && !Why::LongTrial.may_pass());
}

#[test]
fn a_trial_that_speaks_and_does_not_end_is_not_waited_for_either() {
    let (mut machine, now) = half_open();
    let epoch = machine.epoch();
    machine.told(spent(epoch, 1), now);
    let first_byte = Event::FirstByte {
        epoch,
        latency: MS,
        mark: 0,
        limits: ProviderLimits::default(),
    };
    machine.told(first_byte, now + MS);
    let end = now + 500 * MS;
    assert_eq!(machine.refused(end), Some((Why::LongTrial, None)));
    machine.told(settled(epoch, Outcome::Success), end);
    assert_eq!(machine.refused(end), None, "the next trial");
}

#[test]
fn whoever_gives_up_tells_how_long_it_takes_at_least() {
    let (mut machine, now) = machine(policy());
    let mut gives_up = |waited: Duration| {
        machine.told(spent(0, 1), now);
        let event = Event::Settled {
            epoch: 0,
            outcome: Outcome::Cancelled,
            latency: Some(waited),
            limits: ProviderLimits::default(),
            tokens: Tokens::default(),
        };
        machine.told(event, now);
        machine.latency.estimate(now)
    };
    assert_eq!(gives_up(Duration::ZERO), None, "no chance");
    assert_eq!(gives_up(100 * MS), None);
    assert_eq!(gives_up(200 * MS), Some(200 * MS), "better than nothing");
    assert_eq!(gives_up(100 * MS), Some(200 * MS), "nothing new");
    assert_eq!(gives_up(400 * MS), Some(300 * MS));
    assert_eq!(machine.view(now).failure_ratio, None);
}
