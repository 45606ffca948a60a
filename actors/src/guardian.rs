//! The actor that starts, replaces and ends all endpoint actors.
//!
//! A panic is mended on the spot by [`supervise`]; the guardian, on an arbiter
//! of its own, mends the rest: an actor that went silent, an arbiter that
//! died, an actor whose supervisor is gone. It applies a new configuration as
//! a diff, and sees to it that what it told an actor was not lost.
//!
//! Silence is seen from outside: mail waits and none is handled. It is a
//! thread that is stuck, never one actor, so all actors of the thread move to a
//! new one.

mod kept;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use actix::prelude::*;
use arc_swap::ArcSwap;
use parking_lot::Mutex;

use crate::{
    chance::luck,
    clock,
    desk::{Desk, Post},
    endpoint::{Endpoint, Surroundings},
    id::TargetId,
    messages::{Drain, Observe},
    prober::{Prober, Watch},
    spec::{AUTO, Spec, TargetSpec},
    state::{budget::RetryBudget, event::Event, machine::Machine},
    supervise::{self, BEAT, Bond, Incident},
    table::{Entry, Plan, Table, Tier},
    target::{Mail, Office, Target},
};
use kept::{Kept, Sign};

/// The guardian. See the [module](self).
#[derive(Debug)]
pub struct Guardian {
    around: Surroundings,
    table: Arc<ArcSwap<Table>>,
    budget: Arc<Mutex<RetryBudget>>,
    prober: Post<Prober>,
    arbiters: Vec<ArbiterHandle>,
    desk: Arc<Desk>,
    kept: BTreeMap<TargetId, Kept>,
    /// Endpoints that an operator drained; a model added to one is drained too.
    drained: BTreeSet<Arc<str>>,
    replaced: u64,
}

/// How the guardian and those it keeps are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardianSeen {
    /// Every endpoint actor.
    pub actors: Vec<ActorSeen>,
    /// Actors replaced since the start, because they were silent or gone.
    pub replaced: u64,
}

/// One actor, from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActorSeen {
    /// Its target.
    pub target: TargetId,
    /// Whether it takes messages.
    pub up: bool,
    /// Messages that wait.
    pub mailbox_depth: u64,
    /// Restarts after a panic or stop.
    pub restarts: u64,
}

/// Applies a configuration.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Apply(pub(crate) Spec);

/// Drains an endpoint (all its targets) by an operator's hand, or lets it back.
#[derive(Clone, Debug, Message)]
#[rtype(result = "bool")]
pub struct DrainEndpoint {
    /// The endpoint's configured name.
    pub endpoint: Arc<str>,
    /// `true` takes it out of service.
    pub drained: bool,
}

