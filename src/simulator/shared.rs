//! What all connections of one simulated provider share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use breakerbox_actors::clock;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::fault::Api;
use super::limits::Book;
use super::script::Script;
use super::stats::{Seen, Stats};
use super::wire::Request;

/// The script in force.
pub(super) struct Active {
    pub(super) script: Script,
    /// When it was set; its faults count from here.
    pub(super) since: Instant,
}

pub(super) struct Shared {
    active: ArcSwap<Active>,
    pub(super) book: Mutex<Book>,
    pub(super) stats: Mutex<Stats>,
    /// Wakes the listener when the script has changed.
    pub(super) changed: Notify,
    start: Instant,
    requests: AtomicU64,
}

impl Shared {
    pub(super) fn new(script: Script) -> Self {
        let now = clock::now();
        Self {
            active: ArcSwap::from_pointee(Active { script, since: now }),
            book: Mutex::default(),
            stats: Mutex::default(),
            changed: Notify::new(),
            start: now,
            requests: AtomicU64::new(0),
        }
    }

    pub(super) fn active(&self) -> Arc<Active> {
        self.active.load_full()
    }

    pub(super) fn set(&self, script: Script) {
        let since = clock::now();
        self.active.store(Arc::new(Active { script, since }));
        self.changed.notify_one();
    }

    /// The number of the next request, from 0.
    pub(super) fn number(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn decided(&self, at: Instant, api: Api, status: u16) {
        let seen = Seen { at, api, status };
        self.stats.lock().decided(self.start, seen);
    }
}

impl Active {
    /// Where the script's times are: since it was set, or since its cycle began.
    pub(super) fn elapsed(&self, now: Instant) -> Duration {
        let since = now.saturating_duration_since(self.since);
        let Some(cycle) = self.script.cycle else {
            return since;
        };
        let left = since.as_nanos() % cycle.as_nanos().max(1);
        // Below the cycle, which is a duration itself.
        Duration::from_nanos_u128(left)
    }

    /// Whether the provider is gone at `now`, and when that changes next.
    pub(super) fn outage(&self, now: Instant) -> (bool, Option<Instant>) {
        let at = self.elapsed(now);
        let out = self.script.outages().any(|window| window.contains(at));
        let next = self
            .script
            .outages()
            .flat_map(|window| [Some(window.from), window.until])
            .chain([self.script.cycle])
            .flatten()
            .filter(|edge| *edge > at)
            .min();
        (out, next.map(|edge| now + (edge - at)))
    }
}

/// Counts an open connection for as long as it lives.
pub(super) struct Open(Arc<Shared>);

impl Open {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let mut stats = shared.stats.lock();
        stats.connections += 1;
        stats.open += 1;
        drop(stats);
        Self(shared)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.stats.lock().open -= 1;
    }
}

/// Counts a request in flight for as long as it lives; one that is dropped unfinished was abandoned.
pub(super) struct Flight<'a> {
    shared: &'a Shared,
    finished: bool,
}

impl<'a> Flight<'a> {
    pub(super) fn new(shared: &'a Shared, request: &Request, key: &str) -> Self {
        shared.stats.lock().arrived(request, key);
        Self {
            shared,
            finished: false,
        }
    }

    pub(super) fn finish(mut self) {
        self.finished = true;
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        let mut stats = self.shared.stats.lock();
        stats.in_flight -= 1;
        stats.abandoned += u64::from(!self.finished);
    }
}
