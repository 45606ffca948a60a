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

/// The model a client names to let the routes choose.
pub const AUTO: &str = "auto";

/// How urgent a request for [`AUTO`] is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Priority {
    /// An answer soon is worth more than a good one.
    Fast,
    /// What a request is that says nothing.
    #[default]
    Normal,
    /// A good answer is worth waiting and paying for.
    High,
}

impl Priority {
    /// Every priority.
    pub const ALL: [Self; 3] = [Self::Fast, Self::Normal, Self::High];

    /// Returns the word that configuration and header use.
    pub fn label(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Normal => "normal",
            Self::High => "high",
        }
    }
}

/// Which models serve requests for [`AUTO`] of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The task it takes; `None`: any.
    pub task: Option<Arc<str>>,
    /// The priority it takes; `None`: any.
    pub priority: Option<Priority>,
    /// Its models, tried in this order; one or more, each of them served by a
    /// target itself.
    pub models: Vec<Arc<str>>,
}

impl Route {
    /// Returns whether it takes a request with this task and priority.
    pub fn takes(&self, task: &str, priority: Priority) -> bool {
        self.task.as_deref().is_none_or(|own| own == task)
            && self.priority.is_none_or(|own| own == priority)
    }
}

/// Everything the engine runs. Applying a new one is a diff: only what it
/// changes changes.
#[derive(Clone, Debug)]
pub struct Spec {
    /// All targets, in the order of the configuration.
    pub targets: Vec<TargetSpec>,
    /// Models that fall back to others.
    pub fallbacks: Vec<(Arc<str>, Vec<Arc<str>>)>,
    /// Who serves requests for [`AUTO`]; the first route that takes one counts.
    pub routes: Vec<Route>,
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
