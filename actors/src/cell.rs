//! The published grant of one target: a handful of atomics.
//!
//! The endpoint actor writes it, routers of all workers spend it. Credits,
//! last-resort credits and the epoch share one word, so a spend and a
//! publication can never miss each other: the actor publishes with a
//! compare-and-exchange over the very word it has looked at.
//!
//! ```text
//!   63..36       35          34..32            31..0
//!   epoch (28) │ trial (1) │ last resort (3) │ credits (32)
//! ```
//!
//! # Invariants
//!
//! * A credit is spent at most once, in the epoch it was granted in.
//! * `tokens_spent` only grows; `tokens_limit - tokens_spent` is outstanding.
//! * `in_flight` equals the leases alive; it does not depend on any actor.

mod silence;

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use crate::{
    error::Why,
    state::{
        grant::{EPOCH_BITS, Grant, TokensFree},
        health::Status,
        window::nanos,
    },
};
use silence::Silence;

const TRIAL: u64 = 1 << 35;
const LAST_RESORT: u64 = 1 << 32;
const LAST_RESORT_MASK: u64 = 0x7 << 32;
const CREDITS_MASK: u64 = 0xFFFF_FFFF;
const EPOCH_SHIFT: u32 = 64 - EPOCH_BITS;
/// Latency not measured yet; time unknown.
const NONE: u64 = u64::MAX;

/// A cell as it was at one look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    word: u64,
    /// Cumulative tokens spent.
    pub(crate) tokens_mark: u64,
}

impl Seen {
    pub(crate) fn epoch(self) -> u32 {
        (self.word >> EPOCH_SHIFT) as u32
    }

    pub(crate) fn credits(self) -> u32 {
        (self.word & CREDITS_MASK) as u32
    }

    /// Whether this is a half-open circuit's grant.
    pub(crate) fn is_trial(self) -> bool {
        self.word & TRIAL != 0
    }

    /// Whether this is a half-open circuit's grant and its one credit is gone.
    fn trial_is_taken(self) -> bool {
        self.is_trial() && self.credits() == 0
    }

    pub(crate) fn last_resort(self) -> u32 {
        ((self.word & LAST_RESORT_MASK) >> 32) as u32
    }
}

/// What was taken out of a cell: the right to send one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) epoch: u32,
    pub(crate) trial: bool,
    pub(crate) last_resort: bool,
    /// Cumulative tokens spent, this reservation included.
    pub(crate) mark: u64,
    /// Tokens reserved.
    pub(crate) reserved: u64,
}

/// Why nothing could be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// Nothing was touched.
    Clean,
    /// A place in flight was held for a moment and given back: the bell has to
    /// ring, for somebody else may have been denied that place.
    Late,
    /// Tokens were reserved before the credit was lost to another worker: the
    /// reservation has to be settled at zero.
    Refund(Taken),
}

/// What an actor publishes: the machine's grant, and what the shell adds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offer {
    pub(crate) grant: Grant,
    /// Whether the credit is the trial of a half-open circuit.
    pub(crate) trial: bool,
    /// Why there is no credit, and until when.
    pub(crate) refusal: Option<(Why, Option<Instant>)>,
}

/// See the [module](self).
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Cell {
    word: AtomicU64,
    tokens_spent: AtomicU64,
    tokens_limit: AtomicU64,
    /// When the cell was made: instants are kept as microseconds since.
    origin: Instant,
    in_flight: AtomicU32,
    max_in_flight: AtomicU32,
    silence: Silence,
    /// Weight before latency, as the bits of an `f64`.
    weight: AtomicU64,
    /// Latency estimate in nanoseconds, or [`NONE`].
    latency: AtomicU64,
    /// What failures add to it, in nanoseconds.
    penalty: AtomicU64,
    /// Status in the low byte, reason of refusal above it.
    face: AtomicU32,
    /// When a refused caller may come back, or [`NONE`].
    until: AtomicU64,
    /// Tokens there would be if those under way were used by nobody.
    tokens_hoped: AtomicU64,
    /// When more than those come free: so many more at each of these instants,
    /// or [`NONE`].
    tokens_step: AtomicU64,
    tokens_free: [AtomicU64; TokensFree::STEPS],
    /// When the actor last looked.
    looked_at: AtomicU64,
}

