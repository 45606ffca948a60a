//! The circuit breaker of one endpoint.
//!
//! ```text
//!            failures in a row, failure rate, pings, key rejected
//!   Closed ─────────────────────────────────────────────▶ Open ◀─────────┐
//!     ▲                                recovery_timeout × 2ⁿ │            │ trial fails or is
//!     │                             or healthy pings in a row │            │ silent too long,
//!     │   half_open_requests trials      or a last resort     ▼            │ key rejected, pings
//!     └──────────── succeed ─────────────────────────────  HalfOpen ──────┘
//! ```
//!
//! The words are the textbook ones: *closed* lets requests through, *open*
//! refuses them, *half-open* lets through one trial at a time.
//!
//! # Invariants
//!
//! * One place for trials: a half-open circuit lends it to the trial, an open
//!   one to the last resort; while it is taken neither is lent.
//! * The place is known by the epoch it was taken in. Any other report of an
//!   earlier epoch is a straggler and changes nothing.
//! * No lease can wedge the breaker: the place is free again at its deadline.
//!
//! # Source
//!
//! M. Nygard, *Release It!*, 2nd ed. (2018), "Circuit Breaker". Epochs, the
//! last resort and the doubling are ours.

mod look;
mod phase;
mod settle;
mod trial;

use std::time::{Duration, Instant};

use super::{
    grant::EPOCH_BITS,
    luck::Luck,
    policy::{BreakerPolicy, EndpointPolicy},
    window::Ring,
};
pub use phase::{Phase, Transition, TransitionReason};
use trial::{Epochs, Trial};

const BUCKETS: u32 = 10;
/// The share by which luck moves a recovery timeout either way.
const JITTER: f64 = 0.1;
/// The share of its weight a circuit has as it closes.
const RAMP_START: f64 = 0.1;
/// Time between two last resorts, and between two looks at what is lent.
const PACE: Duration = Duration::from_secs(1);

/// How a request speaks for or against its endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It served.
    Good,
    /// It failed.
    Bad,
    /// It does not accept our key.
    KeyRejected,
    /// The request says nothing about it.
    None,
}

/// What a breaker is given to decide with: settings, time and chance.
#[derive(Clone, Copy, Debug)]
pub struct Turn<'a> {
    /// The settings in force.
    pub policy: &'a EndpointPolicy,
    /// The time; never goes back.
    pub now: Instant,
    /// Jitters timeouts.
    pub luck: Luck,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum State {
    Closed {
        failures_in_a_row: u32,
        /// When it last closed; `None` if it never opened.
        since: Option<Instant>,
    },
    Open {
        until: Instant,
        reason: TransitionReason,
        /// Whether a last resort may be tried: not with a key that a request
        /// was rejected with.
        hopeful: bool,
        counted: Counted,
    },
    HalfOpen {
        successes: u32,
    },
}

/// What opened a circuit, as it was counted then: thresholds may change since.
/// Nothing where one event was enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Counted {
    /// Requests, or pings, that failed.
    pub bad: u32,
    /// Among so many; the same if they failed in a row.
    pub all: u32,
}

/// What it is worth that a free ping says that our key is rejected: a key that
/// may not ask what it asks may still be one to chat with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum KeyPings {
    /// None has said so of the key of now.
    #[default]
    Silent,
    /// One has, and no request was served since.
    Believed,
    /// One has, and then a request was served with this very key: they say
    /// nothing of what it is good for.
    Refuted,
}

/// Answers of one bucket of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Tally {
    good: u32,
    bad: u32,
}

/// A circuit breaker. See the [module](self) for its phases and invariants.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Breaker {
    state: State,
    /// Grows with every change of phase; stamps grants.
    epoch: u32,
    trial: Trial,
    /// The epochs of the half-open phase that is or was last.
    half_open: Epochs,
    failed_trials: u32,
    good_pings: u32,
    bad_pings: u32,
    served_since_ping: bool,
    key_pings: KeyPings,
    answers: Ring<Tally, { BUCKETS as usize }>,
}

