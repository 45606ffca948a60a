//! The admin address: what runs, why, and the levers. Never on the data port.

mod actors;
mod alerts;
mod auth;
mod config;
mod endpoints;
mod explain;
mod news;
mod openapi;
mod page;
mod reason;
mod requests;
mod status;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod ws;

use std::{sync::Arc, time::SystemTime};

use actix_web::{
    HttpResponse, Route,
    http::{StatusCode, header},
    web::{self, Data, ServiceConfig},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    config::Secret,
    guesses::{Guesses, Plane},
    metrics::Exposition,
    reload::Reloads,
    routes::{self, health},
    wall,
    worker::Shared,
};
pub(crate) use auth::check;
use news::News;
pub(crate) use reason::why;
use ws::{Pulse, Seats};

/// How a path is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    /// GET, and HEAD.
    Get,
    /// POST.
    Post,
}

/// One path of the admin address.
pub(crate) struct Path {
    pub(crate) verb: Verb,
    /// As actix has it: `{name}` stands for a segment.
    pub(crate) path: &'static str,
    route: fn() -> Route,
}

const fn get(path: &'static str, route: fn() -> Route) -> Path {
    let verb = Verb::Get;
    Path { verb, path, route }
}

const fn post(path: &'static str, route: fn() -> Route) -> Path {
    let verb = Verb::Post;
    Path { verb, path, route }
}

/// Every path of the admin address, on one screen. Who may ask is decided by
/// [`auth`].
pub(crate) const PATHS: &[Path] = &[
    get("/livez", || routes::read().to(health::livez)),
    get("/readyz", || routes::read().to(readyz)),
    get("/metrics", || routes::read().to(metrics)),
    get("/api/status", || routes::read().to(status::status)),
    get("/api/endpoints", || routes::read().to(endpoints::list)),
    get("/api/endpoints/{name}", || {
        routes::read().to(endpoints::one)
    }),
    post("/api/endpoints/{name}/drain", || {
        web::post().to(endpoints::drain)
    }),
    post("/api/endpoints/{name}/enable", || {
        web::post().to(endpoints::enable)
    }),
    post("/api/endpoints/{name}/reset", || {
        web::post().to(endpoints::reset)
    }),
    post("/api/endpoints/{name}/probe", || {
        web::post().to(endpoints::probe)
    }),
    get("/api/actors", || routes::read().to(actors::list)),
    get("/api/alerts", || routes::read().to(alerts::list)),
    get("/api/config", || routes::read().to(config::effective)),
    get("/api/config/diff", || routes::read().to(config::diff)),
    get("/api/config/history", || routes::read().to(config::history)),
    post("/api/config/rollback", || web::post().to(config::roll_back)),
    post("/api/reload", || web::post().to(config::reload)),
    post("/api/check", || web::post().to(config::check)),
    get("/api/requests", || routes::read().to(requests::list)),
    get("/api/requests/{id}", || routes::read().to(requests::one)),
    get("/api/explain", || routes::read().to(explain::explain)),
    get("/openapi.json", || routes::read().to(openapi::document)),
    get("/ws", || web::get().to(ws::connect)),
    get("/", || routes::read().to(page::index)),
    get("/assets/{name}", || routes::read().to(page::asset)),
];

/// Adds every path of the admin address to an app whose data holds an [`Admin`].
pub(crate) fn table(config: &mut ServiceConfig) {
    for Path { verb, path, route } in PATHS {
        let allow = match verb {
            Verb::Get => "GET, HEAD",
            Verb::Post => "POST",
        };
        let other = move || async move {
            let mut refused = error(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "the path is there, but not for this method",
            );
            let headers = refused.headers_mut();
            headers.insert(header::ALLOW, header::HeaderValue::from_static(allow));
            refused
        };
        let resource = web::resource(*path).route(route());
        config.service(resource.default_service(web::to(other)));
    }
    config.default_service(web::to(|| async { unknown("there is no such path") }));
}

/// What the admin address answers from.
#[derive(Debug)]
pub(crate) struct Admin {
    pub(crate) shared: Shared,
    /// `None` where another recorder was installed before ours, as in tests.
    pub(crate) exposition: Option<Exposition>,
    pub(crate) reloads: Reloads,
    started_at: SystemTime,
    news: News,
    pulse: Pulse,
    seats: Seats,
    guesses: Guesses,
}

impl Admin {
    /// Begins to follow what happens; must be called on the thread that is to
    /// do so for as long as the gateway runs.
    pub(crate) fn start(
        shared: &Shared,
        exposition: Option<Exposition>,
        reloads: &Reloads,
    ) -> Arc<Self> {
        let news = News::new(shared.clone());
        let this = Arc::new(Self {
            started_at: wall::now(),
            news: news.clone(),
            pulse: Pulse::default(),
            seats: Seats::default(),
            guesses: Guesses::new(Plane::Admin),
            exposition,
            reloads: reloads.clone(),
            shared: shared.clone(),
        });
        let (statuses, tries) = (shared.engine.subscribe(), reloads.subscribe());
        actix_rt::spawn(news::follow(news, statuses, tries));
        actix_rt::spawn(ws::beat(this.clone()));
        this
    }

    /// Returns the token in force, if one is asked for.
    fn token(&self) -> Option<Secret> {
        self.shared.generation.load().config.admin.token.clone()
    }
}

/// Answers with `body` as JSON.
fn answer(body: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(body)
}

/// Why something was refused.
#[derive(Debug, Serialize, ToSchema)]
struct Failure<'a> {
    error: Reason<'a>,
}

/// Why, for machines and for people.
#[derive(Debug, Serialize, ToSchema)]
struct Reason<'a> {
    /// A fixed word.
    code: &'a str,
    /// A sentence.
    message: &'a str,
}

/// Answers with an error: a fixed word and a sentence.
fn error(status: StatusCode, code: &str, message: &str) -> HttpResponse {
    let mut response = HttpResponse::build(status);
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        // What is in the way is so for a moment: a restart, or somebody's page.
        response.insert_header((header::RETRY_AFTER, "1"));
    }
    response.json(Failure {
        error: Reason { code, message },
    })
}

fn unknown(message: &str) -> HttpResponse {
    error(StatusCode::NOT_FOUND, "not_found", message)
}

/// Shows all metrics, in the text format of Prometheus.
#[utoipa::path(get, path = "/metrics", responses(
    (status = 200, content_type = "text/plain", body = String),
    (status = 503, content_type = "text/plain", body = String, description = "metrics are recorded elsewhere in this process")
))]
async fn metrics(admin: Data<Admin>) -> HttpResponse {
    let Some(exposition) = &admin.exposition else {
        return HttpResponse::ServiceUnavailable()
            .content_type("text/plain")
            .body("metrics are recorded elsewhere in this process\n");
    };
    let generation = admin.shared.generation.load();
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(exposition.render(&admin.shared.engine, &generation))
}

/// Says whether traffic is welcome.
#[utoipa::path(get, path = "/readyz", responses(
    (status = 200, content_type = "text/plain", body = String),
    (status = 503, content_type = "text/plain", body = String, description = "it is going down")
))]
async fn readyz(admin: Data<Admin>) -> HttpResponse {
    health::ready(Some(&admin.shared))
}
