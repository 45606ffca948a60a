//! One configuration in force, made ready for requests.
//!
//! A reload replaces the whole; a request keeps the generation it began with.

mod certificate;
mod paths;

use std::{
    fs,
    hash::{BuildHasher, RandomState},
    sync::{Arc, LazyLock, Weak},
    time::SystemTime,
};

use actix_web::http::{header::HeaderValue, uri::PathAndQuery};
use breakerbox_actors::{
    id::TargetId,
    spec::{Spec, TargetSpec},
    state::estimate::Price,
};
use foldhash::{HashMap, HashMapExt};
use rustls::sign::CertifiedKey;

use crate::{
    accounts::{Account, Accounts},
    config::{AUTO, Client, Config, Endpoint, Model, Provider, Secret},
    dialect::Api,
    metrics::{self, CostMetric, ModelMetrics, SiteMetrics},
    redaction::Redaction,
    upstream::{InvalidOrigin, Lines, Origin, Trust, headers},
    wall,
};
pub use certificate::InvalidTls;
use paths::Paths;

/// A configuration and all that is built from it once. See the [module](self).
#[derive(Debug)]
pub struct Generation {
    /// Counts reloads, from 1.
    pub number: u64,
    /// The configuration.
    pub config: Arc<Config>,
    /// When it was made ready, in seconds since 1970.
    pub made_at: f64,
    /// What clients see over HTTPS.
    pub(crate) certificate: Option<Arc<CertifiedKey>>,
    sites: HashMap<TargetId, Arc<Site>>,
    /// By calls, whether some target answers it in another dialect.
    translates: [bool; Api::ALL.len()],
    /// The one before, while somebody still needs it.
    before: Weak<Self>,
    models: HashMap<Arc<str>, Arc<ModelMetrics>>,
    /// Of all clients there ever were; shared with other generations.
    accounts: Accounts,
    /// The system's trust store, read at the start: it takes longer than all
    /// else of a reload.
    system: Result<Trust, InvalidOrigin>,
    /// Of those that are limited now, by name.
    limited: HashMap<Arc<str>, Arc<Account>>,
}

/// How one target is reached.
#[derive(Debug)]
pub struct Site {
    /// Which target it is.
    pub id: TargetId,
    /// The names of its endpoint and its model, as answers carry them.
    pub(crate) names: [HeaderValue; 2],
    /// Where connections go.
    pub origin: Arc<Origin>,
    /// Lines every request carries: credentials and the like.
    pub lines: Lines,
    /// The model's name at the provider.
    pub upstream_model: Arc<str>,
    /// The provider's dialect and habits.
    pub provider: Provider,
    /// Keeps our key there out of what clients see.
    pub redaction: Redaction,
    /// The target's metric handles.
    pub metrics: SiteMetrics,
    /// What its tokens cost, if that is known, and what they have cost.
    pub price: Option<(Price, CostMetric)>,
    sends: [Option<Api>; Api::ALL.len()],
    /// Where it has what it is asked for.
    pub(crate) paths: Paths,
}

/// Why a configuration that parsed cannot be put in force.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// The endpoint's address or trust is unusable.
    #[error("endpoint {endpoint}: {source}")]
    Origin {
        /// The endpoint's configured name.
        endpoint: Arc<str>,
        /// What is wrong.
        source: InvalidOrigin,
    },
    /// The certificate that clients would see is unusable.
    #[error("server.tls: {0}")]
    Tls(#[from] InvalidTls),
    /// The endpoint's `ca_file` cannot be read.
    #[error("endpoint {endpoint}: ca_file: {source}")]
    CaFile {
        /// The endpoint's configured name.
        endpoint: Arc<str>,
        /// Why.
        source: std::io::Error,
    },
    /// The endpoint's key has characters that no header can carry.
    #[error("endpoint {endpoint}: api_key: not a value a header can carry")]
    Key {
        /// The endpoint's configured name.
        endpoint: Arc<str>,
    },
    /// The endpoint's base URL and model make no valid path.
    #[error("endpoint {endpoint}: base_url and model {model} make no valid path")]
    Path {
        /// The endpoint's configured name.
        endpoint: Arc<str>,
        /// The public model.
        model: Arc<str>,
    },
}

impl Generation {
    /// Makes `config` ready as the generation `number`.
    ///
    /// # Errors
    ///
    /// [`NotReady`] names the endpoint and what about it is unusable.
    pub fn new(number: u64, config: Arc<Config>) -> Result<Self, NotReady> {
        Self::with(number, config, Accounts::default(), Trust::system())
    }

