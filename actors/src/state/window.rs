//! A ring of equal buckets over the recent past: exact to the bucket, O(1) memory.

use std::{
    hash::{Hash, Hasher},
    time::{Duration, Instant},
};

/// `N` buckets of `T`, each `width` long: the one that `now` falls into and
/// the `N - 1` full ones before it.
///
/// What is booked at `t` counts for at least `(N - 1) × width` and less than
/// `N × width`. So 60 + 1 buckets of a second never let go of a booking that
/// is younger than 60 seconds, whatever slice of 60 seconds one cuts out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ring<T, const N: usize> {
    origin: Instant,
    /// Nanoseconds a bucket; never zero.
    width: u64,
    /// Buckets since `origin` of the newest bucket that was written.
    head: u64,
    slots: [T; N],
}

impl<T: Copy + Default, const N: usize> Ring<T, N> {
    /// Returns an empty ring whose first bucket begins `now`.
    ///
    /// A `width` of zero is taken for one nanosecond.
    pub fn new(width: Duration, now: Instant) -> Self {
        Self {
            origin: now,
            width: nanos(width).max(1),
            head: 0,
            slots: [T::default(); N],
        }
    }

    /// Returns the bucket of `now` for writing, having let go of those that
    /// are too old. An earlier `now` than the last writes to the last bucket.
    pub fn current(&mut self, now: Instant) -> &mut T {
        let index = self.index(now);
        if index > self.head {
            let skipped = (index - self.head).min(N as u64);
            for step in 0..skipped {
                self.slots[Self::slot(index - step)] = T::default();
            }
            self.head = index;
        }
        &mut self.slots[Self::slot(self.head)]
    }

    /// Empties every bucket.
    pub fn clear(&mut self) {
        self.slots = [T::default(); N];
    }

    /// Returns the buckets that still count at `now`, oldest first.
    pub fn live(&self, now: Instant) -> impl Iterator<Item = &T> {
        self.indexes(now)
            .map(|index| &self.slots[Self::slot(index)])
    }

    /// Returns the first bucket that still counts at `now` and that `wanted`
    /// accepts, for writing.
    pub fn find(&mut self, now: Instant, wanted: impl Fn(&T) -> bool) -> Option<&mut T> {
        let slot = self
            .indexes(now)
            .map(Self::slot)
            .find(|slot| wanted(&self.slots[*slot]))?;
        Some(&mut self.slots[slot])
    }

    /// Returns when the first bucket that makes `enough` true stops counting;
    /// buckets are offered oldest first. The instant is after `now`.
    pub fn leaves(&self, now: Instant, mut enough: impl FnMut(&T) -> bool) -> Option<Instant> {
        let index = self
            .indexes(now)
            .find(|index| enough(&self.slots[Self::slot(*index)]))?;
        let offset = (index + N as u64).saturating_mul(self.width);
        self.origin.checked_add(Duration::from_nanos(offset))
    }

    fn indexes(&self, now: Instant) -> impl Iterator<Item = u64> + use<T, N> {
        let newest = self.index(now).max(self.head);
        (newest + 1).saturating_sub(N as u64)..=self.head
    }

    fn index(&self, now: Instant) -> u64 {
        nanos(now.saturating_duration_since(self.origin)) / self.width
    }

    fn slot(index: u64) -> usize {
        (index % N as u64) as usize
    }
}

/// Hashes what is in the ring; most buckets are empty most of the time, and
/// the model checker hashes millions of rings.
impl<T: Default + Hash + PartialEq, const N: usize> Hash for Ring<T, N> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.origin, self.width, self.head).hash(state);
        for (slot, value) in self.slots.iter().enumerate() {
            if *value != T::default() {
                (slot, value).hash(state);
            }
        }
    }
}

/// Returns `duration` in whole nanoseconds, at most `u64::MAX` (584 years).
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
