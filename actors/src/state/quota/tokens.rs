//! The tokens of the last minute: reserved at the estimate, settled at the count.

use std::time::{Duration, Instant};

use super::MINUTE_BUCKETS;
use crate::state::window::Ring;

/// One second's reservations: those whose cumulative marks lie in `(from, to]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Bucket {
    amount: u64,
    /// Of the amount what is reserved and not settled.
    open: u64,
    from: u64,
    to: u64,
    /// Requests that made them.
    requests: u32,
}

impl Bucket {
    /// What counts although nothing is under way.
    fn spent(&self) -> u64 {
        self.amount.saturating_sub(self.open)
    }
}

/// Tokens by the second they were booked in.
///
/// Reservations are known by their mark: the cumulative count just after them.
/// Marks only grow, so each lies in exactly one bucket, and a settlement
/// finds the bucket that its reservation was booked in without keeping a list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TokenWindow {
    ring: Ring<Bucket, MINUTE_BUCKETS>,
    booked: u64,
}

impl TokenWindow {
    /// Returns a window of which nothing was taken.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            ring: Ring::new(Duration::from_secs(1), now),
            booked: 0,
        }
    }

    /// Books what was reserved up to `mark`; returns how much that was.
    pub(crate) fn book(&mut self, mark: u64, now: Instant) -> u64 {
        let amount = mark.saturating_sub(self.booked);
        if amount > 0 {
            let from = self.booked;
            let bucket = self.ring.current(now);
            if bucket.to == 0 {
                bucket.from = from;
            }
            bucket.to = mark;
            bucket.amount = bucket.amount.saturating_add(amount);
            bucket.open = bucket.open.saturating_add(amount);
            self.booked = mark;
        }
        amount
    }

    /// Notes that `requests` made reservations, which are booked next.
    pub(crate) fn made_by(&mut self, requests: u32, now: Instant) {
        let bucket = self.ring.current(now);
        bucket.requests = bucket.requests.saturating_add(requests);
    }

    /// Returns how many requests were booked since that of `mark`; of its own
    /// second those whose share of the tokens came later.
    pub(crate) fn requests_since(&self, mark: u64, now: Instant) -> u64 {
        let since = |bucket: &Bucket| {
            let requests = u64::from(bucket.requests);
            let (all, later) = (
                bucket.to.saturating_sub(bucket.from),
                bucket.to.saturating_sub(mark),
            );
            match later {
                0 => 0,
                _ if all <= later => requests,
                _ => (u128::from(requests) * u128::from(later) / u128::from(all)) as u64,
            }
        };
        self.ring.live(now).map(since).sum()
    }

    /// Corrects the reservation `mark` from `reserved` to `used`.
    ///
    /// What was not used comes free at once, unless the reservation left the
    /// window long ago; what was used beyond it counts from `now`.
    pub(crate) fn settle(&mut self, mark: u64, reserved: u64, used: u64, now: Instant) {
        // A settlement can overtake the look that would have booked it.
        self.book(mark, now);
        let of_mark = |bucket: &Bucket| bucket.from < mark && mark <= bucket.to;
        if let Some(bucket) = self.ring.find(now, of_mark) {
            bucket.open = bucket.open.saturating_sub(reserved);
            bucket.amount = bucket.amount.saturating_sub(reserved.saturating_sub(used));
        }
        if used > reserved {
            let bucket = self.ring.current(now);
            bucket.amount = bucket.amount.saturating_add(used - reserved);
        }
    }

    /// Returns the cumulative mark up to which everything is booked.
    pub(crate) fn booked_mark(&self) -> u64 {
        self.booked
    }

    /// Returns the tokens that count at `now`.
    pub(crate) fn used(&self, now: Instant) -> u64 {
        let amounts = self.ring.live(now).map(|bucket| bucket.amount);
        amounts.fold(0, u64::saturating_add)
    }

    /// Returns the tokens that count at `now` whatever becomes of those under
    /// way, which come back at once as far as they are not used.
    pub(crate) fn spent(&self, now: Instant) -> u64 {
        self.ring
            .live(now)
            .map(Bucket::spent)
            .fold(0, u64::saturating_add)
    }

    /// Returns when `need` of the tokens that are [spent](Self::spent), 1 or
    /// more, will have left the window.
    pub(crate) fn spent_leaves(&self, now: Instant, need: u64) -> Option<Instant> {
        let mut freed = 0_u64;
        self.ring.leaves(now, |bucket| {
            freed = freed.saturating_add(bucket.spent());
            freed >= need
        })
    }

    /// Returns when `need` tokens, 1 or more, will have left the window.
    pub(crate) fn leaves(&self, now: Instant, need: u64) -> Option<Instant> {
        let mut freed = 0_u64;
        self.ring.leaves(now, |bucket| {
            freed = freed.saturating_add(bucket.amount);
            freed >= need
        })
    }
}
