//! The gateway's only reader of the wall clock, for dates that servers write.

use std::time::{Instant, SystemTime};

use breakerbox_actors::clock;

/// Returns the wall time. It jumps: nothing may be timed by it.
#[expect(clippy::disallowed_methods, reason = "the one function that reads it")]
pub fn now() -> SystemTime {
    SystemTime::now()
}

/// Returns what the wall clock shows at `instant`, as far as one can tell now.
pub fn at(instant: Instant) -> SystemTime {
    let (wall, now) = (self::now(), clock::now());
    match instant.checked_duration_since(now) {
        Some(ahead) => wall.checked_add(ahead),
        None => wall.checked_sub(now.duration_since(instant)),
    }
    .unwrap_or(wall)
}

/// Writes `at` for machines and people: RFC 3339, UTC, to the millisecond.
pub fn text(at: SystemTime) -> String {
    humantime::format_rfc3339_millis(at).to_string()
}

/// Returns the wall time in whole seconds since 1970, UTC.
pub fn unix_seconds() -> u64 {
    now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
