//! Chance as an argument, so that the machines stay functions.

use rand::{Rng, RngExt};

/// A number from 0 up to, not including, 1; drawn by the shell, fixed in tests.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Luck(f64);

impl Luck {
    /// The middle: no jitter either way.
    pub const EVEN: Self = Self(0.5);

    /// Returns the luck `value`, or `None` outside `0.0..1.0` and for NaN.
    pub fn new(value: f64) -> Option<Self> {
        (0.0..1.0).contains(&value).then_some(Self(value))
    }

    /// Draws from `rng`, each value as likely as any other.
    pub fn draw(rng: &mut impl Rng) -> Self {
        Self(rng.random())
    }

    /// Returns the number, from 0 up to, not including, 1.
    pub fn get(self) -> f64 {
        self.0
    }

    /// Returns a factor spread evenly from `1 - share` to `1 + share`.
    pub(crate) fn around_one(self, share: f64) -> f64 {
        1.0 + share * (2.0 * self.0 - 1.0)
    }
}
