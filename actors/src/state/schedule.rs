//! When each target is pinged next.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::{luck::Luck, policy::ProbePolicy};

/// The share by which luck moves an interval either way.
const JITTER: f64 = 0.1;

/// Due times of pings, by target.
///
/// A closed target is pinged every `interval`. An open one is pinged after
/// `interval_open`, and then after twice as long each time, up to `interval`.
/// Only one ping of a target is under way: the next is due when it was
/// answered, or when it must have been lost.
#[derive(Clone, Debug)]
pub struct Schedule<K> {
    targets: BTreeMap<K, Target>,
}

#[derive(Clone, Copy, Debug)]
struct Target {
    policy: ProbePolicy,
    due: Instant,
    under_way: bool,
    /// Wait before the next ping while open; `None` while not open.
    open: Option<Duration>,
}

impl<K: Ord + Clone> Schedule<K> {
    /// Returns a schedule without targets.
    pub fn new() -> Self {
        Self {
            targets: BTreeMap::new(),
        }
    }

    /// Adds `target`, or takes over new settings for it.
    ///
    /// A new target is pinged within `interval_open`, at a random moment of
    /// it; one that is known already, no later than its new interval demands.
    pub fn set(&mut self, target: K, policy: ProbePolicy, now: Instant, luck: Luck) {
        if !policy.enabled {
            self.targets.remove(&target);
            return;
        }
        let fresh = Target {
            policy,
            due: now + policy.interval_open.mul_f64(luck.get()),
            under_way: false,
            open: None,
        };
        let known = self.targets.entry(target).or_insert(fresh);
        known.policy = policy;
        if !known.under_way {
            known.due = known.due.min(now + known.wait(luck));
        }
    }

    /// Removes `target`.
    pub fn remove(&mut self, target: &K) {
        self.targets.remove(target);
    }

    /// Learns that the circuit of `target` is open, or is no longer.
    ///
    /// Opening brings the next ping forward; said twice, it changes nothing.
    pub fn set_open(&mut self, target: &K, open: bool, now: Instant, luck: Luck) {
        let Some(target) = self.targets.get_mut(target) else {
            return;
        };
        if target.open.is_some() == open {
            return;
        }
        target.open = open.then_some(target.policy.interval_open);
        if open && !target.under_way {
            target.due = target.due.min(now + target.wait(luck));
        }
    }

    /// Takes one target that is due; call until there is none. Its ping is
    /// then under way until [`Self::answered`], or lost after its timeout and
    /// another interval.
    pub fn pop(&mut self, now: Instant) -> Option<K> {
        let (key, target) = self
            .targets
            .iter_mut()
            .filter(|(_, target)| target.due <= now)
            .min_by_key(|(_, target)| target.due)?;
        target.under_way = true;
        target.due = now + target.policy.timeout + target.policy.interval;
        Some(key.clone())
    }

    /// Makes `target` due at once; for a person who will not wait.
    pub fn hurry(&mut self, target: &K, now: Instant) {
        if let Some(target) = self.targets.get_mut(target)
            && !target.under_way
        {
            target.due = now;
        }
    }

    /// Learns that the ping of `target` is over, well or not, and sets the next.
    pub fn answered(&mut self, target: &K, now: Instant, luck: Luck) {
        let Some(target) = self.targets.get_mut(target) else {
            return;
        };
        target.under_way = false;
        target.due = now + target.wait(luck);
        let interval = target.policy.interval;
        target.open = target.open.map(|wait| (wait * 2).min(interval));
    }

    /// Returns when the next ping is due.
    pub fn next_due(&self) -> Option<Instant> {
        self.targets.values().map(|target| target.due).min()
    }

    /// Returns how many targets there are.
    pub fn len(&self) -> usize {
        self.targets.len()
    }

    /// Returns whether there is no target.
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }
}

impl<K: Ord + Clone> Default for Schedule<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl Target {
    fn wait(&self, luck: Luck) -> Duration {
        let interval = self.policy.interval;
        let wait = self.open.map_or(interval, |wait| wait.min(interval));
        wait.mul_f64(luck.around_one(JITTER))
    }
}

#[cfg(test)]
mod tests;