    /// Makes `config` ready as the generation after this one: what clients
    /// have used stays.
    ///
    /// # Errors
    ///
    /// As [`Generation::new`].
    pub fn next(self: &Arc<Self>, config: Arc<Config>) -> Result<Self, NotReady> {
        let (accounts, system) = (self.accounts.clone(), self.system.clone());
        let mut next = Self::with(self.number + 1, config, accounts, system)?;
        next.before = Arc::downgrade(self);
        Ok(next)
    }

    fn with(
        number: u64,
        config: Arc<Config>,
        accounts: Accounts,
        system: Result<Trust, InvalidOrigin>,
    ) -> Result<Self, NotReady> {
        let certificate = config.server.tls.as_ref().map(certificate::load);
        let certificate = certificate.transpose()?;
        let mut sites = HashMap::new();
        for endpoint in &config.endpoints {
            let origin = origin(endpoint, &system)?;
            let lines = lines(endpoint)?;
            for model in &endpoint.models {
                let id = TargetId::new(endpoint.name.clone(), model.name.clone());
                let price = price(&config, model).map(|price| (price, CostMetric::new(&id)));
                let reached = (origin.clone(), lines.clone());
                let site = Site::new(id.clone(), endpoint, model, reached, price);
                let site = site.ok_or_else(|| NotReady::Path {
                    endpoint: endpoint.name.clone(),
                    model: model.name.clone(),
                })?;
                sites.insert(id, Arc::new(site));
            }
        }
        metrics::failovers(&config);
        let auto = (!config.routes.is_empty()).then(|| Arc::from(AUTO));
        let names = config.models.iter().map(|model| model.name.clone());
        let models = names.chain(auto).map(|name| {
            let metrics = Arc::new(ModelMetrics::new(&name));
            (name, metrics)
        });
        let since_1970 = wall::now().duration_since(SystemTime::UNIX_EPOCH);
        let limited = config.clients.iter().filter(|it| !it.terms.is_unlimited());
        let limited = limited.map(|it| (it.name.clone(), accounts.of(&it.name)));
        Ok(Self {
            number,
            made_at: since_1970.unwrap_or_default().as_secs_f64(),
            models: models.collect(),
            limited: limited.collect(),
            config,
            certificate,
            translates: Api::ALL.map(|api| {
                let mut sent = sites.values().filter_map(|site| site.sends(api));
                sent.any(|sent| sent != api)
            }),
            sites,
            before: Weak::new(),
            accounts,
            system,
        })
    }

    /// Returns how the endpoint `name` is configured.
    pub fn endpoint(&self, name: &str) -> Option<&Endpoint> {
        self.config.endpoints.iter().find(|it| *it.name == *name)
    }

    /// Returns the account of `client`, unless nothing limits it.
    pub fn account(&self, client: &Client) -> Option<&Arc<Account>> {
        if client.terms.is_unlimited() {
            return None;
        }
        self.limited.get(&client.name)
    }

    /// Returns whether some target answers `api` in another dialect, so that
    /// conversations may bear what the gateway has put into them.
    pub fn translates(&self, api: Api) -> bool {
        self.translates[api.index()]
    }

    /// Returns how `target` is reached, unless it is of another generation.
    pub fn site(&self, target: &TargetId) -> Option<&Arc<Site>> {
        self.sites.get(target)
    }

    /// Returns how `target` was reached until lately: it may have been picked
    /// just before a reload took it away.
    pub fn former_site(&self, target: &TargetId) -> Option<Arc<Site>> {
        let before = self.before.upgrade()?;
        let site = before.site(target).cloned();
        site.or_else(|| before.former_site(target))
    }

    /// Returns whether `target`, of this generation or a former one, can be
    /// asked what a client calls by `api`.
    pub(crate) fn serves(&self, target: &TargetId, api: Api) -> bool {
        let sends = |site: &Arc<Site>| site.sends(api).is_some();
        self.site(target).map_or_else(
            || self.former_site(target).is_some_and(|site| sends(&site)),
            sends,
        )
    }

    /// Returns the metrics of the public `model`.
    pub(crate) fn metrics(&self, model: &str) -> Option<&Arc<ModelMetrics>> {
        self.models.get(model)
    }

