//! One endpoint with the requests that are under way at it.

use std::time::{Duration, Instant};

use breakerbox_actors::state::{
    breaker::{Phase, Transition, TransitionReason},
    event::{Event, Outcome, ProviderLimits, Tokens},
    luck::Luck,
    policy::EndpointPolicy,
};

use crate::{
    SECOND, TRIAL_TIMEOUT,
    cell::{Endpoint, Kind, Lease},
};

const MINUTE: Duration = Duration::from_secs(60);

/// A request under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Flight {
    epoch: u32,
    generation: u32,
    trial: bool,
    spoke: bool,
    /// Until when it surely holds the trial's place, if it is one.
    deadline: Instant,
    /// Until when it may: the machine may have learned of it a second late,
    /// and its timers may be a second late.
    latest: Instant,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) endpoint: Endpoint,
    /// In order, so that states are alike that differ only in which is which.
    flights: Vec<Flight>,
    /// The starts of the last minute.
    starts: Vec<Instant>,
    /// Grows with every change of phase and every restart, as a mind that
    /// knows nothing of epochs would count.
    generation: u32,
    moved_by_straggler: bool,
}

impl Place {
    pub(crate) fn new(policy: EndpointPolicy, now: Instant) -> Self {
        Self {
            endpoint: Endpoint::new(policy, now),
            flights: Vec::new(),
            starts: Vec::new(),
            generation: 0,
            moved_by_straggler: false,
        }
    }

    pub(crate) fn take(&mut self, now: Instant) -> Option<Vec<TransitionReason>> {
        let lease = self.endpoint.cell.take(0)?;
        self.fly(lease, self.generation, now);
        Some(Vec::new())
    }

    pub(crate) fn take_last_resort(&mut self, now: Instant) -> Option<Vec<TransitionReason>> {
        let lease = self.endpoint.cell.take_last_resort(0)?;
        self.fly(lease, self.generation, now);
        Some(Vec::new())
    }

    pub(crate) fn tell(&mut self, event: Event, now: Instant) -> Vec<TransitionReason> {
        let (_, changes) = self.endpoint.tell(event, now, Luck::EVEN, |_| {});
        self.count(event, &changes)
    }

    /// As `tell`, while a router takes what is about to be replaced; `None` if
    /// there is nothing to take.
    pub(crate) fn tell_raced(
        &mut self,
        event: Event,
        now: Instant,
    ) -> Option<Vec<TransitionReason>> {
        let mut raced = None;
        let (_, changes) = self.endpoint.tell(event, now, Luck::EVEN, |cell| {
            raced = cell.take(0).or_else(|| cell.take_last_resort(0));
        });
        self.fly(raced?, self.generation, now);
        Some(self.count(event, &changes))
    }

    fn count(&mut self, event: Event, changes: &[Transition]) -> Vec<TransitionReason> {
        self.generation += changes.len() as u32 + u32::from(event == Event::Restarted);
        changes.iter().map(|change| change.reason).collect()
    }

    pub(crate) fn first_byte(&mut self, flight: usize, now: Instant) -> Vec<TransitionReason> {
        let flight = &mut self.flights[flight];
        flight.spoke = true;
        if flight.deadline > now {
            flight.deadline = now + 600 * SECOND;
        }
        if flight.latest > now {
            flight.latest = now + 602 * SECOND;
        }
        let event = Event::FirstByte {
            epoch: flight.epoch,
            latency: Duration::ZERO,
            mark: 0,
            limits: ProviderLimits::default(),
        };
        self.flights.sort_unstable();
        self.tell(event, now)
    }

    pub(crate) fn settle(
        &mut self,
        flight: usize,
        outcome: Outcome,
        now: Instant,
    ) -> Vec<TransitionReason> {
        let flight = self.flights.remove(flight);
        // What time alone was about to change is not the report's doing.
        let mut reasons = self.tell(Event::Tick, now);
        let trial = flight.trial && flight.latest > now;
        let straggler = !trial && flight.generation != self.generation;
        let event = Event::Settled {
            epoch: flight.epoch,
            outcome,
            latency: None,
            limits: ProviderLimits::default(),
            tokens: Tokens::default(),
        };
        let settled = self.tell(event, now);
        self.moved_by_straggler |= straggler && !settled.is_empty();
        reasons.extend(settled);
        reasons
    }

    pub(crate) fn lose(&mut self, flight: usize) {
        self.flights.remove(flight);
    }

    /// Returns the requests under way, each sort once.
    pub(crate) fn flights(&self) -> impl Iterator<Item = usize> {
        let new =
            |flight: &usize| *flight == 0 || self.flights[*flight - 1] != self.flights[*flight];
        (0..self.flights.len()).filter(new)
    }

    pub(crate) fn may_speak(&self, flight: usize) -> bool {
        self.flights[flight].trial && !self.flights[flight].spoke
    }

    pub(crate) fn next_timer(&self, now: Instant) -> Option<Instant> {
        self.endpoint.machine.next_deadline(now)
    }

    pub(crate) fn has_credit(&self) -> bool {
        self.endpoint.cell.clone().take(0).is_some()
    }

    pub(crate) fn is_open(&self) -> bool {
        self.endpoint.machine.phase() == Phase::Open
    }

    /// Returns the trials and last resorts whose end is still waited for.
    pub(crate) fn trials(&self, now: Instant) -> usize {
        let holds = |flight: &&Flight| flight.trial && flight.deadline > now;
        self.flights.iter().filter(holds).count()
    }

    /// Returns how many requests were started in the last minute.
    pub(crate) fn started(&self, now: Instant) -> usize {
        let recent = |start: &&Instant| **start + MINUTE > now;
        self.starts.iter().filter(recent).count()
    }

    pub(crate) fn was_moved_by_straggler(&self) -> bool {
        self.moved_by_straggler
    }

    fn fly(&mut self, lease: Lease, generation: u32, now: Instant) {
        self.starts.retain(|start| *start + MINUTE > now);
        self.starts.push(now);
        self.flights.push(Flight {
            epoch: lease.epoch,
            generation,
            trial: lease.kind != Kind::Credit,
            spoke: false,
            deadline: now + TRIAL_TIMEOUT,
            latest: now + TRIAL_TIMEOUT + 2 * SECOND,
        });
        self.flights.sort_unstable();
    }
}
