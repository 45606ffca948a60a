//! One alert: what it says of whom, and what was counted.

use std::time::Instant;

use breakerbox_actors::{
    id::TargetId,
    messages::EndpointSeen,
    state::{breaker::TransitionReason, health::Status, machine::Usage},
};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::{
    admin::endpoints,
    config::{self, show_duration},
    wall,
};

/// One incident.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Alert {
    /// Unique in this process.
    pub(super) id: String,
    /// When it was opened, RFC 3339.
    pub(super) at: String,
    /// When it was over.
    pub(super) resolved_at: Option<String>,
    /// `warning` or `critical`.
    pub(super) severity: &'static str,
    /// `endpoint_down`, `key_rejected`, `endpoint_degraded`, `rate_limited` or
    /// `config_rejected`.
    pub(super) kind: &'static str,
    pub(super) endpoint: Option<String>,
    /// The model that the message tells of.
    pub(super) model: Option<String>,
    /// All models of the endpoint that are not well.
    pub(super) models: Vec<String>,
    pub(super) message: String,
    /// What was counted, against which `threshold`: its `key` and `value`, null
    /// where one event is enough. What concerns another cause is null; once a
    /// trial has failed, `first_opening` is what was counted at first.
    #[schema(value_type = Object)]
    pub(super) evidence: Value,
    /// When it will be tried again, if anyone knows.
    pub(super) retry_at: Option<String>,
}

/// What an alert is about; of several, the one that is worst counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    RateLimited,
    Degraded,
    ConfigRejected,
    Down,
    KeyRejected,
}

impl Kind {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::RateLimited => "rate_limited",
            Self::Degraded => "endpoint_degraded",
            Self::ConfigRejected => "config_rejected",
            Self::Down => "endpoint_down",
            Self::KeyRejected => "key_rejected",
        }
    }

    pub(super) fn severity(self) -> &'static str {
        match self {
            Self::RateLimited | Self::Degraded | Self::ConfigRejected => "warning",
            Self::Down | Self::KeyRejected => "critical",
        }
    }
}

/// What there is to say of a target that is not well.
pub(in crate::admin) struct Bad<'a> {
    seen: &'a EndpointSeen,
    config: &'a config::Endpoint,
    reason: String,
}

impl<'a> Bad<'a> {
    /// Returns what there is to say for `reason`, if there is one.
    pub(in crate::admin) fn of(
        seen: &'a EndpointSeen,
        config: &'a config::Endpoint,
        reason: Option<String>,
    ) -> Option<Self> {
        let reason = reason?;
        Some(Self {
            seen,
            config,
            reason,
        })
    }
}

impl Bad<'_> {
    /// Returns what `status` is to be told as; `None`: nothing is to be told.
    pub(super) fn kind(&self, status: Status) -> Option<Kind> {
        let cause = self.seen.view.open_reason;
        match status {
            Status::Unhealthy if cause == Some(TransitionReason::KeyRejected) => {
                Some(Kind::KeyRejected)
            }
            Status::Unhealthy => Some(Kind::Down),
            Status::Degraded => Some(Kind::Degraded),
            Status::RateLimited => Some(Kind::RateLimited),
            // Of one that was drained or is new there is nothing to wait for.
            Status::Healthy | Status::Unknown | Status::Disabled => None,
        }
    }
}

impl Alert {
    /// Returns an alert that says nothing yet.
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            id: String::new(),
            at: wall::text(wall::now()),
            resolved_at: None,
            severity: kind.severity(),
            kind: kind.label(),
            endpoint: None,
            model: None,
            models: Vec::new(),
            message: String::new(),
            evidence: Value::Null,
            retry_at: None,
        }
    }

    /// Returns the alert that `target` is in `status`.
    pub(super) fn of(
        target: &TargetId,
        status: Status,
        kind: Kind,
        bad: &Bad<'_>,
        now: Instant,
    ) -> Self {
        let view = &bad.seen.view;
        let retry = view
            .open_until
            .or(view.cooldown_until)
            .filter(|at| *at > now);
        let status = status.label().replace('_', " ");
        Self {
            endpoint: Some(target.endpoint().to_string()),
            model: Some(target.model().to_string()),
            models: vec![target.model().to_string()],
            message: format!("{target} is {status}: {}", bad.reason),
            evidence: evidence(bad),
            retry_at: retry.map(|at| wall::text(wall::at(at))),
            ..Self::new(kind)
        }
    }
}

