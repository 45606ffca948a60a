//! What the client sees: status, headers, and what happened on the way.

use std::{
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
use breakerbox_actors::{clock, id::TargetId};

use crate::{
    dialect::{Dialect, neutral::Lost},
    error::{GatewayError, MAX_RETRY_AFTER},
    metrics::InFlight,
    request_id,
    upstream::{AnswerHeaders, headers::returned, retry_after},
};

const ENDPOINT: HeaderName = HeaderName::from_static("x-breakerbox-endpoint");
const MODEL: HeaderName = HeaderName::from_static("x-breakerbox-model");
const ATTEMPTS: HeaderName = HeaderName::from_static("x-breakerbox-attempts");
const FALLBACK: HeaderName = HeaderName::from_static("x-breakerbox-fallback");
const OVERHEAD: HeaderName = HeaderName::from_static("x-breakerbox-overhead-ms");
const WARNINGS: HeaderName = HeaderName::from_static("x-breakerbox-warnings");
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// What happened to one request so far, for its headers and metrics.
pub(crate) struct Story {
    /// The public model asked for, once it is known to be one.
    pub(crate) asked: Option<Arc<str>>,
    /// Attempts made.
    pub(super) attempts: u32,
    id: HeaderValue,
    began: Instant,
    upstream: Duration,
    target: Option<TargetId>,
    /// What of the request the present attempt could not say.
    lost: Option<HeaderValue>,
    in_flight: Option<InFlight>,
}

impl Story {
    /// Begins with the request's head; keeps the client's id if it is a fair one.
    pub(super) fn begin(request: &HttpRequest, in_flight: InFlight) -> Self {
        Self {
            asked: None,
            attempts: 0,
            id: request_id::of(request.headers()),
            began: clock::now(),
            upstream: Duration::ZERO,
            target: None,
            lost: None,
            in_flight: Some(in_flight),
        }
    }

    /// Hands the request's count to a stream, which outlives the handler.
    pub(super) fn hand_over(&mut self) -> Option<InFlight> {
        self.in_flight.take()
    }

    /// Ends the count of a request whose answer is whole.
    pub(super) fn end(self) {
        self.in_flight.into_iter().for_each(InFlight::finish);
    }

    /// Notes whom the present attempt asks.
    pub(super) fn goes_to(&mut self, target: &TargetId) {
        self.target = Some(target.clone());
    }

    /// Notes what of the request the present attempt could not say.
    pub(super) fn lost(&mut self, lost: Option<&Lost>) {
        let lost = lost.filter(|lost| !lost.is_empty());
        self.lost = lost.and_then(|lost| HeaderValue::try_from(lost.to_string()).ok());
    }

    /// Notes that the gateway waited for an upstream since `since`.
    pub(super) fn waited(&mut self, since: Instant) {
        self.upstream += clock::now().saturating_duration_since(since);
    }

    /// Returns the id that client and log know the request by.
    pub(super) fn id(&self) -> &str {
        self.id.to_str().unwrap_or_default()
    }

    /// Says in the log why the request got no answer: aloud where an upstream
    /// failed it, at debug level where it was refused.
    pub(super) fn log(&self, error: &GatewayError) {
        let (request_id, attempts) = (self.id(), self.attempts);
        let (code, why) = (error.label(), error.to_string());
        if matches!(error.status().as_u16(), 500 | 502 | 504) {
            tracing::warn!(request_id, code, attempts, why, "request failed");
        } else {
            tracing::debug!(request_id, code, attempts, why, "request refused");
        }
    }

    /// Returns how long the request has been here.
    fn age(&self) -> Duration {
        clock::now().saturating_duration_since(self.began)
    }

    /// Returns how long it has been here without waiting for an upstream.
    pub(crate) fn overhead(&self) -> Duration {
        self.age().saturating_sub(self.upstream)
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

    /// Begins an answer whose body is written here, from that of a provider of
    /// another dialect.
    pub(super) fn tell_translated(&self) -> HttpResponseBuilder {
        let mut response = HttpResponse::Ok();
        response.content_type(header::ContentType::json());
        self.sign(&mut response);
        response
    }

    /// Begins an answer that nobody gave but an estimate of our own.
    pub(super) fn tell_estimated(&self) -> HttpResponseBuilder {
        let mut response = self.tell_translated();
        response.insert_header((WARNINGS, HeaderValue::from_static("estimated")));
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
        let mut response = error.answer(dialect, self.id());
        let headers = response.headers_mut();
        headers.insert(request_id::NAME, self.id.clone());
        headers.insert(ATTEMPTS, HeaderValue::from(self.attempts));
        response
    }

    fn sign(&self, response: &mut HttpResponseBuilder) {
        response
            .insert_header((request_id::NAME, self.id.clone()))
            .insert_header((ATTEMPTS, self.attempts))
            .insert_header((OVERHEAD, millis(self.overhead())));
        if let Some(lost) = &self.lost {
            response.insert_header((WARNINGS, lost.clone()));
        }
        if let Some(target) = &self.target {
            response
                .insert_header((ENDPOINT, &**target.endpoint()))
                .insert_header((MODEL, &**target.model()));
            if let Some(asked) = self.asked.as_ref().filter(|it| *it != target.model()) {
                response.insert_header((FALLBACK, format!("{asked}>{}", target.model())));
            }
        }
    }
}

fn millis(time: Duration) -> String {
    format!("{:.3}", time.as_secs_f64() * 1e3)
}
