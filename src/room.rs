//! Room for request bodies, of all workers together.
//!
//! One body is bounded by `server.max_body`; without a bound on their sum,
//! enough clients with large ones would still take all memory.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// The most that all bodies under way may take together, in bodies of
/// `server.max_body`; small bodies by the ten thousand fit in as well.
const LARGEST_BODIES: usize = 16;

/// Counts the bytes of all bodies under way. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Room(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    taken: AtomicUsize,
    most: AtomicUsize,
}

/// Bytes that one body has taken; given back on drop.
#[derive(Debug)]
pub struct Held {
    room: Room,
    bytes: usize,
}

impl Room {
    /// Returns room for bodies of up to `max_body` bytes each.
    pub fn new(max_body: usize) -> Self {
        Self(Arc::new(Counts {
            taken: AtomicUsize::new(0),
            most: AtomicUsize::new(max_body.saturating_mul(LARGEST_BODIES)),
        }))
    }

    /// Makes room for bodies of another size; those under way stay.
    pub fn resize(&self, max_body: usize) {
        let most = max_body.saturating_mul(LARGEST_BODIES);
        self.0.most.store(most, Ordering::Relaxed);
    }

    /// Returns a place that holds nothing yet.
    pub fn enter(&self) -> Held {
        Held {
            room: self.clone(),
            bytes: 0,
        }
    }
}

impl Held {
    /// Takes `bytes` more; `false`, and nothing taken, if they do not fit.
    pub fn grow(&mut self, bytes: usize) -> bool {
        let most = self.room.0.most.load(Ordering::Relaxed);
        let fits = self
            .room
            .0
            .taken
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |taken| {
                taken.checked_add(bytes).filter(|sum| *sum <= most)
            })
            .is_ok();
        if fits {
            self.bytes += bytes;
        }
        fits
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.room.0.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_until_room_is_given_back() {
        let room = Room::new(10);
        let mut first = room.enter();
        assert!(first.grow(150));
        let mut second = room.enter();
        assert!(!second.grow(11));
        assert!(second.grow(10));
        drop(first);
        assert!(second.grow(150));
        drop(second);
        assert_eq!(room.0.taken.load(Ordering::Relaxed), 0);
    }
}
