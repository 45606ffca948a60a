//! What tells one provider's API from another's, behind one face: a request finds its way to the dialect of
//! the script, and every refusal takes that dialect's shape.
//!
//! The dialects are written by hand here and share nothing with the gateway's own: they are to catch its
//! mistakes.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::fault::Api;
use super::limits::{Refusal, Standing};
use super::reply::Reply;
use super::script::Script;
use super::wire::Request;
use super::{anthropic, gemini, openai};

/// The API that a simulated provider speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// OpenAI's, at its own paths and at Azure's.
    #[default]
    Openai,
    /// Anthropic's: `/v1/messages`.
    Anthropic,
    /// Gemini's: `/v1beta/models/{model}:generateContent`.
    Gemini,
}

/// What a request asks for, read from its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) api: Api,
    /// The model that the path names, if it names one.
    pub(super) model: Option<String>,
    /// Azure's rules: other errors, an `api-version`, the deployment in the path.
    pub(super) azure: bool,
    /// Whether the path asks for a stream: Gemini's way.
    pub(super) streams: bool,
}

impl Route {
    pub(super) fn new(api: Api, model: Option<String>) -> Self {
        Self {
            api,
            model,
            azure: false,
            streams: false,
        }
    }
}

/// A request that can be answered.
pub(super) struct Prepared {
    pub(super) model: String,
    /// Tokens of prompt and answer.
    pub(super) tokens: u64,
    /// Makes the answer; with false, without a word about usage.
    pub(super) answer: Box<dyn FnOnce(bool) -> Reply + Send>,
}

impl Prepared {
    /// What needs no model: lists, counts, health.
    pub(super) fn ready(reply: Reply) -> Self {
        Self {
            model: String::new(),
            tokens: 0,
            answer: Box::new(|_| reply),
        }
    }
}

/// A request on its way to its answer.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) script: &'a Script,
    pub(super) route: &'a Route,
    pub(super) request: &'a Request,
    /// The request's id, as the answer's header has it.
    pub(super) id: &'a str,
}

impl Call<'_> {
    /// The body as an object.
    pub(super) fn object(&self) -> Option<Value> {
        let body: Value = serde_json::from_slice(&self.request.body).ok()?;
        body.is_object().then_some(body)
    }

    /// Whether the provider has `model`.
    pub(super) fn serves(&self, model: &str) -> bool {
        let models = &self.script.models;
        models.is_empty() || models.iter().any(|known| known == model)
    }

    /// The names to list; a provider that serves every name lists one.
    pub(super) fn listed(&self) -> Vec<&str> {
        match self.script.models.as_slice() {
            [] => vec!["simulated"],
            models => models.iter().map(String::as_str).collect(),
        }
    }

    /// The first `name=` of the query, as it stands.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        query(&self.request.query, name)
    }

    /// Understands the request, or makes the error that tells what is wrong with it.
    pub(super) fn prepare(&self) -> Result<Prepared, Box<Reply>> {
        match self.script.dialect {
            Dialect::Openai => openai::prepare(self),
            Dialect::Anthropic => anthropic::prepare(self),
            Dialect::Gemini => gemini::prepare(self),
        }
    }

    /// The error for a wrong key.
    pub(super) fn unauthorized(&self) -> Reply {
        match self.script.dialect {
            Dialect::Openai => openai::unauthorized(),
            Dialect::Anthropic => anthropic::unauthorized(self),
            Dialect::Gemini => gemini::unauthorized(self),
        }
    }

    /// The error of a scripted status.
    pub(super) fn scripted(&self, status: u16, retry_after: Option<Duration>) -> Reply {
        match self.script.dialect {
            Dialect::Openai => openai::scripted(status, retry_after),
            Dialect::Anthropic => anthropic::scripted(self, status, retry_after),
            Dialect::Gemini => gemini::scripted(self, status, retry_after),
        }
    }

    /// The error of a full window.
    pub(super) fn limited(&self, model: &str, refusal: Refusal, standing: &Standing) -> Reply {
        match self.script.dialect {
            Dialect::Openai => openai::limited(model, refusal, standing),
            Dialect::Anthropic => anthropic::limited(self, refusal, standing),
            Dialect::Gemini => gemini::limited(self, model, refusal, standing),
        }
    }

    /// Adds the standing to an answer, where the dialect tells it.
    pub(super) fn quota_headers(&self, reply: Reply, standing: &Standing) -> Reply {
        match self.script.dialect {
            Dialect::Openai => openai::quota_headers(reply, standing),
            Dialect::Anthropic => anthropic::quota_headers(reply, standing),
            // Gemini tells nobody where they stand.
            Dialect::Gemini => reply,
        }
    }
}

impl Dialect {
    /// The key of a request; without one, empty.
    pub(super) fn key(self, request: &Request) -> String {
        let header = |name| request.header(name);
        let bearer = || {
            let (scheme, key) = header("authorization")?.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
        };
        let key = match self {
            Self::Openai => bearer().or_else(|| header("api-key")),
            Self::Anthropic => header("x-api-key").or_else(bearer),
            Self::Gemini => header("x-goog-api-key").or_else(|| query(&request.query, "key")),
        };
        key.unwrap_or_default().to_owned()
    }

    /// Reads method and path. What is not served is [`Api::Other`].
    pub(super) fn route(self, request: &Request) -> Route {
        if is_get(request) && request.path == "/health" {
            return Route::new(Api::Health, None);
        }
        match self {
            Self::Openai => openai::route(request),
            Self::Anthropic => anthropic::route(request),
            Self::Gemini => gemini::route(request),
        }
    }

    /// The error that stands where a whole answer should.
    pub(super) fn broken(self, id: &str) -> Value {
        match self {
            Self::Openai => openai::broken(),
            Self::Anthropic => anthropic::broken(id),
            Self::Gemini => gemini::broken(),
        }
    }

    /// The headers of every answer of the request `id`, made in `wait`.
    pub(super) fn headers(self, id: &str, wait: Duration) -> Vec<(&'static str, String)> {
        let took = wait.as_millis();
        match self {
            Self::Openai => vec![
                ("x-request-id", id.to_owned()),
                ("openai-processing-ms", took.to_string()),
                ("openai-version", "2020-10-01".to_owned()),
            ],
            Self::Anthropic => vec![
                ("request-id", id.to_owned()),
                ("anthropic-organization-id", "org_simulator".to_owned()),
            ],
            Self::Gemini => vec![("server-timing", format!("gfet4t7; dur={took}"))],
        }
    }
}

/// Whether a request only reads.
pub(super) fn is_get(request: &Request) -> bool {
    matches!(request.method.as_str(), "GET" | "HEAD")
}

fn query<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// Undoes percent-encoding; what is not encoded right is kept.
pub(super) fn decode(text: &str) -> String {
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
