//! One attempt: send to one target, judge, settle, hand over.

use std::time::{Duration, Instant};

use actix_web::{HttpResponse, http::Method};
use breakerbox_actors::{
    clock,
    id::TargetId,
    lease::Lease,
    state::event::{FailureKind, Outcome, ProviderLimits},
};

use super::{Exchange, answer::Story};
use crate::{
    dialect::{
        self,
        openai::response::{self, NotAnAnswer},
    },
    generation::Site,
    metrics,
    relay::{self, FirstFailure, Relay, StreamEnd},
    upstream::{
        Answer, BodyError, Call, Deadlines, Evidence, Lines, MAX_ERROR_BODY, SendError, Verdict,
        judge, limits, wants_body,
    },
    wall,
    worker::Closing,
};

/// The longest whole answer that is held for judging, in bytes.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// What came of an attempt.
pub(super) enum Tried {
    /// This is for the client: an answer, or the provider's word that the
    /// request is wrong.
    Answered(HttpResponse),
    /// The endpoint failed before the client saw a byte.
    Failed(Failed),
    /// The request's own time is over.
    OutOfTime,
}

/// An attempt that failed.
#[derive(Clone, Debug)]
pub(crate) struct Failed {
    /// Who failed.
    pub(crate) target: TargetId,
    /// How, in a fixed word.
    pub(crate) label: &'static str,
    /// What kind of failure it is for the client.
    pub(super) blame: Blame,
}

/// What kind of failure an attempt ended in, as far as the client is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blame {
    /// The endpoint failed.
    Failure,
    /// The endpoint was too slow.
    Slowness,
    /// The endpoint refused our key.
    Key,
    /// The endpoint is over its limit; until when, if it said so.
    RateLimit {
        /// How long from now.
        until: Option<Duration>,
    },
}

impl Failed {
    /// Whether asking the same endpoint again may help.
    pub(super) fn may_repeat(&self) -> bool {
        matches!(self.blame, Blame::Failure | Blame::Slowness)
    }
}