impl Guardian {
    /// The labels of its messages.
    pub(crate) const MESSAGES: &[&'static str] = &["apply", "drain_endpoint", "observe"];

    pub(crate) fn new(
        around: Surroundings,
        table: Arc<ArcSwap<Table>>,
        budget: Arc<Mutex<RetryBudget>>,
        prober: Post<Prober>,
        arbiters: Vec<ArbiterHandle>,
        desk: Arc<Desk>,
    ) -> Self {
        Self {
            around,
            table,
            budget,
            prober,
            arbiters,
            desk,
            kept: BTreeMap::new(),
            drained: BTreeSet::new(),
            replaced: 0,
        }
    }

    fn apply(&mut self, spec: &Spec) {
        let endpoints: BTreeSet<_> = spec.targets.iter().map(|it| it.id.endpoint()).collect();
        self.drained.retain(|it| endpoints.contains(it));
        let mut next: BTreeMap<TargetId, Kept> = BTreeMap::new();
        // What can fail does so before anything is given up.
        for (place, it) in spec.targets.iter().enumerate() {
            if next.contains_key(&it.id) {
                continue;
            }
            let kept = match self.kept.get(&it.id) {
                Some(kept) if kept.identity == it.identity => kept.patched(it),
                _ => self.hire(it, place),
            };
            next.insert(it.id.clone(), kept);
        }
        let before = std::mem::replace(&mut self.kept, next);
        self.budget.lock().set_ratio(spec.retry_budget);
        let gone = |(id, old): &(&TargetId, &Kept)| {
            let successor = self.kept.get(*id).map(|it| &it.target);
            successor.is_none_or(|it| !Arc::ptr_eq(it, &old.target))
        };
        let gone: Vec<&Kept> = before.iter().filter(gone).map(|(_, old)| old).collect();
        let mut table = self.tabulate(spec);
        table.leaving = self
            .table
            .load()
            .leaving()
            .map(|it| Arc::downgrade(&it))
            .collect();
        table
            .leaving
            .extend(gone.iter().map(|old| Arc::downgrade(&old.target)));
        self.table.store(Arc::new(table));
        // Only now: until the table is there, routers choose by the old one.
        for old in gone {
            old.retire();
        }
        self.around.bell.ring();
        let watched = self
            .kept
            .values()
            .map(|kept| (kept.target.clone(), kept.policy.probe))
            .collect();
        if self.prober.try_send(Watch(watched)).is_err() {
            tracing::error!("the prober is gone: endpoints are not pinged");
        }
    }

    /// Makes a new target and starts its actor.
    fn hire(&self, spec: &TargetSpec, place: usize) -> Kept {
        let now = clock::now();
        let drained = self.drained.contains(spec.id.endpoint());
        let mut machine = Machine::new(spec.policy, now);
        machine
            .step(Event::Drain(drained), now, luck())
            .for_each(drop);
        let target = Arc::new(Target::new(spec.id.clone(), machine, now));
        // Published before the actor runs: the first request need not wait for it.
        target.snapshot.lock().publish(&target.cell, now, luck());
        let kept = Kept {
            target,
            identity: spec.identity.clone(),
            credentials: spec.credentials,
            policy: spec.policy,
            drained,
            arbiter: place % self.arbiters.len().max(1),
            handled: 0,
            silent: 0,
        };
        self.appoint(&kept, false);
        kept
    }

    /// Starts the target's actor from its snapshot; the one before is retired.
    fn appoint(&self, kept: &Kept, replacement: bool) {
        let target = kept.target.clone();
        let bond = Bond::new(supervise::QUARANTINE);
        let mail = Arc::new(Mail::default());
        {
            // Under the lock an actor that wakes up late either has committed
            // or will see that it was retired.
            let _saved = target.snapshot.lock();
            if let Some(before) = target.office() {
                before.bond.retire();
            }
        }
        let actor = {
            let (target, bond, mail) = (target.clone(), bond.clone(), mail.clone());
            let around = self.around.clone();
            move |_: &mut Context<Endpoint>| Endpoint::new(target, bond, mail, around, replacement)
        };
        let told = {
            let (target, bond, around) = (target.clone(), bond.clone(), self.around.clone());
            move |incident: Incident| kept::tell(&target, &bond, &around, incident)
        };
        let Some(arbiter) = self.arbiters.get(kept.arbiter) else {
            return;
        };
        let addr = supervise::start(arbiter, bond.clone(), told, actor);
        target.move_to(Some(Office { addr, bond, mail }));
        // A router may have asked the one before for a look in this very moment.
        target.replenish();
    }

    fn tabulate(&self, spec: &Spec) -> Table {
        let mut models: Vec<Arc<str>> = Vec::new();
        for it in &spec.targets {
            if !models.contains(it.id.model()) {
                models.push(it.id.model().clone());
            }
        }
        for (model, _) in &spec.fallbacks {
            if !models.contains(model) {
                models.push(model.clone());
            }
        }
        let plans = models.into_iter().map(|model| {
            let fallbacks = spec.fallbacks.iter().find(|(name, _)| *name == model);
            let names = std::iter::once(&model).chain(fallbacks.iter().flat_map(|(_, to)| to));
            let tiers = names.map(|name| self.tier(spec, name)).collect();
            let name = model.clone();
            let plan = Plan {
                model,
                name: name.clone(),
                tiers,
                whole: None,
            };
            (name, Arc::new(plan))
        });
        let auto: Arc<str> = AUTO.into();
        let routes = spec.routes.iter().map(|route| {
            let tiers = route.models.iter().map(|name| self.tier(spec, name));
            let plan = Plan {
                model: auto.clone(),
                // With a space, as no model's name has one.
                name: format!("{AUTO} {}", route.models.join(" ")).into(),
                tiers: tiers.collect(),
                whole: None,
            };
            (route.clone(), Arc::new(plan))
        });
        Table {
            plans: plans.collect(),
            routes: routes.collect(),
            targets: self.kept.values().map(|it| it.target.clone()).collect(),
            leaving: Vec::new(),
            strategy: spec.strategy,
            max_waiting: spec.max_waiting,
        }
    }

    fn tier(&self, spec: &Spec, model: &Arc<str>) -> Tier {
        let mine = spec.targets.iter().zip(0u32..).filter_map(|(it, order)| {
            let kept = self.kept.get(&it.id)?;
            (it.id.model() == model).then(|| Entry {
                target: kept.target.clone(),
                price: it.price,
                order,
                tpm: it.policy.lendable().tpm.map(|tpm| u64::from(tpm.get())),
            })
        });
        Tier {
            model: model.clone(),
            entries: mine.collect(),
        }
    }

    /// Replaces every actor that is gone or silent; tells those again that
    /// missed something.
    fn beat(&mut self, ctx: &mut Context<Self>) {
        ctx.run_later(BEAT, Self::beat);
        let mut stuck: BTreeSet<usize> = BTreeSet::new();
        let mut lost: BTreeSet<TargetId> = BTreeSet::new();
        for (id, kept) in &mut self.kept {
            let alive = self
                .arbiters
                .get(kept.arbiter)
                .is_some_and(ArbiterHandle::alive);
            match kept.sign() {
                Sign::Well => kept.remind(),
                Sign::Gone if alive => drop(lost.insert(id.clone())),
                Sign::Gone | Sign::Silent => drop(stuck.insert(kept.arbiter)),
            }
        }
        for at in stuck {
            if self.renew(at) {
                let there = self.kept.iter().filter(|(_, kept)| kept.arbiter == at);
                lost.extend(there.map(|(id, _)| id.clone()));
            }
        }
        for id in lost {
            tracing::error!(endpoint = %id, "endpoint actor was silent or gone: replaced");
            self.replaced += 1;
            if let Some(kept) = self.kept.get_mut(&id) {
                kept.target.metrics.actor.restarted("replaced");
                (kept.handled, kept.silent) = (0, 0);
            }
            if let Some(kept) = self.kept.get(&id) {
                self.appoint(kept, true);
            }
        }
    }

    /// Puts a new arbiter in the place of one that is stuck or over; returns
    /// whether there is one.
    fn renew(&mut self, at: usize) -> bool {
        let Some(arbiter) = self.arbiters.get_mut(at) else {
            return false;
        };
        match Arbiter::try_new() {
            Ok(new) => {
                // Should the old thread ever come to itself, it ends.
                std::mem::replace(arbiter, new.handle()).stop();
                true
            }
            Err(error) => {
                tracing::error!(%error, "no thread for endpoint actors: trying again");
                false
            }
        }
    }
}

impl Actor for Guardian {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_later(BEAT, Self::beat);
    }
}

