mod grants;
mod nonsense;
mod pings;
mod resets;
mod waits;

use std::num::NonZeroU32;

use super::*;
use crate::{
    error::Why,
    state::{
        breaker::TransitionReason,
        event::FailureKind,
        grant::Grant,
        health::Status,
        policy::{BreakerPolicy, BreakerSettings, Limits, ProbePolicy, ProbeSettings, Weight},
    },
};

const SECOND: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

fn policy() -> EndpointPolicy {
    EndpointPolicy {
        weight: Weight::new(2.0).expect("valid"),
        breaker: BreakerPolicy::new(&BreakerSettings::default()).expect("valid"),
        limits: Limits::default(),
        probe: ProbePolicy::new(&ProbeSettings::default()).expect("valid"),
    }
}

fn limited(limits: Limits) -> EndpointPolicy {
    EndpointPolicy { limits, ..policy() }
}

fn machine(policy: EndpointPolicy) -> (Machine, Instant) {
    let now = crate::clock::now();
    (Machine::new(policy, now), now)
}

fn settled(epoch: u32, outcome: Outcome) -> Event {
    Event::Settled {
        epoch,
        outcome,
        latency: None,
        limits: ProviderLimits::default(),
        tokens: Tokens::default(),
    }
}

fn spent(epoch: u32, requests: u32) -> Event {
    Event::Spent {
        epoch,
        requests,
        last_resort: 0,
        tokens_mark: 0,
    }
}

/// A machine of a thousand tokens a minute, one request of which has reserved so many.
fn reserved(tokens: u64) -> (Machine, Instant) {
    let (mut machine, now) = machine(limited(Limits {
        tpm: NonZeroU32::new(1000),
        ..Limits::default()
    }));
    let event = Event::Spent {
        epoch: 0,
        requests: 1,
        last_resort: 0,
        tokens_mark: tokens,
    };
    machine.told(event, now);
    (machine, now)
}

/// The answer to that request, which reports this use.
fn answered(reserved: u64, used: Option<u64>) -> Event {
    Event::Settled {
        epoch: 0,
        outcome: Outcome::Success,
        latency: Some(5 * MS),
        limits: ProviderLimits::default(),
        tokens: Tokens {
            mark: reserved,
            reserved,
            used,
        },
    }
}

const FAILURE: Outcome = Outcome::Failure(FailureKind::Status);

impl Machine {
    fn told(&mut self, event: Event, now: Instant) -> Vec<Transition> {
        self.step(event, now, Luck::EVEN).collect()
    }

    fn asked(&mut self, outcome: Outcome, now: Instant) -> Vec<Transition> {
        let epoch = self.epoch();
        let mut changes = self.told(spent(epoch, 1), now);
        changes.extend(self.told(settled(epoch, outcome), now));
        changes
    }

    fn refused(&self, now: Instant) -> Option<(Why, Option<Instant>)> {
        let refusal = self.grant(now).refusal?;
        Some((refusal.reason, refusal.until))
    }
}

#[test]
fn a_new_endpoint_may_serve_without_end() {
    let (machine, now) = machine(policy());
    let grant = machine.grant(now);
    assert_eq!((grant.credits, grant.last_resort), (u32::MAX, 0));
    assert_eq!(grant.tokens_limit, u64::MAX);
    assert_eq!((grant.max_in_flight, grant.weight), (u32::MAX, 2.0));
    assert_eq!((grant.latency, grant.refusal), (None, None));
    assert_eq!(grant.status, Status::Unknown);
    assert_eq!(machine.next_deadline(now), None, "nothing to wait for");
}

#[test]
fn every_limit_of_the_policy_is_granted() {
    let (machine, now) = machine(limited(Limits {
        rpm: NonZeroU32::new(10),
        tpm: NonZeroU32::new(1000),
        rpd: NonZeroU32::new(7),
        max_in_flight: NonZeroU32::new(3),
    }));
    let grant = machine.grant(now);
    assert_eq!((grant.credits, grant.max_in_flight), (7, 3));
    assert_eq!(grant.tokens_limit, 1000);
}

