//! Every order of events, within bounds: the very machines that run in
//! production, checked state by state.
//!
//! What a state holds besides the endpoints counts down what may still
//! happen, so the space is finite and searched whole.

#[path = "support/cell.rs"]
mod cell;
#[path = "model/patience.rs"]
mod patience;
#[path = "model/place.rs"]
mod place;
#[path = "model/space.rs"]
mod space;

use std::{num::NonZeroU32, time::Duration};

use breakerbox_actors::state::{
    breaker::TransitionReason::{
        self, FailuresInARow, HealthyPings, KeyRejected, LastResort, Patched, Pings,
        RecoveryTimeout, TrialFailed, TrialTimeout, TrialsSucceeded,
    },
    policy::{
        BreakerPolicy, BreakerSettings, EndpointPolicy, Limits, ProbePolicy, ProbeSettings, Weight,
    },
};
use space::{Bounds, Space};
use stateright::{Checker, Model};

const SECOND: Duration = Duration::from_secs(1);
const TRIAL_TIMEOUT: Duration = Duration::from_secs(2);

/// One failure opens for 2 s, doubling to 4 s; so many trials of 2 s close;
/// one ping decides; `rpm` requests a minute, 0 for any number.
fn policy(half_open_requests: u32, rpm: u32) -> EndpointPolicy {
    let breaker = BreakerSettings {
        failure_threshold: 1,
        recovery_timeout: 2 * SECOND,
        max_recovery_timeout: 4 * SECOND,
        half_open_requests,
        trial_timeout: TRIAL_TIMEOUT,
        ramp: Duration::ZERO,
        ..BreakerSettings::default()
    };
    let probe = ProbeSettings {
        healthy_threshold: 1,
        unhealthy_threshold: 1,
        ..ProbeSettings::default()
    };
    EndpointPolicy {
        weight: Weight::new(1.0).expect("valid"),
        breaker: BreakerPolicy::new(&breaker).expect("valid"),
        limits: Limits {
            rpm: NonZeroU32::new(rpm),
            ..Limits::default()
        },
        probe: ProbePolicy::new(&probe).expect("valid"),
    }
}

/// Searches the whole space. A promise that is broken comes with the story
/// that breaks it; a change of phase that never comes about proves nothing.
#[track_caller]
fn check(endpoints: usize, rpm: u32, bounds: Bounds, reasons: &[TransitionReason]) {
    let checker = Space::new(endpoints, rpm, bounds).checker().threads(2);
    let checker = checker.spawn_dfs().join();
    let stories = checker.discoveries().into_iter();
    let broken: Vec<_> = stories
        .map(|(promise, story)| (promise, story.into_actions()))
        .collect();
    assert!(broken.is_empty(), "{broken:#?}");
    let seen = checker.model().reasons();
    for reason in reasons {
        assert!(seen.contains(reason), "{reason:?} among {seen:?}");
    }
    let states = checker.unique_state_count();
    assert!(states > 10_000, "only {states} states");
}

const NOTHING: Bounds = Bounds {
    starts: 0,
    passes: 0,
    pings: 0,
    races: 0,
    losses: 0,
    patches: 0,
    restarts: 0,
};

#[test]
fn time_and_every_outcome() {
    let bounds = Bounds {
        starts: 3,
        passes: 2,
        ..NOTHING
    };
    check(
        1,
        3,
        bounds,
        &[
            FailuresInARow,
            KeyRejected,
            RecoveryTimeout,
            TrialFailed,
            TrialTimeout,
            TrialsSucceeded,
            LastResort,
        ],
    );
}

#[test]
fn without_a_limit_to_patrol() {
    let bounds = Bounds {
        starts: 3,
        passes: 2,
        losses: 1,
        ..NOTHING
    };
    check(1, 0, bounds, &[RecoveryTimeout, TrialTimeout, LastResort]);
}

#[test]
fn pings() {
    let bounds = Bounds {
        starts: 2,
        passes: 2,
        pings: 2,
        ..NOTHING
    };
    check(1, 3, bounds, &[Pings, HealthyPings, LastResort]);
}

#[test]
fn routers_that_come_between_and_reports_that_get_lost() {
    let bounds = Bounds {
        starts: 3,
        passes: 2,
        races: 1,
        losses: 1,
        ..NOTHING
    };
    check(1, 2, bounds, &[RecoveryTimeout, LastResort]);
}

#[test]
fn new_settings_and_restarts() {
    let bounds = Bounds {
        starts: 3,
        passes: 1,
        races: 1,
        patches: 1,
        restarts: 1,
        ..NOTHING
    };
    check(1, 3, bounds, &[Patched, RecoveryTimeout]);
}

#[test]
fn three_endpoints() {
    let bounds = Bounds {
        starts: 2,
        passes: 2,
        pings: 1,
        ..NOTHING
    };
    check(
        3,
        2,
        bounds,
        &[LastResort, RecoveryTimeout, TrialFailed, Pings],
    );
}
