//! What the client sees: status, headers, and what happened on the way.

use std::{
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    http::{
        StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
};
use breakerbox_actors::{clock, table::Plan};

use super::{
    flight::{Failed, Flight},
    note::Note,
    tab::Tab,
};
use crate::{
    config::Client,
    dialect::{Api, Dialect, neutral::Lost},
    error::{GatewayError, MAX_RETRY_AFTER},
    generation::Site,
    metrics::{InFlight, ModelMetrics},
    request_id,
    tap::Ear,
    upstream::{AnswerHeaders, headers::returned, retry_after},
};

const ENDPOINT: HeaderName = HeaderName::from_static("x-breakerbox-endpoint");
const MODEL: HeaderName = HeaderName::from_static("x-breakerbox-model");
const ATTEMPTS: HeaderName = HeaderName::from_static("x-breakerbox-attempts");
const FALLBACK: HeaderName = HeaderName::from_static("x-breakerbox-fallback");
const OVERHEAD: HeaderName = HeaderName::from_static("x-breakerbox-overhead-ms");
const COST: HeaderName = HeaderName::from_static("x-breakerbox-cost-usd");
const WARNINGS: HeaderName = HeaderName::from_static("x-breakerbox-warnings");
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Whose request it is, for the log.
#[derive(Clone, Debug)]
pub(super) struct Who {
    id: HeaderValue,
    client: Option<Arc<str>>,
    user: Option<HeaderValue>,
}

impl Who {
    /// Returns the id that client and log know the request by.
    pub(super) fn id(&self) -> &str {
        self.id.to_str().unwrap_or_default()
    }

    /// Returns the name of its client, if keys are asked for.
    pub(super) fn client(&self) -> Option<&str> {
        self.client.as_deref()
    }

    /// Returns on whose behalf the client made it, if it said so.
    pub(super) fn user(&self) -> Option<&str> {
        self.user.as_ref()?.to_str().ok()
    }
}

/// What happened to one request so far, for its headers and metrics.
pub(crate) struct Story {
    /// Who may serve it, once the model is known to be one.
    pub(super) plan: Option<Arc<Plan>>,
    /// The metrics of the model asked for.
    pub(super) counts: Option<Arc<ModelMetrics>>,
    /// Attempts made.
    pub(super) attempts: u32,
    /// What it has used.
    pub(super) tab: Tab,
    who: Who,
    began: Instant,
    upstream: Duration,
    /// Whom the present attempt asks.
    site: Option<Arc<Site>>,
    /// Whether there is a cost cap, and the target has no price to hold to it.
    unchecked: bool,
    /// What of the request the present attempt could not say.
    lost: Option<HeaderValue>,
    in_flight: Option<InFlight>,
    /// `None` once a stream has it, or the request is over.
    note: Option<Note>,
}

impl Story {
    /// Begins with the request's head; keeps the client's id if it is a fair one.
    pub(super) fn begin(
        request: &HttpRequest,
        in_flight: InFlight,
        began: Instant,
        api: Api,
        ear: &Rc<Ear>,
    ) -> Self {
        let id = request_id::of(request.headers());
        Self {
            note: Some(Note::begin(ear.clone(), api, id.clone(), began)),
            plan: None,
            counts: None,
            attempts: 0,
            tab: Tab::default(),
            who: Who {
                id,
                client: None,
                user: None,
            },
            began,
            upstream: Duration::ZERO,
            site: None,
            unchecked: false,
            lost: None,
            in_flight: Some(in_flight),
        }
    }

    /// Notes who may serve it, and in which form.
    pub(super) fn will_go_by(&mut self, plan: &Arc<Plan>, stream: bool) {
        self.plan = Some(plan.clone());
        if let Some(note) = &mut self.note {
            (note.plan, note.stream) = (Some(plan.clone()), stream);
        }
    }

    /// Notes that an attempt failed.
    pub(super) fn failed(&mut self, failed: &Failed) {
        self.note.iter_mut().for_each(|note| note.failed(failed));
    }

    /// Notes that the request gets an error of ours.
    pub(super) fn refused(&mut self, error: &GatewayError) {
        let cost = self.tab.cost();
        self.note
            .take()
            .into_iter()
            .for_each(|note| note.refused(error, cost));
    }

    /// Hands what is to be told of the request to a stream.
    pub(super) fn hand_over_note(&mut self) -> Option<Note> {
        self.note.take()
    }

    /// Hands the request's count to a stream, which outlives the handler.
    pub(super) fn hand_over(&mut self) -> Option<InFlight> {
        self.in_flight.take()
    }

    /// Ends the count of a request whose answer is whole at `now`.
    pub(super) fn end(self, status: StatusCode, now: Instant) {
        let cost = self.tab.cost();
        self.note
            .into_iter()
            .for_each(|note| note.answered(status, cost, now));
        self.in_flight.into_iter().for_each(|it| it.finish(now));
    }

    /// Notes whom the present attempt asks, and what it may use there.
    pub(super) fn sets_out(&mut self, flight: &Flight) {
        self.site = Some(flight.site().clone());
        self.note
            .iter_mut()
            .for_each(|note| note.sets_out(flight.target(), flight.began()));
        let expected = flight.expected();
        self.unchecked = expected.cost.is_none() && self.tab.is_capped();
        self.tab.begins(expected);
    }

    /// Notes whose request it is.
    pub(super) fn is_of(&mut self, client: Option<&Client>) {
        self.who.client = client.map(|client| client.name.clone());
        if let Some(note) = &mut self.note {
            note.client.clone_from(&self.who.client);
        }
    }

    /// Notes on whose behalf the client made the request.
    pub(super) fn is_for(&mut self, user: Option<HeaderValue>) {
        self.who.user = user;
        if let Some(note) = &mut self.note {
            note.user.clone_from(&self.who.user);
        }
    }

    /// Notes what of the request the present attempt could not say.
    pub(super) fn lost(&mut self, lost: &Lost) {
        let lost = (!lost.is_empty()).then_some(lost);
        self.lost = lost.and_then(|lost| HeaderValue::try_from(lost.to_string()).ok());
    }

    /// Notes that the gateway waited for an upstream since `since`.
    pub(super) fn waited(&mut self, since: Instant) {
        self.upstream += clock::now().saturating_duration_since(since);
    }

    /// Returns whose request it is.
    pub(super) fn who(&self) -> &Who {
        &self.who
    }

    /// Says in the log why the request got no answer: aloud where an upstream
    /// failed it, at debug level where it was refused.
    pub(super) fn log(&self, error: &GatewayError) {
        let (request_id, attempts) = (self.who.id(), self.attempts);
        let (client, user) = (self.who.client(), self.who.user());
        let (code, why) = (error.label(), error.to_string());
        if matches!(error.status().as_u16(), 500 | 502 | 504) {
            tracing::warn!(
                request_id,
                client,
                user,
                code,
                attempts,
                why,
                "request failed"
            );
        } else {
            tracing::debug!(
                request_id,
                client,
                user,
                code,
                attempts,
                why,
                "request refused"
            );
        }
    }

    /// Returns when its head was here.
    pub(super) fn began(&self) -> Instant {
        self.began
    }

    /// Returns how long it has been here at `now` without waiting for an
    /// upstream.
    pub(crate) fn overhead(&self, now: Instant) -> Duration {
        let age = now.saturating_duration_since(self.began);
        age.saturating_sub(self.upstream)
    }

    /// Begins an answer with the provider's status and its headers that may pass.
    pub(super) fn tell(&self, status: StatusCode, headers: &AnswerHeaders) -> HttpResponseBuilder {
        let mut response = HttpResponse::build(status);
        for (name, value) in returned(headers) {
            let value = retry_after::shortened(&name, value, MAX_RETRY_AFTER);
            response.append_header((name, value));
        }
        self.sign(&mut response);
        response
    }

    /// Begins a whole answer, which says what it has cost.
    pub(super) fn tell_whole(
        &self,
        status: StatusCode,
        headers: &AnswerHeaders,
    ) -> HttpResponseBuilder {
        let mut response = self.tell(status, headers);
        self.price(&mut response);
        response
    }

    /// Begins a whole answer whose body is written here, from that of a provider
    /// of another dialect.
    pub(super) fn tell_translated(&self) -> HttpResponseBuilder {
        let mut response = HttpResponse::Ok();
        response.content_type(header::ContentType::json());
        self.sign(&mut response);
        self.price(&mut response);
        response
    }

    fn price(&self, response: &mut HttpResponseBuilder) {
        if let Some(cost) = self.tab.cost() {
            response.insert_header((COST, cost.to_string()));
        }
    }

    /// Begins an answer that nobody gave but an estimate of our own.
    pub(super) fn tell_estimated(&self) -> HttpResponseBuilder {
        let mut response = self.tell_translated();
        response.append_header((WARNINGS, HeaderValue::from_static("estimated")));
        response
    }

    /// Begins a stream: never buffered, cached or transformed on the way.
    pub(super) fn tell_stream(
        &self,
        status: StatusCode,
        headers: &AnswerHeaders,
    ) -> HttpResponseBuilder {
        let mut response = self.tell(status, headers);
        response
            .insert_header((header::CONTENT_TYPE, "text/event-stream; charset=utf-8"))
            .insert_header((header::CACHE_CONTROL, "no-cache"))
            .insert_header((ACCEL_BUFFERING, "no"));
        response
    }

    /// Builds the answer to a request that got none, in its client's dialect.
    pub(super) fn tell_error(&self, dialect: Dialect, error: &GatewayError) -> HttpResponse {
        let mut response = error.answer(dialect, self.who.id());
        let headers = response.headers_mut();
        headers.insert(request_id::NAME, self.who.id.clone());
        headers.insert(ATTEMPTS, HeaderValue::from(self.attempts));
        if let GatewayError::Rejected { .. } | GatewayError::Reported(_) = error {
            // It is somebody's answer, if a translated one.
            self.tell_whose(|name, value| headers.append(name, value));
        }
        response
    }

    fn sign(&self, response: &mut HttpResponseBuilder) {
        response
            .insert_header((request_id::NAME, self.who.id.clone()))
            .insert_header((ATTEMPTS, attempts(self.attempts)));
        self.tell_whose(|name, value| {
            response.append_header((name, value));
        });
    }

    /// Tells `put` in headers whose answer it is and what that took and lost.
    fn tell_whose(&self, mut put: impl FnMut(HeaderName, HeaderValue)) {
        if let Some(lost) = &self.lost {
            put(WARNINGS, lost.clone());
        }
        if let Some(site) = &self.site {
            let [endpoint, model] = &site.names;
            put(ENDPOINT, endpoint.clone());
            put(MODEL, model.clone());
        }
        let mut put_text = |name, text: String| {
            if let Ok(value) = HeaderValue::try_from(text) {
                put(name, value);
            }
        };
        put_text(OVERHEAD, millis(self.overhead(clock::now())));
        if let Some(target) = self.site.as_ref().map(|site| &site.id) {
            let first = self.plan.as_ref().map(|plan| plan.first());
            if let Some(first) = first.filter(|it| *it != target.model()) {
                put_text(FALLBACK, format!("{first}>{}", target.model()));
            }
            if self.unchecked {
                let warning = format!("the cost cap was not checked: {target} has no price");
                put_text(WARNINGS, warning);
            }
        }
    }
}

/// Most requests need one.
fn attempts(count: u32) -> HeaderValue {
    match count {
        1 => HeaderValue::from_static("1"),
        count => count.into(),
    }
}

/// Returns `time` in milliseconds with three decimals. Integers: a float takes
/// four times as long to write.
fn millis(time: Duration) -> String {
    let micros = (time.as_nanos() + 500) / 1_000;
    format!("{}.{:03}", micros / 1_000, micros % 1_000)
}
