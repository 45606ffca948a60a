//! Every metric of the gateway: name, unit, labels, help.

use breakerbox_actors::{
    metrics::{ACTOR_CATALOGUE, ENDPOINT_CATALOGUE, Kind, Metric, SECONDS},
    state::event::{FailureKind, Outcome},
};
use metrics::Unit;

/// Bounds in seconds of the gateway's own share, from a fast answer's to a wait in the queue.
const OVERHEAD_SECONDS: &[f64] = &[
    0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0,
    2.5, 5.0, 10.0,
];

/// The outcomes an attempt can have, by label; each series starts at 0.
pub(super) const OUTCOMES: [Outcome; 11] = [
    Outcome::Success,
    Outcome::Failure(FailureKind::Connect),
    Outcome::Failure(FailureKind::Timeout),
    Outcome::Failure(FailureKind::Status),
    Outcome::Failure(FailureKind::Truncated),
    Outcome::Failure(FailureKind::Malformed),
    Outcome::Failure(FailureKind::ErrorEvent),
    Outcome::RateLimited {
        retry_after: None,
        daily: false,
    },
    Outcome::KeyRejected,
    Outcome::ClientFault,
    Outcome::Cancelled,
];

const fn metric(
    name: &'static str,
    kind: Kind,
    unit: Unit,
    labels: &'static [&'static str],
    help: &'static str,
) -> Metric {
    Metric {
        name,
        kind,
        unit,
        labels,
        help,
    }
}

pub(super) const REQUESTS: Metric = metric(
    "breakerbox_http_requests_total",
    Kind::Counter,
    Unit::Count,
    &["api", "model", "code"],
    "Requests answered, by the status the client saw; the model is `other` if nobody serves it or before it is known, the code if it is none of the registered ones.",
);
pub(super) const REQUEST_DURATION: Metric = metric(
    "breakerbox_http_request_duration_seconds",
    Kind::Histogram(SECONDS),
    Unit::Seconds,
    &["api"],
    "From a request's head to the last byte of its answer.",
);
pub(super) const REQUESTS_IN_FLIGHT: Metric = metric(
    "breakerbox_http_requests_in_flight",
    Kind::Gauge,
    Unit::Count,
    &["api"],
    "Requests that are being served.",
);
pub(super) const OVERHEAD: Metric = metric(
    "breakerbox_overhead_seconds",
    Kind::Histogram(OVERHEAD_SECONDS),
    Unit::Seconds,
    &["api"],
    "Time until the answer's head that was not spent waiting for an upstream; waits in the queue count.",
);
pub(super) const DISCONNECTS: Metric = metric(
    "breakerbox_client_disconnects_total",
    Kind::Counter,
    Unit::Count,
    &["api"],
    "Clients that left before their answer was whole.",
);
pub(super) const UPSTREAM_REQUESTS: Metric = metric(
    "breakerbox_upstream_requests_total",
    Kind::Counter,
    Unit::Count,
    &["endpoint", "model", "outcome"],
    "Attempts at an endpoint, by what came of them.",
);
pub(super) const UPSTREAM_DURATION: Metric = metric(
    "breakerbox_upstream_request_duration_seconds",
    Kind::Histogram(SECONDS),
    Unit::Seconds,
    &["endpoint", "model"],
    "From sending an attempt to its end.",
);
pub(super) const FIRST_BYTE: Metric = metric(
    "breakerbox_upstream_time_to_first_byte_seconds",
    Kind::Histogram(SECONDS),
    Unit::Seconds,
    &["endpoint", "model"],
    "From sending an attempt to the answer's first event, or its head if it does not stream.",
);
pub(super) const RETRIES: Metric = metric(
    "breakerbox_retries_total",
    Kind::Counter,
    Unit::Count,
    &["reason"],
    "Extra attempts, by how the one before ended, in the words of the outcomes; `reloaded`: its endpoint had just left the configuration.",
);
pub(super) const FAILOVERS: Metric = metric(
    "breakerbox_failovers_total",
    Kind::Counter,
    Unit::Count,
    &["from", "to", "reason"],
    "Extra attempts at another endpoint, by how the one before ended; the first 1000 series start at 0.",
);
pub(super) const TOKENS: Metric = metric(
    "breakerbox_tokens_total",
    Kind::Counter,
    Unit::Count,
    &["endpoint", "model", "direction"],
    "Tokens as providers counted them.",
);
pub(super) const COST: Metric = metric(
    "breakerbox_cost_usd_total",
    Kind::Sum,
    Unit::Count,
    &["endpoint", "model"],
    "US dollars spent, by configured prices; the estimate where a provider did not count its tokens.",
);
pub(super) const QUEUE_WAIT: Metric = metric(
    "breakerbox_queue_wait_seconds",
    Kind::Histogram(SECONDS),
    Unit::Seconds,
    &[],
    "How long requests waited for a rate-limited endpoint.",
);
pub(super) const QUEUE_LENGTH: Metric = metric(
    "breakerbox_queue_length",
    Kind::Gauge,
    Unit::Count,
    &[],
    "Requests that wait for a rate-limited endpoint.",
);
pub(super) const RETRY_BUDGET: Metric = metric(
    "breakerbox_retry_budget_remaining",
    Kind::Gauge,
    Unit::Count,
    &[],
    "Extra attempts the retry budget would pay for now.",
);
pub(super) const LOOP_LAG: Metric = metric(
    "breakerbox_event_loop_lag_seconds",
    Kind::Gauge,
    Unit::Seconds,
    &["worker"],
    "How late a timer of the worker was, at the most, in the last second.",
);
pub(super) const BUILD: Metric = metric(
    "breakerbox_build_info",
    Kind::Gauge,
    Unit::Count,
    &["version"],
    "Always 1; the version is the label.",
);
pub(super) const CONFIG_GENERATION: Metric = metric(
    "breakerbox_config_generation",
    Kind::Gauge,
    Unit::Count,
    &[],
    "Configurations put in force since the start.",
);
pub(super) const CONFIG_OK: Metric = metric(
    "breakerbox_config_last_reload_successful",
    Kind::Gauge,
    Unit::Count,
    &[],
    "1 unless what was read last was refused; going back to an earlier configuration leaves it as it is.",
);
pub(super) const CONFIG_OK_AT: Metric = metric(
    "breakerbox_config_last_reload_success_timestamp_seconds",
    Kind::Gauge,
    Unit::Seconds,
    &[],
    "When the configuration in force was put there, in seconds since 1970.",
);
pub(super) const CONFIG_INFO: Metric = metric(
    "breakerbox_config_info",
    Kind::Gauge,
    Unit::Count,
    &["generation", "sha"],
    "Always 1; the configuration in force: its number since the start, and the SHA-256 of its file as sha256sum prints it.",
);
pub(super) const CONFIG_RELOADS: Metric = metric(
    "breakerbox_config_reloads_total",
    Kind::Counter,
    Unit::Count,
    &["result"],
    "Reloads, by whether they were applied or refused.",
);

