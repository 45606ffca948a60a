//! How much an endpoint may still be asked for: its windows, and what the
//! provider's own headers say of them.

pub(crate) mod tokens;

use std::{
    num::NonZeroU32,
    time::{Duration, Instant},
};

use super::{
    cooldown::LONGEST_DAILY,
    event::{ProviderLimits, Remaining},
    grant::{Refusal, TokensFree},
    policy::Limits,
    window::Ring,
};
use crate::error::Why;
use tokens::TokenWindow;

/// The minute as 60 full seconds and the current one.
pub(crate) const MINUTE_BUCKETS: usize = 61;
/// The day as 144 full ten minutes and the current ones.
const DAY_BUCKETS: usize = 145;
const SECOND: Duration = Duration::from_secs(1);
const TEN_MINUTES: Duration = Duration::from_secs(600);
/// How long a provider's count holds when it names no reset.
const RESET: Duration = Duration::from_secs(60);

/// What was taken, window by window.
///
/// Bookings are made at the instant the machine *learns* of a request, which
/// is never before the request; and whatever is granted next counts together
/// with all that is booked. So no slice of a window's length holds more
/// requests than its limit, however late the learning.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Quota {
    minute: Ring<u32, MINUTE_BUCKETS>,
    day: Ring<u32, DAY_BUCKETS>,
    tokens: TokenWindow,
    provider_requests: Option<Correction>,
    provider_tokens: Option<Correction>,
}

/// The provider's own count: so much is left until its limit is whole again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Correction {
    left: u64,
    until: Instant,
    /// Mark of the request whose answer said so.
    mark: u64,
}

impl Correction {
    /// Takes over what the answer to the request of `mark` says remains.
    ///
    /// Answers overtake each other. That of an older request may lower what is
    /// left, for the provider may have counted in another order, but not raise
    /// it: it knows nothing of the requests since. That of a newer one may
    /// raise it, because most providers' limits refill all the time.
    fn correct(correction: &mut Option<Self>, remaining: Remaining, mark: u64, now: Instant) {
        let said = Self {
            left: remaining.left,
            until: now + remaining.reset.unwrap_or(RESET).min(LONGEST_DAILY),
            mark,
        };
        *correction = match Self::at(*correction, now) {
            Some(newer) if mark < newer.mark => Some(Self {
                left: newer.left.min(said.left),
                ..newer
            }),
            _ => Some(said),
        };
    }

    fn at(correction: Option<Self>, now: Instant) -> Option<Self> {
        correction.filter(|correction| correction.until > now)
    }

    fn spend(correction: &mut Option<Self>, amount: u64) {
        if let Some(correction) = correction {
            correction.left = correction.left.saturating_sub(amount);
        }
    }
}

impl Quota {
    /// Returns windows of which nothing was taken.
    pub fn new(now: Instant) -> Self {
        Self {
            minute: Ring::new(SECOND, now),
            day: Ring::new(TEN_MINUTES, now),
            tokens: TokenWindow::new(now),
            provider_requests: None,
            provider_tokens: None,
        }
    }

    /// Books `requests` taken, whether or not anything limits them: a limit
    /// that comes later counts them too.
    pub fn book(&mut self, requests: u32, now: Instant) {
        if requests == 0 {
            return;
        }
        for bucket in [self.minute.current(now), self.day.current(now)] {
            *bucket = bucket.saturating_add(requests);
        }
        self.tokens.made_by(requests, now);
        Correction::spend(&mut self.provider_requests, u64::from(requests));
    }

    /// Books the tokens reserved up to the cumulative `mark`.
    pub fn book_tokens(&mut self, mark: u64, now: Instant) {
        let booked = self.tokens.book(mark, now);
        Correction::spend(&mut self.provider_tokens, booked);
    }

    /// Books `tokens` more and returns the mark they reach.
    pub(crate) fn book_more_tokens(&mut self, tokens: u64, now: Instant) -> u64 {
        let mark = self.tokens.booked_mark().saturating_add(tokens);
        self.book_tokens(mark, now);
        mark
    }

