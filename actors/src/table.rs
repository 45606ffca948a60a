//! Who may serve which model: what routers choose from.
//!
//! Built by the guardian from the configuration, replaced as a whole; a
//! request keeps the plan it started with.

use std::{collections::HashMap, sync::Arc};

use crate::{
    state::{choice::Strategy, estimate::Price},
    target::Target,
};

/// One target as a candidate for one model.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The target.
    pub target: Arc<Target>,
    /// What its tokens cost, if that is known.
    pub price: Option<Price>,
    /// Place in the configuration; for `priority`.
    pub order: u32,
    /// Tokens a minute, at which estimates are capped: a request estimated
    /// above the whole limit goes when the window is empty.
    pub(crate) tpm: Option<u64>,
}

/// The targets of one model.
#[derive(Clone, Debug)]
pub struct Tier {
    /// The public model name.
    pub model: Arc<str>,
    /// Its targets, in the order of the configuration.
    pub entries: Vec<Entry>,
}

/// Who may serve requests for one model: its own targets, then its fallbacks'.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The model as the client names it.
    pub model: Arc<str>,
    /// First the model's own tier, then one a fallback.
    pub tiers: Vec<Tier>,
}

impl Plan {
    /// Returns the plan without those that `serves` is not true of, or `None`
    /// if nobody is left.
    pub fn narrowed(&self, serves: impl Fn(&Entry) -> bool) -> Option<Self> {
        let mut plan = self.clone();
        for tier in &mut plan.tiers {
            tier.entries.retain(|entry| serves(entry));
        }
        plan.tiers.retain(|tier| !tier.entries.is_empty());
        (!plan.tiers.is_empty()).then_some(plan)
    }

    /// Iterates over all candidates, best tier first.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.tiers.iter().flat_map(|tier| &tier.entries)
    }
}

/// All plans, and how to choose among candidates.
#[derive(Debug, Default)]
pub struct Table {
    pub(crate) plans: HashMap<Arc<str>, Arc<Plan>>,
    pub(crate) targets: Vec<Arc<Target>>,
    pub(crate) strategy: Strategy,
    pub(crate) max_waiting: usize,
}

impl Table {
    /// Returns the plan for `model`, or `None` if nobody serves it.
    pub fn plan(&self, model: &str) -> Option<&Arc<Plan>> {
        self.plans.get(model)
    }

    /// Iterates over all targets, each once, in no order.
    pub fn targets(&self) -> impl Iterator<Item = &Arc<Target>> {
        self.targets.iter()
    }

    /// Iterates over the plans of all public models, in no order.
    pub fn models(&self) -> impl Iterator<Item = &Arc<Plan>> {
        self.plans.values()
    }
}
