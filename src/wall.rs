//! The gateway's only reader of the wall clock, for dates that servers write.

use std::time::{Duration, Instant, SystemTime};

use breakerbox_actors::clock;
use parking_lot::Mutex;

/// By how much the wall clock is off after somebody has set it: less is what
/// reading two clocks one after the other comes to, or a slow correction.
const SET: Duration = Duration::from_secs(1);

/// Returns the wall time. It jumps: nothing may be timed by it.
#[expect(clippy::disallowed_methods, reason = "the one function that reads it")]
pub fn now() -> SystemTime {
    SystemTime::now()
}

/// Returns what the wall clock shows at `instant`, as far as one can tell now.
///
/// The same each time it is asked of an instant, to the last digit, unless the
/// wall clock was [set](SET) meanwhile.
pub fn at(instant: Instant) -> SystemTime {
    static TOLD: Mutex<Option<Reading>> = Mutex::new(None);
    let fresh = Reading {
        wall: now(),
        clock: clock::now(),
    };
    let (at, mut told) = (fresh.at(instant), TOLD.lock());
    let known = told.map(|it| it.at(instant)).filter(|known| {
        let ahead = known.duration_since(at);
        ahead.unwrap_or_else(|behind| behind.duration()) < SET
    });
    known.unwrap_or_else(|| {
        *told = Some(fresh);
        at
    })
}

/// What both clocks showed, read one after the other.
#[derive(Clone, Copy)]
struct Reading {
    wall: SystemTime,
    clock: Instant,
}

impl Reading {
    fn at(self, instant: Instant) -> SystemTime {
        match instant.checked_duration_since(self.clock) {
            Some(ahead) => self.wall.checked_add(ahead),
            None => self.wall.checked_sub(self.clock.duration_since(instant)),
        }
        .unwrap_or(self.wall)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_told_as_one_time() {
        let soon = clock::now() + Duration::from_secs(60);
        let first = at(soon);
        let ahead = first.duration_since(now()).expect("it is to come");
        assert!(ahead <= Duration::from_secs(61), "{ahead:?}");
        assert!((0..1_000).all(|_| at(soon) == first));
    }
}
