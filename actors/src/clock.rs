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

/// Returns the time at which a wall clock shows `at`, in seconds since 1970.
///
/// For people and dashboards only: wall time jumps, and nothing decides by it.
#[expect(
    clippy::disallowed_methods,
    reason = "the one function that reads the wall clock"
)]
pub fn wall_seconds(at: Instant) -> f64 {
    let since_epoch = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64();
    let now = now();
    match at.checked_duration_since(now) {
        Some(ahead) => since_epoch + ahead.as_secs_f64(),
        None => since_epoch - now.saturating_duration_since(at).as_secs_f64(),
    }
}
