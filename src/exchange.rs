//! The life of one request, from its head to the last byte of its answer.
//!
//! ```text
//!   intake ──▶ pick ──▶ attempt ──▶ answer
//!               ▲          │ failed before the client's first byte
//!               └──────────┘ another endpoint, if budget and time allow
//! ```
//!
//! [`intake`] reads and checks; the worker's router picks a target;
//! [`attempt`] sends, judges and settles; [`answer`] builds what the client
//! sees, [`refusal`] says why there is no answer.

mod answer;
mod attempt;
mod flight;
mod held;
pub(crate) mod intake;
mod refusal;

use std::{rc::Rc, sync::Arc};

use actix_web::{HttpRequest, HttpResponse, web::Payload};
use breakerbox_actors::{
    clock,
    error::{Unavailable, UnavailableKind},
    lease::Lease,
    messages::{Pick, Queue},
    table::Plan,
    target::Target,
};
use rand::RngExt;

use crate::{
    dialect::{Api, request::BadRequest},
    error::{GatewayError, near_names},
    generation::Generation,
    metrics::ApiMetrics,
    upstream::{self, Lines},
    worker::Worker,
};
use answer::Story;
pub(crate) use attempt::MAX_ANSWER;
use attempt::Tried;
use flight::Failed;
use intake::Intake;

/// Serves one request.
pub(crate) async fn serve(
    worker: Rc<Worker>,
    api: Api,
    request: &HttpRequest,
    payload: Payload,
) -> HttpResponse {
    let metrics = worker.metrics(api);
    let mut story = Story::begin(request, metrics.arrived());
    let response = match accept(&worker, api, request, payload, &mut story).await {
        Ok(response) => response,
        Err(error) => {
            story.log(&error);
            story.tell_error(&error)
        }
    };
    metrics.answered(story.asked.as_ref(), response.status(), story.overhead());
    story.end();
    response
}

async fn accept(
    worker: &Rc<Worker>,
    api: Api,
    request: &HttpRequest,
    payload: Payload,
    story: &mut Story,
) -> Result<HttpResponse, GatewayError> {
    let generation = worker.generation();
    let intake = intake::take_in(&generation, api, request, payload, &worker.shared.room).await?;
    let table = worker.shared.engine.table();
    let Some(plan) = table.plan(&intake.peek.model) else {
        return Err(not_found(&generation, &table, request, &intake.peek.model));
    };
    story.asked = Some(plan.model.clone());
    let exchange = Exchange {
        worker,
        generation,
        lines: upstream::headers::forwarded(request.headers()),
        plan: plan.clone(),
        intake,
    };
    exchange.run(story).await
}

/// Names only models that this client may use.
fn not_found(
    generation: &Generation,
    table: &breakerbox_actors::table::Table,
    request: &HttpRequest,
    model: &str,
) -> GatewayError {
    let clients = &generation.config.clients;
    let client = intake::authenticate(clients, request.headers()).unwrap_or_default();
    let visible = |name: &&str| client.is_none_or(|client| client.may_use(name));
    let known = table.models().map(|plan| &*plan.model).filter(visible);
    GatewayError::ModelNotFound {
        model: model.to_owned(),
        near: near_names(model, known),
    }
}

/// One accepted request, on its way through attempts.
struct Exchange<'a> {
    worker: &'a Rc<Worker>,
    generation: Arc<Generation>,
    /// The client's header lines that go upstream.
    lines: Lines,
    plan: Arc<Plan>,
    intake: Intake,
}

