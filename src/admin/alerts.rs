//! Alerts: one per incident, opened when a status changes for the worse,
//! resolved when all is well again; each opening, worsening and end is also
//! one line of the log.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use actix_web::{HttpResponse, web::Data};
use breakerbox_actors::{
    id::TargetId,
    messages::EndpointSeen,
    state::{breaker::TransitionReason, health::Status},
};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{Admin, answer, endpoints};
use crate::{
    config,
    reload::{By, Try},
    wall,
};

/// Alerts that are kept.
const KEPT: usize = 100;
/// What comes back so soon after its end is the same incident: a rate limit
/// that is reached every minute is no news each time.
const SAME: Duration = Duration::from_secs(120);

/// One incident.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Alert {
    /// Unique in this process.
    id: String,
    /// When it was opened, RFC 3339.
    at: String,
    /// When it was over.
    resolved_at: Option<String>,
    /// `warning` or `critical`.
    severity: &'static str,
    /// `endpoint_down`, `key_rejected`, `endpoint_degraded`, `rate_limited` or
    /// `config_rejected`.
    kind: &'static str,
    endpoint: Option<String>,
    model: Option<String>,
    message: String,
    /// What was counted, against which threshold.
    #[schema(value_type = Object)]
    evidence: Value,
    /// When it will be tried again, if anyone knows.
    retry_at: Option<String>,
}

/// What an alert is about; of several, the one that is worst counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    RateLimited,
    Degraded,
    ConfigRejected,
    Down,
    KeyRejected,
}

impl Kind {
    fn label(self) -> &'static str {
        match self {
            Self::RateLimited => "rate_limited",
            Self::Degraded => "endpoint_degraded",
            Self::ConfigRejected => "config_rejected",
            Self::Down => "endpoint_down",
            Self::KeyRejected => "key_rejected",
        }
    }

    fn severity(self) -> &'static str {
        match self {
            Self::RateLimited | Self::Degraded | Self::ConfigRejected => "warning",
            Self::Down | Self::KeyRejected => "critical",
        }
    }
}

/// Whom an incident is of: a target, or the configuration.
type Subject = Option<TargetId>;

/// The incident that a subject has, or had last.
#[derive(Debug)]
struct Incident {
    id: u64,
    kind: Kind,
    resolved: Option<Instant>,
}

/// All incidents there are and were.
#[derive(Debug, Default)]
pub(super) struct Alerts {
    incidents: HashMap<Subject, Incident>,
    /// Newest last.
    list: VecDeque<Alert>,
    count: u64,
}

/// What there is to say of a target that is not well.
pub(super) struct Bad<'a> {
    pub(super) seen: &'a EndpointSeen,
    pub(super) config: &'a config::Endpoint,
    pub(super) reason: String,
}

impl Alerts {
    /// Returns the alerts, newest first.
    pub(super) fn list(&self) -> Vec<Alert> {
        self.list.iter().rev().cloned().collect()
    }

    /// Learns that `target` is in `status`; returns the alert that this opens,
    /// worsens or ends. `bad` tells of what is not well.
    pub(super) fn status(
        &mut self,
        target: &TargetId,
        status: Status,
        bad: Option<Bad<'_>>,
        now: Instant,
    ) -> Option<Alert> {
        let subject = Some(target.clone());
        let rejected =
            |bad: &Bad<'_>| bad.seen.view.open_reason == Some(TransitionReason::KeyRejected);
        let kind = match (status, &bad) {
            (Status::Unhealthy, Some(bad)) if rejected(bad) => Kind::KeyRejected,
            (Status::Unhealthy, _) => Kind::Down,
            (Status::Degraded, _) => Kind::Degraded,
            (Status::RateLimited, _) => Kind::RateLimited,
            // Of one that was drained or is new there is nothing to wait for.
            (Status::Healthy | Status::Unknown | Status::Disabled, _) => {
                return self.resolve(&subject, now);
            }
        };
        let bad = bad?;
        let view = &bad.seen.view;
        let retry = view
            .open_until
            .or(view.cooldown_until)
            .filter(|at| *at > now);
        let alert = Alert {
            endpoint: Some(target.endpoint().to_string()),
            model: Some(target.model().to_string()),
            message: format!(
                "{target} is {}: {}",
                status.label().replace('_', " "),
                bad.reason
            ),
            evidence: evidence(&bad),
            retry_at: retry.map(|at| wall::text(wall::at(at))),
            ..Alert::new(kind)
        };
        self.open(subject, kind, alert, now)
    }

    /// Learns what came of a reload; returns the alert that this opens or ends.
    pub(super) fn reload(&mut self, it: &Try, now: Instant) -> Option<Alert> {
        if it.by == By::RollBack {
            // Tells nothing of what there is to read.
            return None;
        }
        let Err(problems) = &it.result else {
            return self.resolve(&None, now);
        };
        let first = problems.first().map_or("", |it| &it.message);
        let alert = Alert {
            message: format!(
                "the configuration was refused, generation {} stays: {first}",
                it.generation
            ),
            evidence: json!({
                "source": it.by.label(),
                "generation": it.generation,
                "problems": problems.len(),
                "line": problems.first().and_then(|it| it.line),
                "key": problems.first().map(|it| &it.key),
            }),
            ..Alert::new(Kind::ConfigRejected)
        };
        self.open(None, Kind::ConfigRejected, alert, now)
    }

