//! The gateway's only reader of the wall clock, for dates that servers write.

use std::time::SystemTime;

/// Returns the wall time. It jumps: nothing may be timed by it.
#[expect(clippy::disallowed_methods, reason = "the one function that reads it")]
pub fn now() -> SystemTime {
    SystemTime::now()
}
