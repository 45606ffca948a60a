//! Alerts: one per incident, opened when a status changes for the worse,
//! resolved when all is well again; each opening, worsening and end is also
//! one line of the log.
//!
//! An incident is of an endpoint, for as many of its models as are not well.

mod alert;
#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use actix_web::{HttpResponse, web::Data};
use breakerbox_actors::{id::TargetId, state::health::Status};
use serde_json::{Value, json};

use super::{Admin, answer, openapi::AlertList};
use crate::{
    config::Shown,
    reload::{By, Try},
    wall,
};
pub(crate) use alert::Alert;
pub(super) use alert::Bad;
use alert::Kind;

/// Alerts that are kept.
const KEPT: usize = 100;
/// What comes back so soon after its end is the same incident: a rate limit
/// that is reached every minute is no news each time.
const SAME: Duration = Duration::from_secs(120);

/// Whom an incident is of: an endpoint, or the configuration.
type Subject = Option<Arc<str>>;

/// The incident that a subject has, or had last.
#[derive(Debug)]
struct Incident {
    id: u64,
    /// The worst it has been.
    kind: Kind,
    resolved: Option<Instant>,
}

/// A target that is not well, and what there would be to say if it were alone.
#[derive(Debug)]
struct Unwell {
    target: TargetId,
    kind: Kind,
    alert: Alert,
    /// What was counted when its circuit first opened: a trial that failed
    /// since has counted nothing.
    opening: Option<Value>,
}

/// All incidents there are and were.
#[derive(Debug, Default)]
pub(super) struct Alerts {
    incidents: HashMap<Subject, Incident>,
    /// By endpoint, in the order in which they fell.
    unwell: HashMap<Arc<str>, Vec<Unwell>>,
    /// Newest last.
    list: VecDeque<Alert>,
    count: u64,
}

impl Alerts {
    /// Returns the alerts, newest first.
    pub(super) fn list(&self) -> Vec<Alert> {
        self.list.iter().rev().cloned().collect()
    }

    /// Learns that `target` is in `status`; returns the alert that this opens,
    /// changes or ends. `bad` tells of what is not well.
    pub(super) fn status(
        &mut self,
        target: &TargetId,
        status: Status,
        bad: Option<Bad<'_>>,
        now: Instant,
    ) -> Option<Alert> {
        let endpoint = target.endpoint();
        let unwell = self.unwell.entry(endpoint.clone()).or_default();
        let known = unwell.iter().position(|it| it.target == *target);
        let told = bad.and_then(|bad| {
            let kind = bad.kind(status)?;
            let mut alert = Alert::of(target, status, kind, &bad, now);
            let before = known.and_then(|at| unwell[at].opening.clone());
            let current = alert.opening();
            if current.is_none() {
                alert.evidence["first_opening"] = json!(before);
            }
            Some(Unwell {
                target: target.clone(),
                kind,
                alert,
                opening: before.or(current),
            })
        });
        let others = known.is_none() == told.is_some();
        if let Some(at) = known {
            unwell.splice(at..=at, told);
        } else {
            unwell.extend(told);
        }
        self.together(endpoint, others, now)
    }

    /// Learns how `target` is, whose status is the same as before: its open alert
    /// is kept true, without a line of the log unless it is worse now. Returns it if
    /// it says something else now.
    pub(super) fn refresh(
        &mut self,
        target: &TargetId,
        status: Status,
        bad: Option<Bad<'_>>,
        now: Instant,
    ) -> Option<Alert> {
        self.open_of(target)?;
        self.status(target, status, bad, now)
    }