impl Breaker {
    /// Returns a closed breaker that has seen nothing.
    pub fn new(policy: &BreakerPolicy, now: Instant) -> Self {
        Self {
            state: State::Closed {
                failures_in_a_row: 0,
                since: None,
            },
            epoch: 0,
            trial: Trial::default(),
            half_open: Epochs::default(),
            failed_trials: 0,
            good_pings: 0,
            bad_pings: 0,
            served_since_ping: false,
            key_pings: KeyPings::default(),
            answers: Ring::new(policy.window / BUCKETS, now),
        }
    }

    /// Applies what the clock alone decides. Comes before anything else that
    /// is told the time, but for what was before.
    pub fn advance(&mut self, turn: Turn<'_>) -> Option<Transition> {
        if let Some(silent) = self.trial.expire(turn.now) {
            if silent && self.phase() == Phase::HalfOpen {
                return Some(self.open(TransitionReason::TrialTimeout, turn));
            }
            // Whatever still comes of that request is a straggler.
            self.raise_epoch();
        }
        match self.state {
            State::Open { until, .. } if turn.now >= until => {
                Some(self.half_open(TransitionReason::RecoveryTimeout, 0))
            }
            _ => None,
        }
    }

    /// Learns that routers took `requests` credits and `last_resort` ones
    /// under the grant of `epoch`.
    pub fn spent(&mut self, epoch: u32, requests: u32, last_resort: u32, turn: Turn<'_>) {
        if self.phase() == Phase::Closed {
            return;
        }
        if last_resort > 0 {
            self.trial.pace(turn.now + PACE);
        }
        if last_resort > 0 || (requests > 0 && self.half_open.contains(epoch)) {
            let longest = turn.policy.breaker.trial_timeout;
            self.trial.take(epoch, longest, turn.now);
        }
    }

    /// Learns that a request of `epoch` was answered, `latency` after it was
    /// sent; we may hear of it later. Told before [`advance`](Self::advance),
    /// lest a trial pass for silent whose report waited.
    pub fn first_byte(&mut self, epoch: u32, latency: Duration, now: Instant) {
        self.trial.spoke(epoch, latency, now);
    }

    /// Learns that a ping was answered in time.
    pub fn good_ping(&mut self, turn: Turn<'_>) -> Option<Transition> {
        self.bad_pings = 0;
        self.served_since_ping = false;
        if self.phase() != Phase::Open {
            return None;
        }
        self.good_pings = self.good_pings.saturating_add(1);
        (self.good_pings >= turn.policy.probe.healthy_threshold.get())
            .then(|| self.half_open(TransitionReason::HealthyPings, 0))
    }

    /// Learns that a ping failed, perhaps because our key was rejected.
    ///
    /// Requests that were served since the ping before outvote it. That a free
    /// one was refused for our key shows no more than life once
    /// [it is refuted](Self::refutes_key_pings).
    pub fn bad_ping(&mut self, key_rejected: bool, turn: Turn<'_>) -> Option<Transition> {
        // A key that may not ask what a free ping asks may still be one to
        // chat with.
        let may_serve = !turn.policy.probe.billed;
        if key_rejected && may_serve {
            if self.refutes_key_pings() {
                return self.good_ping(turn);
            }
            self.key_pings = KeyPings::Believed;
        }
        self.good_pings = 0;
        self.bad_pings = if std::mem::take(&mut self.served_since_ping) {
            0
        } else {
            self.bad_pings.saturating_add(1)
        };
        let enough = self.bad_pings >= turn.policy.probe.unhealthy_threshold.get();
        if !enough {
            return None;
        }
        if let Some((_, before)) = self.opened() {
            // Whatever opened the circuit: without another key it stays so.
            let is_news = key_rejected && before != TransitionReason::KeyRejected;
            return is_news.then(|| self.blame_key(may_serve, turn)).flatten();
        }
        let reason = if key_rejected {
            TransitionReason::KeyRejected
        } else {
            TransitionReason::Pings
        };
        let change = self.open(reason, turn);
        if let State::Open { hopeful, .. } = &mut self.state {
            *hopeful |= may_serve;
        }
        Some(change)
    }

