//! The actor that starts, replaces and ends all endpoint actors.
//!
//! A panic is mended on the spot by [`supervise`]; the guardian, on an arbiter
//! of its own, mends the rest: an actor that went silent, an arbiter that
//! died, an actor whose supervisor gave up. It applies a new configuration as
//! a diff. Silence is seen from outside: mail waits and none is handled.

use std::{collections::HashMap, sync::Arc, time::Duration};

use actix::prelude::*;
use arc_swap::ArcSwap;
use parking_lot::Mutex;

use crate::{
    clock,
    endpoint::{Endpoint, Surroundings},
    id::TargetId,
    messages::{Drain, Observe, Patch, Retire},
    metrics,
    prober::{Prober, Watch},
    spec::{Spec, TargetSpec},
    state::{budget::RetryBudget, luck::Luck, machine::Machine, policy::EndpointPolicy},
    supervise::{self, Bond, Incident},
    table::{Entry, Plan, Table, Tier},
    target::{Office, Target},
};

/// How often the guardian looks for silent actors.
pub const BEAT: Duration = Duration::from_millis(500);
/// Beats with mail waiting and none handled after which an actor is replaced.
pub const SILENT_BEATS: u32 = 3;

/// The guardian. See the [module](self).
#[derive(Debug)]
pub struct Guardian {
    around: Surroundings,
    table: Arc<ArcSwap<Table>>,
    budget: Arc<Mutex<RetryBudget>>,
    prober: Addr<Prober>,
    arbiters: Vec<ArbiterHandle>,
    kept: HashMap<TargetId, Kept>,
    replaced: u64,
}

#[derive(Debug)]
struct Kept {
    target: Arc<Target>,
    identity: Arc<str>,
    policy: EndpointPolicy,
    arbiter: usize,
    handled: u64,
    silent: u32,
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
    pub(crate) fn new(
        around: Surroundings,
        table: Arc<ArcSwap<Table>>,
        budget: Arc<Mutex<RetryBudget>>,
        prober: Addr<Prober>,
        arbiters: Vec<ArbiterHandle>,
    ) -> Self {
        Self {
            around,
            table,
            budget,
            prober,
            arbiters,
            kept: HashMap::new(),
            replaced: 0,
        }
    }

    fn apply(&mut self, spec: &Spec) {
        let mut before = std::mem::take(&mut self.kept);
        for (place, it) in spec.targets.iter().enumerate() {
            let kept = match before.remove(&it.id) {
                Some(kept) if kept.identity == it.identity => patched(kept, it.policy),
                other => {
                    other.iter().for_each(|kept| retire(kept));
                    self.hire(it, place)
                }
            };
            self.kept.insert(it.id.clone(), kept);
        }
        before.values().for_each(retire);
        self.budget.lock().set_ratio(spec.retry_budget);
        self.table.store(Arc::new(self.tabulate(spec)));
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
        let machine = Machine::new(spec.policy, clock::now());
        let target = Arc::new(Target::new(spec.id.clone(), machine));
        // Published before the actor runs: the first request need not wait for it.
        target
            .snapshot
            .lock()
            .publish(&target.cell, clock::now(), Luck::draw(&mut rand::rng()));
        let arbiter = place % self.arbiters.len().max(1);
        let kept = Kept {
            target,
            identity: spec.identity.clone(),
            policy: spec.policy,
            arbiter,
            handled: 0,
            silent: 0,
        };
        self.appoint(&kept);
        kept
    }

