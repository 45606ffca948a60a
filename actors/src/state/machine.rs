//! One endpoint as a pure machine: breaker, windows, cooldown, latency.
//!
//! The shell tells it what happened ([`Machine::step`]), publishes what
//! routers may start ([`Machine::grant`]) and sets one timer
//! ([`Machine::next_deadline`]).

mod lend;
mod view;

use std::time::{Duration, Instant};

use super::{
    breaker::{Breaker, Phase, Transition, TransitionReason, Turn, Verdict},
    cooldown::Cooldown,
    event::{Event, Outcome, Pong, ProviderLimits, Tokens},
    latency::Latency,
    luck::Luck,
    policy::{EndpointPolicy, PING_TOKENS},
    quota::{Quota, earliest},
};
pub use view::{Usage, View};

/// Who leaves sooner has given an endpoint of which nothing is known no chance:
/// models take longer to begin.
const LEAST_WAIT: Duration = Duration::from_millis(100);

/// Time between two looks at what is lent within limits.
const PATROL: Duration = Duration::from_secs(5);

/// All that is known of one endpoint for one model.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use breakerbox_actors::state::{
///     breaker::Phase,
///     event::{Event, FailureKind, Outcome, ProviderLimits, Tokens},
///     luck::Luck,
///     machine::Machine,
///     policy::*,
/// };
///
/// let policy = EndpointPolicy {
///     weight: Weight::new(1.0)?,
///     breaker: BreakerPolicy::new(&BreakerSettings {
///         failure_threshold: 1,
///         ..BreakerSettings::default()
///     })?,
///     limits: Limits::default(),
///     probe: ProbePolicy::new(&ProbeSettings::default())?,
/// };
/// let now = breakerbox_actors::clock::now();
/// let mut machine = Machine::new(policy, now);
/// let taken = machine.grant(now);
/// machine.step(
///     Event::Spent { epoch: taken.epoch, requests: 1, last_resort: 0, tokens_mark: 0 },
///     now,
///     Luck::EVEN,
/// );
/// let mut changes = machine.step(
///     Event::Settled {
///         epoch: taken.epoch,
///         outcome: Outcome::Failure(FailureKind::Connect),
///         latency: None,
///         limits: ProviderLimits::default(),
///         tokens: Tokens::default(),
///     },
///     now + Duration::from_millis(3),
///     Luck::EVEN,
/// );
/// assert_eq!(changes.next().map(|change| change.to), Some(Phase::Open));
/// assert_eq!(machine.grant(now).credits, 0);
/// # Ok::<(), breakerbox_actors::error::InvalidPolicy>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Machine {
    policy: EndpointPolicy,
    breaker: Breaker,
    quota: Quota,
    /// After a 429.
    cooldown: Cooldown,
    /// After a failure that said when to come back.
    pause: Cooldown,
    latency: Latency,
    drained: bool,
    /// A request or a ping was answered, ever; with a failure is no answer.
    seen: bool,
    slow_ping: bool,
}

/// The changes of phase that one step made, in order; at most two: one that
/// was due by time, and one by the event.
#[derive(Clone, Debug)]
#[must_use = "a change of phase nobody hears of is missing from log and metrics"]
pub struct Transitions([Option<Transition>; 2]);

impl Iterator for Transitions {
    type Item = Transition;

    fn next(&mut self) -> Option<Transition> {
        let [first, second] = &mut self.0;
        first.take().or_else(|| second.take())
    }
}

impl Machine {
    /// Returns the machine of an endpoint of which nothing is known.
    pub fn new(policy: EndpointPolicy, now: Instant) -> Self {
        Self {
            policy,
            breaker: Breaker::new(&policy.breaker, now),
            quota: Quota::new(now),
            cooldown: Cooldown::default(),
            pause: Cooldown::default(),
            latency: Latency::new(now),
            drained: false,
            seen: false,
            slow_ping: false,
        }
    }

    /// Learns of `event` and lets time pass up to `now`.
    ///
    /// What was spent and reported was before `now` and comes before what time
    /// decides; all else comes after. So an actor that could not look for a
    /// while, told in that order, judges as one that could. [`Event::Spent`] by
    /// itself lets no time pass.
    ///
    /// Allocates nothing. `now` never goes back; `luck` jitters timeouts.
    pub fn step(&mut self, event: Event, now: Instant, luck: Luck) -> Transitions {
        let policy = self.policy;
        let turn = Turn {
            policy: &policy,
            now,
            luck,
        };
        if let Event::FirstByte { epoch, latency, .. }
        | Event::Settled {
            epoch,
            latency: Some(latency),
            ..
        } = event
        {
            self.breaker.first_byte(epoch, latency, now);
        }
        let timed = match event {
            Event::Spent { .. } => None,
            _ => self.breaker.advance(turn),
        };
        let told = match event {
            Event::Spent {
                epoch,
                requests,
                last_resort,
                tokens_mark,
            } => {
                self.quota.book(requests.saturating_add(last_resort), now);
                self.quota.book_tokens(tokens_mark, now);
                self.breaker.spent(epoch, requests, last_resort, turn);
                None
            }
            Event::FirstByte {
                latency,
                mark,
                limits,
                ..
            } => {
                self.seen = true;
                self.latency.sample(latency, now);
                self.learn(limits, mark, now);
                None
            }
            Event::Settled {
                epoch,
                outcome,
                latency,
                limits,
                tokens,
            } => {
                self.account(outcome, latency, limits, tokens, now);
                self.breaker.settle(epoch, verdict(outcome), turn)
            }
            Event::Pong(pong) => self.pong(pong, turn),
            Event::Patch(policy) => {
                let old = std::mem::replace(&mut self.policy, policy);
                let policy = &policy;
                self.breaker.patch(&old.breaker, Turn { policy, ..turn })
            }
            Event::Drain(drained) => {
                self.drained = drained;
                None
            }
            Event::Reset => {
                (self.cooldown, self.pause) = (Cooldown::default(), Cooldown::default());
                self.latency.forgive();
                self.breaker.reset(now)
            }
            Event::Restarted => {
                self.breaker.raise_epoch();
                None
            }
            Event::Tick => None,
        };
        let closed = |change: &Transition| change.to == Phase::Closed;
        if told.as_ref().is_some_and(closed) {
            self.latency.forgive();
        }
        Transitions([timed, told])
    }

