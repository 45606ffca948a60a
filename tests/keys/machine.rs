//! What moves an endpoint's machine: circuit and pings, each key in its section and at the endpoint, from the
//! start and by a reload.

use std::sync::Arc;
use std::time::{Duration, Instant};

use breakerbox::generation::Generation;
use breakerbox_actors::clock;
use breakerbox_actors::state::breaker::Phase;
use breakerbox_actors::state::event::{Event, FailureKind, Outcome, Pong, ProviderLimits, Tokens};
use breakerbox_actors::state::health::Status;
use breakerbox_actors::state::luck::Luck;
use breakerbox_actors::state::machine::Machine;
use breakerbox_actors::state::policy::EndpointPolicy;

use super::in_both_places;
use crate::support::gateway::parse;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// A machine and its time.
struct Bench {
    machine: Machine,
    now: Instant,
}

fn policy(yaml: &str) -> EndpointPolicy {
    let generation = Generation::new(1, Arc::new(parse(yaml))).expect("a configuration");
    generation.spec().targets[0].policy
}

/// Machines with these keys of a section: given there and at the endpoint, from the start and by a reload.
fn benches(section: &str, keys: &str) -> Vec<Bench> {
    let now = clock::now();
    let [default, _] = in_both_places(section, "").map(|yaml| policy(&yaml));
    let places = in_both_places(section, keys).map(|yaml| policy(&yaml));
    let machines = places.into_iter().flat_map(|policy| {
        let mut patched = Machine::new(default, now);
        patched
            .step(Event::Patch(policy), now, Luck::EVEN)
            .for_each(drop);
        [Machine::new(policy, now), patched]
    });
    machines.map(|machine| Bench { machine, now }).collect()
}

impl Bench {
    fn step(&mut self, event: Event) {
        self.machine
            .step(event, self.now, Luck::EVEN)
            .for_each(drop);
    }

    fn begin(&mut self) -> u32 {
        let epoch = self.machine.epoch();
        self.step(Event::Spent {
            epoch,
            requests: 1,
            last_resort: 0,
            tokens_mark: 0,
        });
        epoch
    }

    fn request(&mut self, outcome: Outcome) {
        let epoch = self.begin();
        self.step(Event::Settled {
            epoch,
            outcome,
            latency: None,
            limits: ProviderLimits::default(),
            tokens: Tokens::default(),
        });
    }

    fn good(&mut self) {
        self.request(Outcome::Success);
    }

    fn bad(&mut self) {
        self.request(Outcome::Failure(FailureKind::Status));
    }

    fn pong(&mut self, latency: Duration) {
        self.step(Event::Pong(Pong::Alive { latency }));
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.step(Event::Tick);
    }

    fn phase(&self) -> Phase {
        self.machine.phase()
    }

    /// How long the circuit stays open from now on.
    fn open_for(&self) -> Duration {
        let until = self.machine.view(self.now).open_until;
        until.expect("an open circuit") - self.now
    }

    fn open(&mut self) {
        while self.phase() == Phase::Closed {
            self.bad();
        }
    }

    fn half_open(&mut self) {
        self.open();
        self.pass(self.open_for());
        assert_eq!(self.phase(), Phase::HalfOpen);
    }
}

#[test]
pub(super) fn failure_threshold() {
    for threshold in [3, 7] {
        let keys = format!("failure_threshold: {threshold}, min_requests: 1000");
        for mut bench in benches("breaker", &keys) {
            for _ in 1..threshold {
                bench.bad();
                assert_eq!(bench.phase(), Phase::Closed);
            }
            bench.bad();
            assert_eq!(bench.phase(), Phase::Open);
        }
    }
}

#[test]
pub(super) fn failure_rate() {
    for (rate, failures) in [("0.3", 3), ("0.6", 6)] {
        let keys = format!("failure_rate: {rate}, min_requests: 10, failure_threshold: 1000");
        for mut bench in benches("breaker", &keys) {
            for _ in failures..10 {
                bench.good();
            }
            for _ in 1..failures {
                bench.bad();
            }
            assert_eq!(bench.phase(), Phase::Closed, "{rate}");
            bench.bad();
            assert_eq!(bench.phase(), Phase::Open, "{rate}");
        }
    }
}

#[test]
pub(super) fn min_requests() {
    for requests in [4, 9] {
        let keys = format!("min_requests: {requests}, failure_threshold: 1000");
        for mut bench in benches("breaker", &keys) {
            for _ in 1..requests {
                bench.bad();
                assert_eq!(bench.phase(), Phase::Closed);
            }
            bench.bad();
            assert_eq!(bench.phase(), Phase::Open);
        }
    }
}

