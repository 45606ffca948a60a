//! The shapes of breakers, limits, pings and routing.

use breakerbox_actors::state::policy::{BreakerSettings, ProbeSettings};
use schemars::JsonSchema;
use serde::Deserialize;

use super::Dur;

/// When a circuit opens and how it recovers.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Breaker {
    /// Failures in a row that open the circuit …
    #[schemars(range(min = 1), extend("default" = 5))]
    failure_threshold: Option<u32>,
    /// … or this share of failures, above 0 and up to 1, …
    #[schemars(range(max = 1.0), extend("exclusiveMinimum" = 0.0, "default" = 0.5))]
    failure_rate: Option<f64>,
    /// … among at least so many requests …
    #[schemars(range(min = 1), extend("default" = 20))]
    min_requests: Option<u32>,
    /// … in the last so long.
    #[schemars(extend("formatMinimum" = "10ms", "default" = "10s"))]
    window: Option<Dur>,
    /// How long an open circuit refuses before its first trial; doubles with
    /// each failed trial …
    #[schemars(extend("formatMinimum" = "1ms", "default" = "60s"))]
    recovery_timeout: Option<Dur>,
    /// … up to this.
    #[schemars(extend("formatMinimum" = "1ms", "default" = "300s"))]
    max_recovery_timeout: Option<Dur>,
    /// Successful trials, one at a time, that close a half-open circuit.
    #[schemars(range(min = 1), extend("default" = 3))]
    half_open_requests: Option<u32>,
    /// A trial that stays silent this long has failed.
    #[schemars(extend("formatMinimum" = "1ms", "default" = "30s"))]
    trial_timeout: Option<Dur>,
    /// How long the weight grows from 10 % to 100 % after closing.
    #[schemars(extend("default" = "10s"))]
    ramp: Option<Dur>,
}

impl Breaker {
    /// Returns `under` with the keys given here in place of its own.
    pub(in crate::config) fn over(&self, under: &BreakerSettings) -> BreakerSettings {
        let time = |key: Option<Dur>, under| key.map_or(under, |dur| dur.0);
        BreakerSettings {
            failure_threshold: self.failure_threshold.unwrap_or(under.failure_threshold),
            failure_rate: self.failure_rate.unwrap_or(under.failure_rate),
            min_requests: self.min_requests.unwrap_or(under.min_requests),
            window: time(self.window, under.window),
            recovery_timeout: time(self.recovery_timeout, under.recovery_timeout),
            max_recovery_timeout: time(self.max_recovery_timeout, under.max_recovery_timeout),
            half_open_requests: self.half_open_requests.unwrap_or(under.half_open_requests),
            trial_timeout: time(self.trial_timeout, under.trial_timeout),
            ramp: time(self.ramp, under.ramp),
        }
    }
}

/// How much an endpoint may be asked for.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Limits {
    /// Requests in any 60 seconds.
    #[schemars(range(min = 1))]
    pub(in crate::config) rpm: Option<u32>,
    /// Tokens, in and out together, in any 60 seconds.
    #[schemars(range(min = 1))]
    pub(in crate::config) tpm: Option<u32>,
    /// Requests in any 24 hours.
    #[schemars(range(min = 1))]
    pub(in crate::config) rpd: Option<u32>,
    /// Requests under way at once.
    #[schemars(range(min = 1))]
    pub(in crate::config) max_in_flight: Option<u32>,
}

/// How endpoints are pinged and what pings mean.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Probe {
    /// What a ping is.
    #[schemars(extend("default" = "models"))]
    pub(in crate::config) kind: Option<ProbeKind>,
    /// Time between two pings; jittered.
    #[schemars(extend("formatMinimum" = "10ms", "default" = "30s"))]
    interval: Option<Dur>,
    /// The same while the circuit is open; backs off to `interval`.
    #[schemars(extend("formatMinimum" = "10ms", "default" = "1s"))]
    interval_open: Option<Dur>,
    /// How long a ping may take before it has failed.
    #[schemars(extend("formatMinimum" = "1ms", "default" = "10s"))]
    timeout: Option<Dur>,
    /// Good pings in a row after which an open circuit tries again.
    #[schemars(range(min = 1), extend("default" = 3))]
    healthy_threshold: Option<u32>,
    /// Failed pings in a row that open the circuit.
    #[schemars(range(min = 1), extend("default" = 3))]
    unhealthy_threshold: Option<u32>,
    /// Latency above which an endpoint is degraded.
    #[schemars(extend("formatMinimum" = "1ms", "default" = "3s"))]
    degraded_latency: Option<Dur>,
    /// Latency above which a ping has failed.
    #[schemars(extend("formatMinimum" = "1ms", "default" = "5s"))]
    unhealthy_latency: Option<Dur>,
}

