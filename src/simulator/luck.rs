//! Repeatable chance: a number for every question, the same on every run and every release.

use std::time::Duration;

use super::script::Latency;

/// A stream of numbers fixed by its seed.
#[derive(Clone, Debug)]
pub(super) struct Luck(u64);

impl Luck {
    /// The stream for the `number`th request under `seed`.
    pub(super) fn of_request(seed: u64, number: u64) -> Self {
        Self(mix(seed).wrapping_add(mix(number.wrapping_add(1))))
    }

    /// The stream that belongs to `text` under `seed`.
    ///
    /// *Source*: FNV-1a, Fowler, Noll and Vo.
    pub(super) fn of_text(seed: u64, text: &[u8]) -> Self {
        let hash = text.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(mix(seed) ^ hash)
    }

    /// The next number, all 64 bits random.
    ///
    /// *Source*: SplitMix64, Steele, Lea and Flood 2014.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// The next number, uniform in [0, 1).
    pub(super) fn unit(&mut self) -> f64 {
        const SCALE: f64 = (1_u64 << 53) as f64;
        (self.next() >> 11) as f64 / SCALE
    }

    /// The next number, uniform in `min..=max`; `min` if the range is empty.
    pub(super) fn between(&mut self, min: u32, max: u32) -> u32 {
        let span = u64::from(max.saturating_sub(min)) + 1;
        let step = u32::try_from(self.next() % span).unwrap_or(0);
        min.saturating_add(step)
    }

    /// One of `items`, which must not be empty.
    pub(super) fn pick<T: Copy>(&mut self, items: &[T]) -> Option<T> {
        let index = self.next() % items.len().max(1) as u64;
        items.get(usize::try_from(index).unwrap_or(0)).copied()
    }

    /// A latency of this distribution.
    pub(super) fn latency(&mut self, latency: Latency) -> Duration {
        match latency {
            Latency::Fixed(fixed) => fixed,
            Latency::LogNormal { median, sigma } => {
                let factor = (sigma * self.normal()).exp();
                // An hour bounds what a wild sigma can ask for.
                Duration::try_from_secs_f64(median.as_secs_f64() * factor)
                    .unwrap_or(Duration::MAX)
                    .min(Duration::from_secs(3600))
            }
        }
    }

    /// A number of the standard normal distribution.
    ///
    /// *Source*: Box and Muller 1958.
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }
}

fn mix(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_same_numbers_and_others_differ() {
        let draw = |seed, number| Luck::of_request(seed, number).next();
        assert_eq!(draw(7, 3), draw(7, 3));
        assert_ne!(draw(7, 3), draw(7, 4));
        assert_ne!(draw(7, 3), draw(8, 3));
        let text = |seed, text: &str| Luck::of_text(seed, text.as_bytes()).next();
        assert_eq!(text(1, "a"), text(1, "a"));
        assert_ne!(text(1, "a"), text(1, "b"));
        assert_ne!(text(1, "a"), text(2, "a"));
    }

    #[test]
    fn units_are_spread_over_the_whole_range() {
        let units: Vec<f64> = (0..10_000)
            .map(|number| Luck::of_request(1, number).unit())
            .collect();
        assert!(units.iter().all(|unit| (0.0..1.0).contains(unit)));
        let low = units.iter().filter(|unit| **unit < 0.3).count();
        assert!((2_800..3_200).contains(&low), "{low}");
    }

    #[test]
    fn ranges_include_both_ends() {
        let mut luck = Luck::of_request(1, 1);
        let drawn: std::collections::BTreeSet<u32> = (0..200).map(|_| luck.between(3, 5)).collect();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), [3, 4, 5]);
    }

    #[test]
    fn log_normal_has_its_median_and_its_spread() {
        let median = Duration::from_millis(100);
        let latency = Latency::LogNormal { median, sigma: 0.5 };
        let mut drawn: Vec<Duration> = (0..9_999)
            .map(|number| Luck::of_request(1, number).latency(latency))
            .collect();
        drawn.sort();
        let millis = |share: f64| drawn[(share * 9_999.0) as usize].as_secs_f64() * 1e3;
        assert!((96.0..104.0).contains(&millis(0.5)), "{}", millis(0.5));
        // One standard deviation up: 100 ms × e^0.5.
        assert!(
            (155.0..175.0).contains(&millis(0.8413)),
            "{}",
            millis(0.8413)
        );
    }
}
