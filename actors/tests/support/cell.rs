//! The shell as the machines need it, without threads: a word that routers
//! take from, looked at before every step and replaced after it.

use std::time::Instant;

use breakerbox_actors::state::{
    breaker::{Phase, Transition},
    event::Event,
    grant::Grant,
    luck::Luck,
    machine::Machine,
    policy::EndpointPolicy,
};

/// What routers see of a grant and take from it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Cell {
    epoch: u32,
    phase: Phase,
    credits: u32,
    last_resort: u32,
    tokens_spent: u64,
    tokens_limit: u64,
}

/// What a request was started with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Credit,
    Trial,
    LastResort,
}

/// Leave to send one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Lease {
    pub(crate) epoch: u32,
    pub(crate) kind: Kind,
    pub(crate) mark: u64,
    pub(crate) reserved: u64,
}

impl Cell {
    /// Takes a credit and reserves `tokens`, as a router would.
    pub(crate) fn take(&mut self, tokens: u64) -> Option<Lease> {
        let credits = self.credits.checked_sub(1)?;
        let kind = match self.phase {
            Phase::HalfOpen => Kind::Trial,
            Phase::Closed | Phase::Open => Kind::Credit,
        };
        let lease = self.reserve(kind, tokens)?;
        self.credits = credits;
        Some(lease)
    }

    /// Takes the last resort and reserves `tokens`.
    pub(crate) fn take_last_resort(&mut self, tokens: u64) -> Option<Lease> {
        let last_resort = self.last_resort.checked_sub(1)?;
        let lease = self.reserve(Kind::LastResort, tokens)?;
        self.last_resort = last_resort;
        Some(lease)
    }

    fn reserve(&mut self, kind: Kind, tokens: u64) -> Option<Lease> {
        let mark = self.tokens_spent.checked_add(tokens)?;
        if mark > self.tokens_limit {
            return None;
        }
        self.tokens_spent = mark;
        Some(Lease {
            epoch: self.epoch,
            kind,
            mark,
            reserved: tokens,
        })
    }
}

/// A machine and the cell it publishes to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Endpoint {
    pub(crate) machine: Machine,
    pub(crate) cell: Cell,
    /// Credits and last resorts as of the last look or publication.
    seen: (u32, u32),
}

impl Endpoint {
    pub(crate) fn new(policy: EndpointPolicy, now: Instant) -> Self {
        let machine = Machine::new(policy, now);
        let cell = Cell {
            epoch: 0,
            phase: Phase::Closed,
            credits: 0,
            last_resort: 0,
            tokens_spent: 0,
            tokens_limit: 0,
        };
        let mut this = Self {
            machine,
            cell,
            seen: (0, 0),
        };
        this.tell(Event::Tick, now, Luck::EVEN, |_| {});
        this
    }

    /// Looks, steps and publishes. `race` is what a router does between the
    /// step and the publication, which then has to look again.
    pub(crate) fn tell(
        &mut self,
        event: Event,
        now: Instant,
        luck: Luck,
        race: impl FnOnce(&mut Cell),
    ) -> (Grant, Vec<Transition>) {
        let mut changes = self.look(now, luck);
        changes.extend(self.machine.step(event, now, luck));
        race(&mut self.cell);
        changes.extend(self.look(now, luck));
        let grant = self.machine.grant(now);
        self.cell.epoch = grant.epoch;
        self.cell.phase = self.machine.phase();
        self.cell.credits = grant.credits;
        self.cell.last_resort = grant.last_resort;
        self.cell.tokens_limit = grant.tokens_limit;
        self.seen = (grant.credits, grant.last_resort);
        (grant, changes)
    }

    fn look(&mut self, now: Instant, luck: Luck) -> Vec<Transition> {
        let cell = &self.cell;
        let spent = Event::Spent {
            epoch: cell.epoch,
            requests: self.seen.0 - cell.credits,
            last_resort: self.seen.1 - cell.last_resort,
            tokens_mark: cell.tokens_spent,
        };
        self.seen = (cell.credits, cell.last_resort);
        self.machine.step(spent, now, luck).collect()
    }
}
