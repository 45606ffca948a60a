//! Metrics of the endpoint actors: what each machine looks like.

use metrics::{Counter, Gauge, SharedString, Unit};

use super::{Kind, Metric, actors};
use crate::{
    clock,
    id::TargetId,
    state::{
        breaker::{Phase, Transition},
        health::Status,
        machine::{Usage, View},
    },
    target::Target,
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

/// Metrics of the endpoint actors.
pub const ENDPOINT_CATALOGUE: &[Metric] = &[
    STATUS,
    BREAKER_STATE,
    TRANSITIONS,
    FAILURE_RATIO,
    FAILURES_IN_A_ROW,
    FAILURE_THRESHOLD,
    OPEN_UNTIL,
    WEIGHT,
    LATENCY,
    WINDOW_LIMIT,
    WINDOW_USED,
    LIMITED_UNTIL,
    IN_FLIGHT,
];

/// Writes how many requests are under way at `target`; called at each scrape.
pub fn in_flight(target: &Target) {
    IN_FLIGHT
        .gauge(labels(target.id()))
        .set(f64::from(target.in_flight()));
}

fn labels(id: &TargetId) -> [SharedString; 2] {
    [id.endpoint().clone().into(), id.model().clone().into()]
}

/// One target's handles.
pub(crate) struct EndpointMetrics {
    id: TargetId,
    statuses: [Gauge; Status::ALL.len()],
    phases: [Gauge; Phase::ALL.len()],
    failure_ratio: Gauge,
    failures_in_a_row: Gauge,
    failure_threshold: Gauge,
    open_until: Gauge,
    weight: Gauge,
    latency: Gauge,
    windows: [(Gauge, Gauge); 3],
    limited_until: Gauge,
    messages: Vec<(&'static str, Counter)>,
}

impl std::fmt::Debug for EndpointMetrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EndpointMetrics({})", self.id)
    }
}

impl EndpointMetrics {
    pub(crate) fn new(id: &TargetId) -> Self {
        let with = |metric: Metric, word: &'static str| {
            let [endpoint, model] = labels(id);
            metric.gauge([endpoint, model, word.into()])
        };
        let window = |word| (with(WINDOW_LIMIT, word), with(WINDOW_USED, word));
        Self {
            statuses: Status::ALL.map(|it| with(STATUS, it.label())),
            phases: Phase::ALL.map(|it| with(BREAKER_STATE, it.label())),
            failure_ratio: FAILURE_RATIO.gauge(labels(id)),
            failures_in_a_row: FAILURES_IN_A_ROW.gauge(labels(id)),
            failure_threshold: FAILURE_THRESHOLD.gauge(labels(id)),
            open_until: OPEN_UNTIL.gauge(labels(id)),
            weight: WEIGHT.gauge(labels(id)),
            latency: LATENCY.gauge(labels(id)),
            windows: [window("rpm"), window("tpm"), window("rpd")],
            limited_until: LIMITED_UNTIL.gauge(labels(id)),
            messages: ["reports", "replenish", "pong", "patch", "drain"]
                .map(|message| {
                    let labels = [actors::name(id).into(), message.into()];
                    (message, actors::ACTOR_MESSAGES.counter(labels))
                })
                .into(),
            id: id.clone(),
        }
    }

    /// Writes what the machine looks like.
    pub(crate) fn show(&self, view: &View) {
        let flag = |on: bool| if on { 1.0 } else { 0.0 };
        for (status, gauge) in Status::ALL.iter().zip(&self.statuses) {
            gauge.set(flag(*status == view.status));
        }
        for (phase, gauge) in Phase::ALL.iter().zip(&self.phases) {
            gauge.set(flag(*phase == view.phase));
        }
        self.failure_ratio.set(view.failure_ratio.unwrap_or(0.0));
        self.failures_in_a_row
            .set(f64::from(view.failures_in_a_row));
        self.failure_threshold
            .set(f64::from(view.failure_threshold));
        self.open_until
            .set(view.open_until.map_or(0.0, clock::wall_seconds));
        self.weight.set(view.weight);
        self.latency
            .set(view.latency.map_or(0.0, |it| it.as_secs_f64()));
        for (
            (limit, used),
            Usage {
                used: n,
                limit: max,
            },
        ) in self.windows.iter().zip([view.rpm, view.tpm, view.rpd])
        {
            limit.set(max.unwrap_or(0) as f64);
            used.set(n as f64);
        }
        self.limited_until
            .set(view.cooldown_until.map_or(0.0, clock::wall_seconds));
    }

    pub(crate) fn message(&self, message: &'static str) {
        if let Some((_, counter)) = self.messages.iter().find(|(name, _)| *name == message) {
            counter.increment(1);
        }
    }
}

/// Counts a change of phase of `target`'s circuit.
pub(crate) fn transition(target: &TargetId, change: &Transition) {
    let [endpoint, model] = labels(target);
    TRANSITIONS
        .counter([
            endpoint,
            model,
            change.from.label().into(),
            change.to.label().into(),
            change.reason.label().into(),
        ])
        .increment(1);
}

/// Zeroes the series of a target that is gone.
pub(crate) fn clear(target: &TargetId) {
    let gone = EndpointMetrics::new(target);
    let gauges = gone.statuses.iter().chain(&gone.phases);
    for gauge in gauges.chain([&gone.weight, &gone.open_until, &gone.limited_until]) {
        gauge.set(0.0);
    }
}
