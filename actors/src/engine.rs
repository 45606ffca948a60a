//! The engine as the gateway holds it: start it, ask it for routers, give it
//! a new configuration. It ends with its arbiters.

use std::sync::Arc;

use actix::prelude::*;
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::sync::broadcast;

use crate::{
    bell::Bell,
    clock,
    desk::{Desks, Post},
    endpoint::Surroundings,
    guardian::{Apply, Guardian},
    id::TargetId,
    messages::{EndpointSeen, Observe, Ping, Reset, StatusChanged},
    presence::Presence,
    prober::{Changed, Missed, Prober},
    router::{Commons, Router},
    spec::Spec,
    state::{budget::RetryBudget, machine::Machine, policy::Ratio},
    table::Table,
    target::Office,
};

/// News that may wait for a slow listener before it loses the oldest.
const NEWS: usize = 256;
/// Targets that share one engine thread, before another is started.
const TARGETS_PER_ARBITER: usize = 100;

/// Where the engine's actors live.
#[derive(Clone, Debug)]
pub struct Arbiters {
    /// Endpoint actors are spread over these.
    pub endpoints: Vec<ArbiterHandle>,
    /// The guardian's own, so that it sees when the others stand still.
    pub guardian: ArbiterHandle,
    /// The prober's.
    pub prober: ArbiterHandle,
}

impl Arbiters {
    /// Starts threads for `targets` endpoint actors, a guardian and a prober.
    pub fn threads(targets: usize) -> Self {
        let endpoints = 1 + targets / TARGETS_PER_ARBITER;
        Self {
            endpoints: (0..endpoints).map(|_| Arbiter::new().handle()).collect(),
            guardian: Arbiter::new().handle(),
            prober: Arbiter::new().handle(),
        }
    }

    /// Puts all actors on the current thread, where a test's clock is paused.
    pub fn current() -> Self {
        let here = Arbiter::current();
        Self {
            endpoints: vec![here.clone()],
            guardian: here.clone(),
            prober: here,
        }
    }
}

/// The guardian was lost while it applied a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the guardian was lost while it applied a configuration")]
pub struct GuardianLost;

/// A running engine. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Engine {
    commons: Commons,
    around: Surroundings,
    guardian: Post<Guardian>,
    prober: Post<Prober>,
    desks: Desks,
}

impl Engine {
    /// Starts the engine on `arbiters` and applies `spec`.
    ///
    /// `pinger` is called on the prober's arbiter and returns who sends pings.
    ///
    /// # Errors
    ///
    /// [`GuardianLost`] if the guardian failed over `spec`.
    pub async fn start(
        spec: Spec,
        arbiters: Arbiters,
        pinger: impl FnOnce() -> Recipient<Ping> + Send + 'static,
    ) -> Result<Self, GuardianLost> {
        let bell = Arc::new(Bell::default());
        let (news, mut heard) = broadcast::channel(NEWS);
        let around = Surroundings {
            news,
            bell: bell.clone(),
        };
        let commons = Commons {
            table: Arc::new(ArcSwap::from_pointee(Table::default())),
            budget: Arc::new(Mutex::new(RetryBudget::new(Ratio::ONE, clock::now()))),
            bell,
        };
        let desks = Desks::default();
        let prober = desks.open(
            &arbiters.prober,
            "prober",
            false,
            Prober::MESSAGES,
            move |_, desk| Prober::new(pinger(), desk),
        );
        let listener = prober.downgrade();
        arbiters.prober.spawn(async move {
            loop {
                match heard.recv().await {
                    Ok(news) => match listener.upgrade() {
                        Some(prober) if prober.try_send(Changed(news)).is_ok() => {}
                        _ => break,
                    },
                    Err(broadcast::error::RecvError::Lagged(_)) => match listener.upgrade() {
                        Some(prober) if prober.try_send(Missed).is_ok() => {}
                        _ => break,
                    },
                    Err(broadcast::error::RecvError::Closed) => break,
                }
            }
        });
        let guardian = {
            let (around, commons, prober) = (around.clone(), commons.clone(), prober.clone());
            desks.open(
                &arbiters.guardian,
                "guardian",
                false,
                Guardian::MESSAGES,
                move |_, desk| {
                    Guardian::new(
                        around,
                        commons.table,
                        commons.budget,
                        prober,
                        arbiters.endpoints,
                        desk,
                    )
                },
            )
        };
        let engine = Self {
            commons,
            around,
            guardian,
            prober,
            desks,
        };
        engine.apply(spec).await?;
        Ok(engine)
    }

