//! The file as it is written: every key optional, every value unchecked.
//!
//! These structs are the one list of keys. The published JSON Schema comes from
//! them, and [`structure`](super::structure) checks files against that schema;
//! so their docs are what editors show, and their ranges are enforced.
//! `default` tells readers what [`compile`](super::compile) fills in; a test
//! holds the two together.

use std::sync::LazyLock;

use schemars::{
    JsonSchema, Schema,
    transform::{RecursiveTransform, Transform},
};
use serde::Deserialize;

pub(super) use values::{Dur, List, Size};

mod clients;
mod policy;
mod published;
mod values;

pub(super) use clients::{Client, Period, Priority, Route};
pub(super) use policy::{Breaker, Limits, Probe, ProbeKind, Routing, Strategy};
pub(super) use published::published;

/// Returns the JSON Schema of [`File`].
pub(super) fn schema() -> &'static serde_json::Value {
    static SCHEMA: LazyLock<serde_json::Value> = LazyLock::new(|| {
        let mut schema = schemars::schema_for!(File);
        RecursiveTransform(bound_counters).transform(&mut schema);
        schema.insert("title".to_owned(), "Breakerbox configuration".into());
        schema.to_value()
    });
    &SCHEMA
}

/// Names the bound of counters that have no narrower one: those of the engine
/// are 32 bits wide.
fn bound_counters(schema: &mut Schema) {
    if schema
        .get("format")
        .is_some_and(|format| format == "uint32")
    {
        let bounds = schema.ensure_object();
        bounds.entry("maximum").or_insert_with(|| u32::MAX.into());
    }
}

/// The configuration of a Breakerbox gateway. The least that serves is a list
/// of endpoints.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    /// The data plane: where clients connect.
    pub(super) server: Option<Server>,
    /// The admin plane: metrics and readiness, never on the data port.
    pub(super) admin: Option<Admin>,
    /// The upstreams.
    #[schemars(required, length(min = 1))]
    pub(super) endpoints: Option<List<Endpoint>>,
    /// What public model names mean. Models that need neither fallbacks nor a
    /// price need no entry.
    pub(super) models: Option<List<PublicModel>>,
    /// Which models serve requests for the model `auto`; the first route that
    /// takes a request counts. None: there is no model `auto`.
    pub(super) routes: Option<List<Route>>,
    /// When circuits open and close; endpoints override it key by key.
    pub(super) breaker: Option<Breaker>,
    /// How endpoints are pinged; endpoints override it key by key.
    pub(super) probe: Option<Probe>,
    /// How a request finds its endpoint, and how long it tries.
    pub(super) routing: Option<Routing>,
    /// Who may ask. None: anyone, which is allowed on a loopback address only.
    pub(super) clients: Option<List<Client>>,
}

/// The data plane.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Server {
    /// Address and port to listen on.
    #[schemars(extend("format" = "breakerbox-address", "default" = "127.0.0.1:8080"))]
    pub(super) listen: Option<String>,
    /// Threads that serve; 0: one per core.
    #[schemars(range(max = 1024), extend("default" = 0))]
    pub(super) workers: Option<u32>,
    /// Largest request body accepted.
    #[schemars(extend("formatMinimum" = "1KiB", "formatMaximum" = "1GiB", "default" = "32MiB"))]
    pub(super) max_body: Option<Size>,
    /// One deadline for a request over all its attempts; of a stream until its
    /// first event, and then from each event to the next.
    #[schemars(extend("formatMinimum" = "1ms", "default" = "600s"))]
    pub(super) request_timeout: Option<Dur>,
    /// How long requests under way may take to finish at shutdown.
    #[schemars(extend("default" = "30s"))]
    pub(super) shutdown_grace: Option<Dur>,
    /// Serves HTTPS.
    pub(super) tls: Option<Tls>,
    /// Origins whose web pages may call, such as `https://app.example`; `*` is
    /// every page there is, and needs clients. Default: none.
    pub(super) cors: Option<List<String>>,
}

/// Certificate and key for HTTPS.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Tls {
    /// PEM file of the certificate chain, the server's own first.
    #[schemars(required)]
    pub(super) cert: Option<String>,
    /// PEM file of the private key.
    #[schemars(required)]
    pub(super) key: Option<String>,
}