impl Supervised for Guardian {}

impl Handler<Apply> for Guardian {
    type Result = ();

    fn handle(&mut self, apply: Apply, _: &mut Self::Context) {
        let _timed = self.desk.begin_message("apply");
        self.apply(&apply.0);
    }
}

impl Handler<DrainEndpoint> for Guardian {
    type Result = bool;

    fn handle(&mut self, drain: DrainEndpoint, _: &mut Self::Context) -> bool {
        let _timed = self.desk.begin_message("drain_endpoint");
        let mut found = false;
        for (id, kept) in &mut self.kept {
            if *id.endpoint() == drain.endpoint {
                found = true;
                kept.drained = drain.drained;
                kept.target.post(Drain(drain.drained));
            }
        }
        if found && drain.drained {
            self.drained.insert(drain.endpoint);
        } else {
            self.drained.remove(&drain.endpoint);
        }
        found
    }
}

impl Handler<Observe<GuardianSeen>> for Guardian {
    type Result = MessageResult<Observe<GuardianSeen>>;

    fn handle(&mut self, _: Observe<GuardianSeen>, _: &mut Self::Context) -> Self::Result {
        let _timed = self.desk.begin_message("observe");
        let actors = self.kept.values().filter_map(|kept| {
            let office = kept.target.office()?;
            Some(ActorSeen {
                target: kept.target.id.clone(),
                up: office.addr.connected() && !office.bond.is_resting(),
                mailbox_depth: office.mail.depth(),
                restarts: office.bond.restarts(),
            })
        });
        MessageResult(GuardianSeen {
            actors: actors.collect(),
            replaced: self.replaced,
        })
    }
}

#[cfg(feature = "chaos")]
crate::messages::fails_on_purpose!(Guardian);
