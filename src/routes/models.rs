//! `GET /v1/models` and `/v1/models/{id}`: what the client may ask for.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, http::header::ContentType, web};
use breakerbox_actors::{
    state::health::Status,
    table::{Plan, Table},
};
use serde_json::{Value, json};

use super::{dialect, refuse, worker};
use crate::{
    dialect::Dialect,
    error::{GatewayError, near_names},
    exchange::intake::authenticate,
};

/// What a model was created at: a gateway does not know, clients want a time.
const CREATED: u64 = 1_700_000_000;
const CREATED_AT: &str = "2023-11-14T22:13:20Z";

/// Tells whether some endpoint of the model or of its fallbacks can serve now.
fn is_available(name: &str, table: &Table) -> bool {
    let serves = |status| !matches!(status, Status::Unhealthy | Status::Disabled);
    let able = |plan: &Arc<Plan>| plan.entries().any(|entry| serves(entry.target.status()));
    let own = table.plan(name);
    own.map_or_else(|| table.routes().any(able), able)
}

/// Tells of the model `name`, of which `table` knows, in the words of `dialect`.
fn entry(dialect: Dialect, name: &str, table: &Table) -> Value {
    let available = is_available(name, table);
    match dialect {
        Dialect::OpenAi => json!({
            "id": name,
            "object": "model",
            "created": CREATED,
            "owned_by": "breakerbox",
            "available": available,
        }),
        Dialect::Anthropic => json!({
            "type": "model",
            "id": name,
            "display_name": name,
            "created_at": CREATED_AT,
            "available": available,
        }),
        Dialect::Gemini => json!({
            "name": format!("models/{name}"),
            "displayName": name,
            "supportedGenerationMethods": ["generateContent", "countTokens"],
            "available": available,
        }),
    }
}

/// Lists the models this client may use, by name.
pub(super) async fn list(request: HttpRequest) -> HttpResponse {
    let dialect = dialect(&request);
    let listing = || {
        let worker = worker(&request).ok_or(GatewayError::Internal)?;
        let generation = worker.generation();
        let client = authenticate(&generation.config.clients, &request, &worker.shared.guesses)?;
        let table = worker.shared.engine.table();
        let visible = |name: &&Arc<str>| client.is_none_or(|client| client.may_use(name));
        let mut names: Vec<_> = table.names().filter(visible).collect();
        names.sort_unstable();
        let entries = names.iter().map(|name| entry(dialect, name, &table));
        let entries: Vec<_> = entries.collect();
        Ok(match dialect {
            Dialect::OpenAi => json!({ "object": "list", "data": entries }),
            // All of it, whatever page was asked for.
            Dialect::Anthropic => json!({
                "data": entries,
                "has_more": false,
                "first_id": names.first(),
                "last_id": names.last(),
            }),
            Dialect::Gemini => json!({ "models": entries }),
        })
    };
    answer(&request, listing())
}

/// Tells of one model; its id may contain `/`.
pub(super) async fn retrieve(request: HttpRequest, id: web::Path<String>) -> HttpResponse {
    let telling = || {
        let worker = worker(&request).ok_or(GatewayError::Internal)?;
        let generation = worker.generation();
        let client = authenticate(&generation.config.clients, &request, &worker.shared.guesses)?;
        let table = worker.shared.engine.table();
        let visible = |model: &str| client.is_none_or(|client| client.may_use(model));
        match table.names().find(|name| ***name == **id) {
            Some(name) if visible(name) => Ok(entry(dialect(&request), name, &table)),
            _ => {
                let known = table.names().map(|name| &**name);
                Err(GatewayError::ModelNotFound {
                    near: near_names(&id, known.filter(|model| visible(model))),
                    model: id.clone(),
                })
            }
        }
    };
    answer(&request, telling())
}

/// Answers with a line of JSON, or with the error in the client's dialect.
fn answer(request: &HttpRequest, told: Result<Value, GatewayError>) -> HttpResponse {
    match told {
        Ok(value) => HttpResponse::Ok()
            .content_type(ContentType::json())
            .body(format!("{value}\n")),
        Err(error) => refuse(request, &error),
    }
}
