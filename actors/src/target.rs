//! One target as everybody shares it: its name, its cell, its actor's address.
//!
//! It outlives the actor: after a panic the actor comes back to the same
//! cell, and a replacement on another arbiter takes over from `snapshot`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Instant,
};

use actix::{Addr, Handler, Message};
use parking_lot::{Mutex, RwLock};

use crate::{
    books::Books,
    cell::Cell,
    endpoint::Endpoint,
    error::Why,
    id::TargetId,
    inbox::Inbox,
    messages::{EndpointSeen, Observe, Replenish, Reports},
    metrics::EndpointMetrics,
    presence::Presence,
    state::{
        breaker::{Phase, Transition, TransitionReason},
        event::Event,
        health::Status,
        luck::Luck,
        machine::Machine,
    },
    supervise::Bond,
};

/// Counts what goes into a mailbox and what was handled: actix tells neither.
#[derive(Debug, Default)]
pub(crate) struct Mail {
    posted: AtomicU64,
    handled: AtomicU64,
}

impl Mail {
    pub(crate) fn posted(&self) {
        self.posted.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn handled(&self) {
        self.handled.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn handled_count(&self) -> u64 {
        self.handled.load(Ordering::Relaxed)
    }

    /// Returns how many messages wait.
    pub(crate) fn depth(&self) -> u64 {
        let handled = self.handled.load(Ordering::Relaxed);
        self.posted.load(Ordering::Relaxed).saturating_sub(handled)
    }
}

/// One (endpoint, model) pair, shared by routers, leases, prober and guardian.
#[derive(Debug)]
pub struct Target {
    pub(crate) id: TargetId,
    pub(crate) cell: Cell,
    /// The books after the last message that was handled to its end.
    pub(crate) snapshot: Mutex<Books>,
    pub(crate) inbox: Inbox,
    pub(crate) metrics: EndpointMetrics,
    /// Whether somebody has been told that the key is rejected.
    key_is_told: AtomicBool,
    /// Mean length of answers whose requests set no bound, in tokens; 0: none seen.
    usual_output: AtomicU64,
    office: RwLock<Option<Office>>,
}

/// Where a target's actor is to be found; a replacement has a new one.
#[derive(Clone, Debug)]
pub(crate) struct Office {
    pub(crate) addr: Addr<Endpoint>,
    pub(crate) bond: Arc<Bond>,
    /// Of this mailbox alone: what a replaced actor never handled, or handles
    /// late, must not count for its successor.
    pub(crate) mail: Arc<Mail>,
}

impl Office {
    /// Sends `message`; it is lost if the actor is gone.
    pub(crate) fn post<M>(&self, message: M)
    where
        Endpoint: Handler<M>,
        M: Message<Result = ()> + Send + 'static,
    {
        self.mail.posted();
        // The mailbox has no bound: only a closed one refuses.
        if self.addr.try_send(message).is_err() {
            self.mail.handled();
        }
    }
}

impl Target {
    pub(crate) fn new(id: TargetId, machine: Machine, now: Instant) -> Self {
        Self {
            metrics: EndpointMetrics::new(&id),
            id,
            cell: Cell::new(now),
            snapshot: Mutex::new(Books::new(machine)),
            inbox: Inbox::default(),
            key_is_told: AtomicBool::new(false),
            usual_output: AtomicU64::new(0),
            office: RwLock::new(None),
        }
    }

    /// Returns the target's name.
    pub fn id(&self) -> &TargetId {
        &self.id
    }

    /// Returns the target's health as last published.
    pub fn status(&self) -> Status {
        self.cell.status()
    }

    /// Returns why it takes no request, and until when if anyone knows, as last
    /// published.
    pub fn refusal(&self) -> (Why, Option<Instant>) {
        self.cell.refusal(1)
    }

    /// Returns how many requests are under way.
    pub fn in_flight(&self) -> u32 {
        self.cell.in_flight()
    }

    /// Learns that an answer whose request set no bound was so long, in tokens.
    ///
    /// The mean is exponentially weighted, α = 1/8, so that eight answers or so
    /// tell of a new kind of work.
    pub fn learn_output(&self, tokens: u64) {
        let learn = |mean: u64| match mean {
            0 => Some(tokens),
            mean => Some(mean - mean / 8 + tokens / 8),
        };
        let order = Ordering::Relaxed;
        self.usual_output.fetch_update(order, order, learn).ok();
    }

    /// Returns how long such answers usually are; 0 until one was seen.
    pub(crate) fn usual_output(&self) -> u64 {
        self.usual_output.load(Ordering::Relaxed)
    }

    /// Returns whether `change` is the first of an incident to say that our key
    /// is rejected. An incident ends when the circuit closes or the settings
    /// change, not with every trial.
    pub(crate) fn is_news_of_key(&self, change: &Transition) -> bool {
        if change.to == Phase::Closed || change.reason == TransitionReason::Patched {
            self.key_is_told.store(false, Ordering::Relaxed);
        }
        change.reason == TransitionReason::KeyRejected
            && !self.key_is_told.swap(true, Ordering::Relaxed)
    }

    /// Returns how it is at `now`, whenever something happened last: windows
    /// slide by themselves, and what routers took may not be booked yet.
    fn machine(&self, now: Instant) -> Machine {
        // Under the lock: the cell's grant is the one that the books have lent.
        let saved = self.snapshot.lock();
        let mut books = saved.clone();
        books.look(&self.cell, now, Luck::EVEN).for_each(drop);
        let machine = &mut books.machine;
        machine.step(Event::Tick, now, Luck::EVEN).for_each(drop);
        books.machine
    }

    /// Returns how it is at `now`, seen from outside: its actor need not answer.
    pub fn look(&self, now: Instant) -> EndpointSeen {
        self.seen(&self.machine(now), now)
    }

    /// Returns how it is, `machine` being its machine.
    pub(crate) fn seen(&self, machine: &Machine, now: Instant) -> EndpointSeen {
        EndpointSeen {
            target: self.id.clone(),
            view: machine.view(now),
            policy: *machine.policy(),
            in_flight: self.cell.in_flight(),
            credits: self.cell.credits(),
        }
    }

    /// Writes how it is at `now`.
    pub(crate) fn show(&self, now: Instant) {
        self.metrics
            .show(self.status(), &self.machine(now).view(now));
        let (up, depth) = self.mailbox();
        self.metrics.actor.show(up, depth);
    }

    /// Returns whether its actor takes messages, and how many wait.
    fn mailbox(&self) -> (bool, u64) {
        match &*self.office.read() {
            None => (false, 0),
            Some(office) => (
                office.addr.connected() && !office.bond.is_resting(),
                office.mail.depth(),
            ),
        }
    }

    /// Returns how its actor is, seen from outside.
    pub(crate) fn presence(&self) -> Presence {
        let (up, mailbox_depth) = self.mailbox();
        Presence::new(
            "endpoint",
            &self.id.to_string(),
            up,
            mailbox_depth,
            &self.metrics.actor,
        )
    }

    /// Asks the actor how it is; `None` while there is none to answer.
    pub async fn observe(&self) -> Option<EndpointSeen> {
        let office = self.office()?;
        office.addr.send(Observe::default()).await.ok()
    }

    pub(crate) fn office(&self) -> Option<Office> {
        self.office.read().clone()
    }

    /// Puts `office` in the place of the one before, which it returns.
    pub(crate) fn move_to(&self, office: Option<Office>) -> Option<Office> {
        std::mem::replace(&mut *self.office.write(), office)
    }

    /// Sends `reports` home: at most two for each lease, in batches.
    ///
    /// Nobody waits for them. One message is enough for all that an actor finds
    /// as it comes to look; whoever takes over from it looks anyway.
    pub(crate) fn report(&self, reports: Vec<Event>) {
        if self.inbox.put(reports) {
            self.post(Reports);
        }
    }

    /// Asks the actor to look at its cell again.
    pub(crate) fn replenish(&self) {
        self.post(Replenish);
    }

    /// Sends `message` to the actor there is, if there is one.
    pub(crate) fn post<M>(&self, message: M)
    where
        Endpoint: Handler<M>,
        M: Message<Result = ()> + Send + 'static,
    {
        if let Some(office) = &*self.office.read() {
            office.post(message);
        }
    }
}