impl Exchange<'_> {
    /// Sends the request to the lease's target and settles the lease.
    pub(super) async fn attempt(&self, lease: Lease, story: &mut Story) -> Tried {
        let Some(site) = self.generation.site(lease.id()) else {
            // Picked by a table newer or older than this request's
            // configuration: as good as not picked.
            return failed(lease, "reloaded", Outcome::Cancelled, ProviderLimits::default());
        };
        let site = site.clone();
        story.goes_to(lease.id());
        let began = clock::now();
        let sent = self.send(&site).await;
        story.waited(began);
        let answer = match sent {
            Ok(answer) => answer,
            Err(SendError::Deadline) => return out_of_time(lease),
            Err(error) => {
                return failed(lease, error.label(), error.outcome(), ProviderLimits::default());
            }
        };
        let limits = limits::read(&answer.headers, wall::now());
        if !answer.status.is_success() {
            return self.refused(lease, answer, limits, story).await;
        }
        let evidence = Evidence {
            status: answer.status,
            headers: &answer.headers,
            framing: answer.body.framing(),
            body: &[],
            now: wall::now(),
        };
        match judge(&evidence) {
            Verdict::Elsewhere(outcome) => failed(lease, "malformed", outcome, limits),
            Verdict::Accept | Verdict::PassThrough if self.intake.peek.stream => {
                self.stream(lease, answer, limits, story).await
            }
            Verdict::Accept | Verdict::PassThrough => {
                self.whole(lease, answer, limits, story).await
            }
        }
    }

    async fn send(&self, site: &Site) -> Result<Answer, SendError> {
        let routing = &self.generation.config.routing;
        let peek = &self.intake.peek;
        let groups: [&Lines; 2] = [&self.lines, &site.lines];
        let call = Call {
            origin: &site.origin,
            method: Method::POST,
            path: site.path(peek.api),
            headers: &groups,
            body: peek.rewrite(&site.upstream_model),
            deadlines: Deadlines {
                connect: routing.connect_timeout,
                first_byte: routing.first_byte_timeout,
                idle: routing.idle_timeout,
                // A stream that keeps talking may outlive the request's
                // deadline; `first` below holds it to it until then.
                total: Some(self.intake.deadline).filter(|_| !peek.stream),
            },
        };
        if !peek.stream {
            return self.worker.client.send(call).await;
        }
        let deadline = self.intake.deadline.into();
        tokio::time::timeout_at(deadline, self.worker.client.send(call))
            .await
            .unwrap_or(Err(SendError::Deadline))
    }

    /// Handles an answer that is no success.
    async fn refused(
        &self,
        lease: Lease,
        answer: Answer,
        limits: ProviderLimits,
        story: &mut Story,
    ) -> Tried {
        let Answer {
            status,
            headers,
            body,
            ..
        } = answer;
        let framing = body.framing();
        let began = clock::now();
        let body = if wants_body(status) {
            match body.collect(MAX_ERROR_BODY).await {
                Ok(body) => Some(body),
                Err(BodyError::Deadline) => return out_of_time(lease),
                Err(_) => None,
            }
        } else {
            None
        };
        story.waited(began);
        let verdict = judge(&Evidence {
            status,
            headers: &headers,
            framing,
            body: body.as_deref().unwrap_or_default(),
            now: wall::now(),
        });
        match (verdict, body) {
            (Verdict::Elsewhere(outcome), _) => failed(lease, outcome.label(), outcome, limits),
            // Cut off in the middle of saying why: not an answer to pass on.
            (_, None) => failed(
                lease,
                "truncated",
                Outcome::Failure(FailureKind::Truncated),
                limits,
            ),
            (_, Some(body)) => {
                metrics::attempt(lease.id(), Outcome::ClientFault, lease.age());
                lease.settle(Outcome::ClientFault, None, limits);
                Tried::Answered(story.tell(status, &headers).body(body))
            }
        }
    }

    /// Handles a whole answer: nothing is passed on before it has proved good.
    async fn whole(
        &self,
        lease: Lease,
        answer: Answer,
        limits: ProviderLimits,
        story: &mut Story,
    ) -> Tried {
        let Answer {
            status,
            headers,
            body,
            ..
        } = answer;
        let began = clock::now();
        let collected = body.collect(MAX_ANSWER).await;
        story.waited(began);
        let body = match collected {
            Ok(body) => body,
            Err(BodyError::Deadline) => return out_of_time(lease),
            Err(error) => return failed(lease, error.label(), error.outcome(), limits),
        };
        match response::judge(self.intake.peek.api, &body) {
            Ok(usage) => {
                metrics::attempt(lease.id(), Outcome::Success, lease.age());
                if let Some(usage) = usage {
                    metrics::tokens(lease.id(), usage);
                }
                lease.settle(Outcome::Success, usage.map(|it| it.total()), limits);
                Tried::Answered(story.tell(status, &headers).body(body))
            }
            Err(what) => failed(lease, what.label(), outcome_of(&what), limits),
        }
    }

    /// Handles a stream: up to its first event another endpoint can still
    /// answer; from then on the relay settles the lease.
    async fn stream(
        &self,
        mut lease: Lease,
        answer: Answer,
        limits: ProviderLimits,
        story: &mut Story,
    ) -> Tried {
        let Answer {
            status,
            headers,
            body,
            ..
        } = answer;
        let peek = &self.intake.peek;
        let routing = &self.generation.config.routing;
        let began = clock::now();
        let own = clock::now() + routing.first_byte_timeout;
        let primed = relay::first(body, peek.api, Some(own.min(self.intake.deadline))).await;
        story.waited(began);
        let primed = match primed {
            Ok(primed) => primed,
            Err(FirstFailure::Timeout) if clock::now() >= self.intake.deadline => {
                return out_of_time(lease);
            }
            Err(failure) => {
                let outcome = match &failure {
                    FirstFailure::Timeout => Outcome::Failure(FailureKind::Timeout),
                    FirstFailure::Upstream(error) => error.outcome(),
                    FirstFailure::Truncated => Outcome::Failure(FailureKind::Truncated),
                    FirstFailure::NotAnAnswer(what) => outcome_of(what),
                };
                return failed(lease, failure.label(), outcome, limits);
            }
        };
        lease.first_byte(limits);
        metrics::first_byte(lease.id(), lease.age());
        let settings = relay::Settings {
            api: peek.api,
            forward_usage: peek.include_usage,
            keep_alive: relay::KEEP_ALIVE,
            // The body keeps that time itself.
            idle_timeout: None,
        };
        let finish = move |end: StreamEnd, usage: Option<dialect::Usage>| {
            let outcome = end_of(end);
            metrics::attempt(lease.id(), outcome, lease.age());
            if let Some(usage) = usage {
                metrics::tokens(lease.id(), usage);
            }
            if end != StreamEnd::Complete {
                tracing::warn!(endpoint = %lease.id(), reason = end.label(), "stream broke");
            }
            lease.settle(outcome, usage.map(|it| it.total()), ProviderLimits::default());
        };
        let mut closing = self.worker.shared.closing.clone();
        let relay = Relay::new(primed, settings, finish).until(async move {
            // A sender that is gone cannot say that the grace is over.
            if closing.wait_for(|it| *it == Closing::Now).await.is_err() {
                std::future::pending::<()>().await;
            }
        });
        Tried::Answered(story.tell_stream(status, &headers).streaming(relay))
    }
}

