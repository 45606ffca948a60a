//! `/api/endpoints`: how each target is and why, and what an operator may do
//! to an endpoint.

use std::{collections::HashMap, sync::Arc, time::Instant};

use actix_web::{
    HttpResponse,
    http::StatusCode,
    web::{self, Data},
};
use breakerbox_actors::{
    clock,
    error::Why,
    guardian::DrainEndpoint,
    id::TargetId,
    messages::EndpointSeen,
    prober::ForceCheck,
    state::{
        breaker::{Phase, TransitionReason},
        machine::Usage,
    },
    target::Target,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Admin, answer, error, openapi::Endpoints, reason, unknown};
use crate::{config, generation::Generation, wall};

/// One target: an endpoint for one model.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Endpoint {
    endpoint: String,
    model: String,
    provider: &'static str,
    /// `unknown`, `healthy`, `degraded`, `rate_limited`, `unhealthy` or `disabled`.
    status: &'static str,
    /// Since when, RFC 3339.
    status_since: String,
    /// Why it is so, for people; null when all is well.
    reason: Option<String>,
    breaker: Breaker,
    /// Expected time to the first byte, as measured.
    latency_ms: Option<f64>,
    /// What its failures count as on top of that in routing; fades.
    penalty_ms: f64,
    /// Configured weight times ramp.
    weight: f64,
    /// Its chance to be drawn for its own model, 0 to 1; null: it takes nothing.
    share: Option<f64>,
    /// Models that are tried in this order once nobody serves its own.
    fallbacks: Vec<String>,
    in_flight: u32,
    max_in_flight: Option<u32>,
    /// Requests that routers may still start without asking it; null: no limit.
    credits: Option<u32>,
    windows: Vec<Window>,
    /// Until when a 429 keeps it quiet, RFC 3339.
    cooldown_until: Option<String>,
    /// Whether an operator drained it.
    drained: bool,
    last_error: Option<LastError>,
}

/// Credits from here on are what is left of a grant without limit, which is
/// `u32::MAX`: no limit lends so many at once.
const ENDLESS: u32 = u32::MAX / 2;

/// The circuit breaker of a target.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Breaker {
    /// `closed` lets through, `open` refuses, `half_open` tries one at a time.
    state: &'static str,
    /// Why it is open: `failures`, `failure_rate`, `pings`, `key_rejected`,
    /// `trial_failed` or `trial_timeout`.
    cause: Option<&'static str>,
    failures_in_a_row: u32,
    failure_threshold: u32,
    /// The share of failures in the window.
    failure_ratio: Option<f64>,
    failure_rate: f64,
    min_requests: u32,
    /// RFC 3339.
    open_until: Option<String>,
    failed_trials: u32,
    trial_under_way: bool,
    half_open_requests: u32,
}

/// One rate-limit window of a target.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Window {
    /// `rpm`, `tpm` or `rpd`.
    window: &'static str,
    used: u64,
    limit: Option<u64>,
    /// Until it has room again, if it is full.
    resets_in_ms: Option<f64>,
}

/// The last failure of a target.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct LastError {
    /// RFC 3339.
    at: String,
    /// In the words of `breakerbox_upstream_requests_total`.
    outcome: &'static str,
    /// What it said, keys taken out; at most 200 characters.
    message: String,
}

/// What a forced ping has shown.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Probed {
    /// Pings that were sent; none where the endpoint's probe is of kind `none`.
    checked: usize,
    /// What was done, or why nothing was, for people.
    message: String,
    /// The endpoint's targets now.
    endpoints: Vec<Endpoint>,
}

/// Returns the word for why a circuit opened.
pub(super) fn cause(reason: TransitionReason) -> &'static str {
    match reason {
        TransitionReason::FailuresInARow => "failures",
        other => other.label(),
    }
}

/// Returns every target of the gateway.
pub(super) fn all(admin: &Admin) -> Vec<Endpoint> {
    some(admin, |_| true)
}

fn some(admin: &Admin, wanted: impl Fn(&TargetId) -> bool) -> Vec<Endpoint> {
    let now = clock::now();
    let generation = admin.shared.generation.load_full();
    let table = admin.shared.engine.table();
    let shares = table.shares(config::typical(), now);
    let mut targets: Vec<_> = table.targets().filter(|it| wanted(it.id())).collect();
    targets.sort_by_key(|it| it.id());
    let look = Look {
        admin,
        generation: &generation,
        shares: &shares,
        now,
    };
    targets.into_iter().filter_map(|it| look.at(it)).collect()
}

