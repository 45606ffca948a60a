//! The right to send one request, which finds its own way home.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    bell::Bell,
    cell::Taken,
    clock,
    id::TargetId,
    outbox::Outbox,
    state::event::{Event, FailureKind, Outcome, ProviderLimits, Tokens},
    target::Target,
};

/// One credit of one target, spent on one request.
///
/// Settle it with what became of the request. Dropped unsettled it reports
/// [`Outcome::Cancelled`], so a caller that goes away leaks neither an
/// in-flight place nor a half-open trial.
#[derive(Debug)]
#[must_use = "dropping a lease reports the request as cancelled"]
pub struct Lease {
    target: Arc<Target>,
    taken: Taken,
    started: Instant,
    outbox: Arc<Outbox>,
    bell: Arc<Bell>,
    first_byte: bool,
    /// Whether the endpoint owes no sign of life any more.
    heard: bool,
    /// How long the head of a whole answer took.
    head: Option<Duration>,
    settled: bool,
}

impl Lease {
    /// Returns the lease of what was `taken` at `now`.
    pub(crate) fn new(
        target: Arc<Target>,
        taken: Taken,
        outbox: Arc<Outbox>,
        bell: Arc<Bell>,
        now: Instant,
    ) -> Self {
        target.cell.asked(now);
        Self {
            target,
            taken,
            started: now,
            outbox,
            bell,
            first_byte: false,
            heard: false,
            head: None,
            settled: false,
        }
    }

    /// Returns the target to send to.
    pub fn target(&self) -> &Arc<Target> {
        &self.target
    }

    /// Returns the target's name.
    pub fn id(&self) -> &TargetId {
        &self.target.id
    }

    /// Returns whether the request is a trial of a target that is not trusted.
    pub fn is_trial(&self) -> bool {
        self.taken.trial || self.taken.last_resort
    }

    /// Returns when the lease was given.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// Returns how long ago the lease was given.
    pub fn age(&self) -> Duration {
        clock::now().saturating_duration_since(self.started)
    }

    /// Reports the first byte of a streamed answer, and what the provider's
    /// headers said. The answer's end is reported by [`settle`](Self::settle).
    /// Returns how long it took; only the first counts.
    pub fn first_byte(&mut self, limits: ProviderLimits) -> Duration {
        let latency = self.age();
        if std::mem::replace(&mut self.first_byte, true) {
            return latency;
        }
        self.hear(Some(self.started + latency));
        let event = Event::FirstByte {
            epoch: self.taken.epoch,
            latency,
            mark: self.taken.mark,
            limits,
        };
        self.outbox.push(&self.target, event, self.is_trial());
        latency
    }

    /// Notes that the head of an answer came that is settled when it is whole:
    /// its latency is the head's, and returned. A trial is reported at once, to
    /// be silent no longer.
    pub fn head_came(&mut self) -> Duration {
        if self.is_trial() {
            return self.first_byte(ProviderLimits::default());
        }
        let latency = self.age();
        self.hear(Some(self.started + latency));
        self.head = Some(latency);
        latency
    }

    /// Notes that the endpoint gave a sign of life `at` this instant, or that
    /// nobody waits for one any more. Only the first counts.
    fn hear(&mut self, at: Option<Instant>) {
        if !std::mem::replace(&mut self.heard, true) {
            self.target.cell.answered(at);
        }
    }

    /// Reports what became of the request, the tokens it used if the provider
    /// said so, and what its headers said.
    pub fn settle(mut self, outcome: Outcome, used: Option<u64>, limits: ProviderLimits) {
        self.report(outcome, used, limits);
    }

    fn report(&mut self, outcome: Outcome, used: Option<u64>, limits: ProviderLimits) {
        if std::mem::replace(&mut self.settled, true) {
            return;
        }
        self.target.cell.leave();
        self.bell.ring();
        let latency = (!self.first_byte).then(|| self.head.unwrap_or_else(|| self.age()));
        let silent = matches!(
            outcome,
            Outcome::Cancelled | Outcome::Failure(FailureKind::Connect | FailureKind::Timeout)
        );
        self.hear(latency.filter(|_| !silent).map(|it| self.started + it));
        let urgent = self.is_trial() || !matches!(outcome, Outcome::Success | Outcome::ClientFault);
        let event = Event::Settled {
            epoch: self.taken.epoch,
            outcome,
            latency,
            limits,
            tokens: Tokens {
                mark: self.taken.mark,
                reserved: self.taken.reserved,
                used,
            },
        };
        self.outbox.push(&self.target, event, urgent);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.report(Outcome::Cancelled, None, ProviderLimits::default());
    }
}