#[test]
fn what_was_taken_is_granted_no_more() {
    let (mut machine, now) = machine(limited(Limits {
        rpm: NonZeroU32::new(10),
        ..Limits::default()
    }));
    machine.told(spent(0, 4), now);
    assert_eq!(machine.grant(now).credits, 6);
    machine.told(spent(0, 6), now);
    let end = now + 61 * SECOND;
    let reason = Why::RequestsPerMinute;
    assert_eq!(machine.refused(now), Some((reason, Some(end))));
    assert_eq!(machine.grant(now).status, Status::RateLimited);
    assert_eq!(machine.next_deadline(now), Some(end));
    assert_eq!(machine.grant(end).credits, 10);
}

#[test]
fn of_an_answer_that_does_not_count_nothing_is_hoped_for() {
    let (mut machine, now) = reserved(900);
    assert_eq!(machine.grant(now).tokens_hoped, 1000);
    machine.told(answered(900, None), now);
    assert_eq!(machine.grant(now).tokens_hoped, 100);
    assert_eq!(
        machine.grant(now).tokens_free.at,
        [Some(now + 61 * SECOND); 8]
    );
    assert_eq!(machine.view(now).tpm.used, 900);
}

#[test]
fn reserved_tokens_end_the_grant_and_settling_revives_it() {
    let (mut machine, now) = reserved(1000);
    let end = now + 61 * SECOND;
    let reason = Why::TokensPerMinute;
    assert_eq!(machine.refused(now), Some((reason, Some(end))));
    let grant = machine.grant(now);
    assert_eq!(grant.tokens_hoped, 1000, "it may use none of them");
    assert_eq!(grant.tokens_free.at, [None; 8], "there are no more");
    machine.told(answered(1000, Some(300)), now + SECOND);
    let grant = machine.grant(now + SECOND);
    assert_eq!((grant.tokens_limit, grant.refusal), (1700, None));
    assert_eq!(grant.latency, Some(5 * MS));
}

#[test]
fn a_429_is_a_pause_and_no_failure() {
    let (mut machine, now) = machine(policy());
    for _ in 0..4 {
        machine.asked(FAILURE, now);
    }
    for _ in 0..1000 {
        let limited = Outcome::RateLimited {
            retry_after: Some(20 * SECOND),
            daily: false,
        };
        assert!(machine.asked(limited, now).is_empty());
    }
    let end = now + 20 * SECOND;
    assert_eq!(machine.refused(now), Some((Why::Cooldown, Some(end))));
    assert_eq!(machine.refused(end - MS), Some((Why::Cooldown, Some(end))));
    let view = machine.view(now);
    assert_eq!((view.phase, view.failures_in_a_row), (Phase::Closed, 4));
    assert_eq!(view.status, Status::RateLimited);
    assert_eq!(machine.refused(end), None);
    assert_eq!(machine.asked(FAILURE, end).len(), 1, "the fifth in a row");
}

#[test]
fn a_429_holds_back_trials_and_last_resorts_also_when_it_comes_late() {
    let (mut machine, now) = machine(policy());
    let early = machine.epoch();
    for _ in 0..5 {
        machine.asked(FAILURE, now);
    }
    assert_eq!(machine.grant(now).last_resort, 1);
    let limited = Outcome::RateLimited {
        retry_after: Some(100 * SECOND),
        daily: false,
    };
    machine.told(settled(early, limited), now);
    assert_eq!(machine.grant(now).last_resort, 0);
    let half_open = now + 60 * SECOND;
    machine.told(Event::Tick, half_open);
    assert_eq!(machine.view(half_open).phase, Phase::HalfOpen);
    let end = now + 100 * SECOND;
    let reason = Why::Cooldown;
    assert_eq!(machine.refused(half_open), Some((reason, Some(end))));
    assert_eq!(machine.grant(end).credits, 1);
}

