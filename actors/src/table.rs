//! Who may serve which model: what routers choose from.
//!
//! Built by the guardian from the configuration, replaced as a whole; a
//! request keeps the plan it started with.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use crate::{
    cell::Seen,
    clock,
    id::TargetId,
    spec::{Priority, Route},
    state::{
        choice::{self, Candidate, Strategy},
        estimate::{Estimate, Price},
    },
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

impl Entry {
    /// Returns it as one to choose from by `strategy`, for a request of this
    /// `estimate`.
    pub(crate) fn candidate(
        &self,
        strategy: Strategy,
        estimate: Estimate,
        seen: Seen,
        now: Instant,
    ) -> Candidate {
        let price = self.price.filter(|_| strategy == Strategy::Cheapest);
        let cell = &self.target.cell;
        Candidate {
            weight: cell.weight(),
            latency: cell.latency(),
            penalty: cell.penalty(),
            // Who is on trial is drawn whatever it owes from before.
            silence: if seen.is_trial() {
                Duration::ZERO
            } else {
                cell.silence(now)
            },
            cost: price.map(|price| price.cost(estimate)),
            order: self.order,
        }
    }
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
/// Or who may serve those that one route takes: its models' targets in turn.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The model as the client names it; [`AUTO`](crate::spec::AUTO) for routes.
    pub model: Arc<str>,
    /// Tells plans apart, also over reloads: for models the model, for routes
    /// something no model is called.
    pub(crate) name: Arc<str>,
    /// First the model's own tier, then one a fallback; or one a route's model.
    pub tiers: Vec<Tier>,
    /// The plan of the table that this one was [narrowed](Self::narrowed) from.
    pub(crate) whole: Option<Arc<Plan>>,
}

impl Plan {
    /// Returns the model that serves unless something is wrong: of a route,
    /// its first.
    pub fn first(&self) -> &Arc<str> {
        self.tiers.first().map_or(&self.model, |tier| &tier.model)
    }

    /// Returns how long the answers of the model's own targets usually are
    /// where requests set no bound, in tokens; 0 until one was seen.
    pub fn usual_output(&self) -> u64 {
        let own = self.tiers.first().into_iter().flat_map(|it| &it.entries);
        let usual = own.map(|entry| entry.target.usual_output());
        usual.max().unwrap_or(0)
    }

    /// Returns the plan without those that `serves` is not true of, or `None`
    /// if nobody is left.
    pub fn narrowed(self: &Arc<Self>, serves: impl Fn(&Entry) -> bool) -> Option<Arc<Self>> {
        let mut plan = Self::clone(self);
        plan.whole.get_or_insert_with(|| self.clone());
        for tier in &mut plan.tiers {
            tier.entries.retain(|entry| serves(entry));
        }
        plan.tiers.retain(|tier| !tier.entries.is_empty());
        (!plan.tiers.is_empty()).then(|| Arc::new(plan))
    }

    /// Iterates over all candidates, best tier first.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.tiers.iter().flat_map(|tier| &tier.entries)
    }
}

/// All plans, and how to choose among candidates.
#[derive(Debug, Default)]
pub struct Table {
    pub(crate) plans: foldhash::HashMap<Arc<str>, Arc<Plan>>,
    /// In the order of the configuration: the first that takes a request counts.
    pub(crate) routes: Vec<(Route, Arc<Plan>)>,
    pub(crate) targets: Vec<Arc<Target>>,
    /// Targets of former tables that may still have requests under way.
    pub(crate) leaving: Vec<Weak<Target>>,
    pub(crate) strategy: Strategy,
    pub(crate) max_waiting: usize,
}

impl Table {
    /// Returns each target's chance, 0.0 to 1.0, to be drawn for a request for
    /// its own model that is of the given `estimate`; who lends nothing has none.
    pub fn shares(&self, estimate: Estimate, now: Instant) -> HashMap<TargetId, f64> {
        let own = self.plans.values().filter_map(|plan| plan.tiers.first());
        let mut shares = HashMap::new();
        for tier in own {
            let open = tier.entries.iter().filter_map(|entry| {
                let seen = entry.target.cell.look();
                (seen.credits() > 0)
                    .then(|| (entry, entry.candidate(self.strategy, estimate, seen, now)))
            });
            let (open, field): (Vec<_>, Vec<_>) = open.unzip();
            for (entry, share) in open.iter().zip(choice::shares(self.strategy, &field)) {
                shares.insert(entry.target.id.clone(), share);
            }
        }
        shares
    }

    /// Returns the plan for `model`, or `None` if nobody serves it.
    pub fn plan(&self, model: &str) -> Option<&Arc<Plan>> {
        self.plans.get(model)
    }

    /// Returns the plan of the first route that takes a request for [`AUTO`](crate::spec::AUTO)
    /// with this task and priority, or `None` if none does.
    pub fn route(&self, task: &str, priority: Priority) -> Option<&Arc<Plan>> {
        let mut routes = self.routes.iter();
        let found = routes.find(|(route, _)| route.takes(task, priority))?;
        Some(&found.1)
    }

    /// Iterates over the plans of all routes, in their order.
    pub fn routes(&self) -> impl Iterator<Item = &Arc<Plan>> {
        self.routes.iter().map(|(_, plan)| plan)
    }

    /// Iterates over the names of all public models, [`AUTO`](crate::spec::AUTO)
    /// included if there are routes, in no order.
    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        let auto = self.routes.first().map(|(_, plan)| &plan.model);
        self.plans.keys().chain(auto)
    }

    /// Returns what has become of `plan` if it is of an earlier table: of a
    /// narrowed one what is left of those it was narrowed to. `None` if it is
    /// of this table, or nothing is left.
    pub(crate) fn renewed(&self, plan: &Arc<Plan>) -> Option<Arc<Plan>> {
        let is_route = self.routes().find(|it| it.name == plan.name);
        let now = is_route.or_else(|| self.plans.get(&plan.name))?;
        if Arc::ptr_eq(now, plan.whole.as_ref().unwrap_or(plan)) {
            return None;
        }
        if plan.whole.is_none() {
            return Some(now.clone());
        }
        now.narrowed(|it| plan.entries().any(|own| own.target.id == it.target.id))
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