impl Exchange<'_> {
    /// Tries targets until one answers, or until trying on would be wrong.
    async fn run(&self, story: &mut Story) -> Result<HttpResponse, GatewayError> {
        self.check_pin()?;
        let routing = &self.generation.config.routing;
        let mut tried: Vec<Arc<Target>> = Vec::new();
        let mut failures: Vec<Failed> = Vec::new();
        let mut rounds = 0;
        loop {
            if clock::now() >= self.intake.deadline {
                return Err(GatewayError::UpstreamTimeout {
                    attempts: refusal::reasons(&failures),
                });
            }
            let lease = match self.lease(&tried, story.attempts > 0).await? {
                Ok(lease) => lease,
                Err(refusal) => {
                    if let Some(out) = refusal::all_out(&self.plan) {
                        return Err(refusal::give_up(&self.plan, &failures, Some(&out)));
                    }
                    let again = refusal.kind == UnavailableKind::Tried
                        && failures.last().is_some_and(Failed::may_repeat)
                        && self.back_off(rounds).await;
                    if again {
                        // Every endpoint was tried once: the same ones again.
                        rounds += 1;
                        tried.clear();
                        continue;
                    }
                    return Err(refusal::give_up(&self.plan, &failures, Some(&refusal)));
                }
            };
            if let Some(last) = failures.last() {
                self.metrics().retried(&last.target, lease.id(), last.label);
            }
            story.attempts += 1;
            tried.push(lease.target().clone());
            match self.attempt(lease, story).await {
                Tried::Answered(response) => return Ok(response),
                Tried::Reported(reported) => return Err(GatewayError::Reported(reported)),
                Tried::NoRoom => {
                    return Err(GatewayError::Overloaded {
                        retry_after: intake::FULL_RETRY,
                    });
                }
                Tried::OutOfTime => {
                    return Err(GatewayError::UpstreamTimeout {
                        attempts: refusal::reasons(&failures),
                    });
                }
                Tried::Failed(failed) => {
                    tracing::debug!(
                        request_id = story.id(),
                        endpoint = %failed.target,
                        reason = failed.label,
                        attempt = story.attempts,
                        "attempt failed"
                    );
                    failures.push(failed);
                }
            }
            if story.attempts >= routing.max_attempts || clock::now() >= self.intake.deadline {
                return Err(refusal::give_up(
                    &self.plan,
                    &failures,
                    refusal::all_out(&self.plan).as_ref(),
                ));
            }
        }
    }

    fn metrics(&self) -> &ApiMetrics {
        self.worker.metrics(self.intake.peek.api)
    }

    fn check_pin(&self) -> Result<(), GatewayError> {
        let Some(pin) = &self.intake.pin else {
            return Ok(());
        };
        let mut names = self
            .plan
            .entries()
            .map(|entry| entry.target.id().endpoint());
        if names.any(|name| **name == **pin) {
            return Ok(());
        }
        Err(GatewayError::BadRequest(BadRequest {
            param: Some("x-breakerbox-endpoint".to_owned()),
            message: "No endpoint of this name serves the model.".to_owned(),
        }))
    }

    /// Asks the router for a lease; waits in its queue if that can help.
    async fn lease(
        &self,
        tried: &[Arc<Target>],
        extra: bool,
    ) -> Result<Result<Lease, Unavailable>, GatewayError> {
        let pick = Pick {
            plan: self.plan.clone(),
            except: tried.to_vec(),
            pin: self.intake.pin.as_deref().map(Arc::from),
            estimate: self.intake.estimate,
            extra,
        };
        let router = &self.worker.router;
        // A router that restarts loses the message it was handling, no more.
        let lost = |_| GatewayError::Internal;
        let refusal = match router.send(pick.clone()).await {
            Ok(Ok(lease)) => return Ok(Ok(lease)),
            Ok(Err(refusal)) => refusal,
            Err(_) => match router.send(pick.clone()).await.map_err(lost)? {
                Ok(lease) => return Ok(Ok(lease)),
                Err(refusal) => refusal,
            },
        };
        let now = clock::now();
        let max_wait = self.generation.config.routing.queue_max_wait;
        let deadline = (now + max_wait).min(self.intake.deadline);
        if refusal.kind == UnavailableKind::OverBudget || !refusal.may_wait_until(deadline, now) {
            return Ok(Err(refusal));
        }
        let answer = router.send(Queue { pick, deadline }).await.map_err(lost)?;
        self.metrics().queued(now);
        Ok(answer)
    }

    /// Waits before the same endpoints are tried again; `false` if the
    /// request's time does not allow it.
    async fn back_off(&self, rounds: u32) -> bool {
        let routing = &self.generation.config.routing;
        // Full jitter. Source: AWS Architecture Blog, "Exponential Backoff and
        // Jitter" (2015).
        let ceiling = routing.backoff_base.saturating_mul(1 << rounds.min(16));
        let wait = ceiling
            .min(routing.backoff_max)
            .mul_f64(rand::rng().random::<f64>());
        if clock::now() + wait >= self.intake.deadline {
            return false;
        }
        tokio::time::sleep(wait).await;
        true
    }
}
