//! What is told of a request once it is over, for the tap: gathered on its way
//! for next to nothing, written down only if it is recorded.

use std::{
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use actix_web::http::{StatusCode, header::HeaderValue};
use breakerbox_actors::{
    clock,
    id::TargetId,
    state::{estimate::Cost, event::Outcome},
    table::Plan,
};

use super::flight::Failed;
use crate::{
    admin::why,
    dialect::Api,
    error::GatewayError,
    tap::{Attempt, Ear, Fault, Record, Refused, brief},
    wall,
};

/// The status of a request whose client left before its answer.
///
/// *Source*: nginx's own code for it.
const CLIENT_LEFT: u16 = 499;

/// See the [module](self). Dropped before the request is over, it says that
/// the client has left.
pub(super) struct Note {
    ear: Rc<Ear>,
    api: Api,
    id: HeaderValue,
    began: Instant,
    pub(super) client: Option<Arc<str>>,
    pub(super) user: Option<HeaderValue>,
    pub(super) plan: Option<Arc<Plan>>,
    pub(super) stream: bool,
    /// Attempts that failed; without any this allocates nothing.
    failed: Vec<(TargetId, &'static str, Duration)>,
    /// The attempt under way, or the one that answered.
    last: Option<(TargetId, Instant)>,
    outcome: &'static str,
    status: u16,
    fault: Option<(&'static str, String)>,
    refused: bool,
    cost: Option<Cost>,
    /// When it was over; `None`: when this is dropped.
    over: Option<Instant>,
}

impl Note {
    pub(super) fn begin(ear: Rc<Ear>, api: Api, id: HeaderValue, began: Instant) -> Self {
        Self {
            ear,
            api,
            id,
            began,
            client: None,
            user: None,
            plan: None,
            stream: false,
            failed: Vec::new(),
            last: None,
            outcome: Outcome::Cancelled.label(),
            status: CLIENT_LEFT,
            fault: None,
            refused: false,
            cost: None,
            over: None,
        }
    }

    /// Notes that an attempt at `target` set out when it says.
    pub(super) fn sets_out(&mut self, target: &TargetId, began: Instant) {
        self.last = Some((target.clone(), began));
    }

    /// Notes that the attempt failed.
    pub(super) fn failed(&mut self, failed: &Failed) {
        let began = self.last.take().map_or(self.began, |(_, began)| began);
        let took = clock::now().saturating_duration_since(began);
        let said = failed.said.as_deref().unwrap_or(failed.label);
        if failed.reason != Outcome::Cancelled.label() {
            self.ear.failed(&failed.target, failed.reason, said);
        }
        self.failed
            .push((failed.target.clone(), failed.reason, took));
    }

    /// Ends with an answer that is whole at `now`.
    pub(super) fn answered(mut self, status: StatusCode, cost: Option<Cost>, now: Instant) {
        self.over = Some(now);
        self.status = status.as_u16();
        self.outcome = if status.is_success() {
            Outcome::Success.label()
        } else {
            Outcome::ClientFault.label()
        };
        self.cost = cost.filter(|_| self.last.is_some());
    }

    /// Ends with an error of ours.
    pub(super) fn refused(mut self, error: &GatewayError, cost: Option<Cost>) {
        self.status = error.status().as_u16();
        self.fault = Some((error.label(), error.to_string()));
        self.refused = matches!(
            error,
            GatewayError::NoEndpoint { .. } | GatewayError::RateLimited { .. }
        );
        self.cost = cost.filter(|_| self.last.is_some() || !self.failed.is_empty());
    }

    /// Ends with a stream; one that broke did so for the reason `broke`.
    pub(super) fn streamed(
        mut self,
        outcome: Outcome,
        broke: Option<&'static str>,
        cost: Option<Cost>,
    ) {
        (self.status, self.cost) = (StatusCode::OK.as_u16(), cost);
        self.outcome = outcome.label();
        if let Some(reason) = broke {
            let words = reason.replace('_', " ");
            if let (Some((target, _)), true) = (&self.last, outcome.may_lead_on()) {
                self.ear.failed(target, outcome.label(), &words);
            }
            self.fault = Some((reason, format!("the stream broke: {words}")));
        }
    }

    fn record(&self, now: Instant) -> Record {
        let model = |id: &TargetId| id.model().to_string();
        let endpoint = |id: &TargetId| id.endpoint().to_string();
        let millis = |time: Duration| time.as_secs_f64() * 1e3;
        let mut attempts: Vec<_> = self
            .failed
            .iter()
            .map(|(id, outcome, took)| Attempt {
                endpoint: endpoint(id),
                model: model(id),
                outcome,
                duration_ms: millis(*took),
            })
            .collect();
        attempts.extend(self.last.as_ref().map(|(id, began)| Attempt {
            endpoint: endpoint(id),
            model: model(id),
            outcome: self.outcome,
            duration_ms: millis(now.saturating_duration_since(*began)),
        }));
        let answered = self.last.as_ref().filter(|_| self.status < 400);
        let fault = self.fault.as_ref().map(|(code, message)| Fault {
            code: (*code).to_owned(),
            message: brief(message),
        });
        let left = || Fault {
            code: "client_left".to_owned(),
            message: "the client left before its answer was whole".to_owned(),
        };
        let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
        Record {
            id: text(&self.id),
            at: wall::text(wall::now()),
            client: self.client.as_ref().map(ToString::to_string),
            user: self.user.as_ref().map(text),
            api: self.api.label(),
            model: self.plan.as_ref().map(|it| it.model.to_string()),
            served_model: answered.map(|(id, _)| model(id)),
            endpoint: answered.map(|(id, _)| endpoint(id)),
            status: self.status,
            stream: self.stream,
            duration_ms: millis(now.saturating_duration_since(self.began)),
            attempts,
            error: fault.or_else(|| (self.status == CLIENT_LEFT).then(left)),
            cost_usd: self.cost.map(Cost::dollars),
            refusal: self.refusal(),
        }
    }

    /// Says of each endpoint why it did not serve, if none did.
    fn refusal(&self) -> Option<Vec<Refused>> {
        let plan = self.plan.as_ref().filter(|_| self.refused)?;
        let now = clock::now();
        let entries = plan.entries().map(|entry| {
            let (reason, until) = entry.target.refusal();
            let id = entry.target.id();
            let failed = self.failed.iter().rev().find(|(it, ..)| it == id);
            let tried =
                failed.map(|(_, outcome, _)| format!("tried: {}", outcome.replace('_', " ")));
            Refused {
                endpoint: id.endpoint().to_string(),
                model: id.model().to_string(),
                why: tried.unwrap_or_else(|| why(reason, until, now)),
            }
        });
        Some(entries.collect())
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        let now = self.over.unwrap_or_else(clock::now);
        let took = now.saturating_duration_since(self.began);
        let broke = self.fault.is_some() && self.status < 400;
        let failed = self.status >= 500 || broke;
        let rough = self.status >= 400 || broke || !self.failed.is_empty();
        let ear = self.ear.clone();
        ear.ended((now, took), (failed, rough), self.cost, || self.record(now));
    }
}
