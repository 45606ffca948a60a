//! Tells waiting routers that something came free.
//!
//! Nobody polls: whoever frees a credit rings, and rings are free while
//! nobody waits.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering, fence},
};

use parking_lot::RwLock;
use tokio::sync::Notify;

/// One bell for the whole engine; see the [module](self).
#[derive(Debug, Default)]
pub(crate) struct Bell {
    waiting: AtomicUsize,
    routers: RwLock<Vec<Arc<Notify>>>,
}

/// One request's place among those that wait; free again on drop, whatever
/// becomes of the request.
#[derive(Debug)]
pub(crate) struct Seat(Arc<Bell>);

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

    /// Seats one more request that waits, unless `max` wait already.
    ///
    /// Who looks for something free *after* this cannot miss its ring.
    pub(crate) fn seat(self: &Arc<Self>, max: usize) -> Option<Seat> {
        self.waiting
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| {
                (n < max).then(|| n + 1)
            })
            .ok()?;
        // With the fence in `ring`: either the ringer sees us waiting, or we
        // see what it freed.
        fence(Ordering::SeqCst);
        Some(Seat(self.clone()))
    }

    /// Returns how many requests wait on all workers.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    /// Wakes every router, if anybody waits at all. Comes after what it tells of.
    pub(crate) fn ring(&self) {
        fence(Ordering::SeqCst);
        if self.waiting() > 0 {
            for router in &*self.routers.read() {
                router.notify_one();
            }
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}
