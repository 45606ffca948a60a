//! `GET /v1/models` and `/v1/models/{id}`: what the client may ask for.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, http::header::ContentType, web};
use breakerbox_actors::{
    state::health::Status,
    table::{Plan, Table},
};
use serde::Serialize;

use super::worker;
use crate::{
    error::{GatewayError, near_names},
    exchange::intake::authenticate,
};

#[derive(Serialize)]
struct List {
    object: &'static str,
    data: Vec<Entry>,
}

/// One model. `created` is fixed: a gateway does not know, clients want a number.
#[derive(Serialize)]
struct Entry {
    id: String,
    object: &'static str,
    created: u64,
    owned_by: &'static str,
    /// Whether some endpoint of the model or of its fallbacks can serve now.
    available: bool,
}

impl Entry {
    /// Tells of the model `name`, of which `table` knows.
    fn of(name: &str, table: &Table) -> Self {
        let serves = |status| !matches!(status, Status::Unhealthy | Status::Disabled);
        let able = |plan: &Arc<Plan>| plan.entries().any(|entry| serves(entry.target.status()));
        let own = table.plan(name);
        Self {
            id: name.to_owned(),
            object: "model",
            created: 1_700_000_000,
            owned_by: "breakerbox",
            available: own.map_or_else(|| table.routes().any(able), able),
        }
    }
}

/// Lists the models this client may use, by name.
pub(super) async fn list(request: HttpRequest) -> Result<HttpResponse, GatewayError> {
    let worker = worker(&request).ok_or(GatewayError::Internal)?;
    let generation = worker.generation();
    let client = authenticate(&generation.config.clients, &request)?;
    let table = worker.shared.engine.table();
    let mut data: Vec<Entry> = table
        .names()
        .filter(|name| client.is_none_or(|client| client.may_use(name)))
        .map(|name| Entry::of(name, &table))
        .collect();
    data.sort_by(|a, b| a.id.cmp(&b.id));
    json(&List {
        object: "list",
        data,
    })
}

/// Tells of one model; its id may contain `/`.
pub(super) async fn retrieve(
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, GatewayError> {
    let worker = worker(&request).ok_or(GatewayError::Internal)?;
    let generation = worker.generation();
    let client = authenticate(&generation.config.clients, &request)?;
    let table = worker.shared.engine.table();
    let visible = |model: &str| client.is_none_or(|client| client.may_use(model));
    match table.names().find(|name| ***name == **id) {
        Some(name) if visible(name) => json(&Entry::of(name, &table)),
        _ => {
            let known = table.names().map(|name| &**name);
            Err(GatewayError::ModelNotFound {
                near: near_names(&id, known.filter(|model| visible(model))),
                model: id.into_inner(),
            })
        }
    }
}

/// Answers with a line of JSON.
fn json(value: &impl Serialize) -> Result<HttpResponse, GatewayError> {
    let mut line = serde_json::to_string(value).map_err(|_| GatewayError::Internal)?;
    line.push('\n');
    Ok(HttpResponse::Ok()
        .content_type(ContentType::json())
        .body(line))
}