/// What it takes to describe a target.
struct Look<'a> {
    admin: &'a Admin,
    generation: &'a Generation,
    shares: &'a HashMap<TargetId, f64>,
    now: Instant,
}

impl Look<'_> {
    /// Describes `target`; `None` if the configuration has changed meanwhile.
    fn at(&self, target: &Arc<Target>) -> Option<Endpoint> {
        let id = target.id();
        let config = self.generation.endpoint(id.endpoint())?;
        let (seen, status) = (target.look(self.now), target.status());
        let view = &seen.view;
        let time = |at: Instant| wall::text(wall::at(at));
        let last_error = self.admin.shared.tap.last_error(id);
        Some(Endpoint {
            endpoint: id.endpoint().to_string(),
            model: id.model().to_string(),
            provider: config.provider.label(),
            status: status.label(),
            status_since: wall::text(self.admin.news.since(id, status)),
            reason: reason::of(status, &seen, target.refusal().0, config, Some(self.now)),
            breaker: breaker(&seen, config, self.now),
            latency_ms: view.latency.map(|it| it.as_secs_f64() * 1e3),
            penalty_ms: view.penalty.as_secs_f64() * 1e3,
            weight: view.weight,
            share: self.shares.get(id).copied(),
            fallbacks: self.fallbacks(id.model()),
            in_flight: seen.in_flight,
            max_in_flight: seen.policy.limits.max_in_flight.map(Into::into),
            credits: Some(seen.credits).filter(|it| *it < ENDLESS),
            windows: self.windows(&seen),
            cooldown_until: view.cooldown_until.map(time),
            drained: view.drained,
            last_error: last_error.map(|it| LastError {
                at: wall::text(it.at),
                outcome: it.outcome,
                message: it.message,
            }),
        })
    }

    fn fallbacks(&self, model: &str) -> Vec<String> {
        let model = self.generation.config.model(model);
        let names = model.map_or(&[][..], |it| &it.fallbacks);
        names.iter().map(ToString::to_string).collect()
    }

    fn windows(&self, seen: &EndpointSeen) -> Vec<Window> {
        let view = &seen.view;
        let window = |window, usage: Usage, full: Why| {
            let refusal = view.refusal.filter(|it| it.reason == full);
            let until = refusal.and_then(|it| it.until);
            let wait = until.map(|at| at.saturating_duration_since(self.now));
            Window {
                window,
                used: usage.used,
                limit: usage.limit,
                resets_in_ms: wait.map(|it| it.as_secs_f64() * 1e3),
            }
        };
        vec![
            window("rpm", view.rpm, Why::RequestsPerMinute),
            window("tpm", view.tpm, Why::TokensPerMinute),
            window("rpd", view.rpd, Why::RequestsPerDay),
        ]
    }
}

fn breaker(seen: &EndpointSeen, config: &config::Endpoint, now: Instant) -> Breaker {
    let view = &seen.view;
    let until = view
        .open_until
        .filter(|it| *it > now && view.phase == Phase::Open);
    Breaker {
        state: view.phase.label(),
        cause: view.open_reason.map(cause),
        failures_in_a_row: view.failures_in_a_row,
        failure_threshold: view.failure_threshold,
        failure_ratio: view.failure_ratio,
        failure_rate: config.breaker.failure_rate,
        min_requests: config.breaker.min_requests,
        open_until: until.map(|at| wall::text(wall::at(at))),
        failed_trials: view.failed_trials,
        trial_under_way: view.trial_under_way,
        half_open_requests: config.breaker.half_open_requests,
    }
}

/// Lists every target: an endpoint for one model.
#[utoipa::path(get, path = "/api/endpoints", responses((status = 200, body = Endpoints)))]
pub(super) async fn list(admin: Data<Admin>) -> HttpResponse {
    answer(&Endpoints {
        endpoints: all(&admin),
    })
}

/// Lists the targets of one endpoint.
#[utoipa::path(get, path = "/api/endpoints/{name}", params(("name" = String, Path)), responses(
    (status = 200, body = Endpoints), (status = 404, description = "there is no such endpoint")
))]
pub(super) async fn one(admin: Data<Admin>, name: web::Path<String>) -> HttpResponse {
    shown(&admin, &name)
}

