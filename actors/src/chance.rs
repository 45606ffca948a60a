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
