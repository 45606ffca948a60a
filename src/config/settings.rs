//! A configuration as the gateway uses it: defaults filled in, every value
//! checked, names resolved.

use std::{fmt, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use breakerbox_actors::state::policy::{BreakerSettings, EndpointPolicy, ProbeSettings, Ratio};
use sha2::{Digest, Sha256};
use wildmatch::WildMatch;

use super::{Secret, StartOnly};
use crate::dialect::{Api, Dialect};

/// All that a gateway runs with. Built by [`load`](super::load) and
/// [`parse`](super::parse) only, so it is valid.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where clients connect.
    pub server: Server,
    /// Where operators connect.
    pub admin: Admin,
    /// The upstreams, in the order of the file; one or more, names unique.
    pub endpoints: Vec<Endpoint>,
    /// Every public model: those of the section `models` in its order, then
    /// the others in the order the endpoints name them; names unique.
    pub models: Vec<PublicModel>,
    /// How a request finds its endpoint.
    pub routing: Routing,
    /// Who serves the model [`AUTO`], in the order of the file; empty: there
    /// is no such model.
    pub routes: Vec<Route>,
    /// Who may ask; empty: anyone, on a loopback address.
    pub clients: Vec<Client>,
    /// Of the text it was compiled from.
    pub sha256: Fingerprint,
    /// Where that text has what only a restart can change.
    pub start_only: StartOnly,
    /// The files that it names and that were read with it: keys, certificates.
    pub files: Vec<PathBuf>,
}

/// The SHA-256 of a configuration's text, variables unreplaced; shows as
/// hexadecimal digits. Says which file it was: two configurations that say the
/// same are equal all the same.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Returns the fingerprint of `text`.
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }
}

impl Fingerprint {
    /// Returns whether `other` is of the same text; comparing configurations
    /// passes over it.
    pub fn is(self, other: Self) -> bool {
        self.0 == other.0
    }
}

impl PartialEq for Fingerprint {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl Config {
    /// Returns the public model `name`.
    pub fn model(&self, name: &str) -> Option<&PublicModel> {
        self.models.iter().find(|model| *model.name == *name)
    }

    /// Returns the first route that takes a request for [`AUTO`] with this
    /// task and priority.
    pub fn route(&self, task: &str, priority: Priority) -> Option<&Route> {
        self.routes.iter().find(|route| route.takes(task, priority))
    }

    /// Returns the endpoints that serve the public model `name`, each with its
    /// own view of the model, in the order of the file.
    pub fn serving<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a Endpoint, &'a Model)> {
        self.endpoints.iter().filter_map(move |endpoint| {
            let model = endpoint.models.iter().find(|model| *model.name == *name)?;
            Some((endpoint, model))
        })
    }
}

/// The data plane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Address and port; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Threads that serve, 0 to 1024; 0: one per core.
    pub workers: usize,
    /// Largest body accepted, in bytes; 1 KiB to 1 GiB.
    pub max_body: usize,
    /// One deadline for a request over all its attempts; of a stream until its
    /// first event, and then from each event to the next.
    pub request_timeout: Duration,
    /// How long requests under way may take to finish at shutdown; may be zero.
    pub shutdown_grace: Duration,
    /// Serves HTTPS when set.
    pub tls: Option<Tls>,
    /// Which web pages may call.
    pub cors: Cors,
}

/// Which web pages may call from their visitors' browsers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cors {
    /// Those of these origins, as browsers write them: in lower case, without
    /// the scheme's own port. None by default.
    Of(Vec<String>),
    /// All; there are clients then, each with a key.
    Any,
}

impl Cors {
    /// Says whether no page may call.
    pub fn is_off(&self) -> bool {
        matches!(self, Self::Of(origins) if origins.is_empty())
    }

    /// Says whether every page may call.
    pub fn allows_any(&self) -> bool {
        *self == Self::Any
    }

    /// Says whether a page of this `origin` may call.
    pub fn allows(&self, origin: &[u8]) -> bool {
        match self {
            Self::Any => true,
            Self::Of(origins) => origins.iter().any(|it| it.as_bytes() == origin),
        }
    }
}

/// Certificate and key of the data plane; both files were read and parsed once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The certificate chain.
    pub cert: PemFile,
    /// The private key.
    pub key: PemFile,
}

/// A PEM file, and what was in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PemFile {
    /// Where it is.
    pub path: PathBuf,
    /// The SHA-256 of its content, which tells a renewed one; zeros of one that
    /// was out of reach.
    pub sha256: [u8; 32],
}

/// The admin plane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Address and port, never those of the data plane.
    pub listen: SocketAddr,
    /// Bearer token asked of callers; always set when `listen` is not loopback.
    pub token: Option<Secret>,
}

/// Which dialect and which credentials an upstream wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Provider {
    /// OpenAI itself.
    OpenAi,
    /// Anything that speaks OpenAI's dialect.
    OpenAiCompatible,
    /// Azure OpenAI: deployments in the path, `api-key` header.
    AzureOpenAi,
    /// Anthropic: `x-api-key` header.
    Anthropic,
    /// Gemini: the model in the path, `x-goog-api-key` header.
    Gemini,
}

impl Provider {
    /// Returns the word the configuration uses.
    pub fn label(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::OpenAiCompatible => "openai-compatible",
            Self::AzureOpenAi => "azure-openai",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
        }
    }

    /// Returns the dialect it speaks.
    pub fn dialect(self) -> Dialect {
        match self {
            Self::OpenAi | Self::OpenAiCompatible | Self::AzureOpenAi => Dialect::OpenAi,
            Self::Anthropic => Dialect::Anthropic,
            Self::Gemini => Dialect::Gemini,
        }
    }
}

