//! The OpenAI dialect of the simulated provider, at OpenAI's paths and at Azure's.

use std::time::Duration;

use serde_json::{Value, json};

use super::fault::Api;
use super::limits::{Limit, Quota, Refusal, Standing, reset_text};
use super::reply::Reply;
use super::script::Script;
use super::wire::Request;

mod chat;
mod completions;
mod content;
mod embeddings;
mod responses;
mod tools;

/// When every answer says it was made: answers are the same on every run.
const CREATED: u64 = 1_700_000_000;

/// What a request asks for, read from its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) api: Api,
    /// Azure's rules: other errors, an `api-version`, the deployment in the path.
    azure: bool,
    /// The model that the path names: Azure's deployment, or `{id}` of `/v1/models/{id}`.
    model: Option<String>,
}

/// A request that can be answered.
pub(super) struct Prepared {
    pub(super) model: String,
    /// Tokens of prompt and answer.
    pub(super) tokens: u64,
    /// Makes the answer; with false, without a word about usage.
    pub(super) answer: Box<dyn FnOnce(bool) -> Reply + Send>,
}

/// Reads method and path. What is not served is [`Api::Other`].
pub(super) fn route(request: &Request) -> Route {
    let path = request.path.as_str();
    let route = |api, azure, model| Route { api, azure, model };
    let get = matches!(request.method.as_str(), "GET" | "HEAD");
    if get && path == "/health" {
        return route(Api::Health, false, None);
    }
    let openai = |path| match path {
        "chat/completions" => Some(Api::Chat),
        "responses" => Some(Api::Responses),
        "completions" => Some(Api::Completions),
        "embeddings" => Some(Api::Embeddings),
        _ => None,
    };
    let post = request.method == "POST";
    let deployment = path.strip_prefix("/openai/deployments/");
    if let Some((name, rest)) = deployment.and_then(|rest| rest.split_once('/')) {
        let api = openai(rest).filter(|_| post).unwrap_or(Api::Other);
        return route(api, true, Some(decode(name)));
    }
    let rooted = ["/v1/", "/openai/v1/", "/openai/"];
    let found = rooted
        .iter()
        .find_map(|root| Some((*root, path.strip_prefix(root)?)));
    let Some((root, rest)) = found else {
        return route(Api::Other, false, None);
    };
    let azure = root == "/openai/";
    match rest {
        "models" if get => route(Api::Models, azure, None),
        rest if post => route(openai(rest).unwrap_or(Api::Other), azure, None),
        rest => match rest.strip_prefix("models/").filter(|_| get) {
            Some(model) => route(Api::Models, azure, Some(decode(model))),
            None => route(Api::Other, azure, None),
        },
    }
}

/// Understands the request, or makes the error that tells what is wrong with it.
pub(super) fn prepare(
    route: &Route,
    request: &Request,
    script: &Script,
) -> Result<Prepared, Box<Reply>> {
    if route.azure && !request.query.contains("api-version=") {
        return Err(Box::new(error(404, "404", None, "Resource not found")));
    }
    let call = Call {
        route,
        script,
        body: &request.body,
    };
    match route.api {
        Api::Chat => chat::prepare(&call),
        Api::Responses => responses::prepare(&call),
        Api::Completions => completions::prepare(&call),
        Api::Embeddings => embeddings::prepare(&call),
        Api::Models => models(route.model.as_deref(), script),
        Api::Health => Ok(ready(Reply::json(200, &json!({"status": "ok"}), 0))),
        Api::Other => {
            let (method, path) = (&request.method, &request.path);
            let text = format!("Invalid URL ({method} {path})");
            Err(Box::new(error(404, "invalid_url", None, &text)))
        }
    }
}

/// A request on its way to its answer.
struct Call<'a> {
    route: &'a Route,
    script: &'a Script,
    body: &'a [u8],
}

impl Call<'_> {
    /// The body as an object.
    fn json(&self) -> Result<Value, Box<Reply>> {
        let text = "We could not parse the JSON body of your request. The OpenAI API expects a JSON payload.";
        match serde_json::from_slice::<Value>(self.body) {
            Ok(value) if value.is_object() => Ok(value),
            _ => Err(Box::new(error(400, "invalid_json", None, text))),
        }
    }

    /// The model, of the path or the body, if it is served.
    fn model(&self, body: &Value) -> Result<String, Box<Reply>> {
        let named = body.get("model").and_then(Value::as_str);
        let model = match self.route.model.as_deref().or(named) {
            Some(model) if !model.is_empty() => model,
            _ => return Err(missing("model")),
        };
        if !self.script.models.is_empty() && !self.script.models.iter().any(|known| known == model)
        {
            return Err(unknown_model(model));
        }
        Ok(model.to_owned())
    }
}

