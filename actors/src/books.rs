//! What an endpoint actor must not lose: its machine, and what it has lent.
//!
//! Kept in step with the cell by two moves: *look* tells the machine what
//! routers spent since the last look; *publish* replaces exactly what was seen
//! by a new grant. After every message the books are copied to the target, so
//! that the actor, or its replacement, can go on from there.

use std::time::Instant;

use crate::{
    cell::{Cell, Offer, Seen},
    error::Why,
    state::{
        breaker::{Phase, Transition},
        event::Event,
        grant::Grant,
        health::Status,
        luck::Luck,
        machine::{Machine, Transitions},
    },
};

/// A machine and the grant it has out. See the [module](self).
#[derive(Clone, Debug)]
pub(crate) struct Books {
    pub(crate) machine: Machine,
    lent: Seen,
}

impl Books {
    pub(crate) fn new(machine: Machine) -> Self {
        Self {
            machine,
            lent: Seen::default(),
        }
    }

    /// Tells the machine what was spent since the last look.
    pub(crate) fn look(&mut self, cell: &Cell, now: Instant, luck: Luck) -> Transitions {
        let seen = cell.look();
        let event = Event::Spent {
            epoch: self.lent.epoch(),
            requests: self.lent.credits().saturating_sub(seen.credits()),
            last_resort: self.lent.last_resort().saturating_sub(seen.last_resort()),
            tokens_mark: seen.tokens_mark,
        };
        self.lent = seen;
        self.machine.step(event, now, luck)
    }

    /// Publishes what the machine grants at `now`.
    ///
    /// Returns the changes of phase that looking again on the way has made.
    pub(crate) fn publish(&mut self, cell: &Cell, now: Instant, luck: Luck) -> Vec<Transition> {
        self.replace(cell, now, luck, |machine| {
            let grant = machine.grant(now);
            Offer {
                trial: machine.phase() == Phase::HalfOpen,
                refusal: grant.refusal.map(|it| (it.reason, it.until)),
                grant,
            }
        })
    }

    /// Takes everything back: the actor cannot answer until `until`.
    pub(crate) fn withdraw(
        &mut self,
        cell: &Cell,
        now: Instant,
        luck: Luck,
        until: Option<Instant>,
    ) -> Vec<Transition> {
        self.replace(cell, now, luck, |machine| Offer {
            grant: Grant {
                credits: 0,
                last_resort: 0,
                status: Status::Unhealthy,
                ..machine.grant(now)
            },
            trial: false,
            refusal: Some((Why::Quarantined, until)),
        })
    }

    fn replace(
        &mut self,
        cell: &Cell,
        now: Instant,
        luck: Luck,
        offer: impl Fn(&Machine) -> Offer,
    ) -> Vec<Transition> {
        let mut changes = Vec::new();
        loop {
            if let Some(lent) = cell.publish(self.lent, &offer(&self.machine), now) {
                self.lent = lent;
                return changes;
            }
            // A router spent between look and publication; what it spent is
            // booked before anything new is granted.
            changes.extend(self.look(cell, now, luck));
        }
    }
}