/// Returns the key that the open circuit was judged by, and its value now;
/// null where one event is enough.
fn threshold(bad: &Bad<'_>) -> Value {
    let config = bad.config;
    let (key, value) = match bad.seen.view.open_reason {
        Some(TransitionReason::FailuresInARow) => (
            "breaker.failure_threshold",
            json!(bad.seen.view.failure_threshold),
        ),
        Some(TransitionReason::FailureRate) => {
            ("breaker.failure_rate", json!(config.breaker.failure_rate))
        }
        Some(TransitionReason::Pings) => (
            "probe.unhealthy_threshold",
            json!(config.probe.unhealthy_threshold),
        ),
        Some(TransitionReason::TrialTimeout) => (
            "breaker.trial_timeout",
            json!(show_duration(config.breaker.trial_timeout)),
        ),
        _ => return Value::Null,
    };
    json!({ "key": key, "value": value })
}

impl Alert {
    /// Whether who shows `before` is to be sent this in its place: it reads
    /// otherwise, if only by a number. It stays the same incident, and no line of
    /// the log. What moves in the evidence alone can wait for that.
    pub(super) fn reads_otherwise_than(&self, before: &Self) -> bool {
        let is_other = |key: &str| self.evidence[key] != before.evidence[key];
        self.kind != before.kind
            || self.message != before.message
            || is_other("cause")
            || is_other("threshold")
    }

    /// Returns what was counted when the circuit opened, if this tells of it.
    pub(super) fn opening(&self) -> Option<Value> {
        let told = |key: &str| self.evidence[key].clone();
        (!told("counted_failures").is_null()).then(|| {
            json!({
                "cause": told("cause"),
                "counted_failures": told("counted_failures"),
                "counted_of": told("counted_of"),
                "threshold": told("threshold"),
            })
        })
    }
}

fn evidence(bad: &Bad<'_>) -> Value {
    let (view, config) = (&bad.seen.view, bad.config);
    let counted = view.opened_by.filter(|it| it.bad > 0);
    let usage = |usage: Usage| {
        usage
            .limit
            .map(|limit| json!({ "used": usage.used, "limit": limit }))
    };
    // Of a circuit that is open for one reason the others' thresholds say nothing.
    let by = |cause| view.open_reason.is_none_or(|it| it == cause);
    let (row, rate) = (
        by(TransitionReason::FailuresInARow),
        by(TransitionReason::FailureRate),
    );
    json!({
        "cause": view.open_reason.map(endpoints::cause),
        "threshold": threshold(bad),
        "counted_failures": counted.map(|it| it.bad),
        "counted_of": counted.map(|it| it.all),
        "first_opening": null,
        "failures_in_a_row": row.then_some(view.failures_in_a_row),
        "failure_threshold": row.then_some(view.failure_threshold),
        "failure_ratio": rate.then_some(view.failure_ratio),
        "failure_rate": rate.then_some(config.breaker.failure_rate),
        "min_requests": rate.then_some(config.breaker.min_requests),
        "window_ms": config.breaker.window.as_millis() as u64,
        "failed_trials": view.failed_trials,
        "latency_ms": view.latency.map(|it| it.as_secs_f64() * 1e3),
        "penalty_ms": view.penalty.as_secs_f64() * 1e3,
        "degraded_latency_ms": config.probe.degraded_latency.as_millis() as u64,
        "rpm": usage(view.rpm),
        "tpm": usage(view.tpm),
        "rpd": usage(view.rpd),
    })
}
