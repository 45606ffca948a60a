//! The OpenAI dialect of the simulated provider, at OpenAI's paths and at Azure's.

use serde_json::{Value, json};

use super::dialect::{Call, Prepared, Route, decode, is_get};
use super::fault::Api;
use super::reply::Reply;
use super::wire::Request;

mod chat;
mod completions;
mod embeddings;
mod error;
mod read;
mod responses;
mod strict;

pub(super) use error::{broken, limited, quota_headers, scripted, unauthorized};
use error::{error, missing, unknown_model, wrong_type};

/// When every answer says it was made: answers are the same on every run.
const CREATED: u64 = 1_700_000_000;

/// Reads method and path. What is not served is [`Api::Other`].
pub(super) fn route(request: &Request) -> Route {
    let path = request.path.as_str();
    let openai = |path| match path {
        "chat/completions" => Some(Api::Chat),
        "responses" => Some(Api::Responses),
        "completions" => Some(Api::Completions),
        "embeddings" => Some(Api::Embeddings),
        _ => None,
    };
    let (get, post) = (is_get(request), request.method == "POST");
    let deployment = path.strip_prefix("/openai/deployments/");
    if let Some((name, rest)) = deployment.and_then(|rest| rest.split_once('/')) {
        let api = openai(rest).filter(|_| post).unwrap_or(Api::Other);
        return Route {
            azure: true,
            ..Route::new(api, Some(decode(name)))
        };
    }
    let rooted = ["/v1/", "/openai/v1/", "/openai/"];
    let found = rooted
        .iter()
        .find_map(|root| Some((*root, path.strip_prefix(root)?)));
    let Some((root, rest)) = found else {
        return Route::new(Api::Other, None);
    };
    let (api, model) = match rest {
        "models" if get => (Api::Models, None),
        rest if post => (openai(rest).unwrap_or(Api::Other), None),
        rest => match rest.strip_prefix("models/").filter(|_| get) {
            Some(model) => (Api::Models, Some(decode(model))),
            None => (Api::Other, None),
        },
    };
    Route {
        azure: root == "/openai/",
        ..Route::new(api, model)
    }
}

/// Understands the request, or makes the error that tells what is wrong with it.
pub(super) fn prepare(call: &Call<'_>) -> Result<Prepared, Box<Reply>> {
    if call.route.azure && !call.request.query.contains("api-version=") {
        return Err(Box::new(error(404, "404", None, "Resource not found")));
    }
    match call.route.api {
        Api::Chat => chat::prepare(call),
        Api::Responses => responses::prepare(call),
        Api::Completions => completions::prepare(call),
        Api::Embeddings => embeddings::prepare(call),
        Api::Models => models(call),
        Api::Health => Ok(Prepared::ready(Reply::json(
            200,
            &json!({"status": "ok"}),
            0,
        ))),
        Api::Messages | Api::GenerateContent | Api::CountTokens | Api::Other => {
            let (method, path) = (&call.request.method, &call.request.path);
            let text = format!("Invalid URL ({method} {path})");
            Err(Box::new(error(404, "invalid_url", None, &text)))
        }
    }
}

/// The body as an object, and the model of the path or the body, if it is served.
fn body(call: &Call<'_>) -> Result<(Value, String), Box<Reply>> {
    let text =
        "We could not parse the JSON body of your request. The OpenAI API expects a JSON payload.";
    let body = call.object();
    let body = body.ok_or_else(|| Box::new(error(400, "invalid_json", None, text)))?;
    let named = body.get("model").and_then(Value::as_str);
    let model = match call.route.model.as_deref().or(named) {
        Some(model) if !model.is_empty() => model.to_owned(),
        _ => return Err(missing("model")),
    };
    match call.serves(&model) {
        true => Ok((body, model)),
        false => Err(unknown_model(&model)),
    }
}

fn models(call: &Call<'_>) -> Result<Prepared, Box<Reply>> {
    let entry = |id: &str| json!({"id": id, "object": "model", "created": CREATED, "owned_by": "simulator"});
    let found = match call.route.model.as_deref() {
        None => {
            let entries: Vec<Value> = call.listed().into_iter().map(entry).collect();
            json!({"object": "list", "data": entries})
        }
        Some(id) if call.serves(id) => entry(id),
        Some(id) => return Err(unknown_model(id)),
    };
    Ok(Prepared::ready(Reply::json(200, &found, 0)))
}