/// How an endpoint is pinged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProbeKind {
    /// `GET <base_url>/models`.
    Models,
    /// `GET /health` beside `/v1`: `base_url` without the `/v1` at its end.
    Health,
    /// A chat completion of one token; billed.
    Chat,
    /// No pings.
    None,
}

impl ProbeKind {
    /// Returns the word the configuration uses.
    pub fn label(self) -> &'static str {
        match self {
            Self::Models => "models",
            Self::Health => "health",
            Self::Chat => "chat",
            Self::None => "none",
        }
    }
}

/// One upstream account.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// Unique among the endpoints.
    pub name: Arc<str>,
    /// Dialect and credentials.
    pub provider: Provider,
    /// Where it is.
    pub base_url: BaseUrl,
    /// Our key there; visible ASCII.
    pub api_key: Option<Secret>,
    /// Azure's `api-version`; set for that provider and no other.
    pub api_version: Option<String>,
    /// Whether it knows `/responses` itself; else it is asked by chat.
    pub native_responses: bool,
    /// What it serves; one or more, public names unique.
    pub models: Vec<Model>,
    /// Weight, breaker, limits and the rhythm of pings.
    pub policy: EndpointPolicy,
    /// The numbers that `policy.breaker` was built from, to be shown.
    pub breaker: BreakerSettings,
    /// The numbers that `policy.probe` was built from, to be shown.
    pub probe: ProbeSettings,
    /// What a ping is.
    pub probe_kind: ProbeKind,
    /// PEM file of roots trusted for this endpoint beside the usual ones; it
    /// was read and holds a certificate.
    pub ca_file: Option<PemFile>,
}

impl Endpoint {
    /// Returns the call it is sent for a client's `api`; another one where it
    /// has to be translated, `None` where it cannot be served.
    pub fn sends(&self, api: Api) -> Option<Api> {
        match api {
            Api::Responses if !self.native_responses => {
                Some(self.provider.dialect().conversation())
            }
            api => api.sent_to(self.provider.dialect()),
        }
    }
}

/// A model as one endpoint serves it.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// What clients call it.
    pub name: Arc<str>,
    /// What the upstream calls it; on Azure, the deployment.
    pub upstream: Arc<str>,
    /// Its price there: the endpoint's own, else that of the public model.
    pub price: Option<Price>,
}

/// A model as clients see it.
#[derive(Clone, Debug, PartialEq)]
pub struct PublicModel {
    /// Unique among the models.
    pub name: Arc<str>,
    /// Public models tried in this order once no endpoint of this one can
    /// serve. Each is served by an endpoint; their own fallbacks do not count.
    pub fallbacks: Vec<Arc<str>>,
    /// Price where an endpoint states none of its own.
    pub price: Option<Price>,
}

/// US dollars per million tokens; 0 or more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Price {
    /// For what is sent.
    pub input: f64,
    /// For what comes back.
    pub output: f64,
}

pub use breakerbox_actors::{
    spec::{AUTO, Priority, Route},
    state::{
        allowance::Terms,
        choice::Strategy,
        estimate::Cost,
        spending::{Budget, Period},
    },
};

/// The task of a request that names none.
pub const DEFAULT_TASK: &str = "general";

/// Says whether `text` may name a task: 1 to 64 visible ASCII characters.
pub fn is_task(text: &str) -> bool {
    const LONGEST: usize = 64;
    (1..=LONGEST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// How a request finds its endpoint, and how long it tries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routing {
    /// Who is tried first.
    pub strategy: Strategy,
    /// Attempts over different endpoints, the first included; 1 to 100.
    pub max_attempts: u32,
    /// Extra attempts per first attempt, plus one a second.
    pub retry_budget: Ratio,
    /// Mean ceiling of the first wait before the same endpoint is tried again.
    pub backoff_base: Duration,
    /// Longest such wait; `backoff_base` or more.
    pub backoff_max: Duration,
    /// How long connecting, TLS included, may take.
    pub connect_timeout: Duration,
    /// How long the first byte of an answer may take.
    pub first_byte_timeout: Duration,
    /// How long a stream may stay silent between two chunks, comments included.
    pub idle_timeout: Duration,
    /// How long a request waits for a rate-limited endpoint; zero: not at all.
    pub queue_max_wait: Duration,
    /// How many requests wait so at once; zero: none.
    pub queue_max_length: usize,
}

/// Someone who may ask.
#[derive(Clone, Debug, PartialEq)]
pub struct Client {
    /// Unique among the clients.
    pub name: Arc<str>,
    /// SHA-256 of the key; unique among the clients.
    pub key_sha256: [u8; 32],
    /// Public models allowed, as globs; one or more. [`AUTO`] counts as one.
    pub models: Vec<WildMatch>,
    /// Requests, tokens and money it may use.
    pub terms: Terms,
    /// The most that one request may be estimated to cost over all its
    /// attempts.
    pub max_cost_per_request: Option<Cost>,
}

impl Client {
    /// Says whether the client may use the public model `name`.
    pub fn may_use(&self, name: &str) -> bool {
        self.models.iter().any(|glob| glob.matches(name))
    }
}

/// Where an upstream is: `http` or `https`, a host, a port and a path prefix.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BaseUrl {
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// Host name in lower case, or an IP address; IPv6 without brackets.
    pub host: Arc<str>,
    /// Port; 80 or 443 where the URL names none.
    pub port: u16,
    /// Prefix of every path: empty, or `/…` without a slash at its end.
    pub path: Arc<str>,
}

impl BaseUrl {
    /// Returns what goes into the `Host` header: the port only when it is not
    /// the scheme's own.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.to_string()
        };
        match (self.tls, self.port) {
            (true, 443) | (false, 80) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}
