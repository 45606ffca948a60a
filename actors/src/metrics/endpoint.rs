//! Metrics of the targets: what each machine and each actor looks like.

use std::time::{Duration, Instant};

use metrics::{Counter, Gauge, Histogram, SharedString, Unit};

use super::{ActorMetrics, Kind, Metric, SECONDS};
use crate::{
    clock,
    id::TargetId,
    state::{
        breaker::{Phase, Transition},
        event::Pong,
        health::Status,
        machine::{Usage, View},
    },
};

const TARGET: &[&str] = &["endpoint", "model"];
const WINDOW: &[&str] = &["endpoint", "model", "window"];

const fn gauge(
    name: &'static str,
    unit: Unit,
    labels: &'static [&'static str],
    help: &'static str,
) -> Metric {
    Metric {
        name,
        kind: Kind::Gauge,
        unit,
        labels,
        help,
    }
}

const STATUS: Metric = gauge(
    "breakerbox_endpoint_status",
    Unit::Count,
    &["endpoint", "model", "status"],
    "1 for the endpoint's status, 0 for the others.",
);
const BREAKER_STATE: Metric = gauge(
    "breakerbox_breaker_state",
    Unit::Count,
    &["endpoint", "model", "state"],
    "1 for the circuit's state, 0 for the others; closed lets requests through.",
);
const TRANSITIONS: Metric = Metric {
    name: "breakerbox_breaker_transitions_total",
    kind: Kind::Counter,
    unit: Unit::Count,
    labels: &["endpoint", "model", "from", "to", "reason"],
    help: "Changes of a circuit's state, and why.",
};
const FAILURE_RATIO: Metric = gauge(
    "breakerbox_breaker_failure_ratio",
    Unit::Percent,
    TARGET,
    "Share of failures among the answers of the breaker's window, 0 to 1.",
);
const FAILURES_IN_A_ROW: Metric = gauge(
    "breakerbox_breaker_failures_in_a_row",
    Unit::Count,
    TARGET,
    "Failures since the last success.",
);
const FAILURE_THRESHOLD: Metric = gauge(
    "breakerbox_breaker_failure_threshold",
    Unit::Count,
    TARGET,
    "Failures in a row that open the circuit.",
);
const RATIO_THRESHOLD: Metric = gauge(
    "breakerbox_breaker_failure_ratio_threshold",
    Unit::Percent,
    TARGET,
    "Share of failures that opens the circuit once its window has enough answers, 0 to 1.",
);
const OPEN_UNTIL: Metric = gauge(
    "breakerbox_breaker_open_until_timestamp_seconds",
    Unit::Seconds,
    TARGET,
    "When an open circuit tries again, in seconds since 1970; 0 while not open.",
);
const WEIGHT: Metric = gauge(
    "breakerbox_endpoint_weight",
    Unit::Count,
    TARGET,
    "Configured weight times ramp, before latency.",
);
const LATENCY: Metric = gauge(
    "breakerbox_endpoint_latency_seconds",
    Unit::Seconds,
    TARGET,
    "Expected time to first byte, failures counted with their penalty; 0 while unknown.",
);
const WINDOW_LIMIT: Metric = gauge(
    "breakerbox_rate_window_limit",
    Unit::Count,
    WINDOW,
    "What the window allows; 0 means no limit.",
);
const WINDOW_USED: Metric = gauge(
    "breakerbox_rate_window_used",
    Unit::Count,
    WINDOW,
    "What counts against the window now.",
);
const WINDOW_LEFT: Metric = gauge(
    "breakerbox_rate_window_left",
    Unit::Count,
    WINDOW,
    "What the window has left now; +Inf without a limit.",
);
const LIMITED_UNTIL: Metric = gauge(
    "breakerbox_rate_limited_until_timestamp_seconds",
    Unit::Seconds,
    TARGET,
    "Until when a 429 keeps the endpoint quiet, in seconds since 1970; 0 while none does.",
);
const IN_FLIGHT: Metric = gauge(
    "breakerbox_upstream_requests_in_flight",
    Unit::Count,
    TARGET,
    "Requests under way at the endpoint.",
);

