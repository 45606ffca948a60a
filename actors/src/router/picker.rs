//! Chooses a target and takes its credit.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::MutexGuard;
use rand::rngs::SmallRng;

use super::Commons;
use crate::{
    cell::{Denied, Taken},
    chance,
    error::{Exclusion, Unavailable, Why},
    lease::Lease,
    messages::Pick,
    outbox::Outbox,
    state::{
        budget::RetryBudget,
        choice::{self, Candidate},
        estimate::MOST_TOKENS,
        event::{Event, Outcome, ProviderLimits, Tokens},
    },
    table::{Entry, Plan},
    target::Target,
};

/// First attempts that one router tells the shared budget together: few
/// enough that the others hardly miss what they earn.
const TOLD_TOGETHER: u32 = 32;

/// What a router picks with. See the [module](self).
#[derive(Debug)]
pub(super) struct Picker {
    commons: Commons,
    outbox: Arc<Outbox>,
    rng: SmallRng,
    /// Room for those among whom one is drawn, kept from draw to draw.
    candidates: Vec<Candidate>,
    /// First attempts that the budget has not heard of.
    untold: u32,
    /// Picks answered.
    pub(super) picks: u64,
}

impl Picker {
    /// Returns a picker that draws from a fresh seed.
    pub(super) fn new(commons: Commons) -> Self {
        Self {
            commons,
            outbox: Outbox::start(),
            rng: chance::generator(),
            candidates: Vec::new(),
            untold: 0,
            picks: 0,
        }
    }

    /// Counts a pick that comes for the first time; the budget earns by it.
    pub(super) fn count(&mut self, pick: &Pick, now: Instant) {
        self.picks += 1;
        self.untold += u32::from(!pick.extra);
        if self.untold >= TOLD_TOGETHER {
            drop(self.budget(now));
        }
    }

    /// Returns the budget, once it has heard of all that was earned here.
    fn budget(&mut self, now: Instant) -> MutexGuard<'_, RetryBudget> {
        let mut budget = self.commons.budget.lock();
        budget.first_attempts(std::mem::take(&mut self.untold), now);
        budget
    }

    /// Makes an attempt of `pick`. An extra one is paid for by the retry
    /// budget if it is made, whether or not it had to wait.
    pub(super) fn attempt(&mut self, pick: &Pick, now: Instant) -> Result<Lease, Unavailable> {
        if pick.extra && !self.budget(now).take(now) {
            return Err(Unavailable::over_budget());
        }
        let table = self.commons.table.load();
        let mut found = self.find(&pick.plan, pick, table.strategy, now);
        if found.is_err() {
            // A reload takes targets away once its table is there: maybe since
            // this one was loaded. Or it brings new ones.
            let table = self.commons.table.load();
            if let Some(plan) = table.renewed(&pick.plan) {
                found = self.find(&plan, pick, table.strategy, now);
            }
        }
        if found.is_err() && pick.extra {
            self.commons.budget.lock().give_back();
        }
        found
    }

    /// Looks tier by tier for a credit: first at endpoints this request has not
    /// asked yet, for any model; then at the others, because one that failed for
    /// one model is likely to fail for the next; then for a last resort anywhere,
    /// unless one that was asked may be asked again.
    fn find(
        &mut self,
        plan: &Plan,
        pick: &Pick,
        strategy: choice::Strategy,
        now: Instant,
    ) -> Result<Lease, Unavailable> {
        let mut lost: Vec<*const Target> = Vec::new();
        for sweep in [Sweep::Unasked, Sweep::Asked, Sweep::LastResort] {
            let is_idle = match sweep {
                Sweep::Unasked => false,
                Sweep::Asked => pick.except.is_empty(),
                Sweep::LastResort => pick.may_repeat,
            };
            if is_idle {
                continue;
            }
            for tier in &plan.tiers {
                while let Some(entry) = self.draw(&tier.entries, pick, strategy, sweep, &lost, now)
                {
                    match self.take(entry, pick, sweep == Sweep::LastResort, now) {
                        Some(lease) => return Ok(lease),
                        // Another worker was faster, or the tokens do not reach.
                        None => lost.push(Arc::as_ptr(&entry.target)),
                    }
                }
            }
        }
        Err(unavailable(plan, pick))
    }

    /// Draws among the entries that have a credit.
    fn draw<'a>(
        &mut self,
        entries: &'a [Entry],
        pick: &Pick,
        strategy: choice::Strategy,
        sweep: Sweep,
        lost: &[*const Target],
        now: Instant,
    ) -> Option<&'a Entry> {
        let candidate = |entry: &Entry| {
            let seen = entry.target.cell.look();
            let credit = match sweep {
                Sweep::LastResort => seen.last_resort() > 0,
                Sweep::Unasked => seen.credits() > 0 && !was_asked(entry, pick),
                Sweep::Asked => seen.credits() > 0 && was_asked(entry, pick),
            };
            let open =
                credit && may_serve(entry, pick) && !lost.contains(&Arc::as_ptr(&entry.target));
            open.then(|| entry.candidate(strategy, pick.estimate, seen, now))
        };
        self.candidates.clear();
        self.candidates.extend(entries.iter().filter_map(candidate));
        let drawn = choice::choose(strategy, &self.candidates, &mut self.rng)?;
        let order = self.candidates.get(drawn)?.order;
        entries.iter().find(|entry| entry.order == order)
    }

    fn take(&self, entry: &Entry, pick: &Pick, last_resort: bool, now: Instant) -> Option<Lease> {
        let target = &entry.target;
        let taken = target.cell.take(tokens(entry, pick), last_resort);
        match taken {
            Ok(_) | Err(Denied::Clean) => {}
            Err(Denied::Late) => self.commons.bell.ring(),
            Err(Denied::Refund(taken)) => {
                self.refund(target, taken);
                self.commons.bell.ring();
            }
        }
        if target.cell.wants_a_look(taken.is_ok(), now) {
            target.replenish();
        }
        taken.ok().map(|taken| self.lease(target, taken, now))
    }

    fn lease(&self, target: &Arc<Target>, taken: Taken, now: Instant) -> Lease {
        Lease::new(
            target.clone(),
            taken,
            self.outbox.clone(),
            self.commons.bell.clone(),
            now,
        )
    }

    /// Gives back tokens that were reserved for a credit another worker got.
    fn refund(&self, target: &Arc<Target>, taken: Taken) {
        let event = Event::Settled {
            // No grant's epoch: it never was an attempt.
            epoch: u32::MAX,
            outcome: Outcome::Cancelled,
            latency: None,
            limits: ProviderLimits::default(),
            tokens: Tokens {
                mark: taken.mark,
                reserved: taken.reserved,
                used: Some(0),
            },
        };
        self.outbox.push(target, event, false);
    }
}