    /// Takes over the settings of `turn` in place of `old`; failures already
    /// counted count under them.
    pub fn patch(&mut self, old: &BreakerPolicy, turn: Turn<'_>) -> Option<Transition> {
        let new = &turn.policy.breaker;
        // The new settings may come with a new key.
        self.key_pings = KeyPings::default();
        if old.window != new.window {
            let tally = self.tally(turn.now);
            self.answers = Ring::new(new.window / BUCKETS, turn.now);
            *self.answers.current(turn.now) = tally;
        }
        match &mut self.state {
            State::Closed { .. } => self.judge(turn),
            State::Open {
                reason: TransitionReason::KeyRejected,
                ..
            } => Some(self.half_open(TransitionReason::Patched, 0)),
            State::Open { until, .. } => {
                *until = (*until).min(turn.now + new.max_recovery_timeout);
                None
            }
            State::HalfOpen { .. } => None,
        }
    }

    /// Forgets every failure and closes the circuit: an operator says that the
    /// endpoint is mended. Reports of what was started before are stragglers.
    pub fn reset(&mut self, now: Instant) -> Option<Transition> {
        self.served_since_ping = false;
        let State::Closed {
            failures_in_a_row, ..
        } = &mut self.state
        else {
            return Some(self.close(TransitionReason::Reset, now));
        };
        // It does not close now, so its weight need not grow anew.
        *failures_in_a_row = 0;
        self.answers.clear();
        self.bad_pings = 0;
        self.raise_epoch();
        None
    }

    /// Voids every grant there is: reports under them are stragglers now,
    /// except that of the trial.
    pub fn raise_epoch(&mut self) {
        self.epoch = (self.epoch + 1) & ((1 << EPOCH_BITS) - 1);
        if self.phase() == Phase::HalfOpen {
            self.half_open.extend();
        }
    }

    fn open(&mut self, reason: TransitionReason, turn: Turn<'_>) -> Transition {
        use TransitionReason::{TrialFailed, TrialTimeout};
        if matches!(reason, TrialFailed | TrialTimeout) {
            self.failed_trials = self.failed_trials.saturating_add(1);
        }
        let until = turn.now + self.timeout(reason, turn);
        let state = State::Open {
            until,
            reason,
            hopeful: reason != TransitionReason::KeyRejected,
            counted: self.counted(reason, turn.now),
        };
        self.enter(state, reason)
    }

    /// Learns of an open circuit that now it is our key that is rejected: the
    /// phase stays, what it waits for does not. News only the first time.
    fn blame_key(&mut self, hopeful: bool, turn: Turn<'_>) -> Option<Transition> {
        let reason = TransitionReason::KeyRejected;
        let (_, before) = self.opened()?;
        self.state = State::Open {
            until: turn.now + self.timeout(reason, turn),
            reason,
            hopeful,
            counted: Counted::default(),
        };
        (before != reason).then_some(Transition {
            from: Phase::Open,
            to: Phase::Open,
            reason,
        })
    }

    fn half_open(&mut self, reason: TransitionReason, successes: u32) -> Transition {
        let transition = self.enter(State::HalfOpen { successes }, reason);
        self.half_open = Epochs::one(self.epoch);
        transition
    }

    fn close(&mut self, reason: TransitionReason, now: Instant) -> Transition {
        self.failed_trials = 0;
        self.answers.clear();
        let state = State::Closed {
            failures_in_a_row: 0,
            since: Some(now),
        };
        self.enter(state, reason)
    }

    fn enter(&mut self, state: State, reason: TransitionReason) -> Transition {
        let from = self.phase();
        self.state = state;
        self.good_pings = 0;
        self.bad_pings = 0;
        self.raise_epoch();
        Transition {
            from,
            to: self.phase(),
            reason,
        }
    }

    /// Returns how long a circuit that opens for `reason` refuses: twice as
    /// long for every trial that failed. A rejected key does not mend itself
    /// in seconds; it waits as long as any ever does.
    fn timeout(&self, reason: TransitionReason, turn: Turn<'_>) -> Duration {
        let policy = &turn.policy.breaker;
        let longest = policy.max_recovery_timeout;
        let base = if reason == TransitionReason::KeyRejected {
            longest
        } else {
            let doubled = 1_u32.checked_shl(self.failed_trials).unwrap_or(u32::MAX);
            policy.recovery_timeout.saturating_mul(doubled).min(longest)
        };
        base.mul_f64(turn.luck.around_one(JITTER)).min(longest)
    }
}

#[cfg(test)]
mod tests;
