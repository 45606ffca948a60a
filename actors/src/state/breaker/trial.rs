//! The one place for a request that an endpoint is tried with.

use std::time::{Duration, Instant};

use crate::state::grant::EPOCH_BITS;

/// How long a trial that has begun to answer keeps the place: as long as a
/// request may take by default, so that as a rule only a lost report ends it so.
///
/// A stream that outlives it has shown that the endpoint serves; one trial
/// more beside it, every ten minutes, is no flood. Its end is a straggler's.
const LONGEST_ANSWER: Duration = Duration::from_secs(600);

/// The place for a trial or a last resort, free or taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Trial {
    taken: Option<Taken>,
    /// No last resort is lent before.
    paced: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Taken {
    epoch: u32,
    began: Instant,
    deadline: Instant,
    spoke: bool,
}

impl Trial {
    /// Takes the place `now` for a request of `epoch`, for `longest` if it
    /// stays silent.
    pub(super) fn take(&mut self, epoch: u32, longest: Duration, now: Instant) {
        self.taken.get_or_insert(Taken {
            epoch,
            began: now,
            deadline: now + longest,
            spoke: false,
        });
    }

    /// Lends no last resort before `until`.
    pub(super) fn pace(&mut self, until: Instant) {
        self.paced = self.paced.max(Some(until));
    }

    /// Learns that the request of `epoch`, if it is the one, was answered,
    /// `latency` after it began. Too late is too late; that we hear of it late
    /// is not.
    pub(super) fn spoke(&mut self, epoch: u32, latency: Duration, now: Instant) {
        let answered = |taken: &Taken| {
            taken
                .began
                .checked_add(latency)
                .map_or(now, |at| at.min(now))
        };
        let mine = |taken: &&mut Taken| taken.epoch == epoch && answered(taken) < taken.deadline;
        if let Some(taken) = self.taken.as_mut().filter(mine) {
            taken.spoke = true;
            taken.deadline = now + LONGEST_ANSWER;
        }
    }

    /// Frees the place if a request of `epoch` holds it; returns whether it did.
    pub(super) fn free(&mut self, epoch: u32) -> bool {
        self.taken.take_if(|taken| taken.epoch == epoch).is_some()
    }

    /// Frees the place if its deadline has passed; then returns whether the
    /// request stayed silent all the time.
    pub(super) fn expire(&mut self, now: Instant) -> Option<bool> {
        let late = self.taken.take_if(|taken| now >= taken.deadline);
        late.map(|taken| !taken.spoke)
    }

    /// Returns when the place was taken, if it is.
    pub(super) fn began(&self) -> Option<Instant> {
        self.taken.map(|taken| taken.began)
    }

    /// Returns when the place is free at the latest, if it is taken.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.taken.map(|taken| taken.deadline)
    }

    /// Returns until when no last resort is lent, if that is after `now`.
    pub(super) fn paced(&self, now: Instant) -> Option<Instant> {
        self.paced.filter(|until| *until > now)
    }
}

/// A run of epochs; wraps with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Epochs {
    first: u32,
    count: u32,
}

impl Epochs {
    /// Returns the run of one epoch.
    pub(super) fn one(first: u32) -> Self {
        Self { first, count: 1 }
    }

    /// Adds the next epoch.
    pub(super) fn extend(&mut self) {
        self.count = self.count.saturating_add(1);
    }

    /// Returns whether `epoch` is one of them.
    pub(super) fn contains(self, epoch: u32) -> bool {
        let distance = epoch.wrapping_sub(self.first) & ((1 << EPOCH_BITS) - 1);
        distance < self.count
    }
}
