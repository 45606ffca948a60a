//! What can be seen of a breaker from outside.

use std::time::{Duration, Instant};

use super::{Breaker, Counted, KeyPings, PACE, Phase, RAMP_START, State, Tally, TransitionReason};
use crate::state::{policy::BreakerPolicy, quota::earliest};

impl Breaker {
    /// Returns the phase as of the last call that was given the time.
    pub fn phase(&self) -> Phase {
        match self.state {
            State::Closed { .. } => Phase::Closed,
            State::Open { .. } => Phase::Open,
            State::HalfOpen { .. } => Phase::HalfOpen,
        }
    }

    /// Returns the epoch that grants are stamped with; below `2^EPOCH_BITS`.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Returns until when and why the circuit is open, if it is.
    pub fn opened(&self) -> Option<(Instant, TransitionReason)> {
        match self.state {
            State::Open { until, reason, .. } => Some((until, reason)),
            _ => None,
        }
    }

    /// Returns what was counted when the circuit opened, if it is open.
    pub fn opened_by(&self) -> Option<Counted> {
        match self.state {
            State::Open { counted, .. } => Some(counted),
            _ => None,
        }
    }

    /// Returns what is counted now and opens the circuit for `reason`.
    pub(super) fn counted(&self, reason: TransitionReason, now: Instant) -> Counted {
        let in_a_row = |bad| Counted { bad, all: bad };
        match reason {
            TransitionReason::FailuresInARow => in_a_row(self.failures_in_a_row()),
            TransitionReason::Pings => in_a_row(self.bad_pings),
            TransitionReason::FailureRate => {
                let Tally { good, bad } = self.tally(now);
                let all = good.saturating_add(bad);
                Counted { bad, all }
            }
            _ => Counted::default(),
        }
    }

    /// Returns whether a request was served after a free ping had been refused
    /// for our key: with new settings, or when a request is refused for it,
    /// pings are believed again.
    pub fn refutes_key_pings(&self) -> bool {
        self.key_pings == KeyPings::Refuted
    }

    /// Returns whether a trial or last resort is under way.
    pub fn trial_under_way(&self) -> bool {
        self.trial.deadline().is_some()
    }

    /// Returns since when a half-open circuit's trial is under way, if one is.
    pub(crate) fn trial_began(&self) -> Option<Instant> {
        let began = self.trial.began();
        began.filter(|_| self.phase() == Phase::HalfOpen)
    }

    /// Returns how many trials in a row have failed since the circuit was
    /// closed last.
    pub fn failed_trials(&self) -> u32 {
        self.failed_trials
    }

    /// Returns whether a trial may be lent: half-open, and none is under way.
    pub fn lends_trial(&self) -> bool {
        self.phase() == Phase::HalfOpen && !self.trial_under_way()
    }

    /// Returns whether a last resort may be lent at `now`.
    pub fn lends_last_resort(&self, now: Instant) -> bool {
        self.knows_last_resort() && self.trial.paced(now).is_none()
    }

    /// Returns the failures in a row that a closed circuit has counted.
    pub fn failures_in_a_row(&self) -> u32 {
        match self.state {
            State::Closed {
                failures_in_a_row, ..
            } => failures_in_a_row,
            _ => 0,
        }
    }

    /// Returns the share of failures in the window, from 0.0 to 1.0, or `None`
    /// if nothing was answered in it.
    pub fn failure_ratio(&self, now: Instant) -> Option<f64> {
        let Tally { good, bad } = self.tally(now);
        let all = f64::from(good) + f64::from(bad);
        (all > 0.0).then(|| f64::from(bad) / all)
    }

    /// Returns the share of its weight that the circuit has, above 0 up to 1.
    ///
    /// A half-open circuit has all of it: one trial at a time is caution
    /// enough, and a trial that is never drawn heals nothing.
    pub fn ramp(&self, policy: &BreakerPolicy, now: Instant) -> f64 {
        match self.ramp_end(policy, now) {
            None => 1.0,
            Some(end) => {
                let left = end.saturating_duration_since(now);
                let done = 1.0 - left.as_secs_f64() / policy.ramp.as_secs_f64();
                RAMP_START + (1.0 - RAMP_START) * done
            }
        }
    }

    /// Returns when the weight that still grows will be whole.
    pub fn ramp_end(&self, policy: &BreakerPolicy, now: Instant) -> Option<Instant> {
        let State::Closed {
            since: Some(since), ..
        } = self.state
        else {
            return None;
        };
        since.checked_add(policy.ramp).filter(|end| *end > now)
    }

    /// Returns when to look again: when time alone changes something, or, if
    /// `lends`, a second from now while a trial is lent but not known to be
    /// taken. So nothing depends on a router's hint that may get lost.
    pub fn next_deadline(
        &self,
        policy: &BreakerPolicy,
        lends: bool,
        now: Instant,
    ) -> Option<Instant> {
        let look = now + PACE;
        let phase = match self.state {
            State::Open { until, .. } => {
                let lent = lends && self.knows_last_resort();
                let lent = lent.then(|| self.trial.paced(now).unwrap_or(look));
                earliest([Some(until), lent])
            }
            State::HalfOpen { .. } => (lends && self.lends_trial()).then_some(look),
            State::Closed { .. } => {
                let step = (policy.ramp / 16).max(Duration::from_millis(10));
                let end = self.ramp_end(policy, now);
                let fading = self.tally(now).bad > 0;
                let fades = fading
                    .then(|| self.answers.leaves(now, |tally| tally.bad > 0))
                    .flatten();
                earliest([end.map(|end| end.min(now + step)), fades])
            }
        };
        earliest([phase, self.trial.deadline()])
    }

    /// Returns the answers in the window.
    pub(super) fn tally(&self, now: Instant) -> Tally {
        self.answers
            .live(now)
            .fold(Tally::default(), |sum, tally| Tally {
                good: sum.good.saturating_add(tally.good),
                bad: sum.bad.saturating_add(tally.bad),
            })
    }

    fn knows_last_resort(&self) -> bool {
        matches!(self.state, State::Open { hopeful: true, .. }) && !self.trial_under_way()
    }
}
