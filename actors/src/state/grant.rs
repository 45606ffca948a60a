//! What routers may start at an endpoint until they hear otherwise.

use std::time::{Duration, Instant};

use super::health::Status;
use crate::error::Why;

/// Bits of a grant's epoch; it wraps from the largest such number to zero.
pub const EPOCH_BITS: u32 = 28;

/// Leave to start so much, stamped with the epoch it belongs to.
///
/// A grant replaces the one before it; what was not taken of that is void. It
/// holds until replaced: the machine counts all of it as taken when it
/// computes what more it may give.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grant {
    /// Stamp for everything started under this grant; below `2^EPOCH_BITS`.
    pub epoch: u32,
    /// Requests that may be started; `u32::MAX` means without limit. While
    /// the circuit is half-open this is 1, the trial, or 0.
    pub credits: u32,
    /// Requests, 0 or 1, that may be started if nothing else of the model and
    /// its fallbacks can serve.
    pub last_resort: u32,
    /// Cumulative mark up to which tokens may be reserved: a reservation that
    /// would take the cell's count beyond it must not be made. `u64::MAX`
    /// means without limit.
    pub tokens_limit: u64,
    /// Tokens that could be granted if those under way were used by nobody;
    /// `u64::MAX` means without limit. Who needs no more than that may get it
    /// with any answer that comes.
    pub tokens_hoped: u64,
    /// When more than those come free; for a router whose estimate does not fit.
    pub tokens_free: TokensFree,
    /// Requests under way at once; `u32::MAX` means without limit.
    pub max_in_flight: u32,
    /// Configured weight times ramp; above zero.
    pub weight: f64,
    /// Expected time to the first byte of a request that succeeds; `None`
    /// while none has, and for trials, which then count like the median
    /// endpoint.
    pub latency: Option<Duration>,
    /// What recent failures are taken to add to it; zero for trials.
    pub penalty: Duration,
    /// What people see.
    pub status: Status,
    /// Why `credits` is zero; `None` exactly when it is not.
    pub refusal: Option<Refusal>,
}

/// When more tokens come free than may come back any moment, in a few equal
/// steps: who needs so many more comes back at the step that has them, before
/// which there cannot be enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokensFree {
    /// How many more are free after each step than after the one before.
    pub step: u64,
    /// When each is reached; `None` if nobody knows.
    pub at: [Option<Instant>; Self::STEPS],
}

impl TokensFree {
    /// Steps that a window is told in.
    pub const STEPS: usize = 8;

    /// Returns the steps to `most` more tokens; so many are free when `free`
    /// says.
    pub(crate) fn steps(most: u64, free: impl Fn(u64) -> Option<Instant>) -> Self {
        let step = most.div_ceil(Self::STEPS as u64);
        let mut at = [None; Self::STEPS];
        if most > 0 {
            let mut more = 0;
            at = at.map(|_| {
                more = step.saturating_add(more).min(most);
                free(more)
            });
        }
        Self { step, at }
    }

    /// Returns steps of which all are reached at once.
    pub(crate) fn all_at(at: Instant) -> Self {
        Self {
            step: u64::MAX,
            at: [Some(at); Self::STEPS],
        }
    }
}

/// Why an endpoint takes no request, and when to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Refusal {
    /// The reason that outranks the others.
    pub reason: Why,
    /// When asking again can succeed, as far as is known: after `now`.
    pub until: Option<Instant>,
}
