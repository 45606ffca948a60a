use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

/// The share of the traffic an endpoint gets beside another of equal weight.
fn share(this: Duration, other: Duration) -> f64 {
    let weight = |latency: Duration| (latency + MS).as_secs_f64().recip();
    weight(this) / (weight(this) + weight(other))
}

#[test]
fn nothing_is_known_at_first_and_the_first_sample_sets_it() {
    let t0 = crate::clock::now();
    let mut latency = Latency::new(t0);
    assert_eq!(latency.estimate(t0), None);
    latency.sample(250 * MS, t0 + 90 * SECOND);
    assert_eq!(latency.estimate(t0 + 90 * SECOND), Some(250 * MS));
}

#[test]
fn old_samples_fade_with_time_not_with_number() {
    let t0 = crate::clock::now();
    let mut busy = Latency::new(t0);
    for _ in 0..1000 {
        busy.sample(SECOND, t0);
    }
    busy.sample(100 * MS, t0);
    assert!(busy.estimate(t0) > Some(990 * MS), "one among a thousand");
    let mut later = busy.clone();
    later.sample(100 * MS, t0 + 100 * SECOND);
    assert!(later.estimate(t0 + 100 * SECOND) < Some(200 * MS));
}

#[test]
fn samples_of_one_instant_count_alike() {
    let t0 = crate::clock::now();
    let mut latency = Latency::new(t0);
    for ms in [100, 200, 300] {
        latency.sample(ms * MS, t0);
    }
    let mean = latency.estimate(t0).expect("measured");
    assert!(mean.abs_diff(200 * MS) < MS, "{mean:?}");
}

#[test]
fn failing_in_a_millisecond_stays_under_five_percent_beside_800_ms() {
    let t0 = crate::clock::now();
    let mut failing = Latency::new(t0);
    for step in 1..100 {
        let now = t0 + step * 100 * MS;
        failing.failed(now);
        let estimate = failing.estimate(now).expect("failures count");
        assert!(
            share(estimate, 800 * MS) < 0.05,
            "after {step}: {estimate:?}"
        );
    }
}

#[test]
fn one_failure_among_many_successes_weighs_little() {
    let t0 = crate::clock::now();
    let mut latency = Latency::new(t0);
    for _ in 0..1000 {
        latency.sample(100 * MS, t0);
    }
    latency.failed(t0);
    assert_eq!(latency.estimate(t0), Some(100 * MS));
}

#[test]
fn failures_fade_without_any_sample() {
    let t0 = crate::clock::now();
    let mut latency = Latency::new(t0);
    latency.sample(100 * MS, t0);
    latency.failed(t0 + SECOND);
    assert!(latency.estimate(t0 + SECOND) > Some(10 * SECOND));
    let mut now = t0 + SECOND;
    while let Some(next) = latency
        .next_change(now)
        .filter(|at| *at < t0 + 120 * SECOND)
    {
        now = next;
    }
    assert_eq!(latency.estimate(now), Some(100 * MS));
}

#[test]
fn an_endpoint_that_only_ever_failed_is_measured_again() {
    let t0 = crate::clock::now();
    let mut latency = Latency::new(t0);
    latency.failed(t0);
    assert!(latency.estimate(t0) > Some(20 * SECOND));
    assert_eq!((latency.mean(t0), latency.penalty(t0)), (None, 24 * SECOND));
    assert_eq!(latency.estimate(t0 + 60 * SECOND), None);
}

#[test]
fn forgiven_failures_leave_the_mean() {
    let t0 = crate::clock::now();
    let mut latency = Latency::new(t0);
    latency.sample(100 * MS, t0);
    latency.failed(t0);
    latency.forgive();
    assert_eq!(latency.estimate(t0), Some(100 * MS));
}

#[test]
fn what_nobody_measures_for_ten_minutes_is_forgotten() {
    let t0 = crate::clock::now();
    let mut latency = Latency::new(t0);
    latency.sample(9 * SECOND, t0);
    let end = t0 + 600 * SECOND;
    assert_eq!(latency.estimate(end - MS), Some(9 * SECOND));
    assert_eq!(latency.next_change(end - MS), Some(end));
    assert_eq!(latency.estimate(end), None);
    assert_eq!(latency.next_change(end), None);
    latency.sample(MS, end);
    assert_eq!(latency.estimate(end), Some(MS), "a new first sample");
}

proptest! {
    #[test]
    fn the_mean_lies_between_the_fastest_and_the_slowest(
        samples in prop::collection::vec((0..120_000_000_u64, 0..100_000_u64), 1..60),
    ) {
        let mut now = crate::clock::now();
        let mut latency = Latency::new(now);
        let (mut fastest, mut slowest) = (Duration::MAX, Duration::ZERO);
        for (micros, wait) in samples {
            now += Duration::from_millis(wait);
            let sample = Duration::from_micros(micros);
            latency.sample(sample, now);
            (fastest, slowest) = (fastest.min(sample), slowest.max(sample));
            let estimate = latency.estimate(now).expect("measured");
            // Means are cut to whole nanoseconds.
            prop_assert!(estimate + Duration::from_nanos(1) >= fastest, "{estimate:?}");
            prop_assert!(estimate <= slowest, "{estimate:?}");
        }
    }

    /// A failure is never a reason to send more there, and waiting alone never
    /// one to send less; what is forgotten (`None`) is less than anything.
    #[test]
    fn a_failure_never_lowers_the_estimate_and_time_never_raises_it(
        steps in prop::collection::vec((prop::option::of(0..60_000_u32), 0..30_000_u64), 1..60),
    ) {
        let mut now = crate::clock::now();
        let mut latency = Latency::new(now);
        for (sample, wait) in steps {
            let before = latency.estimate(now);
            now += Duration::from_millis(wait);
            let (estimate, mean) = (latency.estimate(now), latency.mean(now));
            prop_assert!(estimate <= before);
            match sample {
                Some(ms) => latency.sample(ms * MS, now),
                None => {
                    latency.failed(now);
                    prop_assert!(latency.estimate(now) >= estimate);
                    prop_assert_eq!(latency.mean(now), mean, "it measures nothing");
                }
            }
            prop_assert!(latency.penalty(now) < PENALTY);
        }
    }
}