    /// Returns the open alert that tells of `target`, if there is one.
    pub(super) fn open_of(&self, target: &TargetId) -> Option<&Alert> {
        let mut unwell = self.unwell.get(target.endpoint())?.iter();
        unwell.find(|it| it.target == *target)?;
        let incident = self.incidents.get(&Some(target.endpoint().clone()))?;
        let id = incident.id.to_string();
        let mut open = self.list.iter().filter(|it| it.resolved_at.is_none());
        open.find(|it| it.id == id)
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
        let first = problems.first().map(Shown::in_a_line).unwrap_or_default();
        let more = match problems.len() {
            0 | 1 => String::new(),
            count => format!("; and {} more", count - 1),
        };
        let alert = Alert {
            message: format!(
                "the configuration was refused, generation {} stays: {first}{more}",
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
        self.open(None, Kind::ConfigRejected, alert, false, now)
    }

    /// Forgets those who are no target any more; returns the alerts that this
    /// changes or ends.
    pub(super) fn retain(
        &mut self,
        is_target: impl Fn(&TargetId) -> bool,
        now: Instant,
    ) -> Vec<Alert> {
        let mut fewer = Vec::new();
        for (endpoint, unwell) in &mut self.unwell {
            let before = unwell.len();
            unwell.retain(|it| is_target(&it.target));
            if unwell.len() < before {
                fewer.push(endpoint.clone());
            }
        }
        let changed = fewer.iter().filter_map(|it| self.together(it, true, now));
        let changed = changed.collect();
        self.incidents.retain(|_, it| it.is_recent(now));
        changed
    }

    /// Says of all targets of `endpoint` that are not well what there is to
    /// say; `others`: they are not the same as before.
    fn together(&mut self, endpoint: &Arc<str>, others: bool, now: Instant) -> Option<Alert> {
        let subject = Some(endpoint.clone());
        let unwell = self.unwell.get(endpoint)?;
        let Some(kind) = unwell.iter().map(|it| it.kind).max() else {
            self.unwell.remove(endpoint);
            return self.resolve(&subject, now);
        };
        let worst = unwell.iter().find(|it| it.kind == kind)?;
        let mut alert = worst.alert.clone();
        let rest = unwell.iter().filter(|it| it.target != worst.target);
        let rest: Vec<&str> = rest.map(|it| &**it.target.model()).collect();
        if !rest.is_empty() {
            alert.message += &format!("; not well either: {}", rest.join(", "));
            alert.models.extend(rest.into_iter().map(str::to_owned));
        }
        self.open(subject, kind, alert, others, now)
    }

    fn open(
        &mut self,
        subject: Subject,
        kind: Kind,
        alert: Alert,
        others: bool,
        now: Instant,
    ) -> Option<Alert> {
        if let Some(incident) = self.incidents.get_mut(&subject) {
            let (over, recent) = (incident.resolved.is_some(), incident.is_recent(now));
            let worse = kind > incident.kind;
            let id = incident.id.to_string();
            if recent && !worse {
                // On the way back, or back again: the incident goes on.
                incident.resolved = None;
                let Some(it) = self.list.iter_mut().find(|it| it.id == id) else {
                    return self.replace(Alert { id, ..alert });
                };
                let at = it.at.clone();
                let before = std::mem::replace(it, Alert { id, at, ..alert });
                let (alert_id, message) = (&it.id, &it.message);
                if over {
                    tracing::warn!(alert_id, message, "alert again");
                } else if others {
                    tracing::warn!(alert_id, message, "alert of other models");
                }
                return (over || others || it.reads_otherwise_than(&before)).then(|| it.clone());
            }
            if !over {
                incident.kind = kind;
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
                    // What goes on is the last to be forgotten.
                    let over = self.list.iter().position(|it| it.resolved_at.is_some());
                    self.list.remove(over.unwrap_or(0));
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

impl Incident {
    /// Whether what comes now is still it.
    fn is_recent(&self, now: Instant) -> bool {
        let over = self.resolved;
        over.is_none_or(|at| now.saturating_duration_since(at) < SAME)
    }
}

/// Lists the alerts, newest first.
#[utoipa::path(get, path = "/api/alerts", responses((status = 200, body = AlertList)))]
pub(super) async fn list(admin: Data<Admin>) -> HttpResponse {
    answer(&AlertList {
        alerts: admin.news.alerts(),
    })
}
