//! What a machine lends, and why it does not.

use std::time::{Duration, Instant};

use super::Machine;
use crate::{
    error::Why,
    state::{
        breaker::{Phase, TransitionReason},
        cooldown::Cooldown,
        grant::{Grant, Refusal},
        health::{Signs, Status},
    },
};

/// The share of failures from which an endpoint is degraded.
const SOME_FAILURES: f64 = 0.05;
/// Of times to the first byte that spread as arrivals do, one in twenty is
/// longer than three times the mean: a trial silent for longer than that is
/// more likely to fail than to be late.
const PATIENCE: u32 = 3;
/// The least and the most that this comes to: a new connection takes its time,
/// and whoever has waited for half of the default `queue.max_wait` had better
/// be told to come back.
const LEAST_PATIENCE: Duration = Duration::from_millis(500);
const MOST_PATIENCE: Duration = Duration::from_secs(5);

impl Machine {
    /// Returns what routers may start from `now` on, in place of what they
    /// were granted before and have not taken.
    pub fn grant(&self, now: Instant) -> Grant {
        let limits = &self.policy.lendable();
        let limit = self.limit(now);
        let refusal = self.refusal(limit, now);
        let trial = self.breaker.phase() == Phase::HalfOpen;
        let left = self.quota.requests_left(limits, now);
        let credits = match refusal {
            Some(_) => 0,
            None if trial => left.min(1),
            None => left,
        };
        let lends = !self.drained && limit.is_none();
        let last_resort = lends && self.breaker.lends_last_resort(now);
        Grant {
            epoch: self.breaker.epoch(),
            credits,
            last_resort: u32::from(last_resort),
            tokens_limit: self.quota.tokens_limit(limits, now),
            tokens_hoped: self.quota.tokens_hoped(limits, now),
            tokens_free: self.quota.tokens_free(limits, now),
            max_in_flight: limits.max_in_flight.map_or(u32::MAX, |limit| limit.get()),
            weight: self.weight(now),
            latency: self.latency.mean(now).filter(|_| !trial),
            penalty: if trial {
                Duration::ZERO
            } else {
                self.latency.penalty(now)
            },
            status: self.status(limit, now),
            refusal,
        }
    }

    /// Returns why nothing is lent, if nothing is; `limit` is [`Self::limit`].
    pub(super) fn refusal(&self, limit: Option<Refusal>, now: Instant) -> Option<Refusal> {
        if self.drained {
            return Some(Refusal {
                reason: Why::Drained,
                until: None,
            });
        }
        both(self.breaker_refusal(now), limit)
    }

    /// Returns whether a ping may be sent at `now`. One that is billed keeps to
    /// pauses, cooldowns and limits as requests do; the others always may.
    pub fn may_be_pinged(&self, now: Instant) -> bool {
        let limits = &self.policy.limits;
        !self.policy.probe.billed
            || (!self.drained
                && self.pause.running(now).is_none()
                && self.cooldown.running(now).is_none()
                && self.quota.refusal(limits, now).is_none())
    }

    /// Returns what holds back beside the circuit, if anything does: a pause,
    /// a cooldown or a quota.
    pub(super) fn limit(&self, now: Instant) -> Option<Refusal> {
        let runs = |pause: &Cooldown, reason| {
            let until = pause.running(now)?;
            Some(Refusal {
                reason,
                until: Some(until),
            })
        };
        let rate = both(
            runs(&self.cooldown, Why::Cooldown),
            self.quota.refusal(&self.policy.lendable(), now),
        );
        // A failing provider's word first: that it is also busy is no news.
        both(runs(&self.pause, Why::Paused), rate)
    }

    /// Returns until when it makes sense to wait for the trial of a half-open
    /// circuit, if one is under way and that is after `now`.
    pub(super) fn hope_of_trial(&self, now: Instant) -> Option<Instant> {
        let began = self.breaker.trial_began()?;
        let expected = self.latency.mean(now);
        let expected = expected.unwrap_or(self.policy.probe.degraded_latency);
        let patience = expected.saturating_mul(PATIENCE);
        let until = began + patience.clamp(LEAST_PATIENCE, MOST_PATIENCE);
        Some(until).filter(|until| *until > now)
    }

    fn breaker_refusal(&self, now: Instant) -> Option<Refusal> {
        if let Some((until, why)) = self.breaker.opened() {
            let reason = match why {
                TransitionReason::KeyRejected => Why::KeyRejected,
                _ => Why::CircuitOpen,
            };
            return Some(Refusal {
                reason,
                until: Some(until),
            });
        }
        let waits = self.breaker.phase() == Phase::HalfOpen && !self.breaker.lends_trial();
        let hopes = self.hope_of_trial(now).is_some();
        let reason = match hopes {
            true => Why::TrialUnderWay,
            false => Why::LongTrial,
        };
        waits.then_some(Refusal {
            reason,
            until: None,
        })
    }

    pub(super) fn weight(&self, now: Instant) -> f64 {
        self.policy.weight.get() * self.breaker.ramp(&self.policy.breaker, now)
    }

    /// Returns the status; `limit` is [`Self::limit`].
    pub(super) fn status(&self, limit: Option<Refusal>, now: Instant) -> Status {
        let degraded = self.policy.probe.degraded_latency;
        let recovering = self.breaker.phase() == Phase::HalfOpen
            || self.breaker.ramp_end(&self.policy.breaker, now).is_some();
        let failing = self.breaker.failure_ratio(now);
        Signs {
            drained: self.drained,
            open: self.breaker.phase() == Phase::Open,
            limited: limit.is_some(),
            recovering,
            slow: self.slow_ping || self.latency.estimate(now) > Some(degraded),
            failing: failing.is_some_and(|ratio| ratio >= SOME_FAILURES),
            seen: self.seen,
        }
        .status()
    }
}

/// Returns the refusal that two reasons make together: the first names it, and
/// it is over when both are.
fn both(first: Option<Refusal>, second: Option<Refusal>) -> Option<Refusal> {
    let until = second.and_then(|refusal| refusal.until);
    first
        .map(|refusal| Refusal {
            until: refusal.until.max(until),
            ..refusal
        })
        .or(second)
}
