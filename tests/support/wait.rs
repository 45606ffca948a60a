//! Waiting with a deadline.

use std::future::Future;
use std::panic::Location;
use std::sync::mpsc;
use std::time::Duration;

use breakerbox_actors::clock;
use rustix::time::{ClockId, clock_gettime};

/// Longest that a test waits for anything, unless it says otherwise. Generous: only a test that fails
/// waits this long.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Polls `condition` until it holds; fails the test at `deadline`. Returns how long it took.
#[track_caller]
pub(crate) fn eventually(
    deadline: Duration,
    mut condition: impl FnMut() -> bool,
) -> impl Future<Output = Duration> {
    let place = Location::caller();
    async move {
        let start = clock::now();
        loop {
            if condition() {
                return clock::now() - start;
            }
            let waited = clock::now() - start;
            assert!(waited < deadline, "{place}: not within {deadline:?}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// What this thread has worked so far. Whatever else runs on the machine takes nothing of it.
pub(crate) fn worked() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// What a clock shows that runs also where the test's stands still.
pub(crate) fn real_time() -> Duration {
    let time = clock_gettime(ClockId::Monotonic);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The output of `future`; fails the test if it takes longer than [`DEADLINE`].
#[track_caller]
pub(crate) fn soon<F: Future>(what: &str, future: F) -> impl Future<Output = F::Output> {
    let place = Location::caller();
    async move {
        match tokio::time::timeout(DEADLINE, future).await {
            Ok(output) => output,
            Err(_) => panic!("{place}: {what}: nothing within {DEADLINE:?}"),
        }
    }
}

/// Keeps a paused clock from running ahead while this lives: only `tokio::time::advance` moves it.
///
/// Without it, a paused runtime that waits for a socket jumps to its next timer, a deadline for example.
/// Nothing that sleeps by itself ends meanwhile: neither [`eventually`] nor the deadline of [`soon`].
pub(crate) struct HeldClock(#[expect(dead_code, reason = "its drop is its use")] mpsc::Sender<()>);

impl HeldClock {
    /// Holds the clock of the current runtime.
    pub(crate) fn new() -> Self {
        let (sender, receiver) = mpsc::channel();
        // tokio does not move a paused clock by itself while blocking work is under way.
        tokio::task::spawn_blocking(move || receiver.recv().is_ok());
        Self(sender)
    }
}
