//! How much one client of the gateway may still ask for: windows and money.

use std::time::{Duration, Instant};

use super::{
    estimate::{Cost, MOST_TOKENS},
    grant::Refusal,
    policy::Limits,
    quota::Quota,
    spending::{Budget, Overdrawn, Spending},
};
use crate::error::Why;

/// When to ask again for tokens that those under way may leave.
const SOON: Duration = Duration::from_secs(1);

/// What one client may use; nothing given means no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Terms {
    /// Requests and tokens, as an endpoint's, but for `max_in_flight`, which
    /// has no meaning here.
    pub limits: Limits,
    /// Money.
    pub budget: Option<Budget>,
}

impl Terms {
    /// Returns whether nothing is limited, so that nothing need be counted.
    pub fn is_unlimited(&self) -> bool {
        *self == Self::default()
    }
}

/// What a client has used, window by window.
///
/// A request reserves what it is estimated to use and is settled by what it
/// did use. It counts as one request from its reservation on, whatever comes
/// of it. Terms are an argument: others act at once on what was counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Allowance {
    quota: Quota,
    spending: Spending,
}

/// What one request has reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a reservation that is never settled is held for ever"]
pub struct Reserved {
    mark: u64,
    tokens: u64,
    cost: Cost,
}

/// Why a request must wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// A window is full.
    Window(Refusal),
    /// The budget does not reach.
    Budget(Overdrawn),
}

impl Allowance {
    /// Returns an allowance of which nothing was used.
    pub fn new(now: Instant) -> Self {
        Self {
            quota: Quota::new(now),
            spending: Spending::default(),
        }
    }

    /// Reserves one request of `tokens` that may cost `cost`, at `utc` seconds
    /// since 1970.
    ///
    /// A request of more tokens than a whole minute has is let in when the
    /// minute is empty, rather than never.
    ///
    /// # Errors
    ///
    /// [`Held`] says what does not reach, the budget before the windows, and a
    /// budget that is only reserved to its end, which may be over any moment,
    /// after them; then nothing was reserved.
    pub fn reserve(
        &mut self,
        terms: &Terms,
        tokens: u64,
        cost: Cost,
        now: Instant,
        utc: u64,
    ) -> Result<Reserved, Held> {
        let most = terms.limits.tpm.map_or(u64::MAX, |tpm| tpm.get().into());
        let tokens = tokens.min(MOST_TOKENS).min(most);
        let before = self.spending;
        let overdrawn = match terms.budget {
            Some(budget) => self.spending.reserve(budget, cost, utc).err(),
            None => {
                self.spending.reserve_freely(cost);
                None
            }
        };
        if let Some(overdrawn) = overdrawn.filter(|it| it.until.is_some()) {
            return Err(Held::Budget(overdrawn));
        }
        if let Some(mut refusal) = self.quota.refusal_of(&terms.limits, tokens, now) {
            self.spending = before;
            if refusal.reason == Why::TokensPerMinute
                && tokens <= self.quota.tokens_hoped(&terms.limits, now)
            {
                // Any answer to those under way may bring them.
                refusal.until = refusal.until.map(|until| until.min(now + SOON));
            }
            return Err(Held::Window(refusal));
        }
        if let Some(overdrawn) = overdrawn {
            return Err(Held::Budget(overdrawn));
        }
        self.quota.book(1, now);
        Ok(Reserved {
            mark: self.quota.book_more_tokens(tokens, now),
            tokens,
            cost,
        })
    }

    /// Ends a request that has used `tokens` and money.
    pub fn settle(&mut self, reserved: Reserved, tokens: u64, cost: Cost, now: Instant, utc: u64) {
        self.quota
            .settle_tokens(reserved.mark, reserved.tokens, tokens, now);
        self.spending.settle(reserved.cost, cost, utc);
    }
}

#[cfg(test)]
mod tests;
