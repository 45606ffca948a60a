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
mod trial;

use std::time::{Duration, Instant};

use super::{
    grant::EPOCH_BITS,
    luck::Luck,
    policy::{BreakerPolicy, EndpointPolicy, PPM},
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
    },
    HalfOpen {
        successes: u32,
    },
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
            answers: Ring::new(policy.window / BUCKETS, now),
        }
    }

    /// Applies what the clock alone decides. Comes before anything else that
    /// is told the time.
    pub fn advance(
        &mut self,
        policy: &BreakerPolicy,
        now: Instant,
        luck: Luck,
    ) -> Option<Transition> {
        if let Some(silent) = self.trial.expire(now) {
            if silent && self.phase() == Phase::HalfOpen {
                return Some(self.trial_failed(TransitionReason::TrialTimeout, policy, now, luck));
            }
            // Whatever still comes of that request is a straggler.
            self.raise_epoch();
        }
        match self.state {
            State::Open { until, .. } if now >= until => {
                Some(self.half_open(TransitionReason::RecoveryTimeout, 0))
            }
            _ => None,
        }
    }

    /// Learns that routers took `requests` credits and `last_resort` ones
    /// under the grant of `epoch`.
    pub fn spent(
        &mut self,
        epoch: u32,
        requests: u32,
        last_resort: u32,
        policy: &BreakerPolicy,
        now: Instant,
    ) {
        if self.phase() == Phase::Closed {
            return;
        }
        if last_resort > 0 {
            self.trial.pace(now + PACE);
        }
        if last_resort > 0 || (requests > 0 && self.half_open.contains(epoch)) {
            self.trial.take(epoch, now + policy.trial_timeout);
        }
    }

    /// Learns that a request of `epoch` is being answered.
    pub fn first_byte(&mut self, epoch: u32, now: Instant) {
        self.trial.spoke(epoch, now);
    }

    /// Learns what a request of `epoch` says about the endpoint.
    pub fn settle(
        &mut self,
        epoch: u32,
        verdict: Verdict,
        policy: &BreakerPolicy,
        now: Instant,
        luck: Luck,
    ) -> Option<Transition> {
        if self.trial.free(epoch) {
            self.settle_trial(verdict, policy, now, luck)
        } else if epoch == self.epoch {
            self.settle_closed(verdict, policy, now, luck)
        } else {
            None
        }
    }

    fn settle_closed(
        &mut self,
        verdict: Verdict,
        policy: &BreakerPolicy,
        now: Instant,
        luck: Luck,
    ) -> Option<Transition> {
        let State::Closed {
            failures_in_a_row, ..
        } = &mut self.state
        else {
            return None;
        };
        match verdict {
            Verdict::Good => {
                *failures_in_a_row = 0;
                self.served_since_ping = true;
                let tally = self.answers.current(now);
                tally.good = tally.good.saturating_add(1);
                None
            }
            Verdict::Bad => {
                *failures_in_a_row = failures_in_a_row.saturating_add(1);
                let tally = self.answers.current(now);
                tally.bad = tally.bad.saturating_add(1);
                self.judge(policy, now, luck)
            }
            Verdict::KeyRejected => Some(self.reject_key(policy, now, luck)),
            Verdict::None => None,
        }
    }

    fn settle_trial(
        &mut self,
        verdict: Verdict,
        policy: &BreakerPolicy,
        now: Instant,
        luck: Luck,
    ) -> Option<Transition> {
        match (verdict, self.state) {
            (Verdict::None, _) | (_, State::Closed { .. }) => None,
            (Verdict::Good, State::HalfOpen { successes }) => {
                self.served_since_ping = true;
                let successes = successes.saturating_add(1);
                if successes >= policy.half_open_requests.get() {
                    return Some(self.close(TransitionReason::TrialsSucceeded, now));
                }
                self.state = State::HalfOpen { successes };
                None
            }
            (Verdict::Good, State::Open { .. }) => {
                self.served_since_ping = true;
                Some(if policy.half_open_requests.get() == 1 {
                    self.close(TransitionReason::LastResort, now)
                } else {
                    self.half_open(TransitionReason::LastResort, 1)
                })
            }
            (Verdict::Bad, State::HalfOpen { .. }) => {
                Some(self.trial_failed(TransitionReason::TrialFailed, policy, now, luck))
            }
            (Verdict::Bad, State::Open { .. }) => None,
            (Verdict::KeyRejected, State::HalfOpen { .. }) => {
                Some(self.reject_key(policy, now, luck))
            }
            (Verdict::KeyRejected, State::Open { .. }) => {
                // The phase stays; what it waits for does not.
                self.state = State::Open {
                    until: now + self.key_timeout(policy, luck),
                    reason: TransitionReason::KeyRejected,
                };
                None
            }
        }
    }

    /// Learns that a ping was answered in time.
    pub fn good_ping(&mut self, policy: &EndpointPolicy) -> Option<Transition> {
        self.bad_pings = 0;
        self.served_since_ping = false;
        if self.phase() != Phase::Open {
            return None;
        }
        self.good_pings = self.good_pings.saturating_add(1);
        (self.good_pings >= policy.probe.healthy_threshold.get())
            .then(|| self.half_open(TransitionReason::HealthyPings, 0))
    }

    /// Learns that a ping failed, perhaps because our key was rejected.
    ///
    /// Requests that were served since the ping before outvote it.
    pub fn bad_ping(
        &mut self,
        key_rejected: bool,
        policy: &EndpointPolicy,
        now: Instant,
        luck: Luck,
    ) -> Option<Transition> {
        self.good_pings = 0;
        self.bad_pings = if std::mem::take(&mut self.served_since_ping) {
            0
        } else {
            self.bad_pings.saturating_add(1)
        };
        if self.phase() == Phase::Open || self.bad_pings < policy.probe.unhealthy_threshold.get() {
            return None;
        }
        Some(if key_rejected {
            self.reject_key(&policy.breaker, now, luck)
        } else {
            self.open(
                TransitionReason::Pings,
                self.timeout(&policy.breaker, luck),
                now,
            )
        })
    }

    /// Takes over new settings; failures already counted count under them.
    pub fn patch(
        &mut self,
        old: &BreakerPolicy,
        new: &BreakerPolicy,
        now: Instant,
        luck: Luck,
    ) -> Option<Transition> {
        if old.window != new.window {
            let Tally { good, bad } = self.tally(now);
            self.answers = Ring::new(new.window / BUCKETS, now);
            *self.answers.current(now) = Tally { good, bad };
        }
        match &mut self.state {
            State::Closed { .. } => self.judge(new, now, luck),
            // The new settings may hold a new key.
            State::Open {
                reason: TransitionReason::KeyRejected,
                ..
            } => Some(self.half_open(TransitionReason::Patched, 0)),
            State::Open { until, .. } => {
                *until = (*until).min(now + new.max_recovery_timeout);
                None
            }
            State::HalfOpen { .. } => None,
        }
    }

    /// Voids every grant there is: reports under them are stragglers now.
    pub fn raise_epoch(&mut self) {
        self.epoch = (self.epoch + 1) & ((1 << EPOCH_BITS) - 1);
        if self.phase() == Phase::HalfOpen {
            self.half_open.extend();
        }
    }

    /// Opens a closed circuit if what was counted demands it.
    fn judge(&mut self, policy: &BreakerPolicy, now: Instant, luck: Luck) -> Option<Transition> {
        let reason = if self.failures_in_a_row() >= policy.failure_threshold.get() {
            TransitionReason::FailuresInARow
        } else {
            let Tally { good, bad } = self.tally(now);
            let all = u64::from(good) + u64::from(bad);
            let bad_ppm = u64::from(bad) * u64::from(PPM);
            let enough = all >= u64::from(policy.min_requests.get());
            if !enough || bad_ppm < all * u64::from(policy.failure_rate.ppm()) {
                return None;
            }
            TransitionReason::FailureRate
        };
        Some(self.open(reason, self.timeout(policy, luck), now))
    }

    fn trial_failed(
        &mut self,
        reason: TransitionReason,
        policy: &BreakerPolicy,
        now: Instant,
        luck: Luck,
    ) -> Transition {
        self.failed_trials = self.failed_trials.saturating_add(1);
        self.open(reason, self.timeout(policy, luck), now)
    }

    fn reject_key(&mut self, policy: &BreakerPolicy, now: Instant, luck: Luck) -> Transition {
        self.open(
            TransitionReason::KeyRejected,
            self.key_timeout(policy, luck),
            now,
        )
    }

    fn open(&mut self, reason: TransitionReason, timeout: Duration, now: Instant) -> Transition {
        self.enter(
            State::Open {
                until: now + timeout,
                reason,
            },
            reason,
        )
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

    fn timeout(&self, policy: &BreakerPolicy, luck: Luck) -> Duration {
        let doubled = 1_u32.checked_shl(self.failed_trials).unwrap_or(u32::MAX);
        let longest = policy.max_recovery_timeout;
        let base = policy.recovery_timeout.saturating_mul(doubled).min(longest);
        base.mul_f64(luck.around_one(JITTER)).min(longest)
    }

    /// A key does not mend itself in seconds: wait as long as ever allowed.
    fn key_timeout(&self, policy: &BreakerPolicy, luck: Luck) -> Duration {
        let longest = policy.max_recovery_timeout;
        longest.mul_f64(luck.around_one(JITTER)).min(longest)
    }
}