pub(super) const CREDENTIALS_REFUSED: Metric = metric(
    "breakerbox_credentials_refused_total",
    Kind::Counter,
    Unit::Count,
    &["plane", "reason"],
    "Clients' keys (plane `data`) and admin tokens (`admin`) refused: `wrong` ones, and those that came after too many of them from one address, `throttled`.",
);
pub(super) const CPU: Metric = metric(
    "process_cpu_seconds_total",
    Kind::Sum,
    Unit::Seconds,
    &[],
    "CPU time of this process, user and system.",
);
pub(super) const RESIDENT: Metric = metric(
    "process_resident_memory_bytes",
    Kind::Gauge,
    Unit::Bytes,
    &[],
    "Memory of this process that is in RAM.",
);
pub(super) const VIRTUAL: Metric = metric(
    "process_virtual_memory_bytes",
    Kind::Gauge,
    Unit::Bytes,
    &[],
    "Address space of this process.",
);
pub(super) const OPEN_FDS: Metric = metric(
    "process_open_fds",
    Kind::Gauge,
    Unit::Count,
    &[],
    "Open file descriptors, sockets included.",
);
pub(super) const MAX_FDS: Metric = metric(
    "process_max_fds",
    Kind::Gauge,
    Unit::Count,
    &[],
    "File descriptors that may be open; +Inf without a limit.",
);
pub(super) const THREADS: Metric = metric(
    "process_threads",
    Kind::Gauge,
    Unit::Count,
    &[],
    "Threads of this process.",
);
pub(super) const STARTED_AT: Metric = metric(
    "process_start_time_seconds",
    Kind::Gauge,
    Unit::Seconds,
    &[],
    "When this process started, in seconds since 1970.",
);

const GATEWAY: &[Metric] = &[
    REQUESTS,
    REQUEST_DURATION,
    REQUESTS_IN_FLIGHT,
    OVERHEAD,
    DISCONNECTS,
    UPSTREAM_REQUESTS,
    UPSTREAM_DURATION,
    FIRST_BYTE,
    RETRIES,
    FAILOVERS,
    TOKENS,
    COST,
    QUEUE_WAIT,
    QUEUE_LENGTH,
    RETRY_BUDGET,
    LOOP_LAG,
    BUILD,
    CONFIG_GENERATION,
    CONFIG_OK,
    CONFIG_OK_AT,
    CONFIG_INFO,
    CONFIG_RELOADS,
    CREDENTIALS_REFUSED,
    CPU,
    RESIDENT,
    VIRTUAL,
    OPEN_FDS,
    MAX_FDS,
    THREADS,
    STARTED_AT,
];

/// Iterates over the whole catalogue.
pub fn catalogue() -> impl Iterator<Item = &'static Metric> {
    GATEWAY
        .iter()
        .chain(ENDPOINT_CATALOGUE)
        .chain(ACTOR_CATALOGUE)
}
