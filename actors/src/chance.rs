//! The only place that draws chance.
//!
//! One generator a thread, so that a test that seeds its thread replays every
//! actor on it.

use std::cell::RefCell;

use rand::{Rng, SeedableRng, rngs::SmallRng};

use crate::state::luck::Luck;

thread_local! {
    static THREAD: RefCell<SmallRng> = RefCell::new(SmallRng::from_rng(&mut rand::rng()));
}

/// Draws the luck of one step of a machine.
pub(crate) fn luck() -> Luck {
    #[cfg(feature = "chaos")]
    run_out();
    THREAD.with_borrow_mut(Luck::draw)
}

/// Returns a generator of its own for someone who draws often.
pub(crate) fn generator() -> SmallRng {
    THREAD.with_borrow_mut(|rng| SmallRng::seed_from_u64(rng.next_u64()))
}

/// Makes all chance drawn on this thread from now on a function of `seed`.
#[cfg(feature = "chaos")]
pub fn seed(seed: u64) {
    THREAD.set(SmallRng::seed_from_u64(seed));
}

#[cfg(feature = "chaos")]
thread_local! {
    static LEFT: std::cell::Cell<Option<u32>> = const { std::cell::Cell::new(None) };
}

/// Makes the draw after `steps` more of them on this thread panic, once: a
/// machine that fails in the middle of its actor's work.
#[cfg(feature = "chaos")]
pub fn fail_after(steps: u32) {
    LEFT.set(Some(steps));
}

#[cfg(feature = "chaos")]
fn run_out() {
    let left = LEFT.take();
    assert!(left != Some(0), "asked to, in the middle");
    LEFT.set(left.map(|left| left - 1));
}
