//! `GET /api/explain`: who would serve a model, by the code of `breakerbox
//! explain`, and how those endpoints are right now.

use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Data, Query},
};
use serde::Deserialize;
use serde_json::json;
use utoipa::IntoParams;

use super::{Admin, answer, endpoints, error};
use crate::{
    cli::{
        check::Format,
        explain::{Explain, Urgency},
    },
    config::DEFAULT_TASK,
};

/// What is asked.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Asked {
    /// The public model.
    model: String,
    /// What the request is for; with model `auto`.
    task: Option<String>,
    /// `fast`, `normal` or `high`; with model `auto`.
    #[param(value_type = Option<String>)]
    priority: Option<Urgency>,
}

/// Says who would serve a model, in what tier, with what share, and why the
/// others are out; `live` says how they are now.
#[utoipa::path(get, path = "/api/explain", params(Asked), responses(
    (status = 200, body = Object), (status = 400, description = "what is asked is not clear"), (status = 404, description = "there is no such model")
))]
pub(super) async fn explain(admin: Data<Admin>, request: HttpRequest) -> HttpResponse {
    let asked = match Query::<Asked>::from_query(request.query_string()) {
        Ok(Query(asked)) => asked,
        Err(wrong) => {
            return error(StatusCode::BAD_REQUEST, "invalid_query", &wrong.to_string());
        }
    };
    let explain = Explain {
        file: std::path::PathBuf::new(),
        model: asked.model,
        task: asked.task.unwrap_or_else(|| DEFAULT_TASK.to_owned()),
        priority: asked.priority.unwrap_or_default(),
        client: None,
        format: Format::Json,
    };
    let generation = admin.shared.generation.load_full();
    match explain.answer(&generation.config) {
        Ok(mut plan) => {
            if let Some(fields) = plan.as_object_mut() {
                fields.insert("live".to_owned(), json!(endpoints::all(&admin)));
            }
            answer(&plan)
        }
        Err(refused) => error(StatusCode::NOT_FOUND, "model_not_found", &refused),
    }
}