const PROBES: Metric = Metric {
    name: "breakerbox_probes_total",
    kind: Kind::Counter,
    unit: Unit::Count,
    labels: &["endpoint", "model", "outcome"],
    help: "Pings by what they found.",
};
const PROBE_DURATION: Metric = Metric {
    name: "breakerbox_probe_duration_seconds",
    kind: Kind::Histogram(SECONDS),
    unit: Unit::Seconds,
    labels: TARGET,
    help: "How long pings took.",
};

/// Metrics of the endpoint actors.
pub const ENDPOINT_CATALOGUE: &[Metric] = &[
    STATUS,
    BREAKER_STATE,
    TRANSITIONS,
    FAILURE_RATIO,
    FAILURES_IN_A_ROW,
    FAILURE_THRESHOLD,
    RATIO_THRESHOLD,
    OPEN_UNTIL,
    WEIGHT,
    LATENCY,
    WINDOW_LIMIT,
    WINDOW_USED,
    WINDOW_LEFT,
    LIMITED_UNTIL,
    IN_FLIGHT,
    PROBES,
    PROBE_DURATION,
];

fn labels(id: &TargetId) -> [SharedString; 2] {
    [id.endpoint().clone().into(), id.model().clone().into()]
}

/// One target's handles; they live as long as the target, so that its series
/// go when the last request to it is over.
pub(crate) struct EndpointMetrics {
    /// The metrics of its actor, whichever that is now.
    pub(crate) actor: ActorMetrics,
    statuses: [Gauge; Status::ALL.len()],
    phases: [Gauge; Phase::ALL.len()],
    transitions: Vec<(Transition, Counter)>,
    failure_ratio: Gauge,
    failures_in_a_row: Gauge,
    failure_threshold: Gauge,
    ratio_threshold: Gauge,
    open_until: Gauge,
    weight: Gauge,
    latency: Gauge,
    windows: [Window; 3],
    limited_until: Gauge,
    in_flight: Gauge,
    probes: Probes,
    probe_duration: Histogram,
}

/// Pings by what they found: a field for each, so that none goes uncounted.
struct Probes {
    alive: Counter,
    failed: Counter,
    key_rejected: Counter,
    unasked: Counter,
}

struct Window {
    limit: Gauge,
    used: Gauge,
    left: Gauge,
}

impl std::fmt::Debug for EndpointMetrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EndpointMetrics").finish_non_exhaustive()
    }
}