#[test]
fn an_open_circuit_says_when_and_half_open_it_lends_one() {
    let (mut machine, now) = machine(policy());
    for _ in 0..5 {
        machine.asked(FAILURE, now);
    }
    let end = now + 60 * SECOND;
    let grant = machine.grant(now);
    assert_eq!((grant.credits, grant.last_resort), (0, 1));
    assert_eq!(grant.status, Status::Unhealthy);
    assert_eq!(machine.refused(now), Some((Why::CircuitOpen, Some(end))));
    machine.told(Event::Tick, end);
    let grant = machine.grant(end);
    assert_eq!((grant.credits, grant.last_resort), (1, 0));
    assert_eq!(
        (grant.weight, grant.latency),
        (2.0, None),
        "drawn like the median"
    );
    assert_eq!(grant.status, Status::Degraded);
    machine.told(spent(grant.epoch, 1), end);
    assert_eq!(machine.grant(end).credits, 0);
    assert_eq!(machine.refused(end), Some((Why::TrialUnderWay, None)));
}

#[test]
fn a_late_success_from_before_a_trip_changes_nothing() {
    let (mut machine, now) = machine(policy());
    machine.asked(Outcome::Success, now);
    let early = machine.epoch();
    for _ in 0..5 {
        machine.asked(FAILURE, now);
    }
    let before = machine.clone();
    assert!(
        machine
            .told(settled(early, Outcome::Success), now)
            .is_empty()
    );
    assert_eq!(machine, before);
}

#[test]
fn a_lost_hint_cannot_wedge_a_trial() {
    let (mut machine, now) = machine(policy());
    for _ in 0..5 {
        machine.asked(FAILURE, now);
    }
    let half_open = now + 60 * SECOND;
    machine.told(Event::Tick, half_open);
    let lent = machine.grant(half_open);
    // A router takes the trial and its hint is lost: the timer looks.
    let look = machine.next_deadline(half_open).expect("a timer");
    assert!(look <= half_open + SECOND);
    machine.told(spent(lent.epoch, 1), look);
    // Its report is lost, too.
    let late = look + 30 * SECOND;
    assert!(machine.next_deadline(look).is_some_and(|at| at <= late));
    let changes = machine.told(Event::Tick, late);
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].reason, TransitionReason::TrialTimeout);
}

#[test]
fn a_rejected_key_is_told_apart() {
    let (mut machine, now) = machine(policy());
    machine.asked(Outcome::KeyRejected, now);
    let reason = Why::KeyRejected;
    assert_eq!(
        machine.refused(now),
        Some((reason, Some(now + 300 * SECOND)))
    );
    assert_eq!(machine.grant(now).last_resort, 0);
    machine.told(Event::Patch(policy()), now);
    assert_eq!(
        machine.grant(now).credits,
        1,
        "the new settings may hold a new key"
    );
}

#[test]
fn a_drained_endpoint_starts_nothing_and_comes_back_as_it_was() {
    let (mut machine, now) = machine(policy());
    let before = machine.clone();
    machine.told(Event::Drain(true), now);
    let grant = machine.grant(now);
    assert_eq!((grant.credits, grant.last_resort), (0, 0));
    assert_eq!(grant.status, Status::Disabled);
    assert_eq!(machine.refused(now), Some((Why::Drained, None)));
    machine.told(Event::Drain(false), now);
    assert_eq!(machine, before);
}

#[test]
fn a_patch_changes_settings_and_nothing_else() {
    let (mut machine, now) = machine(limited(Limits {
        rpm: NonZeroU32::new(100),
        ..Limits::default()
    }));
    for _ in 0..4 {
        machine.asked(FAILURE, now);
    }
    let seen = machine.view(now);
    let lower = limited(Limits {
        rpm: NonZeroU32::new(3),
        ..Limits::default()
    });
    assert!(machine.told(Event::Patch(lower), now).is_empty());
    let view = machine.view(now);
    assert_eq!((view.epoch, view.failures_in_a_row), (seen.epoch, 4));
    assert_eq!((view.latency, view.penalty), (seen.latency, seen.penalty));
    let rpm = Usage {
        used: 4,
        limit: Some(3),
    };
    assert_eq!(view.rpm, rpm);
    assert_eq!(
        machine.grant(now).credits,
        0,
        "lowered below use: acts at once"
    );
}

#[test]
fn a_restart_keeps_everything_but_the_epoch() {
    let (mut machine, now) = machine(policy());
    let early = machine.epoch();
    for _ in 0..4 {
        machine.asked(FAILURE, now);
    }
    machine.told(Event::Restarted, now);
    assert_eq!(machine.view(now).failures_in_a_row, 4);
    assert!(
        machine.told(settled(early, FAILURE), now).is_empty(),
        "void"
    );
    assert_eq!(machine.asked(FAILURE, now).len(), 1);
}

