//! Handles that requests record through: looked up once, kept.

use std::{
    cell::RefCell,
    collections::HashMap,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use actix_web::http::StatusCode;
use breakerbox_actors::{
    clock,
    id::TargetId,
    state::event::{FailureKind, Outcome},
};
use metrics::{Counter, Gauge, Histogram, SharedString};

use super::catalogue::{
    DISCONNECTS, FAILOVERS, FIRST_BYTE, OVERHEAD, QUEUE_WAIT, REQUEST_DURATION, REQUESTS,
    REQUESTS_IN_FLIGHT, RETRIES, TOKENS, UPSTREAM_DURATION, UPSTREAM_REQUESTS,
};
use crate::dialect::{Api, Usage};

/// Stands for every model that nobody serves.
const OTHER: &str = "other";

/// One call's handles, for one worker.
pub struct ApiMetrics {
    api: Api,
    in_flight: Gauge,
    duration: Histogram,
    overhead: Histogram,
    disconnects: Counter,
    queue_wait: Histogram,
    answered: RefCell<HashMap<(Arc<str>, StatusCode), Counter>>,
    other: Arc<str>,
}

impl ApiMetrics {
    /// Looks up the handles of `api`.
    pub fn new(api: Api) -> Rc<Self> {
        let label = || [SharedString::from(api.label())];
        Rc::new(Self {
            api,
            in_flight: REQUESTS_IN_FLIGHT.gauge(label()),
            duration: REQUEST_DURATION.histogram(label()),
            overhead: OVERHEAD.histogram(label()),
            disconnects: DISCONNECTS.counter(label()),
            queue_wait: QUEUE_WAIT.histogram([]),
            answered: RefCell::default(),
            other: OTHER.into(),
        })
    }

    /// Counts a request that has come in.
    pub fn arrived(self: &Rc<Self>) -> InFlight {
        self.in_flight.increment(1.0);
        InFlight {
            metrics: self.clone(),
            began: clock::now(),
            whole: false,
        }
    }

    /// Counts an answer's head; `model` is the one asked for, if there is one.
    pub fn answered(&self, model: Option<&Arc<str>>, status: StatusCode, overhead: Duration) {
        self.counter(model.unwrap_or(&self.other), status)
            .increment(1);
        self.overhead.record(overhead);
    }

    /// Counts a wait in the queue that began at `since`.
    pub fn queued(&self, since: Instant) {
        self.queue_wait
            .record(clock::now().saturating_duration_since(since));
    }

    /// Counts an extra attempt after one at `from` failed because of `reason`.
    pub fn retried(&self, from: &TargetId, to: &TargetId, reason: &'static str) {
        RETRIES.counter([reason.into()]).increment(1);
        if from.endpoint() != to.endpoint() {
            let (from, to) = (from.endpoint().clone(), to.endpoint().clone());
            FAILOVERS
                .counter([from.into(), to.into(), reason.into()])
                .increment(1);
        }
    }

    fn counter(&self, model: &Arc<str>, status: StatusCode) -> Counter {
        let mut answered = self.answered.borrow_mut();
        if let Some(counter) = answered.get(&(model.clone(), status)) {
            return counter.clone();
        }
        let labels = [
            self.api.label().into(),
            model.clone().into(),
            status.as_str().to_owned().into(),
        ];
        let counter = REQUESTS.counter(labels);
        answered.insert((model.clone(), status), counter.clone());
        counter
    }
}

/// Lets the series of `models`' requests start at 0.
pub(crate) fn expect<'a>(models: impl IntoIterator<Item = &'a Arc<str>>) {
    for model in models {
        for api in Api::ALL {
            let labels = [api.label().into(), model.clone().into(), "200".into()];
            REQUESTS.counter(labels).increment(0);
        }
    }
}

/// One request under way; its end is counted when it is dropped.
pub struct InFlight {
    metrics: Rc<ApiMetrics>,
    began: Instant,
    whole: bool,
}

impl InFlight {
    /// Says that the answer was whole: its client did not leave before.
    pub fn finish(mut self) {
        self.whole = true;
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.metrics.in_flight.decrement(1.0);
        self.metrics
            .duration
            .record(clock::now().saturating_duration_since(self.began));
        if !self.whole {
            self.metrics.disconnects.increment(1);
        }
    }
}

/// The outcomes an attempt can have, by label; each series starts at 0.
const OUTCOMES: [Outcome; 11] = [
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

/// One target's handles, shared by all workers.
pub struct SiteMetrics {
    outcomes: [(&'static str, Counter); OUTCOMES.len()],
    duration: Histogram,
    first_byte: Histogram,
    tokens_in: Counter,
    tokens_out: Counter,
}

impl std::fmt::Debug for SiteMetrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SiteMetrics")
    }
}

impl SiteMetrics {
    /// Looks up the handles of `target`; its series start at 0.
    pub fn new(target: &TargetId) -> Self {
        let endpoint = || SharedString::from(target.endpoint().clone());
        let model = || SharedString::from(target.model().clone());
        let tokens = |direction: &'static str| {
            let counter = TOKENS.counter([endpoint(), model(), direction.into()]);
            counter.increment(0);
            counter
        };
        Self {
            outcomes: OUTCOMES.map(|outcome| {
                let label = outcome.label();
                let counter = UPSTREAM_REQUESTS.counter([endpoint(), model(), label.into()]);
                counter.increment(0);
                (label, counter)
            }),
            duration: UPSTREAM_DURATION.histogram([endpoint(), model()]),
            first_byte: FIRST_BYTE.histogram([endpoint(), model()]),
            tokens_in: tokens("input"),
            tokens_out: tokens("output"),
        }
    }

    /// Counts an attempt's end.
    pub fn settled(&self, outcome: Outcome, took: Duration, usage: Option<Usage>) {
        let label = outcome.label();
        if let Some((_, counter)) = self.outcomes.iter().find(|(it, _)| *it == label) {
            counter.increment(1);
        }
        self.duration.record(took);
        if let Some(usage) = usage {
            self.tokens_in.increment(usage.input);
            self.tokens_out.increment(usage.output);
        }
    }

    /// Counts an attempt's first byte.
    pub fn first_byte(&self, took: Duration) {
        self.first_byte.record(took);
    }
}