#[test]
pub(super) fn window() {
    for (window, phase) in [("2s", Phase::Closed), ("60s", Phase::Open)] {
        let keys = format!("window: {window}, min_requests: 4, failure_threshold: 1000");
        for mut bench in benches("breaker", &keys) {
            bench.bad();
            bench.bad();
            bench.pass(5 * SECOND);
            bench.bad();
            bench.bad();
            assert_eq!(bench.phase(), phase, "{window}");
        }
    }
}

#[test]
pub(super) fn recovery_timeout() {
    for seconds in [7, 70] {
        for mut bench in benches("breaker", &format!("recovery_timeout: {seconds}s")) {
            bench.open();
            assert_eq!(bench.open_for(), seconds * SECOND);
            bench.pass(seconds * SECOND - MS);
            assert_eq!(bench.phase(), Phase::Open);
            bench.pass(MS);
            assert_eq!(bench.phase(), Phase::HalfOpen);
        }
    }
}

#[test]
pub(super) fn max_recovery_timeout() {
    for most in [10, 13] {
        let keys = format!("recovery_timeout: 7s, max_recovery_timeout: {most}s");
        for mut bench in benches("breaker", &keys) {
            for _ in 0..3 {
                bench.half_open();
                bench.bad();
                assert_eq!(bench.open_for(), most * SECOND);
            }
        }
    }
}

#[test]
pub(super) fn half_open_requests() {
    for requests in [1, 4] {
        for mut bench in benches("breaker", &format!("half_open_requests: {requests}")) {
            bench.half_open();
            for _ in 1..requests {
                bench.good();
                assert_eq!(bench.phase(), Phase::HalfOpen);
            }
            bench.good();
            assert_eq!(bench.phase(), Phase::Closed);
        }
    }
}

#[test]
pub(super) fn trial_timeout() {
    for seconds in [3, 50] {
        for mut bench in benches("breaker", &format!("trial_timeout: {seconds}s")) {
            bench.half_open();
            bench.begin();
            bench.pass(seconds * SECOND - MS);
            assert_eq!(bench.phase(), Phase::HalfOpen);
            bench.pass(MS);
            assert_eq!(bench.phase(), Phase::Open);
        }
    }
}

#[test]
pub(super) fn ramp() {
    for seconds in [0, 4, 40] {
        for mut bench in benches(
            "breaker",
            &format!("ramp: {seconds}s, half_open_requests: 1"),
        ) {
            bench.half_open();
            bench.good();
            assert_eq!(bench.phase(), Phase::Closed);
            let weight = |bench: &Bench| (bench.machine.view(bench.now).weight * 100.0).round();
            if seconds > 0 {
                assert_eq!(weight(&bench), 10.0);
                bench.pass(seconds * SECOND / 2);
                assert_eq!(weight(&bench), 55.0, "{seconds}");
                bench.pass(seconds * SECOND / 2);
            }
            assert_eq!(weight(&bench), 100.0);
        }
    }
}

#[test]
pub(super) fn healthy_threshold() {
    for pings in [1, 5] {
        for mut bench in benches("probe", &format!("healthy_threshold: {pings}")) {
            bench.open();
            for _ in 1..pings {
                bench.pong(MS);
                assert_eq!(bench.phase(), Phase::Open);
            }
            bench.pong(MS);
            assert_eq!(bench.phase(), Phase::HalfOpen);
        }
    }
}

#[test]
pub(super) fn unhealthy_threshold() {
    for pings in [1, 5] {
        for mut bench in benches("probe", &format!("unhealthy_threshold: {pings}")) {
            for _ in 1..pings {
                bench.step(Event::Pong(Pong::Failed));
                assert_eq!(bench.phase(), Phase::Closed);
            }
            bench.step(Event::Pong(Pong::Failed));
            assert_eq!(bench.phase(), Phase::Open);
        }
    }
}

#[test]
pub(super) fn degraded_latency() {
    for limit in [100, 1_000] {
        for mut bench in benches("probe", &format!("degraded_latency: {limit}ms")) {
            let status = |bench: &Bench| bench.machine.view(bench.now).status;
            bench.pong((limit - 1) * MS);
            assert_eq!(status(&bench), Status::Healthy, "{limit}");
            bench.pong((limit + 1) * MS);
            assert_eq!(status(&bench), Status::Degraded, "{limit}");
        }
    }
}

#[test]
pub(super) fn unhealthy_latency() {
    for limit in [200, 2_000] {
        let keys = format!(
            "degraded_latency: 100ms, unhealthy_latency: {limit}ms, unhealthy_threshold: 1"
        );
        for mut bench in benches("probe", &keys) {
            bench.pong((limit - 1) * MS);
            assert_eq!(bench.phase(), Phase::Closed, "{limit}");
            bench.pong((limit + 1) * MS);
            assert_eq!(bench.phase(), Phase::Open, "{limit}");
        }
    }
}
