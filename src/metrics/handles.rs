//! Handles that requests record through: looked up once, kept.

use std::{
    rc::Rc,
    time::{Duration, Instant},
};

use actix_web::http::StatusCode;
use breakerbox_actors::{
    clock,
    id::TargetId,
    state::{estimate::Cost, event::Outcome},
};
use metrics::{Counter, Gauge, Histogram, SharedString};

use super::{
    catalogue::{
        COST, DISCONNECTS, FIRST_BYTE, OUTCOMES, OVERHEAD, QUEUE_WAIT, REQUEST_DURATION,
        REQUESTS_IN_FLIGHT, TOKENS, UPSTREAM_DURATION, UPSTREAM_REQUESTS,
    },
    models::ModelMetrics,
};
use crate::dialect::{Api, Usage};

/// One call's handles, for one worker.
pub struct ApiMetrics {
    api: Api,
    in_flight: Gauge,
    duration: Histogram,
    overhead: Histogram,
    disconnects: Counter,
    queue_wait: Histogram,
    other: ModelMetrics,
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
            other: ModelMetrics::other(),
        })
    }

    /// Counts a request that came in at `now`.
    pub fn arrived(self: &Rc<Self>, now: Instant) -> InFlight {
        self.in_flight.increment(1.0);
        InFlight {
            metrics: self.clone(),
            began: now,
            whole: None,
        }
    }

    /// Counts an answer's head; `model` is of the one asked for, if there is one.
    pub(crate) fn answered(
        &self,
        model: Option<&ModelMetrics>,
        status: StatusCode,
        overhead: Duration,
    ) {
        model.unwrap_or(&self.other).answered(self.api, status);
        self.overhead.record(overhead);
    }

    /// Counts a wait in the queue that began at `since`.
    pub fn queued(&self, since: Instant) {
        self.queue_wait
            .record(clock::now().saturating_duration_since(since));
    }
}

/// One request under way; its end is counted when it is dropped.
pub struct InFlight {
    metrics: Rc<ApiMetrics>,
    began: Instant,
    whole: Option<Instant>,
}

impl InFlight {
    /// Says that the answer was whole at `now`: its client did not leave before.
    pub fn finish(mut self, now: Instant) {
        self.whole = Some(now);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let over = self.whole.unwrap_or_else(|| {
            self.metrics.disconnects.increment(1);
            clock::now()
        });
        self.metrics.in_flight.decrement(1.0);
        self.metrics
            .duration
            .record(over.saturating_duration_since(self.began));
    }
}

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
        let tokens =
            |direction: &'static str| TOKENS.counter([endpoint(), model(), direction.into()]);
        Self {
            outcomes: OUTCOMES.map(|outcome| {
                let label = outcome.label();
                let counter = UPSTREAM_REQUESTS.counter([endpoint(), model(), label.into()]);
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

/// What one target has cost, for all workers.
pub struct CostMetric(Gauge);

impl std::fmt::Debug for CostMetric {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CostMetric")
    }
}

impl CostMetric {
    /// Looks up the handle of `target`; its series starts at 0.
    pub fn new(target: &TargetId) -> Self {
        let (endpoint, model) = (target.endpoint().clone(), target.model().clone());
        let gauge = COST.gauge([endpoint.into(), model.into()]);
        gauge.increment(0.0);
        Self(gauge)
    }

    /// Counts what an attempt has cost.
    pub fn spent(&self, cost: Cost) {
        self.0.increment(cost.dollars());
    }
}
