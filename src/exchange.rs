//! The life of one request, from its head to the last byte of its answer.
//!
//! ```text
//!   intake ──▶ pick ──▶ attempt ──▶ answer
//!               ▲          │ failed before the client's first byte
//!               └──────────┘ another endpoint, if budget and time allow
//! ```
//!
//! [`intake`] reads and checks, [`wishes`] are what the client asks of the
//! gateway itself, and a [`tab`] is opened: what the request may use and what
//! it has used. The worker's router picks a target;
//! [`attempt`] sends, judges and settles; [`answer`] builds what the client
//! sees, [`refusal`] says why there is no answer.

mod answer;
mod attempt;
mod flight;
mod held;
pub(crate) mod intake;
mod note;
mod outgoing;
mod patience;
mod refusal;
mod tab;
mod wishes;

use std::{rc::Rc, sync::Arc};

use actix_web::{HttpRequest, HttpResponse, web::Payload};
use breakerbox_actors::{
    clock,
    error::{Unavailable, UnavailableKind},
    lease::Lease,
    messages::{Pick, Queue},
    table::{Entry, Plan, Table},
    target::Target,
};
use rand::RngExt;

use crate::{
    config::{AUTO, Client},
    dialect::{
        Api,
        request::{BadRequest, InPath},
        translate,
    },
    error::{GatewayError, near_names},
    generation::Generation,
    metrics::{self, ApiMetrics},
    worker::Worker,
};
use answer::Story;
pub(crate) use attempt::MAX_ANSWER;
use attempt::Tried;
use flight::Failed;
use intake::Intake;
use outgoing::Incoming;
use patience::Patience;
use tab::Tab;
use wishes::Wishes;

/// What a request's path says.
#[derive(Debug)]
pub(crate) struct Called {
    pub(crate) api: Api,
    /// The model, where the path names it.
    pub(crate) path: Option<InPath>,
    /// Whether a stream is to be one JSON array instead of events.
    pub(crate) in_array: bool,
}

impl From<Api> for Called {
    fn from(api: Api) -> Self {
        Self {
            api,
            path: None,
            in_array: false,
        }
    }
}

/// Serves one request.
pub(crate) async fn serve(
    worker: Rc<Worker>,
    called: Called,
    request: &HttpRequest,
    payload: Payload,
) -> HttpResponse {
    let api = called.api;
    let (metrics, now) = (worker.metrics(api), clock::now());
    let mut story = Story::begin(request, metrics.arrived(now), now, api, &worker.ear);
    let response = match accept(&worker, called, request, payload, &mut story).await {
        Ok(response) => response,
        Err(error) => {
            story.log(&error);
            story.refused(&error);
            story.tell_error(api.dialect(), &error)
        }
    };
    let now = clock::now();
    let overhead = story.overhead(now);
    metrics.answered(story.counts.as_deref(), response.status(), overhead);
    story.end(response.status(), now);
    response
}

async fn accept(
    worker: &Rc<Worker>,
    called: Called,
    request: &HttpRequest,
    payload: Payload,
    story: &mut Story,
) -> Result<HttpResponse, GatewayError> {
    let generation = worker.generation();
    let config = &generation.config;
    let headers = request.headers();
    let client = intake::authenticate(&config.clients, request, &worker.shared.guesses)?;
    story.is_of(client);
    let wishes = Wishes::read(headers)?;
    story.is_for(wishes.user.clone());
    let room = &worker.shared.room;
    let arrived = story.began();
    let mut intake = intake::take_in(
        &config.server,
        client,
        wishes,
        called,
        (request, arrived),
        payload,
        room,
    )
    .await?;
    let plan = plan(&worker.shared.engine.table(), client, &intake)?;
    // The table may be of a generation that was put in force this moment.
    let counts = generation.metrics(&plan.model).cloned();
    story.counts = counts.or_else(|| worker.generation().metrics(&plan.model).cloned());
    let Some(plan) = servable(worker, &plan, intake.peek.api) else {
        return nobody_can(&intake, story);
    };
    intake.expect(|| plan.usual_output());
    story.will_go_by(&plan, intake.peek.stream);
    let exchange = Exchange {
        worker,
        generation: &generation,
        incoming: Incoming::new(headers),
        plan,
        intake,
    };
    exchange.check_pin()?;
    story.tab = Tab::open(&generation, client, &exchange.plan, &exchange.intake)?;
    exchange.run(story).await
}

/// Returns who may serve the request.
fn plan(
    table: &Table,
    client: Option<&Client>,
    intake: &Intake,
) -> Result<Arc<Plan>, GatewayError> {
    let model = &intake.peek.model;
    if let Some(plan) = table.plan(model) {
        return Ok(plan.clone());
    }
    if model == AUTO && table.routes().next().is_some() {
        let (task, priority) = (intake.wishes.task(), intake.wishes.priority);
        let route = table.route(task, priority).cloned();
        return route.ok_or_else(|| GatewayError::NoRoute {
            task: task.to_owned(),
            priority: priority.label(),
        });
    }
    // Names only models that this client may use.
    let known = table.names().map(|name| &**name);
    let visible = |name: &&str| client.is_none_or(|client| client.may_use(name));
    Err(GatewayError::ModelNotFound {
        model: model.clone(),
        near: near_names(model, known.filter(visible)),
    })
}

/// Returns `plan` without those that cannot serve `api` at all, or `None` if
/// nobody is left. Conversations can be said to anybody.
fn servable(worker: &Worker, plan: &Arc<Plan>, api: Api) -> Option<Arc<Plan>> {
    if api.is_conversation() {
        return Some(plan.clone());
    }
    // Not as the request began: reloads may have come while its body did.
    let generation = worker.generation();
    let serves = |entry: &Entry| generation.serves(entry.target.id(), api);
    if plan.entries().all(serves) {
        return Some(plan.clone());
    }
    plan.narrowed(serves)
}