fn models(id: Option<&str>, script: &Script) -> Result<Prepared, Box<Reply>> {
    let entry = |id: &str| json!({"id": id, "object": "model", "created": CREATED, "owned_by": "simulator"});
    let Some(id) = id else {
        let mut entries: Vec<Value> = script.models.iter().map(|id| entry(id)).collect();
        if entries.is_empty() {
            entries.push(entry("simulated"));
        }
        let list = json!({"object": "list", "data": entries});
        return Ok(ready(Reply::json(200, &list, 0)));
    };
    if script.models.is_empty() || script.models.iter().any(|known| known == id) {
        Ok(ready(Reply::json(200, &entry(id), 0)))
    } else {
        Err(unknown_model(id))
    }
}

fn ready(reply: Reply) -> Prepared {
    Prepared {
        model: String::new(),
        tokens: 0,
        answer: Box::new(|_| reply),
    }
}

/// An error in OpenAI's shape; its `type` follows from the status.
pub(super) fn error(status: u16, code: &str, param: Option<&str>, message: &str) -> Reply {
    Reply::json(status, &error_body(status, code, param, message), 0)
}

fn error_body(status: u16, code: &str, param: Option<&str>, message: &str) -> Value {
    let kind = match status {
        401 => "authentication_error",
        402 => "insufficient_quota",
        403 => "permission_error",
        429 => "requests",
        500..=599 => "server_error",
        _ => "invalid_request_error",
    };
    json!({"error": {"message": message, "type": kind, "param": param, "code": code}})
}

/// The error that stands where an answer should.
pub(super) fn broken() -> Value {
    let text = "The server had an error while processing your request. Sorry about that!";
    error_body(500, "server_error", None, text)
}

/// The error of a scripted status.
pub(super) fn scripted(status: u16, retry_after: Option<Duration>) -> Reply {
    let code = match status {
        401 => return unauthorized(),
        402 => "insufficient_quota",
        429 => "rate_limit_exceeded",
        500..=599 => "server_error",
        _ => "simulated_error",
    };
    let reply = error(status, code, None, &format!("Simulated error {status}."));
    match retry_after {
        Some(wait) => retry_headers(reply, wait),
        None => reply,
    }
}

/// The error for a wrong key.
pub(super) fn unauthorized() -> Reply {
    error(
        401,
        "invalid_api_key",
        None,
        "Incorrect API key provided. You can find your API key in the script.",
    )
}

/// The error of a full window.
pub(super) fn limited(model: &str, refusal: Refusal, standing: &Standing) -> Reply {
    let (kind, unit, quota) = match refusal.limit {
        Limit::Requests => ("requests", "requests per min (RPM)", standing.requests),
        Limit::Tokens => ("tokens", "tokens per min (TPM)", standing.tokens),
    };
    let (limit, left) = quota.map_or((0, 0), |quota| (quota.limit, quota.left));
    let message = format!(
        "Rate limit reached for {model} on {unit}: Limit {limit}, Used {}. Please try again in {}.",
        limit - left,
        reset_text(refusal.wait)
    );
    let body = json!({"error":
        {"message": message, "type": kind, "param": null, "code": "rate_limit_exceeded"}});
    retry_headers(Reply::json(429, &body, 0), refusal.wait)
}

/// Adds the standing to an answer.
pub(super) fn quota_headers(mut reply: Reply, standing: &Standing) -> Reply {
    let names = [
        [
            "x-ratelimit-limit-requests",
            "x-ratelimit-remaining-requests",
            "x-ratelimit-reset-requests",
        ],
        [
            "x-ratelimit-limit-tokens",
            "x-ratelimit-remaining-tokens",
            "x-ratelimit-reset-tokens",
        ],
    ];
    for (names, quota) in names.into_iter().zip([standing.requests, standing.tokens]) {
        if let Some(Quota { limit, left, reset }) = quota {
            let values = [limit.to_string(), left.to_string(), reset_text(reset)];
            reply.headers.extend(names.into_iter().zip(values));
        }
    }
    reply
}

fn retry_headers(reply: Reply, wait: Duration) -> Reply {
    let seconds = wait.as_millis().div_ceil(1_000);
    reply
        .header("retry-after", seconds.to_string())
        .header("retry-after-ms", wait.as_millis().to_string())
}

fn missing(param: &str) -> Box<Reply> {
    let text = format!("Missing required parameter: '{param}'.");
    let code = "missing_required_parameter";
    Box::new(error(400, code, Some(param), &text))
}

fn wrong_type(param: &str, expected: &str) -> Box<Reply> {
    let text = format!("Invalid type for '{param}': expected {expected}.");
    Box::new(error(400, "invalid_type", Some(param), &text))
}

fn unknown_model(model: &str) -> Box<Reply> {
    let text = format!("The model `{model}` does not exist or you do not have access to it.");
    Box::new(error(404, "model_not_found", Some("model"), &text))
}

/// Undoes percent-encoding; what is not encoded right is kept.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = tail
            .get(..2)
            .filter(|_| *first == b'%')
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