#[test]
fn slow_endpoints_and_slow_pings_are_degraded_and_very_slow_pings_fail() {
    let (mut machine, now) = machine(policy());
    let alive = |latency| Event::Pong(Pong::Alive { latency });
    let status = |machine: &Machine| machine.grant(now).status;
    machine.told(alive(50 * MS), now);
    assert_eq!(status(&machine), Status::Healthy);
    machine.told(alive(4 * SECOND), now);
    assert_eq!(status(&machine), Status::Degraded);
    machine.told(alive(50 * MS), now);
    let event = Event::FirstByte {
        epoch: 0,
        latency: 4 * SECOND,
        mark: 0,
        limits: ProviderLimits::default(),
    };
    machine.clone().told(event, now);
    assert_eq!(status(&machine), Status::Healthy);
    machine.told(event, now);
    assert_eq!(status(&machine), Status::Degraded);
    for _ in 0..3 {
        machine.told(alive(6 * SECOND), now);
    }
    assert_eq!(status(&machine), Status::Unhealthy);
}

#[test]
fn a_ping_that_could_not_be_sent_says_nothing() {
    let (mut machine, now) = machine(policy());
    for _ in 0..10 {
        machine.told(Event::Pong(Pong::Unasked), now);
    }
    let (fresh, _) = self::machine(policy());
    assert_eq!(machine.grant(now).status, fresh.grant(now).status);
    assert_eq!(machine.phase(), Phase::Closed);
    // Nor does it end a row of failed ones.
    for pong in [Pong::Failed, Pong::Failed, Pong::Unasked, Pong::Failed] {
        machine.told(Event::Pong(pong), now);
    }
    assert_eq!(machine.phase(), Phase::Open);
}

#[test]
fn some_failures_degrade_until_they_are_old() {
    let (mut machine, now) = machine(policy());
    machine.asked(Outcome::Success, now);
    machine.asked(FAILURE, now);
    assert_eq!(machine.grant(now).status, Status::Degraded);
    let later = now + 120 * SECOND;
    machine.told(Event::Tick, later);
    assert_eq!(machine.grant(later).status, Status::Healthy);
}

#[test]
fn closing_forgives_the_failures_in_the_estimate_and_ramps() {
    let (mut machine, now) = machine(policy());
    let sample = Event::FirstByte {
        epoch: 0,
        latency: 100 * MS,
        mark: 0,
        limits: ProviderLimits::default(),
    };
    machine.told(sample, now);
    for _ in 0..5 {
        machine.asked(FAILURE, now);
    }
    assert!(machine.view(now).penalty > SECOND);
    for _ in 0..3 {
        machine.told(Event::Pong(Pong::Alive { latency: MS }), now);
    }
    for _ in 0..3 {
        machine.asked(Outcome::Success, now);
    }
    let grant = machine.grant(now);
    assert_eq!(
        (grant.latency, grant.penalty),
        (Some(100 * MS), Duration::ZERO)
    );
    assert!((grant.weight - 0.2).abs() < 1e-9, "{}", grant.weight);
    assert_eq!(grant.status, Status::Degraded);
    let soon = machine.next_deadline(now).expect("the weight grows");
    assert!(soon <= now + SECOND);
    assert_eq!(machine.grant(now + 10 * SECOND).weight, 2.0);
}

#[test]
fn one_step_can_change_the_phase_twice_and_tells_both() {
    let (mut machine, now) = machine(policy());
    for _ in 0..5 {
        machine.asked(FAILURE, now);
    }
    let late = now + 59 * SECOND;
    let last_resort = Event::Spent {
        epoch: machine.epoch(),
        requests: 0,
        last_resort: 1,
        tokens_mark: 0,
    };
    let epoch = machine.epoch();
    machine.told(last_resort, late);
    let changes = machine.told(settled(epoch, FAILURE), late + SECOND);
    let phases: Vec<Phase> = changes.iter().map(|change| change.to).collect();
    assert_eq!(phases, [Phase::HalfOpen, Phase::Open]);
}
