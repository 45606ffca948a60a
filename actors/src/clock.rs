//! The only place that reads a clock.
//!
//! `tokio::time` rather than `std::time`, so that a test that pauses the
//! runtime also pauses every actor.

use std::time::Instant;

/// Returns the current instant of this thread's runtime; monotonic.
#[expect(
    clippy::disallowed_methods,
    reason = "the one function that reads the clock"
)]
pub fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
