//! The OpenAI dialect of the simulated provider, at OpenAI's paths and at Azure's.

use serde_json::{Value, json};

use super::fault::Api;
use super::reply::Reply;
use super::script::Script;
use super::wire::Request;

mod chat;
mod completions;
mod content;
mod embeddings;
mod error;
mod responses;
mod tools;

pub(super) use error::{broken, limited, quota_headers, scripted, unauthorized};
use error::{error, missing, unknown_model, wrong_type};

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
