//! Requests that wait for an endpoint rather than be refused.

use std::{collections::VecDeque, time::Instant};

/// A line of waiting items, first come first served, each with the instant at
/// which it gives up. Who admits them bounds its length.
#[derive(Clone, Debug)]
pub struct Line<T> {
    places: VecDeque<Place<T>>,
}

#[derive(Clone, Debug)]
struct Place<T> {
    deadline: Instant,
    item: T,
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self {
            places: VecDeque::new(),
        }
    }
}

impl<T> Line<T> {
    /// Lets `item` wait at the end of the line until `deadline`.
    pub fn push(&mut self, item: T, deadline: Instant) {
        self.places.push_back(Place { deadline, item });
    }

    /// Returns the item whose turn it is, without taking it.
    pub fn front(&self) -> Option<&T> {
        self.places.front().map(|place| &place.item)
    }

    /// Takes the item whose turn it is.
    pub fn pop(&mut self) -> Option<T> {
        self.places.pop_front().map(|place| place.item)
    }

    /// Offers each item in turn, with its deadline; what `offer` gives back
    /// goes on waiting in its place.
    pub fn offer(&mut self, mut offer: impl FnMut(T, Instant) -> Option<T>) {
        for _ in 0..self.places.len() {
            let Some(Place { deadline, item }) = self.places.pop_front() else {
                return;
            };
            if let Some(item) = offer(item, deadline) {
                self.places.push_back(Place { deadline, item });
            }
        }
    }

    /// Returns the earliest deadline of those who wait. Looks at all of them.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.places.iter().map(|place| place.deadline).min()
    }

    /// Returns how many wait.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Returns whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

#[cfg(test)]
mod tests;
