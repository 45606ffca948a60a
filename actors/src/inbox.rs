//! Reports for a target that its actor has yet to read.
//!
//! They lie with the target and not in its actor's mailbox: that may die with
//! its thread, and what became of a request must be known to who takes over.
//! Every report is read once: an actor that has read some and then finds
//! itself replaced puts them back, for what it made of them is void.

use parking_lot::Mutex;

use crate::state::event::Event;

/// See the [module](self). At most two reports for each lease wait here.
#[derive(Debug, Default)]
pub(crate) struct Inbox(Mutex<Vec<Event>>);

impl Inbox {
    /// Puts `reports` in; returns whether there were none before, so that
    /// nobody has told the actor yet.
    pub(crate) fn put(&self, mut reports: Vec<Event>) -> bool {
        let mut waiting = self.0.lock();
        if waiting.is_empty() {
            *waiting = reports;
            return !waiting.is_empty();
        }
        waiting.append(&mut reports);
        false
    }

    /// Takes all there are, in the order in which they came.
    pub(crate) fn take(&self) -> Vec<Event> {
        std::mem::take(&mut *self.0.lock())
    }
}
