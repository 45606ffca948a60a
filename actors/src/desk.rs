//! Where a router, the prober or the guardian is written to and seen from
//! outside. (An endpoint's actor has an [`Office`](crate::target), which a
//! replacement can take over.)

use std::{
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use actix::{
    Actor, Addr, ArbiterHandle, Context, Handler, Message, Supervised, WeakAddr,
    dev::{Request, ToEnvelope},
    prelude::SendError,
};
use parking_lot::Mutex;

use crate::{
    clock,
    metrics::{ActorMetrics, Timed},
    presence::Presence,
    supervise::{self, BEAT, Bond, Incident, SILENT_BEATS},
};

/// Without a beat for so long a thread stands still. As the guardian is with
/// endpoints' mail, and a beat more for what the timer is late.
const STILL: Duration = BEAT.saturating_mul(SILENT_BEATS + 1);

/// What is known of one actor from outside.
pub(crate) struct Desk {
    name: String,
    bond: Arc<Bond>,
    metrics: ActorMetrics,
    /// When the actor's thread showed last that it goes on. A router has
    /// none: it shares its thread with the requests, whose lag is measured.
    beat: Option<Mutex<Instant>>,
}

/// An actor's address that counts what is sent to it: actix does not tell how
/// much waits. Cheap to clone.
pub struct Post<A: Actor> {
    addr: Addr<A>,
    desk: Arc<Desk>,
}

/// A [`Post`] that does not keep its actor alive.
pub struct WeakPost<A: Actor> {
    addr: WeakAddr<A>,
    desk: Arc<Desk>,
}

/// All desks of one engine. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Desks(Arc<Mutex<Vec<Weak<Desk>>>>);

impl Desks {
    /// Starts the actor that `make` returns, called `name`; a `numbered` one
    /// with the lowest number that is free.
    ///
    /// `messages` are the labels of what it handles.
    pub(crate) fn open<A>(
        &self,
        arbiter: &ArbiterHandle,
        name: &'static str,
        numbered: bool,
        messages: &[&'static str],
        make: impl FnOnce(&mut Context<A>, Arc<Desk>) -> A + Send + 'static,
    ) -> Post<A>
    where
        A: Supervised + Actor<Context = Context<A>> + Unpin,
    {
        let beat = (!numbered).then(|| Mutex::new(clock::now()));
        let desk = {
            let mut desks = self.0.lock();
            desks.retain(|desk| desk.strong_count() > 0);
            let there: Vec<_> = desks.iter().filter_map(Weak::upgrade).collect();
            let free = |name: &String| there.iter().all(|it| it.name != *name);
            let names = (0..=there.len()).map(|number| format!("{name}:{number}"));
            let numbered = numbered.then(|| names.into_iter().find(free)).flatten();
            let name = numbered.unwrap_or_else(|| name.to_owned());
            let desk = Arc::new(Desk {
                bond: Bond::new(supervise::BREATH),
                metrics: ActorMetrics::new(&name, &["panic", "stop"], messages),
                beat,
                name,
            });
            desks.push(Arc::downgrade(&desk));
            desk
        };
        if desk.beat.is_some() {
            arbiter.spawn(show_life(Arc::downgrade(&desk)));
        }
        let told = {
            let desk = desk.clone();
            move |incident| desk.restarted(incident)
        };
        let (bond, at_work) = (desk.bond.clone(), desk.clone());
        let addr = supervise::start(arbiter, bond, told, move |ctx| make(ctx, at_work));
        Post { addr, desk }
    }

    /// Writes how each actor is.
    pub(crate) fn show(&self) {
        for desk in self.0.lock().iter().filter_map(Weak::upgrade) {
            desk.metrics.show(desk.is_up(), desk.bond.waiting());
        }
    }

    /// Returns how each actor is.
    pub(crate) fn presences(&self) -> Vec<Presence> {
        let desks = self.0.lock();
        let there = desks.iter().filter_map(Weak::upgrade);
        there
            .map(|desk| {
                let kind = desk.name.split(':').next().unwrap_or_default();
                let waiting = desk.bond.waiting();
                Presence::new(kind, &desk.name, desk.is_up(), waiting, &desk.metrics)
            })
            .collect()
    }
}

impl Desk {
    fn is_up(&self) -> bool {
        let now = clock::now();
        let goes_on = |beat: &Mutex<Instant>| now.saturating_duration_since(*beat.lock()) < STILL;
        let has_a_thread = self.beat.as_ref().is_none_or(goes_on);
        has_a_thread && !self.bond.is_resting() && !self.bond.is_over()
    }

    /// Counts a message that is sent to the actor past its [`Post`].
    pub(crate) fn posted(&self) {
        self.bond.posted();
    }

    /// Counts a message that the actor handles.
    pub(crate) fn message(&self, message: &'static str) {
        self.metrics.message(message);
    }

    /// Times the handling of a message until what it returns is dropped.
    pub(crate) fn timed(&self) -> Timed {
        self.metrics.timed()
    }

    /// Counts a message and times it.
    pub(crate) fn begin_message(&self, message: &'static str) -> Timed {
        self.message(message);
        self.timed()
    }

    fn restarted(&self, incident: Incident) {
        let reason = incident.ended.label();
        self.metrics.restarted(reason);
        tracing::error!(
            actor = self.name,
            reason,
            quarantined = incident.rests_until.is_some(),
            "actor restarted"
        );
    }
}

/// Shows that the thread it runs on goes on, for as long as there is the desk.
async fn show_life(desk: Weak<Desk>) {
    while let Some(desk) = desk.upgrade() {
        if let Some(beat) = &desk.beat {
            *beat.lock() = clock::now();
        }
        drop(desk);
        tokio::time::sleep(BEAT).await;
    }
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Desk({})", self.name)
    }
}

impl<A: Actor> Post<A> {
    /// Asks the actor; see [`Addr::send`].
    pub fn send<M>(&self, message: M) -> Request<A, M>
    where
        A: Handler<M>,
        A::Context: ToEnvelope<A, M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        self.count();
        self.addr.send(message)
    }

    /// Tells the actor; see [`Addr::try_send`].
    ///
    /// # Errors
    ///
    /// [`SendError::Closed`] if the actor is gone.
    pub fn try_send<M>(&self, message: M) -> Result<(), SendError<M>>
    where
        A: Handler<M>,
        A::Context: ToEnvelope<A, M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        self.count();
        self.addr.try_send(message)
    }

    /// Returns the address as one that does not keep the actor alive.
    pub fn downgrade(&self) -> WeakPost<A> {
        WeakPost {
            addr: self.addr.downgrade(),
            desk: self.desk.clone(),
        }
    }

    fn count(&self) {
        // A closed mailbox takes nothing in.
        if self.addr.connected() {
            self.desk.posted();
        }
    }
}

impl<A: Actor> Clone for Post<A> {
    fn clone(&self) -> Self {
        Self {
            addr: self.addr.clone(),
            desk: self.desk.clone(),
        }
    }
}

impl<A: Actor> std::fmt::Debug for Post<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Post({})", self.desk.name)
    }
}

impl<A: Actor> std::fmt::Debug for WeakPost<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WeakPost({})", self.desk.name)
    }
}

impl<A: Actor> WeakPost<A> {
    /// Returns the address, unless all who held it are gone.
    pub fn upgrade(&self) -> Option<Post<A>> {
        Some(Post {
            addr: self.addr.upgrade()?,
            desk: self.desk.clone(),
        })
    }
}