/// Answers a call that no endpoint of the model knows: tokens are counted
/// here, as well as that goes without the model's own tokenizer.
fn nobody_can(intake: &Intake, story: &mut Story) -> Result<HttpResponse, GatewayError> {
    let api = intake.peek.api;
    if !api.counts() {
        return Err(GatewayError::BadRequest(BadRequest {
            param: Some("model".to_owned()),
            message: format!("No endpoint of this model can answer {}.", api.label()),
        }));
    }
    // Whoever counts refuses what is wrong.
    translate::Asked::read(&intake.peek)?;
    let body = translate::counted(api, intake.estimate.input);
    Ok(story.tell_estimated().body(body))
}

/// One accepted request, on its way through attempts.
struct Exchange<'a> {
    worker: &'a Rc<Worker>,
    generation: &'a Generation,
    /// What the client sent, for the endpoints to read.
    incoming: Incoming<'a>,
    plan: Arc<Plan>,
    intake: Intake,
}

impl Exchange<'_> {
    /// Tries targets until one answers, or until trying on would be wrong.
    async fn run(&self, story: &mut Story) -> Result<HttpResponse, GatewayError> {
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
            // One that failed and goes on serving others may be asked again;
            // but the last attempt rather waits for one that has not failed.
            let may_repeat = refusal::may_repeat(&tried, &failures);
            let is_last = story.attempts + 1 >= routing.max_attempts;
            let pick = self.pick(&tried, may_repeat, story);
            let lease = match self.lease(pick, !may_repeat || is_last).await? {
                Ok(lease) => lease,
                Err(refusal) => {
                    if refusal.kind == UnavailableKind::TooDear
                        && let Some(dear) = story.tab.too_dear(&self.plan, &self.intake)
                    {
                        return Err(dear);
                    }
                    if let Some(out) = refusal::all_out(&self.plan) {
                        return Err(refusal::give_up(&self.plan, &failures, Some(&out)));
                    }
                    if may_repeat && refusal.kind != UnavailableKind::OverBudget {
                        if self.back_off(rounds).await {
                            // Nobody else is free: the same ones again.
                            rounds += 1;
                            tried.clear();
                            continue;
                        }
                        return Err(refusal::give_up(&self.plan, &failures, None));
                    }
                    return Err(refusal::give_up(&self.plan, &failures, Some(&refusal)));
                }
            };
            if let Some(last) = failures.last() {
                metrics::retried(&last.target, lease.id(), last.reason);
            }
            story.attempts += 1;
            tried.push(lease.target().clone());
            let patience = self.patience(&lease, &tried, story);
            match self.attempt(lease, patience, story).await {
                Tried::Answered(response) => return Ok(response),
                Tried::Reported(reported) => return Err(GatewayError::Reported(reported)),
                Tried::Refused(error) => return Err(error),
                Tried::NoRoom => {
                    return Err(GatewayError::Overloaded {
                        retry_after: intake::FULL_RETRY,
                    });
                }
                Tried::OutOfTime(failed) => {
                    story.failed(&failed);
                    story.tab.ends(failed.used);
                    failures.push(failed);
                    return Err(GatewayError::UpstreamTimeout {
                        attempts: refusal::reasons(&failures),
                    });
                }
                Tried::Failed(failed) => {
                    tracing::debug!(
                        request_id = story.who().id(),
                        user = story.who().user(),
                        endpoint = %failed.target,
                        reason = failed.label,
                        attempt = story.attempts,
                        "attempt failed"
                    );
                    story.failed(&failed);
                    story.tab.ends(failed.used);
                    failures.push(failed);
                }
            }
            if story.attempts >= routing.max_attempts || clock::now() >= self.intake.deadline {
                return Err(refusal::give_up(
                    &self.plan,
                    &failures,
                    refusal::all_out_or_paused(&self.plan).as_ref(),
                ));
            }
        }
    }

    /// Returns how long the attempt that sets out with `lease` is waited for;
    /// those it may give way to are none of `tried`.
    fn patience(&self, lease: &Lease, tried: &[Arc<Target>], story: &Story) -> Patience {
        let config = &self.generation.config;
        Patience::new(config, &self.intake, lease.started(), |time, now| {
            story.attempts < config.routing.max_attempts
                && self.pick(tried, false, story).is_likely_within(time, now)
        })
    }

    fn metrics(&self) -> &ApiMetrics {
        self.worker.metrics(self.intake.peek.api)
    }

    fn check_pin(&self) -> Result<(), GatewayError> {
        let Some(pin) = &self.intake.wishes.pin else {
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

    /// What the next attempt asks of the router.
    fn pick(&self, tried: &[Arc<Target>], may_repeat: bool, story: &Story) -> Pick {
        Pick {
            plan: self.plan.clone(),
            except: tried.to_vec(),
            pin: self.intake.wishes.pin.clone(),
            estimate: self.intake.estimate,
            most: story.tab.left(),
            extra: story.attempts > 0,
            may_repeat,
        }
    }

    /// Asks the router for a lease; waits in its queue if that is wanted and
    /// can help.
    async fn lease(
        &self,
        pick: Pick,
        may_wait: bool,
    ) -> Result<Result<Lease, Unavailable>, GatewayError> {
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
        let helps = may_wait && refusal.may_wait_until(deadline, now);
        if refusal.kind == UnavailableKind::OverBudget || !helps {
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
