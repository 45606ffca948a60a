//! Requests that wait for a rate-limited endpoint rather than be refused.

use std::{collections::VecDeque, time::Instant};

/// A bounded line of waiting items, first come first served, each with the
/// instant at which it gives up.
#[derive(Clone, Debug)]
pub struct Queue<T> {
    waiting: VecDeque<Waiting<T>>,
    max_length: usize,
    next_ticket: u64,
}

/// Names one waiting item; never used twice by a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket(u64);

#[derive(Clone, Debug)]
struct Waiting<T> {
    ticket: Ticket,
    deadline: Instant,
    item: T,
}

impl<T> Queue<T> {
    /// Returns an empty queue that holds `max_length` items; zero holds none.
    pub fn new(max_length: usize) -> Self {
        Self {
            waiting: VecDeque::new(),
            max_length,
            next_ticket: 0,
        }
    }

    /// Changes the length; those who wait already stay.
    pub fn set_max_length(&mut self, max_length: usize) {
        self.max_length = max_length;
    }

    /// Lets `item` wait at the end of the line until `deadline`.
    ///
    /// # Errors
    ///
    /// Gives `item` back if the queue is full.
    pub fn push(&mut self, item: T, deadline: Instant) -> Result<Ticket, T> {
        if self.waiting.len() >= self.max_length {
            return Err(item);
        }
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.waiting.push_back(Waiting {
            ticket,
            deadline,
            item,
        });
        Ok(ticket)
    }

    /// Returns the item whose turn it is, without taking it.
    pub fn front(&self) -> Option<&T> {
        self.waiting.front().map(|waiting| &waiting.item)
    }

    /// Takes the item whose turn it is.
    pub fn pop(&mut self) -> Option<T> {
        self.waiting.pop_front().map(|waiting| waiting.item)
    }

    /// Takes out the item of `ticket`, whose caller went away.
    pub fn remove(&mut self, ticket: Ticket) -> Option<T> {
        let place = self
            .waiting
            .binary_search_by_key(&ticket.0, |waiting| waiting.ticket.0)
            .ok()?;
        self.waiting.remove(place).map(|waiting| waiting.item)
    }

    /// Takes out one item whose deadline has come, the longest waiting first;
    /// call until there is none.
    pub fn expire(&mut self, now: Instant) -> Option<T> {
        let place = self
            .waiting
            .iter()
            .position(|waiting| now >= waiting.deadline)?;
        self.waiting.remove(place).map(|waiting| waiting.item)
    }

    /// Offers each item in turn, with its deadline; what `offer` gives back
    /// goes on waiting in its place.
    pub fn offer(&mut self, mut offer: impl FnMut(T, Instant) -> Option<T>) {
        for _ in 0..self.waiting.len() {
            let Some(Waiting {
                ticket,
                deadline,
                item,
            }) = self.waiting.pop_front()
            else {
                return;
            };
            if let Some(item) = offer(item, deadline) {
                self.waiting.push_back(Waiting {
                    ticket,
                    deadline,
                    item,
                });
            }
        }
    }

    /// Iterates over those who wait, in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.waiting.iter().map(|waiting| &waiting.item)
    }

    /// Returns the earliest deadline of those who wait.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.waiting.iter().map(|waiting| waiting.deadline).min()
    }

    /// Returns how many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Returns whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests;