fn shown(admin: &Admin, name: &str) -> HttpResponse {
    let mine = some(admin, |id| **id.endpoint() == *name);
    if mine.is_empty() {
        return nobody(name);
    }
    answer(&Endpoints { endpoints: mine })
}

fn nobody(name: &str) -> HttpResponse {
    unknown(&format!("there is no endpoint {name:?}"))
}

/// Takes an endpoint out of service; requests under way finish.
#[utoipa::path(post, path = "/api/endpoints/{name}/drain", params(("name" = String, Path)), responses(
    (status = 200, body = Endpoints), (status = 404, description = "there is no such endpoint"),
    (status = 503, description = "the actor that was asked restarts")
))]
pub(super) async fn drain(admin: Data<Admin>, name: web::Path<String>) -> HttpResponse {
    set_drained(&admin, &name, true).await
}

/// Lets a drained endpoint serve again.
#[utoipa::path(post, path = "/api/endpoints/{name}/enable", params(("name" = String, Path)), responses(
    (status = 200, body = Endpoints), (status = 404, description = "there is no such endpoint"),
    (status = 503, description = "the actor that was asked restarts")
))]
pub(super) async fn enable(admin: Data<Admin>, name: web::Path<String>) -> HttpResponse {
    set_drained(&admin, &name, false).await
}

async fn set_drained(admin: &Admin, name: &str, drained: bool) -> HttpResponse {
    let engine = &admin.shared.engine;
    let message = DrainEndpoint {
        endpoint: name.into(),
        drained,
    };
    match engine.guardian().send(message).await {
        Ok(false) => return nobody(name),
        Err(_) => return busy(),
        Ok(true) => {}
    }
    tracing::warn!(
        endpoint = name,
        drained,
        "an operator drains or enables an endpoint"
    );
    // Mail is handled in its order: whoever answers has heard of it.
    let table = engine.table();
    for target in table.targets().filter(|it| **it.id().endpoint() == *name) {
        target.observe().await;
    }
    shown(admin, name)
}

/// Closes the circuits of an endpoint and ends its cooldowns.
#[utoipa::path(post, path = "/api/endpoints/{name}/reset", params(("name" = String, Path)), responses(
    (status = 200, body = Endpoints), (status = 404, description = "there is no such endpoint")
))]
pub(super) async fn reset(admin: Data<Admin>, name: web::Path<String>) -> HttpResponse {
    if !admin.shared.engine.reset(&name).await {
        return nobody(&name);
    }
    tracing::warn!(endpoint = %name, "an operator resets an endpoint");
    shown(&admin, &name)
}

/// Pings an endpoint now; answers when the ping is over.
#[utoipa::path(post, path = "/api/endpoints/{name}/probe", params(("name" = String, Path)), responses(
    (status = 200, body = Probed), (status = 404, description = "there is no such endpoint"),
    (status = 503, description = "the actor that was asked restarts")
))]
pub(super) async fn probe(admin: Data<Admin>, name: web::Path<String>) -> HttpResponse {
    let table = admin.shared.engine.table();
    if !table.targets().any(|it| **it.id().endpoint() == **name) {
        return nobody(&name);
    }
    let endpoint = Some(name.as_str().into());
    let checked = admin.shared.engine.prober().send(ForceCheck { endpoint });
    let Ok(checked) = checked.await else {
        return busy();
    };
    let mine = some(&admin, |id| **id.endpoint() == **name);
    let generation = admin.shared.generation.load();
    let kind = generation.endpoint(&name).map(|it| it.probe_kind);
    let message = match (checked, kind) {
        (0, Some(config::ProbeKind::None)) => {
            format!("{name} was not asked: its probe is of kind none")
        }
        (0, _) => format!("{name} was not asked: its limits or a pause it asked for forbid it now"),
        (1, _) => format!("{name} was asked by a ping"),
        (count, _) => format!("{name} was asked by {count} pings"),
    };
    answer(&Probed {
        checked,
        message,
        endpoints: mine,
    })
}

/// The actor that was asked was lost as it handled the question.
fn busy() -> HttpResponse {
    error(
        StatusCode::SERVICE_UNAVAILABLE,
        "restarting",
        "the actor that was asked restarts: try again",
    )
}
