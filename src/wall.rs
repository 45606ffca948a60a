//! The gateway's only reader of the wall clock, for dates that servers write.

use std::time::SystemTime;

/// Returns the wall time. It jumps: nothing may be timed by it.
#[expect(clippy::disallowed_methods, reason = "the one function that reads it")]
pub fn now() -> SystemTime {
    SystemTime::now()
}

/// Returns the wall time in whole seconds since 1970, UTC.
pub fn unix_seconds() -> u64 {
    now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
