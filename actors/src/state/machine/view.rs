//! A machine as people and metrics see it.

use std::time::{Duration, Instant};

use super::Machine;
use crate::state::{
    breaker::{Counted, Phase, TransitionReason},
    grant::Refusal,
    health::Status,
};

/// How much of a window is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// So much counts against the window now.
    pub used: u64,
    /// So much may; `None` means no limit.
    pub limit: Option<u64>,
}

/// An endpoint at one instant, to be shown and measured.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// How it is, in one word.
    pub status: Status,
    /// The circuit's phase.
    pub phase: Phase,
    /// The epoch of its grants.
    pub epoch: u32,
    /// Why the circuit is open, if it is.
    pub open_reason: Option<TransitionReason>,
    /// What was counted when the circuit opened, if it is open.
    pub opened_by: Option<Counted>,
    /// Until when the circuit is open, if it is.
    pub open_until: Option<Instant>,
    /// Failures in a row.
    pub failures_in_a_row: u32,
    /// Failures in a row that open the circuit.
    pub failure_threshold: u32,
    /// Share of failures that opens the circuit, above 0.0, up to 1.0.
    pub failure_ratio_threshold: f64,
    /// Share of failures in the window, 0.0 to 1.0; `None` without an answer.
    pub failure_ratio: Option<f64>,
    /// Trials in a row that failed.
    pub failed_trials: u32,
    /// Whether a trial or last resort is under way.
    pub trial_under_way: bool,
    /// Whether an operator drained it.
    pub drained: bool,
    /// Until when a 429 keeps it quiet, if one does.
    pub cooldown_until: Option<Instant>,
    /// Configured weight times ramp.
    pub weight: f64,
    /// Expected time to first byte, as measured; `None` until one was.
    pub latency: Option<Duration>,
    /// What its failures count as on top of that; fades.
    pub penalty: Duration,
    /// Requests of the minute.
    pub rpm: Usage,
    /// Tokens of the minute.
    pub tpm: Usage,
    /// Requests of the day.
    pub rpd: Usage,
    /// Why it takes no request, if it takes none.
    pub refusal: Option<Refusal>,
}

impl Machine {
    /// Returns what there is to see at `now`.
    pub fn view(&self, now: Instant) -> View {
        let limits = &self.policy.limits;
        let limit = self.limit(now);
        let opened = self.breaker.opened();
        let usage = |used, limit: Option<std::num::NonZeroU32>| Usage {
            used,
            limit: limit.map(|limit| u64::from(limit.get())),
        };
        View {
            status: self.status(limit, now),
            phase: self.breaker.phase(),
            epoch: self.breaker.epoch(),
            open_reason: opened.map(|(_, reason)| reason),
            opened_by: self.breaker.opened_by(),
            open_until: opened.map(|(until, _)| until),
            failures_in_a_row: self.breaker.failures_in_a_row(),
            failure_threshold: self.policy.breaker.failure_threshold.get(),
            failure_ratio_threshold: self.policy.breaker.failure_rate.get(),
            failure_ratio: self.breaker.failure_ratio(now),
            failed_trials: self.breaker.failed_trials(),
            trial_under_way: self.breaker.trial_under_way(),
            drained: self.drained,
            cooldown_until: self.cooldown.running(now),
            weight: self.weight(now),
            latency: self.latency.mean(now),
            penalty: self.latency.penalty(now),
            rpm: usage(self.quota.minute_used(now), limits.rpm),
            tpm: usage(self.quota.tokens_used(now), limits.tpm),
            rpd: usage(self.quota.day_used(now), limits.rpd),
            refusal: self.refusal(limit, now),
        }
    }
}
