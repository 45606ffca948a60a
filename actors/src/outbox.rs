//! Reports on their way home, batched per worker.
//!
//! Waking the engine's thread for every request costs half a request's CPU;
//! a batch every five milliseconds costs less than 2 % of it, also where the
//! thread has no core of its own. What a breaker must learn at once (a failure,
//! a 429, a trial's end) does not wait for the batch.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::{state::event::Event, target::Target};

/// How long a report may wait for company.
const DELAY: Duration = Duration::from_millis(5);
/// How many reports of one worker may wait together.
const BATCH: usize = 256;
/// Reports that there is room for before a batch has to grow.
const FEW: usize = 16;

/// One worker's reports that have not left yet.
///
/// The lock is never contended: a worker's leases live on its thread.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    unsent: Mutex<Unsent>,
    /// Rung when the outbox begins to fill, and when it is gone.
    filled: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Unsent {
    count: usize,
    batches: Vec<(Arc<Target>, Vec<Event>)>,
}

impl Outbox {
    /// Returns an outbox that is emptied by a task on the current thread.
    pub(crate) fn start() -> Arc<Self> {
        let outbox = Arc::new(Self::default());
        let filled = outbox.filled.clone();
        actix_rt::spawn(empty(Arc::downgrade(&outbox), filled));
        outbox
    }

    /// Takes one report; sends it at once if it is `urgent`, with what waited
    /// for the same target.
    pub(crate) fn push(&self, target: &Arc<Target>, event: Event, urgent: bool) {
        let mut unsent = self.unsent.lock();
        let mine = |(other, _): &(Arc<Target>, _)| Arc::ptr_eq(other, target);
        let at = unsent.batches.iter().position(mine);
        if urgent {
            let mut events = match at {
                None => Vec::with_capacity(1),
                Some(at) => unsent.batches.swap_remove(at).1,
            };
            unsent.count -= events.len();
            drop(unsent);
            events.push(event);
            target.report(events);
            return;
        }
        match at.and_then(|at| unsent.batches.get_mut(at)) {
            Some((_, events)) => events.push(event),
            None => {
                let mut events = Vec::with_capacity(FEW);
                events.push(event);
                unsent.batches.push((target.clone(), events));
            }
        }
        unsent.count += 1;
        let (first, full) = (unsent.count == 1, unsent.count >= BATCH);
        drop(unsent);
        if full {
            self.flush();
        } else if first {
            self.filled.notify_one();
        }
    }

    /// Sends everything that waits.
    pub(crate) fn flush(&self) {
        let batches = std::mem::take(&mut *self.unsent.lock()).batches;
        for (target, events) in batches {
            target.report(events);
        }
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.flush();
        self.filled.notify_one();
    }
}

/// Empties the outbox [`DELAY`] after each time it begins to fill; sleeps
/// while there is nothing to do, and ends with it.
async fn empty(outbox: Weak<Outbox>, filled: Arc<Notify>) {
    loop {
        filled.notified().await;
        tokio::time::sleep(DELAY).await;
        match outbox.upgrade() {
            Some(outbox) => outbox.flush(),
            None => return,
        }
    }
}