    /// Starts the target's actor from its snapshot; the one before is retired.
    fn appoint(&self, kept: &Kept) {
        let target = kept.target.clone();
        let bond = Arc::new(Bond::default());
        {
            // Under the lock an actor that wakes up late either has committed
            // or will see that it was retired.
            let _saved = target.snapshot.lock();
            if let Some(before) = target.office() {
                before.bond.retire();
            }
        }
        target.mail.clear();
        let around = self.around.clone();
        let actor = {
            let (target, bond) = (target.clone(), bond.clone());
            move |_: &mut Context<Endpoint>| Endpoint::new(target, bond, around)
        };
        let told = {
            let target = target.clone();
            move |incident: Incident| tell(&target, incident)
        };
        let Some(arbiter) = self.arbiters.get(kept.arbiter) else {
            return;
        };
        let addr = supervise::start(arbiter, bond.clone(), told, actor);
        target.move_to(Some(Office { addr, bond }));
        metrics::actor_up(&target.id, true);
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
            (model.clone(), Arc::new(Plan { model, tiers }))
        });
        Table {
            plans: plans.collect(),
            targets: self.kept.values().map(|it| it.target.clone()).collect(),
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
                tpm: it.policy.limits.tpm.map(|tpm| u64::from(tpm.get())),
            })
        });
        Tier {
            model: model.clone(),
            entries: mine.collect(),
        }
    }

    /// Replaces every actor that is gone or silent.
    fn beat(&mut self, ctx: &mut Context<Self>) {
        let mut dead_arbiters: Vec<usize> = Vec::new();
        let mut lost: Vec<TargetId> = Vec::new();
        for (id, kept) in &mut self.kept {
            let Some(office) = kept.target.office() else {
                continue;
            };
            let handled = kept.target.mail.handled_count();
            let idle = handled == kept.handled && kept.target.mail.depth() > 0;
            kept.handled = handled;
            kept.silent = if idle && !office.bond.is_resting() {
                kept.silent + 1
            } else {
                0
            };
            let gone = !office.addr.connected();
            if gone || kept.silent >= SILENT_BEATS {
                kept.silent = 0;
                lost.push(id.clone());
                if !dead_arbiters.contains(&kept.arbiter) {
                    dead_arbiters.push(kept.arbiter);
                }
            }
        }
        for at in dead_arbiters {
            // Its thread is stuck or over; what still runs there may finish.
            if let Some(arbiter) = self.arbiters.get_mut(at) {
                *arbiter = Arbiter::new().handle();
            }
        }
        for id in lost {
            tracing::error!(endpoint = %id, "endpoint actor was silent or gone: replaced");
            metrics::actor_restarted(&id, "replaced");
            self.replaced += 1;
            if let Some(kept) = self.kept.get(&id) {
                self.appoint(kept);
            }
        }
        ctx.run_later(BEAT, Self::beat);
    }
}

/// Gives `kept` new settings; its state stays.
fn patched(kept: Kept, policy: EndpointPolicy) -> Kept {
    if kept.policy != policy
        && let Some(office) = kept.target.office()
    {
        kept.target.mail.posted();
        if office.addr.try_send(Patch(policy)).is_err() {
            kept.target.mail.handled();
        }
    }
    Kept { policy, ..kept }
}

fn retire(kept: &Kept) {
    if let Some(office) = kept.target.move_to(None) {
        // One that is gone already has nothing to withdraw from.
        let _ = office.addr.try_send(Retire);
    }
    metrics::actor_up(&kept.target.id, false);
}

/// Tells of a restart; takes a resting actor's grant back.
fn tell(target: &Target, incident: Incident) {
    let reason = incident.ended.label();
    metrics::actor_restarted(&target.id, reason);
    match incident.rests_until {
        None => tracing::warn!(endpoint = %target.id, reason, "endpoint actor restarted"),
        Some(until) => {
            tracing::error!(
                endpoint = %target.id,
                reason,
                seconds = supervise::QUARANTINE.as_secs(),
                "endpoint actor restarted too often: quarantined"
            );
            target.snapshot.lock().withdraw(
                &target.cell,
                clock::now(),
                Luck::draw(&mut rand::rng()),
                Some(until),
            );
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
        self.apply(&apply.0);
    }
}

impl Handler<DrainEndpoint> for Guardian {
    type Result = bool;

    fn handle(&mut self, drain: DrainEndpoint, _: &mut Self::Context) -> bool {
        let mut found = false;
        for kept in self.kept.values() {
            if *kept.target.id.endpoint() == drain.endpoint
                && let Some(office) = kept.target.office()
            {
                found = true;
                kept.target.mail.posted();
                if office.addr.try_send(Drain(drain.drained)).is_err() {
                    kept.target.mail.handled();
                }
            }
        }
        found
    }
}

impl Handler<Observe<GuardianSeen>> for Guardian {
    type Result = MessageResult<Observe<GuardianSeen>>;

    fn handle(&mut self, _: Observe<GuardianSeen>, _: &mut Self::Context) -> Self::Result {
        let actors = self.kept.values().filter_map(|kept| {
            let office = kept.target.office()?;
            Some(ActorSeen {
                target: kept.target.id.clone(),
                up: office.addr.connected() && !office.bond.is_resting(),
                mailbox_depth: kept.target.mail.depth(),
                restarts: office.bond.restarts(),
            })
        });
        MessageResult(GuardianSeen {
            actors: actors.collect(),
            replaced: self.replaced,
        })
    }
}