    /// Books `tokens` that were used without a reservation.
    pub fn book_used(&mut self, tokens: u64, now: Instant) {
        let mark = self.tokens.booked_mark();
        self.tokens.settle(mark, 0, tokens, now);
    }

    /// Corrects a reservation to what was really used.
    pub fn settle_tokens(&mut self, mark: u64, reserved: u64, used: u64, now: Instant) {
        self.tokens.settle(mark, reserved, used, now);
    }

    /// Takes over what the provider said of its own limits in its answer to
    /// the request of `mark`; what it said to the newest request counts. It may
    /// not have known of those that were sent since, so they are taken off.
    pub fn correct(&mut self, limits: ProviderLimits, mark: u64, now: Instant) {
        if let Some(mut said) = limits.requests {
            let since = self.tokens.requests_since(mark, now);
            said.left = said.left.saturating_sub(since);
            Correction::correct(&mut self.provider_requests, said, mark, now);
        }
        if let Some(mut said) = limits.tokens {
            let since = self.tokens.booked_mark().saturating_sub(mark);
            said.left = said.left.saturating_sub(since);
            Correction::correct(&mut self.provider_tokens, said, mark, now);
        }
    }

    /// Returns how many more requests may be granted, `u32::MAX` for any number.
    pub fn requests_left(&self, limits: &Limits, now: Instant) -> u32 {
        let left = left(limits.rpm, || self.minute_used(now))
            .min(left(limits.rpd, || self.day_used(now)))
            .min(Correction::at(self.provider_requests, now).map_or(u64::MAX, |own| own.left));
        u32::try_from(left).unwrap_or(u32::MAX)
    }

    /// Returns how many more tokens may be granted, `u64::MAX` for any number.
    pub fn tokens_left(&self, limits: &Limits, now: Instant) -> u64 {
        let window = left(limits.tpm, || self.tokens_used(now));
        let provider = Correction::at(self.provider_tokens, now);
        window.min(provider.map_or(u64::MAX, |own| own.left))
    }

    /// Returns the cumulative mark up to which tokens may be reserved,
    /// `u64::MAX` for any number.
    pub fn tokens_limit(&self, limits: &Limits, now: Instant) -> u64 {
        self.tokens
            .booked_mark()
            .saturating_add(self.tokens_left(limits, now))
    }

    /// Returns how many more tokens could be granted if those that are under
    /// way were used by nobody, `u64::MAX` for any number.
    pub fn tokens_hoped(&self, limits: &Limits, now: Instant) -> u64 {
        let provider = Correction::at(self.provider_tokens, now);
        hoped(limits, provider, || self.tokens.spent(now))
    }

    /// Returns when so many more than are [hoped](Self::tokens_hoped) for can
    /// be granted at the earliest.
    pub fn tokens_free(&self, limits: &Limits, now: Instant) -> TokensFree {
        let provider = Correction::at(self.provider_tokens, now);
        let Some(most) = limits.tpm.map(|tpm| u64::from(tpm.get())) else {
            return provider.map_or(TokensFree::default(), |own| TokensFree::all_at(own.until));
        };
        let spent = self.tokens.spent(now);
        let hoped = hoped(limits, provider, || spent);
        TokensFree::steps(most.saturating_sub(hoped), |need| {
            let tokens = hoped.saturating_add(need);
            let window = full(limits.tpm, tokens, || spent)
                .and_then(|need| self.tokens.spent_leaves(now, need));
            let short = provider.filter(|own| own.left < tokens);
            window.max(short.map(|own| own.until))
        })
    }

    /// Returns what holds back longest, if anything does.
    pub fn refusal(&self, limits: &Limits, now: Instant) -> Option<Refusal> {
        self.refusal_of(limits, 1, now)
    }

