//! What is counted by public model, and on the way from one endpoint to
//! another.

use std::{collections::BTreeSet, sync::Arc};

use actix_web::http::StatusCode;
use breakerbox_actors::{id::TargetId, state::event::Outcome};
use metrics::{Counter, SharedString};

use super::{
    OTHER,
    catalogue::{FAILOVERS, OUTCOMES, REQUESTS, RETRIES},
};
use crate::{config::Config, dialect::Api};

/// Statuses of a model's requests whose series start at 0: success, and what
/// the gateway itself answers when the model's endpoints do not serve.
const OF_MODELS: [StatusCode; 5] = [
    StatusCode::OK,
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::BAD_GATEWAY,
    StatusCode::SERVICE_UNAVAILABLE,
    StatusCode::GATEWAY_TIMEOUT,
];
/// The same of requests that are refused before their model is known.
const OF_OTHER: [StatusCode; 5] = [
    StatusCode::BAD_REQUEST,
    StatusCode::UNAUTHORIZED,
    StatusCode::FORBIDDEN,
    StatusCode::NOT_FOUND,
    StatusCode::PAYLOAD_TOO_LARGE,
];
/// Why there is an extra attempt after one whose endpoint a reload took away.
pub(crate) const RELOADED: &str = "reloaded";
/// How many series of failovers start at 0 at the most; many endpoints of one
/// model make more pairs than anybody reads.
const MOST_FAILOVERS: usize = 1_000;

/// One public model's handles, shared by all workers.
pub(crate) struct ModelMetrics {
    model: Arc<str>,
    answers: Vec<(Api, StatusCode, Counter)>,
}

impl std::fmt::Debug for ModelMetrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ModelMetrics({})", self.model)
    }
}

impl ModelMetrics {
    /// Looks up the handles of `model`; its series start at 0.
    pub(crate) fn new(model: &Arc<str>) -> Self {
        Self::starting(model.clone(), &OF_MODELS)
    }

    /// Looks up the handles that stand for every model that nobody serves.
    pub(super) fn other() -> Self {
        Self::starting(OTHER.into(), &OF_OTHER)
    }

    fn starting(model: Arc<str>, codes: &[StatusCode]) -> Self {
        let all = Api::ALL
            .into_iter()
            .flat_map(|api| codes.iter().map(move |code| (api, *code)));
        let answers = all.map(|(api, code)| (api, code, counter(api, &model, code)));
        Self {
            answers: answers.collect(),
            model,
        }
    }

    /// Counts an answer to a call of `api`.
    pub(super) fn answered(&self, api: Api, status: StatusCode) {
        let mut answers = self.answers.iter();
        match answers.find(|(it, code, _)| (*it, *code) == (api, status)) {
            Some((_, _, counter)) => counter.increment(1),
            None => counter(api, &self.model, status).increment(1),
        }
    }
}

fn counter(api: Api, model: &Arc<str>, code: StatusCode) -> Counter {
    // What an upstream made up must not make series.
    let code: SharedString = match code.canonical_reason() {
        Some(_) => code.as_str().to_owned().into(),
        None => OTHER.into(),
    };
    REQUESTS.counter([api.label().into(), model.clone().into(), code])
}

/// Returns every reason for an extra attempt.
fn reasons() -> impl Iterator<Item = &'static str> {
    let failed = OUTCOMES.iter().filter(|it| it.may_lead_on());
    let ours = [Outcome::Cancelled.label(), RELOADED];
    failed.map(|it| it.label()).chain(ours)
}

/// Lets the series of extra attempts start at 0.
pub(super) fn retries() {
    for reason in reasons() {
        RETRIES.counter([reason.into()]).increment(0);
    }
}

/// Lets the series of failovers start at 0 that `config` makes possible: from
/// each endpoint to each other one that serves the same model, a fallback of
/// it or another model of the same route; the first [`MOST_FAILOVERS`].
pub(crate) fn failovers(config: &Config) {
    let mut pairs: BTreeSet<(&Arc<str>, &Arc<str>)> = BTreeSet::new();
    let most = MOST_FAILOVERS / reasons().count();
    let own = config.models.iter().map(|it| {
        let names = std::iter::once(&it.name).chain(&it.fallbacks);
        names.collect::<Vec<_>>()
    });
    let routes = config.routes.iter().map(|it| it.models.iter().collect());
    'all: for names in own.chain(routes) {
        let serving = names.into_iter().flat_map(|name| config.serving(name));
        let endpoints: BTreeSet<_> = serving.map(|(endpoint, _)| &endpoint.name).collect();
        for from in &endpoints {
            for to in endpoints.iter().filter(|to| *to != from) {
                if pairs.len() == most {
                    break 'all;
                }
                pairs.insert((from, to));
            }
        }
    }
    for (from, to) in pairs {
        for reason in reasons() {
            failover(from, to, reason).increment(0);
        }
    }
}

/// Counts an extra attempt after one at `from` ended in `reason`.
pub(crate) fn retried(from: &TargetId, to: &TargetId, reason: &'static str) {
    RETRIES.counter([reason.into()]).increment(1);
    if from.endpoint() != to.endpoint() {
        failover(from.endpoint(), to.endpoint(), reason).increment(1);
    }
}

fn failover(from: &Arc<str>, to: &Arc<str>, reason: &'static str) -> Counter {
    FAILOVERS.counter([from.clone().into(), to.clone().into(), reason.into()])
}
