//! A target to tell of, without an engine.

use std::time::{Duration, Instant};

use breakerbox_actors::{
    clock,
    error::Why,
    id::TargetId,
    messages::EndpointSeen,
    state::{
        event::{Event, FailureKind, Outcome, ProviderLimits, Tokens},
        luck::Luck,
        machine::Machine,
    },
};

use crate::config::{Endpoint, parse};

/// One target and what is configured for it.
pub(super) struct Patient {
    pub(super) target: TargetId,
    pub(super) config: Endpoint,
    pub(super) now: Instant,
    machine: Machine,
}

impl Patient {
    /// Returns one of `endpoint` for `model`; `keys` are more of the file.
    pub(super) fn new(endpoint: &str, model: &str, keys: &str) -> Self {
        let config = config(keys);
        let now = clock::now();
        Self {
            target: TargetId::new(endpoint, model),
            machine: Machine::new(config.policy, now),
            config,
            now,
        }
    }

    /// Puts other keys in force.
    pub(super) fn reloads(&mut self, keys: &str) {
        self.config = config(keys);
        self.step(Event::Patch(self.config.policy));
    }

    pub(super) fn waits(&mut self, time: Duration) {
        self.now += time;
        self.step(Event::Tick);
    }

    /// Ends one request so, which took 100 ms to its first byte.
    pub(super) fn ends(&mut self, outcome: Outcome) {
        let epoch = self.machine.epoch();
        self.step(Event::Spent {
            epoch,
            requests: 1,
            last_resort: 0,
            tokens_mark: 0,
        });
        self.step(Event::Settled {
            epoch,
            outcome,
            latency: Some(Duration::from_millis(100)),
            limits: ProviderLimits::default(),
            tokens: Tokens::default(),
        });
    }

    pub(super) fn fails(&mut self, times: u32) {
        for _ in 0..times {
            self.ends(Outcome::Failure(FailureKind::Status));
        }
    }

    pub(super) fn step(&mut self, event: Event) {
        for _ in self.machine.step(event, self.now, Luck::EVEN) {}
    }

    pub(super) fn seen(&self) -> EndpointSeen {
        EndpointSeen {
            target: self.target.clone(),
            view: self.machine.view(self.now),
            policy: *self.machine.policy(),
            in_flight: 0,
            credits: 0,
        }
    }

    /// What there is to say of it now.
    pub(super) fn reason(&self) -> Option<String> {
        self.told(Some(self.now))
    }

    /// What there is to say of it at any time.
    pub(super) fn kept_reason(&self) -> Option<String> {
        self.told(None)
    }

    fn told(&self, now: Option<Instant>) -> Option<String> {
        let seen = self.seen();
        let view = &seen.view;
        let why = view.refusal.map_or(Why::Spent, |it| it.reason);
        super::reason::of(view.status, &seen, why, &self.config, now)
    }
}

fn config(keys: &str) -> Endpoint {
    let yaml = format!(
        "endpoints: [{{ name: a, provider: openai-compatible, base_url: \"http://127.0.0.1:9/v1\", models: [m] }}]\n{keys}"
    );
    let config = parse(&yaml, "test.yaml", &|_| None).unwrap();
    config.endpoints[0].clone()
}