impl Probe {
    /// Returns `under` with the keys given here in place of its own; `kind`
    /// apart.
    pub(in crate::config) fn over(&self, under: &ProbeSettings) -> ProbeSettings {
        let time = |key: Option<Dur>, under| key.map_or(under, |dur| dur.0);
        ProbeSettings {
            enabled: under.enabled,
            billed: under.billed,
            interval: time(self.interval, under.interval),
            interval_open: time(self.interval_open, under.interval_open),
            timeout: time(self.timeout, under.timeout),
            healthy_threshold: self.healthy_threshold.unwrap_or(under.healthy_threshold),
            unhealthy_threshold: self
                .unhealthy_threshold
                .unwrap_or(under.unhealthy_threshold),
            degraded_latency: time(self.degraded_latency, under.degraded_latency),
            unhealthy_latency: time(self.unhealthy_latency, under.unhealthy_latency),
        }
    }
}

/// What a ping is.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in crate::config) enum ProbeKind {
    /// GET base_url/models.
    Models,
    /// GET /health beside /v1: base_url without the /v1 at its end.
    Health,
    /// A chat completion of one token; billed.
    Chat,
    /// No pings.
    None,
}

/// How a request finds its endpoint, and how long it tries.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Routing {
    /// Which endpoint is tried first.
    #[schemars(extend("default" = "latency_weighted"))]
    pub(in crate::config) strategy: Option<Strategy>,
    /// Attempts over different endpoints, the first included, before the first
    /// byte to the client.
    #[schemars(range(min = 1, max = 100), extend("default" = 3))]
    pub(in crate::config) max_attempts: Option<u32>,
    /// Extra attempts per first attempt, plus one a second.
    #[schemars(range(min = 0.0, max = 1.0), extend("default" = 0.1))]
    pub(in crate::config) retry_budget: Option<f64>,
    /// Waits before the same endpoint is tried again; full jitter.
    pub(in crate::config) backoff: Option<Backoff>,
    /// How long connecting, TLS included, may take.
    #[schemars(extend("formatMinimum" = "1ms", "default" = "2s"))]
    pub(in crate::config) connect_timeout: Option<Dur>,
    /// How long the first byte of an answer may take.
    #[schemars(extend("formatMinimum" = "1ms", "default" = "60s"))]
    pub(in crate::config) first_byte_timeout: Option<Dur>,
    /// How long a stream may stay silent between two chunks, comments included.
    #[schemars(extend("formatMinimum" = "1ms", "default" = "30s"))]
    pub(in crate::config) idle_timeout: Option<Dur>,
    /// Waiting for a rate-limited endpoint rather than refusing.
    pub(in crate::config) queue: Option<Queue>,
}

/// Which endpoint is tried first.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Strategy {
    /// Drawn by weight over latency.
    LatencyWeighted,
    /// The fastest.
    LeastLatency,
    /// The lowest price.
    Cheapest,
    /// The first in the file.
    Priority,
}

/// Waits between tries.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Backoff {
    /// Longest first wait; doubles with each try …
    #[schemars(extend("formatMinimum" = "1ms", "default" = "1s"))]
    pub(in crate::config) base: Option<Dur>,
    /// … up to this.
    #[schemars(extend("formatMinimum" = "1ms", "default" = "60s"))]
    pub(in crate::config) max: Option<Dur>,
}

/// Waiting for a rate-limited endpoint.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Queue {
    /// How long a request waits; 0s: not at all.
    #[schemars(extend("formatMaximum" = "1h", "default" = "10s"))]
    pub(in crate::config) max_wait: Option<Dur>,
    /// How many requests wait at once; 0: none.
    #[schemars(range(max = 1_000_000), extend("default" = 1000))]
    pub(in crate::config) max_length: Option<u32>,
}