/// Settles a lease with a failure and says so.
fn failed(lease: Lease, label: &'static str, outcome: Outcome, limits: ProviderLimits) -> Tried {
    let target = lease.id().clone();
    metrics::attempt(&target, outcome, lease.age());
    let blame = match outcome {
        Outcome::Failure(FailureKind::Timeout) => Blame::Slowness,
        Outcome::KeyRejected => {
            tracing::error!(endpoint = %target, "the provider rejected our key or credit");
            Blame::Key
        }
        Outcome::RateLimited { retry_after, .. } => Blame::RateLimit { until: retry_after },
        _ => Blame::Failure,
    };
    lease.settle(outcome, None, limits);
    Tried::Failed(Failed {
        target,
        label,
        blame,
    })
}

fn out_of_time(lease: Lease) -> Tried {
    metrics::attempt(lease.id(), Outcome::Cancelled, lease.age());
    lease.settle(Outcome::Cancelled, None, ProviderLimits::default());
    Tried::OutOfTime
}

/// What a body that is no answer teaches about its endpoint.
fn outcome_of(what: &NotAnAnswer) -> Outcome {
    match what {
        NotAnAnswer::Error(reported) => outcome_of_blame(reported.blame),
        _ => Outcome::Failure(FailureKind::Malformed),
    }
}

/// What an error inside a 200 teaches about its endpoint.
fn outcome_of_blame(blame: dialect::Blame) -> Outcome {
    match blame {
        dialect::Blame::Client => Outcome::ClientFault,
        dialect::Blame::RateLimit => Outcome::RateLimited {
            retry_after: None,
            daily: false,
        },
        dialect::Blame::Key => Outcome::KeyRejected,
        dialect::Blame::Server => Outcome::Failure(FailureKind::ErrorEvent),
    }
}

fn end_of(end: StreamEnd) -> Outcome {
    match end {
        StreamEnd::Complete => Outcome::Success,
        StreamEnd::Truncated | StreamEnd::UpstreamError => {
            Outcome::Failure(FailureKind::Truncated)
        }
        StreamEnd::IdleTimeout => Outcome::Failure(FailureKind::Timeout),
        StreamEnd::ErrorEvent(blame) => outcome_of_blame(blame),
        StreamEnd::Malformed => Outcome::Failure(FailureKind::Malformed),
        StreamEnd::Stopped => Outcome::Cancelled,
    }
}