    /// Returns what holds a request of `tokens` back longest, if anything does.
    /// Tokens that may come back any moment do so less than anything else.
    pub fn refusal_of(&self, limits: &Limits, tokens: u64, now: Instant) -> Option<Refusal> {
        let minute = full(limits.rpm, 1, || self.minute_used(now))
            .map(|need| (Why::RequestsPerMinute, free(&self.minute, now, need)));
        let day = full(limits.rpd, 1, || self.day_used(now))
            .map(|need| (Why::RequestsPerDay, free(&self.day, now, need)));
        let minute_of_tokens = full(limits.tpm, tokens, || self.tokens_used(now)).map(|need| {
            // Unless it fits as soon as nobody is under way.
            let spent = full(limits.tpm, tokens, || self.tokens.spent(now))
                .and_then(|need| self.tokens.spent_leaves(now, need));
            let until = spent.or_else(|| self.tokens.leaves(now, need));
            (Why::TokensPerMinute, until)
        });
        let hopes = minute_of_tokens.is_some() && tokens <= self.tokens_hoped(limits, now);
        let provider = [self.provider_requests, self.provider_tokens].map(|correction| {
            Correction::at(correction, now)
                .filter(|own| own.left == 0)
                .map(|own| (Why::ProviderLimit, Some(own.until)))
        });
        let holds = [minute_of_tokens, minute, day].into_iter().chain(provider);
        holds
            .flatten()
            .map(|(reason, until)| Refusal { reason, until })
            .max_by_key(|refusal| {
                let may_be_over = hopes && refusal.reason == Why::TokensPerMinute;
                (!may_be_over, refusal.until)
            })
    }

    /// Returns when time alone next changes what may be granted.
    pub fn next_change(&self, limits: &Limits, now: Instant) -> Option<Instant> {
        let provider = |correction| Correction::at(correction, now).map(|own| own.until);
        earliest([
            limits.rpm.and_then(|_| free(&self.minute, now, 1)),
            limits.rpd.and_then(|_| free(&self.day, now, 1)),
            limits.tpm.and_then(|_| self.tokens.leaves(now, 1)),
            provider(self.provider_requests),
            provider(self.provider_tokens),
        ])
    }

    /// Returns the requests that count against the minute.
    pub fn minute_used(&self, now: Instant) -> u64 {
        self.minute.live(now).copied().map(u64::from).sum()
    }

    /// Returns the requests that count against the day.
    pub fn day_used(&self, now: Instant) -> u64 {
        self.day.live(now).copied().map(u64::from).sum()
    }

    /// Returns the tokens that count against the minute.
    pub fn tokens_used(&self, now: Instant) -> u64 {
        self.tokens.used(now)
    }
}

/// Returns the earliest of the instants there are.
pub(crate) fn earliest<const N: usize>(instants: [Option<Instant>; N]) -> Option<Instant> {
    instants.into_iter().flatten().min()
}

/// Returns how much of a window is left; `u64::MAX` without a limit.
fn left(limit: Option<NonZeroU32>, used: impl FnOnce() -> u64) -> u64 {
    limit.map_or(u64::MAX, |limit| {
        u64::from(limit.get()).saturating_sub(used())
    })
}

/// Returns how many tokens fit if those under way are used by nobody.
fn hoped(limits: &Limits, provider: Option<Correction>, spent: impl FnOnce() -> u64) -> u64 {
    left(limits.tpm, spent).min(provider.map_or(u64::MAX, |own| own.left))
}

/// Returns how much must leave a window before `more` fit, if any must.
fn full(limit: Option<NonZeroU32>, more: u64, used: impl FnOnce() -> u64) -> Option<u64> {
    let limit = u64::from(limit?.get());
    let wanted = used().saturating_add(more);
    (wanted > limit).then(|| wanted - limit)
}

/// Returns when `need` requests, 1 or more, will have left the ring.
fn free<const N: usize>(ring: &Ring<u32, N>, now: Instant, need: u64) -> Option<Instant> {
    let mut freed = 0;
    ring.leaves(now, |requests| {
        freed += u64::from(*requests);
        freed >= need
    })
}

#[cfg(test)]
mod tests;