impl Cell {
    /// Returns a cell, made at `now`, that grants nothing.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            origin: now,
            word: AtomicU64::new(0),
            tokens_spent: AtomicU64::new(0),
            tokens_limit: AtomicU64::new(0),
            in_flight: AtomicU32::new(0),
            max_in_flight: AtomicU32::new(0),
            silence: Silence::default(),
            weight: AtomicU64::new(0f64.to_bits()),
            latency: AtomicU64::new(NONE),
            penalty: AtomicU64::new(0),
            face: AtomicU32::new(0),
            until: AtomicU64::new(NONE),
            tokens_hoped: AtomicU64::new(0),
            tokens_step: AtomicU64::new(0),
            tokens_free: [const { AtomicU64::new(NONE) }; TokensFree::STEPS],
            looked_at: AtomicU64::new(0),
        }
    }

    /// Looks at what routers have left.
    pub(crate) fn look(&self) -> Seen {
        // Tokens after the word: a spend reserves tokens first, so a spent
        // credit is never seen without its tokens.
        let word = self.word.load(Ordering::Acquire);
        Seen {
            word,
            tokens_mark: self.tokens_spent.load(Ordering::Acquire),
        }
    }

    /// Replaces what was `seen` by `offer`; `None` if a router spent meanwhile.
    ///
    /// Called under the lock of the target's books, and after `None` again with
    /// what was seen since.
    pub(crate) fn publish(&self, seen: Seen, offer: &Offer, now: Instant) -> Option<Seen> {
        let grant = &offer.grant;
        // All else before the word: who takes from the new word finds what
        // belongs to it. `tokens_limit` is true whatever becomes of the word,
        // and `looked_at` must be: a router that takes the last credit of a
        // word and still found a look asked for would ask for none.
        self.tokens_limit
            .store(grant.tokens_limit, Ordering::Release);
        self.max_in_flight
            .store(grant.max_in_flight, Ordering::Relaxed);
        self.weight.store(grant.weight.to_bits(), Ordering::Relaxed);
        let latency = grant.latency.map_or(NONE, nanos);
        self.latency.store(latency, Ordering::Relaxed);
        self.penalty.store(nanos(grant.penalty), Ordering::Relaxed);
        let micros = |at: Option<Instant>| at.map_or(NONE, |at| self.micros(at));
        let until = offer.refusal.and_then(|(_, until)| until);
        self.until.store(micros(until), Ordering::Relaxed);
        self.tokens_hoped
            .store(grant.tokens_hoped, Ordering::Relaxed);
        if grant.tokens_hoped != u64::MAX {
            let TokensFree { step, at } = grant.tokens_free;
            self.tokens_step.store(step, Ordering::Relaxed);
            for (mine, at) in self.tokens_free.iter().zip(at) {
                mine.store(micros(at), Ordering::Relaxed);
            }
        }
        let why = offer.refusal.map_or(0, |(why, _)| why.code() + 1);
        let status = Status::ALL.iter().position(|it| *it == grant.status);
        self.face.store(
            status.unwrap_or_default() as u32 | u32::from(why) << 8,
            Ordering::Relaxed,
        );
        self.looked_at.store(self.micros(now), Ordering::Relaxed);
        let word = (u64::from(grant.epoch) << EPOCH_SHIFT)
            | if offer.trial { TRIAL } else { 0 }
            | (u64::from(grant.last_resort.min(1)) * LAST_RESORT)
            | u64::from(grant.credits);
        self.word
            .compare_exchange(seen.word, word, Ordering::AcqRel, Ordering::Acquire)
            .ok()?;
        Some(Seen {
            word,
            tokens_mark: seen.tokens_mark,
        })
    }

    /// Takes one credit and `estimate` tokens, or says why not.
    ///
    /// `last_resort` takes from the last-resort credits instead.
    pub(crate) fn take(&self, estimate: u64, last_resort: bool) -> Result<Taken, Denied> {
        let unit = if last_resort { LAST_RESORT } else { 1 };
        let mask = if last_resort {
            LAST_RESORT_MASK
        } else {
            CREDITS_MASK
        };
        let has_credit = |word: u64| word & mask != 0;
        // Tokens are asked about before anything is held: a denial that rings
        // must come from a race, or those who wait would wake each other for ever.
        if !has_credit(self.word.load(Ordering::Acquire))
            || self.tokens_left() < estimate
            || !self.enter()
        {
            return Err(Denied::Clean);
        }
        let Some((mark, reserved)) = self.reserve(estimate) else {
            self.leave();
            return Err(Denied::Late);
        };
        let spent = self
            .word
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |word| {
                has_credit(word).then(|| word - unit)
            });
        let taken = |word: u64| Taken {
            epoch: (word >> EPOCH_SHIFT) as u32,
            trial: word & TRIAL != 0,
            last_resort,
            mark,
            reserved,
        };
        match spent {
            Ok(before) => Ok(taken(before)),
            Err(word) => {
                self.leave();
                Err(Denied::Refund(taken(word)))
            }
        }
    }

    /// Returns whether a request of `estimate` tokens would get a credit now
    /// that is no trial.
    pub(crate) fn lends(&self, estimate: u64) -> bool {
        let seen = self.look();
        seen.credits() > 0
            && !seen.is_trial()
            && self.tokens_left() >= estimate
            && self.in_flight() < self.max_in_flight.load(Ordering::Relaxed)
    }

    fn enter(&self) -> bool {
        let max = self.max_in_flight.load(Ordering::Relaxed);
        self.in_flight
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, |n| {
                (n < max).then(|| n + 1)
            })
            .is_ok()
    }

    /// Ends one request's stay; called once for each taken credit.
    pub(crate) fn leave(&self) {
        self.in_flight.fetch_sub(1, Ordering::AcqRel);
    }

    /// Notes that a request is sent `now` and has yet to be answered.
    pub(crate) fn asked(&self, now: Instant) {
        self.silence.asked(self.micros(now));
    }

    /// Notes that a request waits for an answer no longer: because the endpoint
    /// gave one at this instant, or because nobody waits for it any more.
    pub(crate) fn answered(&self, at: Option<Instant>) {
        self.silence.answered(at.map(|at| self.micros(at)));
    }

    /// Returns how long the endpoint has owed an answer without any sign of
    /// life; zero if it owes none.
    pub(crate) fn silence(&self, now: Instant) -> Duration {
        Duration::from_micros(self.silence.lasts(self.micros(now)))
    }

    /// Reserves tokens; returns the mark after them and how many, or `None`.
    fn reserve(&self, estimate: u64) -> Option<(u64, u64)> {
        let limit = self.tokens_limit.load(Ordering::Acquire);
        self.tokens_spent
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |spent| {
                let after = spent.checked_add(estimate)?;
                (after <= limit).then_some(after)
            })
            .ok()
            .map(|before| (before + estimate, estimate))
    }

    /// Returns why a request of `estimate` tokens gets nothing now, and when
    /// to come back if that is known.
    pub(crate) fn refusal(&self, estimate: u64) -> (Why, Option<Instant>) {
        let published = (self.face.load(Ordering::Relaxed) >> 8) as u8;
        let published = published.checked_sub(1).and_then(Why::from_code);
        if let Some(why) = published.filter(|why| *why != Why::TokensPerMinute) {
            (why, self.until())
        } else if published.is_some() {
            (Why::TokensPerMinute, self.tokens_until(estimate))
        } else if self.look().trial_is_taken() {
            // The actor has yet to see it, and will say no more than this.
            (Why::TrialUnderWay, None)
        } else if self.in_flight() >= self.max_in_flight.load(Ordering::Relaxed) {
            (Why::InFlight, None)
        } else if self.credits() > 0 && self.tokens_left() < estimate {
            (Why::TokensPerMinute, self.tokens_until(estimate))
        } else {
            // All that was published is spent; the actor has yet to look, and
            // nobody knows what it will find.
            (Why::Spent, None)
        }
    }

    /// Returns when there will be `estimate` tokens; `None` if some that are
    /// under way may come back any moment.
    fn tokens_until(&self, estimate: u64) -> Option<Instant> {
        let hoped = self.tokens_hoped.load(Ordering::Relaxed);
        let more = estimate.checked_sub(hoped).filter(|more| *more > 0)?;
        let step = self.tokens_step.load(Ordering::Relaxed).max(1);
        let steps = usize::try_from(more.div_ceil(step)).unwrap_or(usize::MAX);
        let at = &self.tokens_free[steps.min(self.tokens_free.len()) - 1];
        self.instant(at.load(Ordering::Relaxed))
    }

    fn micros(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.origin).as_micros() as u64
    }

    fn until(&self) -> Option<Instant> {
        self.instant(self.until.load(Ordering::Relaxed))
    }

    fn instant(&self, micros: u64) -> Option<Instant> {
        match micros {
            NONE => None,
            micros => self.origin.checked_add(Duration::from_micros(micros)),
        }
    }

    fn tokens_left(&self) -> u64 {
        let limit = self.tokens_limit.load(Ordering::Relaxed);
        limit.saturating_sub(self.tokens_spent.load(Ordering::Relaxed))
    }

    pub(crate) fn status(&self) -> Status {
        let code = self.face.load(Ordering::Relaxed) as u8;
        let status = Status::ALL.get(usize::from(code));
        status.copied().unwrap_or(Status::Unknown)
    }

    pub(crate) fn credits(&self) -> u32 {
        self.look().credits()
    }

    pub(crate) fn weight(&self) -> f64 {
        f64::from_bits(self.weight.load(Ordering::Relaxed))
    }

    pub(crate) fn latency(&self) -> Option<Duration> {
        match self.latency.load(Ordering::Relaxed) {
            NONE => None,
            nanos => Some(Duration::from_nanos(nanos)),
        }
    }

    pub(crate) fn penalty(&self) -> Duration {
        Duration::from_nanos(self.penalty.load(Ordering::Relaxed))
    }

    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Returns whether the actor should look again: a second has passed, or we
    /// `took` the last credit. Says so once per look.
    ///
    /// That there is none is no reason for those who took none: looking, the
    /// actor would wake who waits, who would ask for a look, and so for ever.
    pub(crate) fn wants_a_look(&self, took: bool, now: Instant) -> bool {
        let looked_at = self.looked_at.load(Ordering::Relaxed);
        if looked_at == NONE {
            return false;
        }
        let stale = self.micros(now).saturating_sub(looked_at) > 1_000_000;
        (stale || took && self.credits() == 0)
            && self
                .looked_at
                .compare_exchange(looked_at, NONE, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}

#[cfg(test)]
mod tests;
