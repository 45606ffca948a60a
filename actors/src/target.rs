//! One target as everybody shares it: its name, its cell, its actor's address.
//!
//! It outlives the actor: after a panic the actor comes back to the same
//! cell, and a replacement on another arbiter takes over from `snapshot`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use actix::Addr;
use parking_lot::{Mutex, RwLock};

use crate::{
    books::Books,
    cell::Cell,
    endpoint::Endpoint,
    error::Why,
    id::TargetId,
    messages::{EndpointSeen, Observe, Replenish, Reports},
    state::{health::Status, machine::Machine},
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

    /// Forgets what waited in a mailbox that is gone.
    pub(crate) fn clear(&self) {
        self.handled
            .store(self.posted.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

/// One (endpoint, model) pair, shared by routers, leases, prober and guardian.
#[derive(Debug)]
pub struct Target {
    pub(crate) id: TargetId,
    pub(crate) cell: Cell,
    pub(crate) mail: Mail,
    /// The books after the last message that was handled to its end.
    pub(crate) snapshot: Mutex<Books>,
    office: RwLock<Option<Office>>,
}

/// Where a target's actor is to be found.
#[derive(Clone, Debug)]
pub(crate) struct Office {
    pub(crate) addr: Addr<Endpoint>,
    pub(crate) bond: Arc<Bond>,
}

impl Target {
    pub(crate) fn new(id: TargetId, machine: Machine) -> Self {
        Self {
            id,
            cell: Cell::new(),
            mail: Mail::default(),
            snapshot: Mutex::new(Books::new(machine)),
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
        self.cell.refusal(0)
    }

    /// Returns how many requests are under way.
    pub fn in_flight(&self) -> u32 {
        self.cell.in_flight()
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

    /// Sends `reports` home.
    ///
    /// Nobody waits for them; a target whose actor is being replaced loses
    /// them, and deadlines in the machine make good what was lost.
    #[expect(
        clippy::disallowed_methods,
        reason = "bounded: at most two reports for each lease, in batches"
    )]
    pub(crate) fn report(&self, reports: Reports) {
        if let Some(office) = &*self.office.read() {
            self.mail.posted();
            office.addr.do_send(reports);
        }
    }

    /// Asks the actor to look at its cell again.
    pub(crate) fn replenish(&self) {
        if let Some(office) = &*self.office.read() {
            self.mail.posted();
            if office.addr.try_send(Replenish).is_err() {
                self.mail.handled();
            }
        }
    }
}
