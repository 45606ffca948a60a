//! What the engine is asked to run: the configuration, in its own words.

use std::sync::Arc;

use crate::{
    id::TargetId,
    state::{
        choice::Strategy,
        estimate::Price,
        policy::{EndpointPolicy, Ratio},
    },
};

/// Everything the engine runs. Applying a new one is a diff: only what it
/// changes changes.
#[derive(Clone, Debug)]
pub struct Spec {
    /// All targets, in the order of the configuration.
    pub targets: Vec<TargetSpec>,
    /// Models that fall back to others.
    pub fallbacks: Vec<(Arc<str>, Vec<Arc<str>>)>,
    /// How routers choose.
    pub strategy: Strategy,
    /// Extra attempts for each first attempt, over the floor of one a second.
    pub retry_budget: Ratio,
    /// Requests that may wait on all workers together.
    pub max_waiting: usize,
}

/// One target to run.
#[derive(Clone, Debug)]
pub struct TargetSpec {
    /// Its name.
    pub id: TargetId,
    /// What makes it the same target after a reload (provider, URL, upstream
    /// model): with the same identity it keeps its state, with another it
    /// starts anew.
    pub identity: Arc<str>,
    /// Changes when its credentials do: a rejected key may then be a good one.
    pub credentials: u64,
    /// Its settings.
    pub policy: EndpointPolicy,
    /// What its tokens cost, if that is known.
    pub price: Option<Price>,
}
