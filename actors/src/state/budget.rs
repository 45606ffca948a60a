//! How many extra attempts a router may make, so that retries cannot turn a
//! provider's bad minute into a storm.

use std::time::{Duration, Instant};

use super::{
    policy::{PPM, Ratio},
    window::nanos,
};

/// One extra attempt, in the millionths that the bucket counts.
const ONE: u64 = PPM as u64;
/// Extra attempts that a full bucket holds.
const CAPACITY: u64 = 100 * ONE;
/// Extra attempts earned in a second without any traffic.
const PER_SECOND: u64 = ONE;
/// Nanoseconds in a second.
const SECOND: u128 = 1_000_000_000;

/// A token bucket of extra attempts: retries and failovers.
///
/// Full at first, with 100. Each first attempt earns `ratio` of one; each
/// second earns one, so that a quiet gateway may still retry.
///
/// # Source
///
/// The retry budget of Finagle and linkerd2-proxy, as a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RetryBudget {
    ratio: Ratio,
    /// What it holds, in millionths of an attempt.
    level: u64,
    /// The instant up to which seconds were counted.
    counted: Instant,
}

impl RetryBudget {
    /// Returns a full bucket that earns `ratio` of an attempt a first attempt.
    pub fn new(ratio: Ratio, now: Instant) -> Self {
        Self {
            ratio,
            level: CAPACITY,
            counted: now,
        }
    }

    /// Changes the ratio; what it holds stays.
    pub fn set_ratio(&mut self, ratio: Ratio) {
        self.ratio = ratio;
    }

    /// Learns of the first attempts of so many requests.
    pub fn first_attempts(&mut self, count: u32, now: Instant) {
        self.refill(now);
        self.earn(u64::from(count) * u64::from(self.ratio.ppm()));
    }

    /// Takes one extra attempt at `now`; returns whether there was one.
    #[must_use = "without leave there is no extra attempt"]
    pub fn take(&mut self, now: Instant) -> bool {
        self.refill(now);
        let left = self.level.checked_sub(ONE);
        self.level = left.unwrap_or(self.level);
        left.is_some()
    }

    /// Takes an extra attempt back that was not made after all.
    pub fn give_back(&mut self) {
        self.earn(ONE);
    }

    /// Returns how many extra attempts may be taken at `now`.
    pub fn remaining(&self, now: Instant) -> f64 {
        let mut then = self.clone();
        then.refill(now);
        then.level as f64 / ONE as f64
    }

    fn refill(&mut self, now: Instant) {
        let rate = u128::from(PER_SECOND);
        let passed = u128::from(nanos(now.saturating_duration_since(self.counted)));
        let earned = passed * rate / SECOND;
        // Count only the time that was paid for, or frequent looks would lose the rest.
        let paid = earned * SECOND / rate;
        self.counted += Duration::from_nanos(u64::try_from(paid).unwrap_or(u64::MAX));
        self.earn(u64::try_from(earned).unwrap_or(u64::MAX));
    }

    fn earn(&mut self, amount: u64) {
        self.level = self.level.saturating_add(amount).min(CAPACITY);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ratio(value: f64) -> Ratio {
        Ratio::new(value).expect("a ratio")
    }

    fn drain(budget: &mut RetryBudget, now: Instant) -> u32 {
        (0..).take_while(|_| budget.take(now)).count() as u32
    }

    #[test]
    fn full_at_first_and_then_a_share_of_the_traffic() {
        let t0 = crate::clock::now();
        let mut budget = RetryBudget::new(ratio(0.1), t0);
        assert_eq!(drain(&mut budget, t0), 100);
        for _ in 0..25 {
            budget.first_attempts(1, t0);
            budget.first_attempts(9, t0);
        }
        assert_eq!(drain(&mut budget, t0), 25);
    }

    #[test]
    fn a_second_earns_one_however_often_one_looks() {
        let t0 = crate::clock::now();
        let mut budget = RetryBudget::new(ratio(0.0), t0);
        drain(&mut budget, t0);
        let taken = (1..=10_000_u64)
            .filter(|ms| budget.take(t0 + Duration::from_millis(*ms)))
            .count();
        assert_eq!(taken, 10);
    }

    #[test]
    fn it_never_holds_more_than_its_burst() {
        let t0 = crate::clock::now();
        let mut budget = RetryBudget::new(ratio(1.0), t0);
        let later = t0 + Duration::from_secs(86_400);
        budget.first_attempts(1, later);
        assert_eq!(budget.remaining(later), 100.0);
        assert_eq!(drain(&mut budget, later), 100);
    }

    #[test]
    fn a_new_ratio_counts_from_the_next_attempt() {
        let t0 = crate::clock::now();
        let mut budget = RetryBudget::new(ratio(0.0), t0);
        drain(&mut budget, t0);
        budget.first_attempts(1, t0);
        assert!(!budget.take(t0));
        budget.set_ratio(ratio(1.0));
        budget.first_attempts(1, t0);
        assert!(budget.take(t0));
    }

    proptest! {
        /// Whatever stretch of time one cuts out, even after a quiet day: no
        /// more than the burst and what was earned in it.
        #[test]
        fn no_stretch_of_time_takes_more_than_burst_and_earnings(
            share in 0.0..=1.0_f64,
            steps in prop::collection::vec(
                (prop_oneof![0..3_000_u64, 0..90_000_u64], 0..60_u32, 0..60_usize, 0..3_usize),
                1..40,
            ),
        ) {
            let ratio = ratio(share);
            let mut now = crate::clock::now();
            let mut budget = RetryBudget::new(ratio, now);
            // Taken and not given back, and earned, by stretch that began with a step.
            let mut stretches: Vec<(u64, u64)> = Vec::new();
            for (wait, first, tries, back) in steps {
                now += Duration::from_millis(wait);
                stretches.push((0, 0));
                budget.first_attempts(first, now);
                let taken = (0..tries).take_while(|_| budget.take(now)).count();
                let back = back.min(taken);
                (0..back).for_each(|_| budget.give_back());
                // A millisecond earns a thousand millionths.
                let earned = wait * 1_000 + u64::from(first) * u64::from(ratio.ppm());
                for (net, earnings) in &mut stretches {
                    *net += (taken - back) as u64;
                    *earnings += earned;
                    prop_assert!(*net * ONE <= CAPACITY + *earnings, "{net} for {earnings}");
                }
                prop_assert!(budget.remaining(now) <= 100.0);
                if taken < tries && back == 0 {
                    prop_assert!(budget.remaining(now) < 1.0, "refused with some left");
                    let soon = now + Duration::from_secs(1);
                    prop_assert!(budget.clone().take(soon), "a quiet gateway may retry");
                }
            }
        }
    }
}
