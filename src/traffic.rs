//! The last minute of traffic, counted in seconds: what the dashboard's header
//! and `/api/status` show.

use std::{sync::Arc, time::Instant};

use breakerbox_actors::{clock, state::estimate::Cost};
use parking_lot::Mutex;
use std::time::Duration;

/// Seconds that count.
const SECONDS: usize = 60;
/// Steps of durations: four an octave from 1 ms, so that a percentile is told
/// to within a fifth; the last is for all above half an hour.
const STEPS: usize = 84;

/// One worker's last minute.
#[derive(Debug)]
pub(crate) struct Minute {
    since: Instant,
    slots: Mutex<Box<[Slot; SECONDS]>>,
}

/// What ended within one second.
#[derive(Clone, Copy, Debug)]
struct Slot {
    /// Seconds since the start, from 1; 0: never used.
    second: u64,
    requests: u32,
    errors: u32,
    /// Requests whose cost is known.
    priced: u32,
    dollars: f64,
    steps: [u32; STEPS],
}

impl Slot {
    const EMPTY: Self = Self {
        second: 0,
        requests: 0,
        errors: 0,
        priced: 0,
        dollars: 0.0,
        steps: [0; STEPS],
    };
}

/// What ended within the last minute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Totals {
    pub(crate) requests_per_second: f64,
    pub(crate) error_ratio: Option<f64>,
    pub(crate) p95: Option<Duration>,
    pub(crate) usd_per_hour: Option<f64>,
}

impl Minute {
    /// Begins a minute of a gateway that started at `since`.
    pub(crate) fn new(since: Instant) -> Arc<Self> {
        Arc::new(Self {
            since,
            slots: Mutex::new(Box::new([Slot::EMPTY; SECONDS])),
        })
    }

    fn second(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.since).as_secs() + 1
    }

    /// Counts a request that took so long; allocates nothing.
    pub(crate) fn ended(&self, now: Instant, took: Duration, failed: bool, cost: Option<Cost>) {
        let second = self.second(now);
        let mut slots = self.slots.lock();
        let slot = &mut slots[second as usize % SECONDS];
        if slot.second != second {
            *slot = Slot {
                second,
                ..Slot::EMPTY
            };
        }
        slot.requests += 1;
        slot.errors += u32::from(failed);
        slot.steps[step(took)] += 1;
        if let Some(cost) = cost {
            slot.priced += 1;
            slot.dollars += cost.dollars();
        }
    }
}

/// Adds up what `minutes`, which began together, have of the last minute.
pub(crate) fn totals(minutes: &[Arc<Minute>]) -> Totals {
    let now = clock::now();
    let mut all = Slot::EMPTY;
    let mut lasted = 1;
    for minute in minutes {
        let second = minute.second(now);
        lasted = second.min(SECONDS as u64);
        let slots = minute.slots.lock();
        let recent = slots
            .iter()
            .filter(|it| it.second + SECONDS as u64 > second);
        for slot in recent {
            all.requests += slot.requests;
            all.errors += slot.errors;
            all.priced += slot.priced;
            all.dollars += slot.dollars;
            for (sum, step) in all.steps.iter_mut().zip(slot.steps) {
                *sum += step;
            }
        }
    }
    let requests = f64::from(all.requests);
    let seconds = lasted as f64;
    Totals {
        requests_per_second: requests / seconds,
        error_ratio: (all.requests > 0).then(|| f64::from(all.errors) / requests),
        p95: percentile(&all.steps, 0.95),
        usd_per_hour: (all.priced > 0).then(|| all.dollars / seconds * 3600.0),
    }
}

fn step(took: Duration) -> usize {
    let step = (took.as_secs_f64() * 1e3).max(1.0).log2() * 4.0;
    (step as usize).min(STEPS - 1)
}

/// Returns the middle of the step in which the share `rank` lies.
fn percentile(steps: &[u32; STEPS], rank: f64) -> Option<Duration> {
    let all: u64 = steps.iter().map(|it| u64::from(*it)).sum();
    let wanted = (all as f64 * rank).ceil() as u64;
    let mut seen = 0;
    let found = steps.iter().position(|it| {
        seen += u64::from(*it);
        seen >= wanted && *it > 0
    })?;
    Some(Duration::from_secs_f64(
        ((found as f64 + 0.5) / 4.0).exp2() / 1e3,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn what_is_older_than_a_minute_does_not_count() {
        let start = clock::now();
        let minutes = [Minute::new(start), Minute::new(start)];
        assert_eq!(totals(&minutes).error_ratio, None);
        assert_eq!(totals(&minutes).p95, None);
        for (at, failed) in [(0, true), (30, false), (59, false)] {
            tokio::time::sleep_until((start + at * SECOND).into()).await;
            for minute in &minutes {
                minute.ended(clock::now(), 100 * SECOND / 1000, failed, Cost::of(0.5));
            }
        }
        let all = totals(&minutes);
        assert_eq!(all.requests_per_second, 0.1);
        assert_eq!(all.error_ratio, Some(1.0 / 3.0));
        assert_eq!(all.usd_per_hour, Some(180.0));
        tokio::time::sleep(2 * SECOND).await;
        assert_eq!(totals(&minutes).error_ratio, Some(0.0), "the first is old");
        tokio::time::sleep(60 * SECOND).await;
        assert_eq!(totals(&minutes).requests_per_second, 0.0);
        assert_eq!(totals(&minutes).usd_per_hour, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_percentile_is_told_to_within_a_fifth() {
        let minute = Minute::new(clock::now());
        for millis in 1..=100 {
            minute.ended(clock::now(), millis * SECOND / 1000, false, None);
        }
        let p95 = totals(std::slice::from_ref(&minute)).p95.unwrap();
        assert!(
            (76.0..114.0).contains(&(p95.as_secs_f64() * 1e3)),
            "{p95:?}"
        );
        for odd in [Duration::ZERO, 100_000 * SECOND] {
            minute.ended(clock::now(), odd, false, None);
        }
    }
}
