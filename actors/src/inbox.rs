//! Reports for a target that its actor has yet to read.
//!
//! They lie with the target and not in its actor's mailbox: that may die with
//! its thread, and what became of a request must be known to who takes over.
//! Every report is read once: an actor that has read some and then finds
//! itself replaced, or panics, puts them back, for what it made of them is
//! void ([`Unread`]).

use parking_lot::Mutex;

use crate::{messages::Reports, state::event::Event, target::Target};

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

    /// Puts `reports` back before all that came since; returns as [`Self::put`].
    fn put_back(&self, mut reports: Vec<Event>) -> bool {
        let mut waiting = self.0.lock();
        let is_news = waiting.is_empty() && !reports.is_empty();
        reports.append(&mut waiting);
        *waiting = reports;
        is_news
    }

    /// Takes all there are, in the order in which they came.
    fn take(&self) -> Vec<Event> {
        std::mem::take(&mut *self.0.lock())
    }
}

/// Reports that were taken, until what was made of them is kept. Dropped
/// before, they are put back, but for one that was being read: it may be what
/// its reader died of, and would be again.
#[derive(Debug)]
#[must_use = "dropped, the reports are put back"]
pub(crate) struct Unread<'a> {
    target: &'a Target,
    reports: Vec<Event>,
    /// The one that is being read.
    at: Option<usize>,
}

impl<'a> Unread<'a> {
    /// Takes all the reports that wait for the actor of `target`.
    pub(crate) fn take(target: &'a Target) -> Self {
        Self {
            target,
            reports: target.inbox.take(),
            at: None,
        }
    }

    /// Reads all of them to `reader`, in the order in which they came.
    pub(crate) fn read(&mut self, mut reader: impl FnMut(Event)) {
        for (at, report) in self.reports.iter().enumerate() {
            self.at = Some(at);
            reader(*report);
        }
        self.at = None;
    }

    /// Says that what was made of them is kept.
    pub(crate) fn kept(mut self) {
        self.reports.clear();
    }
}

impl Drop for Unread<'_> {
    fn drop(&mut self) {
        let mut reports = std::mem::take(&mut self.reports);
        if let Some(at) = self.at.filter(|at| *at < reports.len()) {
            reports.remove(at);
        }
        if reports.is_empty() {
            return;
        }
        // Who panicked looks again anyway; who takes over has to be told.
        if self.target.inbox.put_back(reports) {
            self.target.post(Reports);
        }
    }
}