/// The admin plane.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Admin {
    /// Address and port to listen on.
    #[schemars(extend("format" = "breakerbox-address", "default" = "127.0.0.1:8081"))]
    pub(super) listen: Option<String>,
    /// Bearer token asked of callers; needed when `listen` is not loopback.
    #[schemars(extend("writeOnly" = true))]
    pub(super) token: Option<String>,
    /// File that holds the token.
    pub(super) token_file: Option<String>,
}

/// One upstream account.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Endpoint {
    /// Unique; in logs, metrics and response headers.
    #[schemars(required)]
    pub(super) name: Option<String>,
    /// Dialect and credentials.
    #[schemars(required)]
    pub(super) provider: Option<Provider>,
    /// Where it is, up to and including the version (`/v1`, `/v1beta`).
    /// Defaults: openai `https://api.openai.com/v1`, anthropic
    /// `https://api.anthropic.com/v1`, gemini
    /// `https://generativelanguage.googleapis.com/v1beta`.
    #[schemars(extend("format" = "breakerbox-url"))]
    pub(super) base_url: Option<String>,
    /// Our key there.
    #[schemars(extend("writeOnly" = true))]
    pub(super) api_key: Option<String>,
    /// File that holds our key.
    pub(super) api_key_file: Option<String>,
    /// The `api-version` of azure-openai.
    pub(super) api_version: Option<String>,
    /// How it serves `/v1/responses`. Default: native with openai and
    /// azure-openai, chat with openai-compatible; the others are translated
    /// anyway.
    pub(super) responses: Option<Responses>,
    /// What it serves.
    #[schemars(required, length(min = 1))]
    pub(super) models: Option<List<EndpointModel>>,
    /// Its share of the traffic, relative to its peers.
    #[schemars(range(min = 0.001, max = 1000.0), extend("default" = 1.0))]
    pub(super) weight: Option<f64>,
    /// How much it may be asked for. A limit left out is no limit.
    pub(super) limits: Option<Limits>,
    /// Overrides the section `breaker`, key by key.
    pub(super) breaker: Option<Breaker>,
    /// Overrides the section `probe`, key by key.
    pub(super) probe: Option<Probe>,
    /// PEM file of roots trusted for this endpoint beside the usual ones.
    pub(super) ca_file: Option<String>,
}

/// Dialect and credentials of an endpoint.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Provider {
    /// OpenAI itself.
    #[serde(rename = "openai")]
    OpenAi,
    /// Anything that speaks OpenAI's dialect.
    #[serde(rename = "openai-compatible")]
    OpenAiCompatible,
    /// Azure OpenAI.
    #[serde(rename = "azure-openai")]
    AzureOpenAi,
    /// Anthropic.
    Anthropic,
    /// Gemini.
    Gemini,
}

/// How an endpoint serves `/v1/responses`.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Responses {
    /// It knows the call itself.
    Native,
    /// It knows chat completions; the gateway translates.
    Chat,
}

/// A model an endpoint serves: its name, or its name with more.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum EndpointModel {
    /// Public name and upstream name in one.
    Name(String),
    /// A model whose names differ, or whose price this endpoint sets.
    Full(FullModel),
}

/// A model an endpoint serves.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FullModel {
    /// What clients call it.
    #[schemars(required)]
    pub(super) name: Option<String>,
    /// What the upstream calls it; on Azure, the deployment. Default: `name`.
    pub(super) upstream: Option<String>,
    /// Its price at this endpoint.
    pub(super) price: Option<Price>,
}

/// US dollars per million tokens.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Price {
    /// For tokens sent.
    #[schemars(required, range(min = 0, max = 1_000_000))]
    pub(super) input: Option<f64>,
    /// For tokens received.
    #[schemars(required, range(min = 0, max = 1_000_000))]
    pub(super) output: Option<f64>,
}

/// A model as clients see it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PublicModel {
    /// What clients call it.
    #[schemars(required)]
    pub(super) name: Option<String>,
    /// Models tried in this order once no endpoint of this one can serve.
    pub(super) fallbacks: Option<List<String>>,
    /// Price where an endpoint states none of its own.
    pub(super) price: Option<Price>,
}