impl Pick {
    /// Returns whether somebody who may serve it would take it now, is known to
    /// take no more than half of `time`, and owes no answer for longer than that.
    pub fn is_likely_within(&self, time: Duration, now: Instant) -> bool {
        let is_quick = |entry: &Entry| {
            let cell = &entry.target.cell;
            let usual = cell.latency().map(|usual| usual.max(cell.silence(now)));
            usual.is_some_and(|it| it <= time / 2) && cell.lends(tokens(entry, self))
        };
        let mut entries = self.plan.entries();
        entries.any(|entry| may_serve(entry, self) && is_quick(entry))
    }
}

/// Whom one look through the tiers considers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sweep {
    /// Endpoints the request has not asked yet.
    Unasked,
    /// Endpoints it has asked for another model.
    Asked,
    /// Whoever lends a last resort.
    LastResort,
}

/// Says of each candidate of `plan` why it does not serve `pick`.
pub(super) fn unavailable(plan: &Plan, pick: &Pick) -> Unavailable {
    let exclusions = plan.entries().map(|entry| {
        let target = &entry.target;
        let (why, until) = if pick.except.iter().any(|it| Arc::ptr_eq(it, target)) {
            (Why::Tried, None)
        } else if !is_pinned(entry, pick) {
            (Why::NotPinned, None)
        } else if !is_affordable(entry, pick) {
            (Why::TooDear, None)
        } else {
            target.cell.refusal(tokens(entry, pick))
        };
        Exclusion {
            target: target.id.clone(),
            why,
            until,
        }
    });
    Unavailable::new(exclusions.collect())
}

/// Returns whether `entry` is one that `pick` asks for.
fn may_serve(entry: &Entry, pick: &Pick) -> bool {
    is_pinned(entry, pick)
        && is_affordable(entry, pick)
        && !pick.except.iter().any(|it| Arc::ptr_eq(it, &entry.target))
}

/// Returns whether the request has asked the entry's endpoint, for any model.
fn was_asked(entry: &Entry, pick: &Pick) -> bool {
    let endpoint = entry.target.id.endpoint();
    pick.except.iter().any(|it| it.id.endpoint() == endpoint)
}

/// Tokens to reserve: an estimate above the whole limit waits for an empty window.
fn tokens(entry: &Entry, pick: &Pick) -> u64 {
    let total = pick.estimate.total().min(MOST_TOKENS);
    entry.tpm.map_or(total, |tpm| total.min(tpm))
}

fn is_pinned(entry: &Entry, pick: &Pick) -> bool {
    pick.pin
        .as_deref()
        .is_none_or(|pin| pin == &**entry.target.id.endpoint())
}

/// Returns whether `entry` costs no more than `pick` may, as far as one knows.
fn is_affordable(entry: &Entry, pick: &Pick) -> bool {
    match (pick.most, entry.price) {
        (Some(most), Some(price)) => price.cost(pick.estimate) <= most,
        _ => true,
    }
}