    /// Forgets those who are no target any more; returns the alerts that end.
    pub(super) fn retain(
        &mut self,
        is_target: impl Fn(&TargetId) -> bool,
        now: Instant,
    ) -> Vec<Alert> {
        let gone = |subject: &&Subject| subject.as_ref().is_some_and(|it| !is_target(it));
        let gone: Vec<_> = self.incidents.keys().filter(gone).cloned().collect();
        let ended = gone.iter().filter_map(|it| self.resolve(it, now)).collect();
        self.incidents.retain(|subject, _| !gone.contains(subject));
        ended
    }

    fn open(&mut self, subject: Subject, kind: Kind, alert: Alert, now: Instant) -> Option<Alert> {
        if let Some(incident) = self.incidents.get_mut(&subject) {
            let over = incident.resolved;
            let recent = over.is_none_or(|at| now.saturating_duration_since(at) < SAME);
            let worse = kind > incident.kind;
            if recent && !worse {
                // On the way back, or back again: the incident goes on.
                let reopened = incident.resolved.take().is_some();
                let id = incident.id.to_string();
                let found = self.list.iter_mut().find(|it| it.id == id);
                return found.and_then(|it| {
                    let (id, at) = (it.id.clone(), it.at.clone());
                    *it = Alert { id, at, ..alert };
                    let (alert_id, message) = (&it.id, &it.message);
                    reopened.then(|| {
                        tracing::warn!(alert_id, message, "alert again");
                        it.clone()
                    })
                });
            }
            if over.is_none() {
                incident.kind = kind;
                let id = incident.id.to_string();
                return self.replace(Alert { id, ..alert });
            }
        }
        self.count += 1;
        let id = self.count;
        let resolved = None;
        self.incidents
            .insert(subject, Incident { id, kind, resolved });
        let id = id.to_string();
        self.replace(Alert { id, ..alert })
    }

    /// Puts `alert` in the place of the one with its id, or at the end.
    fn replace(&mut self, mut alert: Alert) -> Option<Alert> {
        match self.list.iter_mut().find(|it| it.id == alert.id) {
            Some(before) => {
                alert.at.clone_from(&before.at);
                before.clone_from(&alert);
            }
            None => {
                if self.list.len() == KEPT {
                    self.list.pop_front();
                }
                self.list.push_back(alert.clone());
            }
        }
        let (alert_id, kind, severity) = (&alert.id, alert.kind, alert.severity);
        let (evidence, retry_at) = (&alert.evidence, &alert.retry_at);
        tracing::warn!(alert_id, kind, severity, message = alert.message, %evidence, retry_at, "alert");
        Some(alert)
    }

    fn resolve(&mut self, subject: &Subject, now: Instant) -> Option<Alert> {
        let incident = self.incidents.get_mut(subject)?;
        if incident.resolved.is_some() {
            return None;
        }
        incident.resolved = Some(now);
        let id = incident.id.to_string();
        let alert = self.list.iter_mut().find(|it| it.id == id)?;
        alert.resolved_at = Some(wall::text(wall::now()));
        tracing::info!(
            alert_id = alert.id,
            kind = alert.kind,
            what = alert.message,
            "alert resolved"
        );
        Some(alert.clone())
    }
}

impl Alert {
    fn new(kind: Kind) -> Self {
        Self {
            id: String::new(),
            at: wall::text(wall::now()),
            resolved_at: None,
            severity: kind.severity(),
            kind: kind.label(),
            endpoint: None,
            model: None,
            message: String::new(),
            evidence: Value::Null,
            retry_at: None,
        }
    }
}

fn evidence(bad: &Bad<'_>) -> Value {
    let (view, config) = (&bad.seen.view, bad.config);
    let usage = |usage: breakerbox_actors::state::machine::Usage| {
        usage
            .limit
            .map(|limit| json!({ "used": usage.used, "limit": limit }))
    };
    json!({
        "cause": view.open_reason.map(endpoints::cause),
        "failures_in_a_row": view.failures_in_a_row,
        "failure_threshold": view.failure_threshold,
        "failure_ratio": view.failure_ratio,
        "failure_rate": config.breaker.failure_rate,
        "min_requests": config.breaker.min_requests,
        "window_ms": config.breaker.window.as_millis() as u64,
        "failed_trials": view.failed_trials,
        "latency_ms": view.latency.map(|it| it.as_secs_f64() * 1e3),
        "degraded_latency_ms": config.probe.degraded_latency.as_millis() as u64,
        "rpm": usage(view.rpm),
        "tpm": usage(view.tpm),
        "rpd": usage(view.rpd),
    })
}

/// Lists the alerts, newest first.
#[utoipa::path(get, path = "/api/alerts", responses((status = 200, body = [Alert])))]
pub(super) async fn list(admin: Data<Admin>) -> HttpResponse {
    answer(&json!({ "alerts": admin.news.alerts() }))
}
