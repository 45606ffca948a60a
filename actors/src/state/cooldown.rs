//! How long a provider has asked to be left alone.

use std::time::{Duration, Instant};

/// The pause after a 429 that names none.
const DEFAULT: Duration = Duration::from_secs(60);
/// The longest pause a provider may ask for.
const LONGEST: Duration = Duration::from_secs(300);
/// The longest pause for a day's quota: a day, and an hour for clocks that differ.
pub(crate) const LONGEST_DAILY: Duration = Duration::from_secs(25 * 3600);

/// A pause that runs until an instant; the longest asked for wins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Cooldown {
    until: Option<Instant>,
}

impl Cooldown {
    /// Starts a pause of `retry_after` (60 s when the provider named none),
    /// at most 300 s, or 25 h for a `daily` quota. Never shortens one that runs.
    pub fn start(&mut self, retry_after: Option<Duration>, daily: bool, now: Instant) {
        let longest = if daily { LONGEST_DAILY } else { LONGEST };
        let until = now + retry_after.unwrap_or(DEFAULT).min(longest);
        self.until = self.until.max(Some(until));
    }

    /// Returns when the pause that runs at `now` ends; later than `now`.
    pub fn running(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| *until > now)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn retry_after_is_kept_to_the_instant() {
        let t0 = crate::clock::now();
        let mut cooldown = Cooldown::default();
        cooldown.start(Some(20 * SECOND), false, t0);
        let end = t0 + 20 * SECOND;
        assert_eq!(
            cooldown.running(end - Duration::from_nanos(1)),
            Some(end),
            "not a nanosecond early"
        );
        assert_eq!(cooldown.running(end), None);
    }

    #[test]
    fn without_a_word_it_is_a_minute_and_never_more_than_five() {
        let t0 = crate::clock::now();
        let mut cooldown = Cooldown::default();
        cooldown.start(None, false, t0);
        assert_eq!(cooldown.running(t0), Some(t0 + 60 * SECOND));
        cooldown.start(Some(Duration::from_secs(1_000_000_000)), false, t0);
        assert_eq!(cooldown.running(t0), Some(t0 + 300 * SECOND));
    }

    #[test]
    fn a_day_holds_to_its_reset_but_not_forever() {
        let t0 = crate::clock::now();
        let mut cooldown = Cooldown::default();
        cooldown.start(Some(8 * 3600 * SECOND), true, t0);
        assert_eq!(cooldown.running(t0), Some(t0 + 8 * 3600 * SECOND));
        cooldown.start(Some(Duration::MAX), true, t0);
        assert_eq!(cooldown.running(t0), Some(t0 + 25 * 3600 * SECOND));
    }

    #[test]
    fn the_longest_wins_and_zero_is_no_pause() {
        let t0 = crate::clock::now();
        let mut cooldown = Cooldown::default();
        cooldown.start(Some(Duration::ZERO), false, t0);
        assert_eq!(cooldown.running(t0), None);
        cooldown.start(Some(30 * SECOND), false, t0);
        cooldown.start(Some(SECOND), false, t0 + SECOND);
        assert_eq!(cooldown.running(t0 + SECOND), Some(t0 + 30 * SECOND));
    }

    proptest! {
        #[test]
        fn a_pause_is_bounded_and_never_ends_earlier_than_it_was_to(
            asks in prop::collection::vec(
                (
                    prop::option::of(prop_oneof![
                        (0..400_u64).prop_map(Duration::from_secs),
                        any::<Duration>(),
                    ]),
                    prop::bool::weighted(0.1),
                    0..120_000_u64,
                ),
                1..40,
            ),
        ) {
            let mut now = crate::clock::now();
            let mut cooldown = Cooldown::default();
            let mut bound = Duration::ZERO;
            for (asked, daily, wait) in asks {
                let passed = Duration::from_millis(wait);
                now += passed;
                bound = bound.saturating_sub(passed);
                let before = cooldown.running(now);
                cooldown.start(asked, daily, now);
                let longest = if daily { LONGEST_DAILY } else { LONGEST };
                bound = bound.max(longest);
                let after = cooldown.running(now);
                prop_assert!(after >= before, "{before:?}, {after:?}");
                let wanted = asked.unwrap_or(DEFAULT).min(longest);
                let left = after.map_or(Duration::ZERO, |until| until - now);
                prop_assert!(wanted <= left && left <= bound, "{wanted:?}, {left:?}");
                // One of the two it is: what ran, or what is asked for now.
                prop_assert!(after == before || left == wanted);
            }
        }
    }
}