    /// Applies `spec` as a diff; returns when every router sees it.
    ///
    /// # Errors
    ///
    /// [`GuardianLost`] if the guardian failed over it: what was in force stays.
    pub async fn apply(&self, spec: Spec) -> Result<(), GuardianLost> {
        self.guardian
            .send(Apply(spec))
            .await
            .map_err(|_| GuardianLost)
    }

    /// Starts a router on the current thread.
    pub fn router(&self) -> Post<Router> {
        let commons = self.commons.clone();
        self.desks.open(
            &Arbiter::current(),
            "router",
            true,
            Router::MESSAGES,
            move |ctx, desk| Router::new(commons, ctx, desk),
        )
    }

    /// Writes into the metrics what is only known by looking: how every actor
    /// and every target is now. To be called at each scrape.
    pub fn show(&self) {
        self.desks.show();
        self.table().show();
    }

    /// Returns how every actor is, seen from outside: endpoints by name, then
    /// the others.
    pub fn actors(&self) -> Vec<Presence> {
        let table = self.table();
        let mut actors: Vec<_> = table.targets().map(|it| it.presence()).collect();
        actors.sort_by(|a, b| a.name.cmp(&b.name));
        actors.extend(self.desks.presences());
        actors
    }

    /// Says by an operator's hand that `endpoint` is mended, for all its
    /// models; returns whether there is such an endpoint, once those of them
    /// know whose actors live. One that panics over it, or has no actor just
    /// then, never hears of it.
    pub async fn reset(&self, endpoint: &str) -> bool {
        let table = self.table();
        let mine = table
            .targets()
            .filter(|it| **it.id().endpoint() == *endpoint);
        let mut found = false;
        for target in mine {
            found = true;
            target.post(Reset);
            // Mail is handled in its order.
            target.observe().await;
        }
        found
    }

    /// Returns who may serve what, as of now.
    pub fn table(&self) -> Arc<Table> {
        self.commons.table.load_full()
    }

    /// Returns how many requests wait on all workers.
    pub fn waiting(&self) -> usize {
        self.commons.bell.waiting()
    }

    /// Returns how many extra attempts the retry budget would pay for now.
    pub fn retry_budget(&self) -> f64 {
        self.commons.budget.lock().remaining(clock::now())
    }

    /// Listens to changes of status from now on.
    ///
    /// The channel is bounded; who reads too slowly loses the oldest and is
    /// told so, and finds the present in [`Target::status`](crate::target::Target::status).
    pub fn subscribe(&self) -> broadcast::Receiver<StatusChanged> {
        self.around.news.subscribe()
    }

    /// Asks the actor of `target` how it is; `None` if there is no such
    /// target, or if its actor is lost before it answers.
    pub async fn observe(&self, target: &TargetId) -> Option<EndpointSeen> {
        let asked = self.office(target)?.addr.send(Observe::default());
        asked.await.ok()
    }

    /// Asks the actor of `target` for all that it keeps, as it was when it last
    /// had something to do; `None` as for [`Engine::observe`].
    pub async fn kept(&self, target: &TargetId) -> Option<Machine> {
        let asked = self.office(target)?.addr.send(Observe::default());
        asked.await.ok()
    }

    /// Makes the actor of `target` fail; returns whether it was there to be told.
    #[cfg(feature = "chaos")]
    pub fn chaos(&self, target: &TargetId, chaos: crate::messages::Chaos) -> bool {
        let office = self.office(target);
        office.is_some_and(|office| office.addr.try_send(chaos).is_ok())
    }

    fn office(&self, target: &TargetId) -> Option<Office> {
        let table = self.table();
        let mut targets = table.targets();
        targets.find(|it| it.id() == target)?.office()
    }

    /// Returns the guardian, to observe it or to drain an endpoint.
    pub fn guardian(&self) -> &Post<Guardian> {
        &self.guardian
    }

    /// Returns the prober, to observe it or to force a check.
    pub fn prober(&self) -> &Post<Prober> {
        &self.prober
    }
}