    /// Returns when to step again ([`Event::Tick`]) if nothing else happens,
    /// and publish the grant anew; `None` if time alone changes nothing.
    /// After `now`, provided time was let pass up to `now`.
    pub fn next_deadline(&self, now: Instant) -> Option<Instant> {
        let lends = !self.drained && self.limit(now).is_none();
        let limits = &self.policy.lendable();
        let bounded = limits.rpm.is_some() || limits.tpm.is_some() || limits.rpd.is_some();
        earliest([
            self.breaker.next_deadline(&self.policy.breaker, lends, now),
            self.hope_of_trial(now),
            self.cooldown.running(now),
            self.pause.running(now),
            self.quota.next_change(limits, now),
            self.latency.next_change(now),
            // What is lent may all be taken, and the router's hint be lost.
            (lends && bounded).then(|| now + PATROL),
        ])
    }

    /// Returns the epoch of the grants of now.
    pub fn epoch(&self) -> u32 {
        self.breaker.epoch()
    }

    /// Returns the circuit's phase as of the last step.
    pub fn phase(&self) -> Phase {
        self.breaker.phase()
    }

    /// Returns why the circuit is open, if it is, as of the last step.
    pub fn open_reason(&self) -> Option<TransitionReason> {
        self.breaker.opened().map(|(_, reason)| reason)
    }

    /// Returns whether a free ping that is refused for our key says nothing of
    /// what the key is good for: requests were served all the same.
    pub fn refutes_key_pings(&self) -> bool {
        self.breaker.refutes_key_pings()
    }

    /// Returns how many requests have failed in a row while the circuit is
    /// closed.
    pub fn failures_in_a_row(&self) -> u32 {
        self.breaker.failures_in_a_row()
    }

    /// Returns whether nothing new is to start.
    pub fn is_drained(&self) -> bool {
        self.drained
    }

    /// Returns the settings in force.
    pub fn policy(&self) -> &EndpointPolicy {
        &self.policy
    }

    fn account(
        &mut self,
        outcome: Outcome,
        latency: Option<Duration>,
        limits: ProviderLimits,
        tokens: Tokens,
        now: Instant,
    ) {
        self.quota.book_tokens(tokens.mark, now);
        // Of who did not say, the reservation stands; but nothing of it comes back.
        let used = tokens.used.unwrap_or(tokens.reserved);
        self.quota
            .settle_tokens(tokens.mark, tokens.reserved, used, now);
        self.learn(limits, tokens.mark, now);
        match outcome {
            Outcome::Success => {
                if let Some(latency) = latency {
                    self.latency.sample(latency, now);
                }
            }
            Outcome::Failure(_) => {
                self.latency.failed(now);
                return;
            }
            // Also from an earlier epoch: the provider does not care for ours.
            Outcome::RateLimited { retry_after, daily } => {
                self.cooldown.start(retry_after, daily, now);
            }
            Outcome::KeyRejected | Outcome::ClientFault => {}
            Outcome::Cancelled => {
                // Who left without an answer says nothing of the endpoint but
                // that it took longer than that. Where nothing is known that
                // is something: an endpoint that swallows requests must not
                // pass for an unknown one for ever; unless it was given no
                // chance, and would pass for a quick one.
                let expected = self.latency.estimate(now).unwrap_or(LEAST_WAIT);
                if let Some(waited) = latency.filter(|it| *it > expected) {
                    self.latency.sample(waited, now);
                }
                return;
            }
        }
        self.seen = true;
    }

    fn learn(&mut self, limits: ProviderLimits, mark: u64, now: Instant) {
        self.quota.correct(limits, mark, now);
        if let Some(wait) = limits.pause {
            self.pause.start(Some(wait), false, now);
        }
    }

    fn pong(&mut self, pong: Pong, turn: Turn<'_>) -> Option<Transition> {
        if pong == Pong::Unasked {
            return None;
        }
        self.seen |= pong != Pong::Failed;
        let probe = &turn.policy.probe;
        if probe.billed {
            self.quota.book(1, turn.now);
            self.quota.book_used(u64::from(PING_TOKENS), turn.now);
        }
        if let Pong::Alive { latency } = pong {
            self.slow_ping = latency > probe.degraded_latency;
            if latency <= probe.unhealthy_latency {
                return self.breaker.good_ping(turn);
            }
        }
        self.breaker.bad_ping(pong == Pong::KeyRejected, turn)
    }
}

fn verdict(outcome: Outcome) -> Verdict {
    match outcome {
        Outcome::Success => Verdict::Good,
        Outcome::Failure(_) => Verdict::Bad,
        Outcome::KeyRejected => Verdict::KeyRejected,
        Outcome::RateLimited { .. } | Outcome::ClientFault | Outcome::Cancelled => Verdict::None,
    }
}

#[cfg(test)]
mod tests;
