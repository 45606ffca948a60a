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
    /// When more tokens come free, if any are reserved; for a router whose
    /// estimate does not fit.
    pub tokens_free_at: Option<Instant>,
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

/// Why an endpoint takes no request, and when to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Refusal {
    /// The reason that outranks the others.
    pub reason: Why,
    /// When asking again can succeed, as far as is known: after `now`.
    pub until: Option<Instant>,
}
