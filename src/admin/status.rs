//! `GET /api/status`: all there is to see at once. The socket's `init` has the
//! same.

use actix_web::{HttpResponse, web::Data};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Admin,
    actors::Actor,
    alerts::Alert,
    answer,
    endpoints::{self, Endpoint},
    news::Event,
};
use crate::{
    config::{Change, Shown},
    reload::Try,
    tap::Tap,
    wall,
};

/// Hexadecimal digits that tell configurations apart for people.
const DIGITS: usize = 12;

/// The state of the gateway at one instant.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Snapshot {
    /// Of the binary.
    version: &'static str,
    /// Counts configurations put in force, from 1.
    generation: u64,
    /// The beginning of the SHA-256 of the configuration's text.
    config_sha: String,
    /// When the gateway started, RFC 3339.
    started_at: String,
    /// When this was true.
    now: String,
    /// Whether the gateway goes down.
    draining: bool,
    /// The last try to put a configuration in force.
    reload: Reload,
    /// The last minute.
    traffic: Traffic,
    /// Every target: an endpoint for one model.
    endpoints: Vec<Endpoint>,
    /// Every actor.
    actors: Vec<Actor>,
    /// Newest first, at most 100.
    alerts: Vec<Alert>,
    /// Oldest first, at most 500.
    events: Vec<Event>,
}

/// One try to put a configuration in force.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Reload {
    /// Whether it was put in force.
    pub(crate) ok: bool,
    /// When, RFC 3339.
    pub(crate) at: String,
    /// Who asked: `file`, `signal`, `api`, `rollback` or `start`.
    pub(crate) source: String,
    /// The generation in force afterwards.
    pub(crate) generation: u64,
    /// What changed.
    pub(crate) changes: Vec<Change>,
    /// What is wrong; nothing has changed then.
    pub(crate) problems: Vec<Shown>,
}

impl Reload {
    pub(super) fn of(it: &Try) -> Self {
        Self {
            ok: it.result.is_ok(),
            at: wall::text(it.at),
            source: it.by.label().to_owned(),
            generation: it.generation,
            changes: it.result.clone().unwrap_or_default(),
            problems: it.result.clone().err().unwrap_or_default(),
        }
    }
}

/// The last 60 seconds.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Traffic {
    /// Requests that ended, a second.
    requests_per_second: f64,
    /// The share of them that failed: a status from 500, or a stream that broke.
    error_ratio: Option<f64>,
    /// The time that 95 % of them were done in.
    p95_ms: Option<f64>,
    /// What they cost, at the same pace for an hour; null if no cost is known.
    usd_per_hour: Option<f64>,
    /// Requests at endpoints right now.
    in_flight: u64,
    /// Requests that wait for an endpoint.
    queue_length: usize,
    /// Extra attempts that the retry budget would pay for.
    retry_budget: f64,
}

impl Traffic {
    pub(super) fn now(admin: &Admin) -> Self {
        let engine = &admin.shared.engine;
        let totals = Tap::totals(&admin.shared.tap);
        let in_flight = engine
            .table()
            .targets()
            .map(|it| u64::from(it.in_flight()))
            .sum();
        Self {
            requests_per_second: totals.requests_per_second,
            error_ratio: totals.error_ratio,
            p95_ms: totals.p95.map(|it| it.as_secs_f64() * 1e3),
            usd_per_hour: totals.usd_per_hour,
            in_flight,
            queue_length: engine.waiting(),
            retry_budget: engine.retry_budget(),
        }
    }
}

impl Snapshot {
    pub(super) fn now(admin: &Admin) -> Self {
        let generation = admin.shared.generation.load_full();
        let mut config_sha = generation.config.sha256.to_string();
        config_sha.truncate(DIGITS);
        Self {
            version: env!("CARGO_PKG_VERSION"),
            generation: generation.number,
            config_sha,
            started_at: wall::text(admin.started_at),
            now: wall::text(wall::now()),
            draining: admin.shared.is_closing(),
            reload: Reload::of(&admin.reloads.last()),
            traffic: Traffic::now(admin),
            endpoints: endpoints::all(admin),
            actors: Actor::all(admin),
            alerts: admin.news.alerts(),
            events: admin.news.events(),
        }
    }
}

/// Returns all there is to see at once.
#[utoipa::path(get, path = "/api/status", responses((status = 200, body = Snapshot)))]
pub(super) async fn status(admin: Data<Admin>) -> HttpResponse {
    answer(&Snapshot::now(&admin))
}