impl EndpointMetrics {
    /// Looks up the handles of `id`; its series start at 0.
    pub(crate) fn new(id: &TargetId) -> Self {
        let gauge = |metric: Metric, word: &'static str| {
            let [endpoint, model] = labels(id);
            metric.gauge([endpoint, model, word.into()])
        };
        let window = |word| Window {
            limit: gauge(WINDOW_LIMIT, word),
            used: gauge(WINDOW_USED, word),
            left: gauge(WINDOW_LEFT, word),
        };
        let transition = |it: Transition| {
            let [endpoint, model] = labels(id);
            let words = [it.from.label(), it.to.label(), it.reason.label()];
            let [from, to, reason] = words.map(SharedString::from);
            (it, TRANSITIONS.counter([endpoint, model, from, to, reason]))
        };
        let probe = |pong: Pong| {
            let [endpoint, model] = labels(id);
            PROBES.counter([endpoint, model, pong.label().into()])
        };
        let alive = Pong::Alive {
            latency: Duration::ZERO,
        };
        Self {
            actor: ActorMetrics::new(
                &format!("endpoint:{id}"),
                &["panic", "stop", "replaced"],
                &[
                    "reports",
                    "replenish",
                    "pong",
                    "patch",
                    "drain",
                    "reset",
                    "observe",
                ],
            ),
            statuses: Status::ALL.map(|it| gauge(STATUS, it.label())),
            phases: Phase::ALL.map(|it| gauge(BREAKER_STATE, it.label())),
            transitions: Transition::ALL.iter().copied().map(transition).collect(),
            failure_ratio: FAILURE_RATIO.gauge(labels(id)),
            failures_in_a_row: FAILURES_IN_A_ROW.gauge(labels(id)),
            failure_threshold: FAILURE_THRESHOLD.gauge(labels(id)),
            ratio_threshold: RATIO_THRESHOLD.gauge(labels(id)),
            open_until: OPEN_UNTIL.gauge(labels(id)),
            weight: WEIGHT.gauge(labels(id)),
            latency: LATENCY.gauge(labels(id)),
            windows: ["rpm", "tpm", "rpd"].map(window),
            limited_until: LIMITED_UNTIL.gauge(labels(id)),
            in_flight: IN_FLIGHT.gauge(labels(id)),
            probes: Probes {
                alive: probe(alive),
                failed: probe(Pong::Failed),
                key_rejected: probe(Pong::KeyRejected),
                unasked: probe(Pong::Unasked),
            },
            probe_duration: PROBE_DURATION.histogram(labels(id)),
        }
    }

    /// Writes how many requests are under way.
    pub(crate) fn in_flight(&self, requests: u32) {
        self.in_flight.set(f64::from(requests));
    }

    /// Writes what the target looks like; `status` is the published one.
    pub(crate) fn show(&self, status: Status, view: &View) {
        let flag = |on: bool| if on { 1.0 } else { 0.0 };
        for (it, gauge) in Status::ALL.iter().zip(&self.statuses) {
            gauge.set(flag(*it == status));
        }
        for (phase, gauge) in Phase::ALL.iter().zip(&self.phases) {
            gauge.set(flag(*phase == view.phase));
        }
        self.failure_ratio.set(view.failure_ratio.unwrap_or(0.0));
        self.failures_in_a_row
            .set(f64::from(view.failures_in_a_row));
        self.failure_threshold
            .set(f64::from(view.failure_threshold));
        self.ratio_threshold.set(view.failure_ratio_threshold);
        self.open_until.set(timestamp(view.open_until));
        self.weight.set(view.weight);
        let expected = view.latency.unwrap_or_default() + view.penalty;
        self.latency.set(expected.as_secs_f64());
        for (window, usage) in self.windows.iter().zip([view.rpm, view.tpm, view.rpd]) {
            window.show(usage);
        }
        self.limited_until.set(timestamp(view.cooldown_until));
    }

    /// Counts a change of phase.
    pub(crate) fn transition(&self, change: &Transition) {
        let found = self.transitions.iter().find(|(it, _)| it == change);
        debug_assert!(found.is_some(), "{change:?} does not start at 0");
        if let Some((_, counter)) = found {
            counter.increment(1);
        }
    }

    /// Counts a ping.
    pub(crate) fn pinged(&self, pong: Pong, took: Duration) {
        let probes = &self.probes;
        let counter = match pong {
            Pong::Alive { .. } => &probes.alive,
            Pong::Failed => &probes.failed,
            Pong::KeyRejected => &probes.key_rejected,
            Pong::Unasked => &probes.unasked,
        };
        counter.increment(1);
        self.probe_duration.record(took.as_secs_f64());
    }
}

impl Window {
    fn show(&self, Usage { used, limit }: Usage) {
        self.limit.set(limit.unwrap_or(0) as f64);
        self.used.set(used as f64);
        self.left
            .set(limit.map_or(f64::INFINITY, |limit| limit.saturating_sub(used) as f64));
    }
}

/// Returns the wall time of `at` in whole milliseconds, so that the two
/// clocks' jitter does not show; 0 for none.
fn timestamp(at: Option<Instant>) -> f64 {
    at.map_or(0.0, |at| (clock::wall_seconds(at) * 1e3).round() / 1e3)
}
