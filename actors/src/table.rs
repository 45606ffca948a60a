//! Who may serve which model: what routers choose from.
//!
//! Built by the guardian from the configuration, replaced as a whole; a
//! request keeps the plan it started with.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
};

use crate::{
    clock,
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
#[derive(Debug)]
pub struct Plan {
    /// The model as the client names it.
    pub model: Arc<str>,
    /// First the model's own tier, then one a fallback.
    pub tiers: Vec<Tier>,
}

impl Plan {
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
    /// Targets of former tables that may still have requests under way.
    pub(crate) leaving: Vec<Weak<Target>>,
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

    /// Iterates over the former targets that requests still hold.
    pub(crate) fn leaving(&self) -> impl Iterator<Item = Arc<Target>> {
        self.leaving.iter().filter_map(Weak::upgrade)
    }

    /// Writes how every target is, those included that are leaving.
    pub(crate) fn show(&self) {
        let now = clock::now();
        let leaving: Vec<_> = self.leaving().collect();
        // A name may be another target's by now: those in force speak last.
        for target in leaving.iter().chain(&self.targets) {
            target.show(now);
            let twins = leaving
                .iter()
                .filter(|it| it.id == target.id && !Arc::ptr_eq(it, target));
            let under_way = twins.map(|it| it.in_flight()).sum::<u32>();
            target.metrics.in_flight(target.in_flight() + under_way);
        }
    }

    /// Iterates over the plans of all public models, in no order.
    pub fn models(&self) -> impl Iterator<Item = &Arc<Plan>> {
        self.plans.values()
    }
}
