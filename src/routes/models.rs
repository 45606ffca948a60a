//! `GET /v1/models` and `/v1/models/{id}`: what the client may ask for.

use actix_web::{HttpRequest, HttpResponse, http::header::ContentType, web};
use breakerbox_actors::{state::health::Status, table::Plan};
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
    fn of(plan: &Plan) -> Self {
        let serves = |status| !matches!(status, Status::Unhealthy | Status::Disabled);
        Self {
            id: plan.model.to_string(),
            object: "model",
            created: 1_700_000_000,
            owned_by: "breakerbox",
            available: plan.entries().any(|entry| serves(entry.target.status())),
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
        .models()
        .filter(|plan| client.is_none_or(|client| client.may_use(&plan.model)))
        .map(|plan| Entry::of(plan))
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
    match table.plan(&id) {
        Some(plan) if visible(&plan.model) => json(&Entry::of(plan)),
        _ => {
            let known = table.models().map(|plan| &*plan.model);
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
