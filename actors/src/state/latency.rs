//! How long an endpoint takes to its first byte, and how much its failures cost.

use std::time::{Duration, Instant};

use super::window::nanos;

/// Time constant of the decay.
const TAU: Duration = Duration::from_secs(10);
/// What a failed request is taken to cost. High enough that an endpoint that
/// fails in 1 ms stays under 5 % of the traffic beside one that serves in 800 ms.
const PENALTY: Duration = Duration::from_secs(30);
/// After so long without a sample the estimate is forgotten, so that an
/// endpoint judged slow once is measured again under every strategy.
const FORGET: Duration = Duration::from_secs(600);
/// One sample, as counts are stored.
const ONE: f64 = 1e6;
/// Pseudo-count of success; lets the share of failures fall to nothing with
/// time alone, and one lone failure weigh 80 % of the penalty.
const PRIOR: f64 = 0.25 * ONE;
/// Below this share, failures no longer count.
const NEGLIGIBLE: f64 = 0.01;
/// Below this share, an endpoint that never succeeded is unmeasured again.
const UNMEASURED: f64 = 0.05;
/// How often the estimate must be told anew while failures fade from it.
const REFRESH: Duration = Duration::from_secs(5);

/// A time-decayed mean of latency plus a penalty for the share of failures.
///
/// `None` until something was measured.
///
/// # Source
///
/// The exponentially weighted mean for irregular samples: each sample weighs
/// `exp(-age / τ)`, τ = 10 s, so the first sets the mean and a burst counts
/// each of its samples alike.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Latency {
    /// Mean of the successes in nanoseconds.
    mean: Option<u64>,
    /// Decayed counts as of `at`, in millionths of a sample.
    successes: u64,
    failures: u64,
    at: Instant,
}

impl Latency {
    /// Returns an estimate that has seen nothing.
    pub fn new(now: Instant) -> Self {
        Self {
            mean: None,
            successes: 0,
            failures: 0,
            at: now,
        }
    }

    /// Learns that a request took `latency` to its first byte.
    pub fn sample(&mut self, latency: Duration, now: Instant) {
        if self.forgotten(now) {
            *self = Self::new(now);
        }
        self.decay(now);
        self.successes += ONE as u64;
        let sample = nanos(latency) as f64;
        let mean = self.mean.map_or(sample, |mean| {
            let mean = mean as f64;
            mean + (sample - mean) * ONE / self.successes as f64
        });
        self.mean = Some(mean as u64);
    }

    /// Learns that a request failed, however fast.
    pub fn failed(&mut self, now: Instant) {
        if self.forgotten(now) {
            *self = Self::new(now);
        }
        self.decay(now);
        self.failures += ONE as u64;
    }

    /// Forgets the failures: the endpoint has proved itself since.
    pub fn forgive(&mut self) {
        self.failures = 0;
    }

    /// Returns how long a request that succeeds is expected to take, if any
    /// ever did.
    pub fn mean(&self, now: Instant) -> Option<Duration> {
        let mean = self.mean.filter(|_| !self.forgotten(now));
        mean.map(Duration::from_nanos)
    }

    /// Returns what the share of failures is taken to add to a request.
    pub fn penalty(&self, now: Instant) -> Duration {
        let share = self.failure_share(now);
        let faded = self.mean.is_none() && share < UNMEASURED;
        if faded || self.forgotten(now) {
            return Duration::ZERO;
        }
        PENALTY.mul_f64(share)
    }

    /// Returns what the next request is expected to cost, if anything is known.
    pub fn estimate(&self, now: Instant) -> Option<Duration> {
        let penalty = self.penalty(now);
        match self.mean(now) {
            Some(mean) => Some(mean.saturating_add(penalty)),
            None => (penalty > Duration::ZERO).then_some(penalty),
        }
    }

    /// Returns when the estimate will have changed noticeably by time alone.
    pub fn next_change(&self, now: Instant) -> Option<Instant> {
        if self.forgotten(now) || (self.mean.is_none() && self.failures == 0) {
            return None;
        }
        if self.failure_share(now) > 0.0 {
            return Some(now + REFRESH);
        }
        Some(self.at + FORGET)
    }

    fn forgotten(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.at) >= FORGET
    }

    fn failure_share(&self, now: Instant) -> f64 {
        let decay = self.decay_to(now);
        let failures = self.failures as f64 * decay;
        let share = failures / (failures + self.successes as f64 * decay + PRIOR);
        if share < NEGLIGIBLE { 0.0 } else { share }
    }

    fn decay(&mut self, now: Instant) {
        let decay = self.decay_to(now);
        self.successes = (self.successes as f64 * decay) as u64;
        self.failures = (self.failures as f64 * decay) as u64;
        self.at = self.at.max(now);
    }

    fn decay_to(&self, now: Instant) -> f64 {
        let age = now.saturating_duration_since(self.at);
        (-age.as_secs_f64() / TAU.as_secs_f64()).exp()
    }
}

#[cfg(test)]
mod tests;
