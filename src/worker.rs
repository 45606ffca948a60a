//! What one web worker has of its own: a router, a client, cached handles.

use std::{rc::Rc, sync::Arc};

use arc_swap::ArcSwap;
use breakerbox_actors::{desk::Post, engine::Engine, router::Router};
use tokio::sync::watch;

use crate::{
    dialect::Api,
    generation::Generation,
    guesses::Guesses,
    metrics::ApiMetrics,
    room::Room,
    tap::{Ear, Tap},
    upstream::{Client, KeepAlive},
};

/// How far the gateway is with going down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Closing {
    /// Not at all.
    No,
    /// Readiness fails, requests under way finish.
    Draining,
    /// The grace is over: streams end now, in their dialect's form.
    Now,
}

/// What all workers share.
#[derive(Clone, Debug)]
pub struct Shared {
    /// The engine.
    pub engine: Engine,
    /// The configuration in force.
    pub generation: Arc<ArcSwap<Generation>>,
    /// Room for request bodies.
    pub room: Room,
    /// Room for whole answers on their way.
    pub answers: Room,
    /// What requests are recorded in.
    pub tap: Tap,
    /// Who has sent wrong keys.
    pub guesses: Arc<Guesses>,
    /// How far the gateway is with going down.
    pub closing: watch::Receiver<Closing>,
}

impl Shared {
    /// Returns whether the gateway goes down.
    pub fn is_closing(&self) -> bool {
        *self.closing.borrow() > Closing::No
    }
}

/// One worker's own. See the [module](self).
pub struct Worker {
    /// What all workers share.
    pub shared: Shared,
    /// This thread's router.
    pub router: Post<Router>,
    /// This thread's connections to upstreams.
    pub client: Client,
    /// What this thread records requests through.
    pub(crate) ear: Rc<Ear>,
    /// This thread's metric handles, in the order of [`Api::ALL`].
    metrics: [Rc<ApiMetrics>; Api::ALL.len()],
}

impl Worker {
    /// Starts a worker's actors on the current thread.
    pub fn start(shared: Shared) -> Rc<Self> {
        Rc::new(Self {
            router: shared.engine.router(),
            client: Client::new(KeepAlive::default()),
            ear: shared.tap.ear(),
            metrics: Api::ALL.map(ApiMetrics::new),
            shared,
        })
    }

    /// Returns this thread's handles for `api`.
    pub fn metrics(&self, api: Api) -> &Rc<ApiMetrics> {
        &self.metrics[api.index()]
    }

    /// Returns the configuration in force.
    pub fn generation(&self) -> Arc<Generation> {
        self.shared.generation.load_full()
    }
}