    /// Returns what the engine is to run.
    pub fn spec(&self) -> Spec {
        let config = &*self.config;
        let targets = config.endpoints.iter().flat_map(|endpoint| {
            endpoint.models.iter().map(move |model| TargetSpec {
                id: TargetId::new(endpoint.name.clone(), model.name.clone()),
                identity: identity(endpoint, model),
                credentials: credentials(endpoint),
                policy: endpoint.policy,
                price: price(config, model),
            })
        });
        let fallbacks = config.models.iter().filter(|it| !it.fallbacks.is_empty());
        Spec {
            targets: targets.collect(),
            fallbacks: fallbacks
                .map(|it| (it.name.clone(), it.fallbacks.clone()))
                .collect(),
            routes: config.routes.clone(),
            strategy: config.routing.strategy,
            retry_budget: config.routing.retry_budget,
            max_waiting: config.routing.queue_max_length,
        }
    }
}

impl Site {
    fn new(
        id: TargetId,
        endpoint: &Endpoint,
        model: &Model,
        (origin, lines): (Arc<Origin>, Lines),
        price: Option<(Price, CostMetric)>,
    ) -> Option<Self> {
        // Names are checked to be visible ASCII.
        let named = |name: &str| HeaderValue::from_str(name).ok();
        Some(Self {
            names: [named(&endpoint.name)?, named(&model.name)?],
            metrics: SiteMetrics::new(&id),
            id,
            origin,
            lines,
            upstream_model: model.upstream.clone(),
            provider: endpoint.provider,
            redaction: Redaction::of(endpoint.api_key.as_ref()),
            price,
            sends: Api::ALL.map(|api| endpoint.sends(api)),
            paths: Paths::new(endpoint, model)?,
        })
    }

    /// Returns the call this target is sent for a client's `api`: another one
    /// where it has to be translated, `None` where it cannot be served.
    pub fn sends(&self, api: Api) -> Option<Api> {
        self.sends[api.index()]
    }

    /// Returns the path and query of `api`, a call of the provider's own dialect.
    pub fn path(&self, api: Api, stream: bool) -> Option<&PathAndQuery> {
        self.paths.call(api, stream)
    }
}

/// A number that another key has another of; tells nothing of the key, being
/// seeded anew in each process.
fn credentials(endpoint: &Endpoint) -> u64 {
    static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    let key = endpoint.api_key.as_ref().map(Secret::expose);
    SEED.hash_one((key, &endpoint.api_version))
}

/// What makes a target the same one after a reload.
fn identity(endpoint: &Endpoint, model: &Model) -> Arc<str> {
    format!(
        "{} {} {}",
        endpoint.provider.label(),
        endpoint.base_url,
        model.upstream
    )
    .into()
}

/// The model's own price at this endpoint, or else its price anywhere.
pub(crate) fn price(config: &Config, model: &Model) -> Option<Price> {
    let anywhere = || config.model(&model.name).and_then(|it| it.price);
    let price = model.price.or_else(anywhere)?;
    Price::new(price.input, price.output).ok()
}

fn origin(
    endpoint: &Endpoint,
    system: &Result<Trust, InvalidOrigin>,
) -> Result<Arc<Origin>, NotReady> {
    let wrong = |source| NotReady::Origin {
        endpoint: endpoint.name.clone(),
        source,
    };
    let trust = system.clone().map_err(wrong)?;
    let trust = match &endpoint.ca_file {
        None => trust,
        Some(file) => {
            let pem = fs::read(&file.path).map_err(|source| NotReady::CaFile {
                endpoint: endpoint.name.clone(),
                source,
            })?;
            trust.with_pem(&pem).map_err(wrong)?
        }
    };
    let url = endpoint.base_url.to_string();
    Ok(Arc::new(Origin::new(&url, &trust).map_err(wrong)?))
}

/// The lines every request to `endpoint` carries.
fn lines(endpoint: &Endpoint) -> Result<Lines, NotReady> {
    let Some(key) = &endpoint.api_key else {
        return Ok(Lines::new());
    };
    let lines = match endpoint.provider {
        Provider::AzureOpenAi => headers::api_key(key.expose()),
        Provider::Anthropic => headers::x_api_key(key.expose()),
        Provider::Gemini => headers::x_goog_api_key(key.expose()),
        Provider::OpenAi | Provider::OpenAiCompatible => headers::bearer(key.expose()),
    };
    lines.map_err(|_| NotReady::Key {
        endpoint: endpoint.name.clone(),
    })
}
