//! Tells waiting routers that something came free.
//!
//! Nobody polls: whoever frees a credit rings, and rings are free while
//! nobody waits.

use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::RwLock;
use std::sync::Arc;
use tokio::sync::Notify;

/// One bell for the whole engine; see the [module](self).
#[derive(Debug, Default)]
pub(crate) struct Bell {
    waiting: AtomicUsize,
    routers: RwLock<Vec<Arc<Notify>>>,
}

impl Bell {
    /// Joins a router's wake-up to the bell.
    pub(crate) fn join(&self) -> Arc<Notify> {
        let notify = Arc::new(Notify::new());
        self.routers.write().push(notify.clone());
        notify
    }

    /// Takes a router's wake-up off the bell.
    pub(crate) fn part(&self, notify: &Arc<Notify>) {
        self.routers
            .write()
            .retain(|other| !Arc::ptr_eq(other, notify));
    }

    /// Counts one more request that waits, unless `max` wait already.
    pub(crate) fn wait(&self, max: usize) -> bool {
        self.waiting
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| {
                (n < max).then(|| n + 1)
            })
            .is_ok()
    }

    /// Counts `n` requests less.
    pub(crate) fn done(&self, n: usize) {
        self.waiting.fetch_sub(n, Ordering::AcqRel);
    }

    /// Returns how many requests wait on all workers.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    /// Wakes every router, if anybody waits at all.
    pub(crate) fn ring(&self) {
        if self.waiting() > 0 {
            for router in &*self.routers.read() {
                router.notify_one();
            }
        }
    }
}
