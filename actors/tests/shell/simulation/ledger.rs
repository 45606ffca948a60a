//! What the world around an engine wrote down of its requests, and what the
//! engine has promised about them.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use breakerbox_actors::{
    clock,
    lease::Lease,
    state::{
        event::{Outcome, ProviderLimits},
        health::Status,
    },
    target::Target,
};

use super::{
    seen::Seen,
    world::{IN_FLIGHT, MINUTE, RPM, TPM, TRIAL_TIMEOUT},
};

/// A request under way, as its client's ledger has it.
pub(super) struct Held {
    pub(super) lease: Lease,
    start: Instant,
    pub(super) reserved: u64,
    /// When its answer began.
    spoke: Option<Instant>,
}

impl Held {
    /// Until when a trial keeps others away: one that was silent too long
    /// gives up its place, and does not get it back when it speaks after all.
    fn keeps_its_place_until(&self) -> Instant {
        let silent = self.start + TRIAL_TIMEOUT;
        match self.spoke {
            Some(at) if at < silent => at + 10 * MINUTE,
            _ => silent,
        }
    }
}

/// What one target was asked for: when, and for how many tokens.
#[derive(Default)]
struct Asked(Vec<(Instant, u64)>);

impl Asked {
    fn enter(&mut self, now: Instant, tokens: u64) {
        self.0.push((now, tokens));
        self.0.retain(|(at, _)| *at + MINUTE > now);
    }

    fn check(&self) {
        assert!(self.0.len() <= RPM, "{} requests in a minute", self.0.len());
        let tokens: u64 = self.0.iter().map(|(_, tokens)| tokens).sum();
        assert!(tokens <= TPM, "{tokens} tokens in a minute");
    }
}

/// All requests under way, and those of the last minute.
#[derive(Default)]
pub(super) struct Ledger {
    held: Vec<Held>,
    /// By the target's address.
    asked: BTreeMap<usize, Asked>,
    /// Targets by address, kept so that no address is used twice.
    known: Vec<Arc<Target>>,
}

impl Ledger {
    /// Enters a lease, if it may be there. They come in the order in which
    /// they were given.
    pub(super) fn enter(&mut self, lease: Lease, estimate: u64, seen: &mut Seen) {
        // Those who wait are heard of a little after they were served.
        let now = clock::now() - lease.age();
        let target = lease.target().clone();
        let name = target.id().endpoint().to_string();
        if lease.is_trial() {
            let rival = |held: &Held| {
                held.lease.is_trial()
                    && Arc::ptr_eq(held.lease.target(), &target)
                    && held.keeps_its_place_until() > now
            };
            assert!(!self.held.iter().any(rival), "two trials of {name}");
            seen.note("trial");
            if target.status() == Status::Unhealthy {
                seen.note("last resort");
            }
        }
        let limited = name == "a";
        let reserved = if limited { estimate.min(TPM) } else { estimate };
        let asked = self.asked.entry(Arc::as_ptr(&target) as usize).or_default();
        asked.enter(now, reserved);
        if limited {
            asked.check();
        }
        if !self.known.iter().any(|it| Arc::ptr_eq(it, &target)) {
            self.known.push(target);
        }
        self.held.push(Held {
            lease,
            start: now,
            reserved,
            spoke: None,
        });
    }

    /// How many requests are under way.
    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    /// The answer of a request begins.
    pub(super) fn begins(&mut self, at: usize) {
        let held = &mut self.held[at];
        held.lease.first_byte(ProviderLimits::default());
        held.spoke.get_or_insert(clock::now());
    }

    /// Takes a request out, to end it.
    pub(super) fn take(&mut self, at: usize) -> Held {
        self.held.swap_remove(at)
    }

    /// Ends a request that used so many tokens.
    pub(super) fn settle(&mut self, held: Held, outcome: Outcome, used: u64) {
        let asked = self
            .asked
            .get_mut(&(Arc::as_ptr(held.lease.target()) as usize));
        let mine = (held.start, held.reserved);
        if let Some(entry) = asked.and_then(|it| it.0.iter_mut().find(|it| **it == mine)) {
            entry.1 = used;
        }
        held.lease
            .settle(outcome, Some(used), ProviderLimits::default());
    }

    /// Ends all requests well.
    pub(super) fn settle_all(&mut self) {
        for held in std::mem::take(&mut self.held) {
            self.settle(held, Outcome::Success, 0);
        }
    }

    /// Forgets all requests: their clients go away.
    pub(super) fn clear(&mut self) {
        self.held.clear();
    }

    /// Checks that every target counts in flight what is in flight.
    pub(super) fn check(&self) {
        for target in &self.known {
            let mine = |held: &&Held| Arc::ptr_eq(held.lease.target(), target);
            let held = self.held.iter().filter(mine).count() as u32;
            assert_eq!(target.in_flight(), held, "{}", target.id());
            assert!(**target.id().endpoint() != *"b" || held <= IN_FLIGHT);
        }
    }
}
