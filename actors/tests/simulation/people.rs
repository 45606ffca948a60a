//! The prober, and operators who reload, drain and restart.

use std::{num::NonZeroU32, time::Duration};

use breakerbox_actors::state::{
    event::Event,
    luck::Luck,
    policy::{
        BreakerPolicy, BreakerSettings, EndpointPolicy, Limits, ProbePolicy, ProbeSettings, Weight,
    },
};
use rand::{RngExt, rngs::StdRng};

use super::{Due, MINUTE, PLACES, SECOND, TRIAL_TIMEOUT, World};

impl World {
    pub(super) fn ping(&mut self) {
        while let Some(place) = self.schedule.pop(self.now) {
            let pong = self.places[place].mood.pong(&mut self.rng);
            let wait = Duration::from_millis(self.rng.random_range(1..10_000));
            if self.calm || self.rng.random_bool(0.95) {
                self.at(wait, Due::Pong { place, pong });
            }
        }
        let next = self.schedule.next_due().unwrap_or(self.now + SECOND);
        let wait = next
            .saturating_duration_since(self.now)
            .clamp(SECOND / 10, SECOND);
        self.at(wait, Due::Ping);
    }

    /// An operator reloads, drains, and the actors crash.
    pub(super) fn operate(&mut self) {
        if self.calm {
            return;
        }
        let wait = self.rng.random_range(1..40) * SECOND;
        self.at(wait, Due::Operator);
        let place = self.rng.random_range(0..PLACES);
        let event = match self.rng.random_range(0..4) {
            0 => Event::Drain(self.rng.random_bool(0.3)),
            1 | 2 => {
                self.seen.note("restarted");
                Event::Restarted
            }
            _ => {
                let policy = policy(&mut self.rng);
                let luck = Luck::draw(&mut self.rng);
                self.schedule.set(place, policy.probe, self.now, luck);
                // What the auditor wrote down under another limit is moot.
                self.places[place].minute.clear();
                Event::Patch(policy)
            }
        };
        self.tell(place, event);
    }
}

pub(super) fn policy(rng: &mut StdRng) -> EndpointPolicy {
    let limit =
        |rng: &mut StdRng, limits: [u32; 3]| NonZeroU32::new(limits[rng.random_range(0..3)]);
    let breaker = BreakerSettings {
        failure_threshold: rng.random_range(1..6),
        failure_rate: 0.4,
        min_requests: rng.random_range(5..20),
        window: rng.random_range(1..20) * SECOND,
        recovery_timeout: rng.random_range(1..30) * SECOND,
        max_recovery_timeout: MINUTE,
        half_open_requests: rng.random_range(1..4),
        trial_timeout: TRIAL_TIMEOUT,
        ramp: rng.random_range(0..10) * SECOND,
    };
    let probe = ProbeSettings {
        enabled: rng.random_bool(0.8),
        interval: 5 * SECOND,
        ..ProbeSettings::default()
    };
    EndpointPolicy {
        weight: Weight::new(rng.random_range(0.1..10.0)).expect("valid"),
        breaker: BreakerPolicy::new(&breaker).expect("valid"),
        limits: Limits {
            rpm: limit(rng, [0, 30, 300]),
            tpm: limit(rng, [0, 20_000, 200_000]),
            rpd: limit(rng, [0, 0, 20_000]),
            max_in_flight: limit(rng, [0, 5, 50]),
        },
        probe: ProbePolicy::new(&probe).expect("valid"),
    }
}
