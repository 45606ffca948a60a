//! Reports on their way home, batched per worker.
//!
//! Waking the engine's thread for every request costs half a request's CPU;
//! a batch every two milliseconds costs 2 % of it. What a breaker must learn
//! at once (a failure, a 429, a trial's end) does not wait for the batch.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use crate::{messages::Reports, state::event::Event, target::Target};

/// How long a report may wait for company.
pub(crate) const DELAY: Duration = Duration::from_millis(2);
/// How many reports of one worker may wait together.
pub(crate) const BATCH: usize = 64;

/// One worker's reports that have not left yet.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    waiting: RefCell<Vec<(Arc<Target>, Vec<Event>)>>,
    count: Cell<usize>,
    scheduled: Cell<bool>,
}

impl Outbox {
    /// Takes one report; sends it at once if it is `urgent`, with what waited
    /// for the same target.
    pub(crate) fn push(self: &Rc<Self>, target: &Arc<Target>, event: Event, urgent: bool) {
        let mut waiting = self.waiting.borrow_mut();
        let at = waiting
            .iter()
            .position(|(other, _)| Arc::ptr_eq(other, target))
            .unwrap_or_else(|| {
                waiting.push((target.clone(), Vec::new()));
                waiting.len() - 1
            });
        waiting[at].1.push(event);
        self.count.set(self.count.get() + 1);
        if urgent {
            let (target, events) = waiting.swap_remove(at);
            self.count.set(self.count.get() - events.len());
            drop(waiting);
            target.report(Reports(events));
        } else if self.count.get() >= BATCH {
            drop(waiting);
            self.flush();
        } else if !self.scheduled.replace(true) {
            let this = self.clone();
            actix_rt::spawn(async move {
                tokio::time::sleep(DELAY).await;
                this.scheduled.set(false);
                this.flush();
            });
        }
    }

    /// Sends everything that waits.
    pub(crate) fn flush(&self) {
        self.count.set(0);
        for (target, events) in self.waiting.take() {
            target.report(Reports(events));
        }
    }
}
