//! What a request may use, what it has used, and who is charged with it.

use std::time::Duration;

use breakerbox_actors::{
    error::Why,
    state::{allowance::Held, estimate::Cost, grant::Refusal, spending::Overdrawn},
    table::{Entry, Plan},
};

use super::intake::Intake;
use crate::{
    accounts::Reservation,
    config::{Client, Terms},
    error::{GatewayError, MAX_RETRY_AFTER},
    generation::Generation,
    wall,
};

/// What one attempt has used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Used {
    /// In and out together.
    pub(super) tokens: u64,
    /// `None` if the target has no price.
    pub(super) cost: Option<Cost>,
}

impl Used {
    /// Nothing, at whatever price.
    pub(super) const NOTHING: Self = Self {
        tokens: 0,
        cost: Some(Cost::ZERO),
    };
}

/// One request's own, over all its attempts. See the [module](self).
///
/// Dropped, it settles what was reserved; an attempt that is under way then is
/// taken to use what was estimated.
#[derive(Debug, Default)]
pub(super) struct Tab {
    /// The most it may cost, if anybody cares.
    cap: Option<Cost>,
    tokens: u64,
    spent: Cost,
    /// Whether some attempt has used what nobody knows the price of.
    unpriced: bool,
    under_way: Option<Used>,
    reservation: Option<Reservation>,
}

impl Tab {
    /// Opens the tab of a request that `plan` is to serve.
    ///
    /// The client's account is charged at once with what the request may use
    /// at the dearest target that it may go to. A request that neither a cap
    /// nor an account waits for costs nothing here.
    ///
    /// # Errors
    ///
    /// [`GatewayError::CostLimit`] if every target is too dear for it, and
    /// what the client's limits and budget have to say.
    pub(super) fn open(
        generation: &Generation,
        client: Option<&Client>,
        plan: &Plan,
        intake: &Intake,
    ) -> Result<Self, GatewayError> {
        let own = client.and_then(|client| client.max_cost_per_request);
        let caps = [own, intake.wishes.max_cost];
        let mut tab = Self::default();
        tab.cap = caps.into_iter().flatten().min();
        let account = client.and_then(|client| Some((client, generation.account(client)?)));
        if tab.cap.is_none() && account.is_none() {
            return Ok(tab);
        }
        if let Some(dear) = tab.too_dear(plan, intake) {
            return Err(dear);
        }
        if let Some((client, account)) = account {
            let payable = quotes(plan, intake).flatten();
            let payable = payable.filter(|cost| tab.cap.is_none_or(|cap| *cost <= cap));
            let cost = payable.max().unwrap_or_default();
            let reserved = account.reserve(&client.terms, intake.estimate.total(), cost);
            let reserved = reserved.map_err(|held| refused(&client.terms, held, cost))?;
            tab.reservation = Some(reserved);
        }
        Ok(tab)
    }

    /// Says that no target of `plan` can be paid for any more, if so.
    pub(super) fn too_dear(&self, plan: &Plan, intake: &Intake) -> Option<GatewayError> {
        let cap = self.cap?;
        let mut cheapest: Option<Cost> = None;
        for quote in quotes(plan, intake) {
            // Who has no price cannot be too dear.
            let quote = quote.map(|cost| self.spent + cost)?;
            if quote <= cap {
                return None;
            }
            cheapest = Some(cheapest.map_or(quote, |cost| cost.min(quote)));
        }
        Some(GatewayError::CostLimit {
            estimate: cheapest?,
            cap,
            spent: self.spent,
        })
    }

    /// Returns what the next attempt may cost; `None`: anything.
    pub(super) fn left(&self) -> Option<Cost> {
        Some(self.cap?.without(self.spent))
    }

    /// Returns whether there is a cap that a target without a price escapes.
    pub(super) fn is_capped(&self) -> bool {
        self.cap.is_some()
    }

    /// Notes that an attempt sets out, which will have used `expected` unless
    /// somebody knows better.
    pub(super) fn begins(&mut self, expected: Used) {
        self.under_way = Some(expected);
    }

    /// Notes what the attempt under way has used in the end.
    pub(super) fn ends(&mut self, used: Used) {
        self.under_way = None;
        self.tokens = self.tokens.saturating_add(used.tokens);
        match used.cost {
            Some(cost) => self.spent = self.spent + cost,
            None => self.unpriced = true,
        }
    }

    /// Returns what all attempts have cost, if every one had a price.
    pub(super) fn cost(&self) -> Option<Cost> {
        (!self.unpriced).then_some(self.spent)
    }
}

impl Drop for Tab {
    fn drop(&mut self) {
        if let Some(reservation) = self.reservation.take() {
            if let Some(used) = self.under_way {
                self.ends(used);
            }
            reservation.settle(self.tokens, self.spent);
        }
    }
}

/// What the request may cost at each target that it may go to.
fn quotes<'a>(plan: &'a Plan, intake: &'a Intake) -> impl Iterator<Item = Option<Cost>> + 'a {
    let pin = intake.wishes.pin.as_deref();
    let wanted = move |entry: &&Entry| pin.is_none_or(|it| *it == **entry.target.id().endpoint());
    let entries = plan.entries().filter(wanted);
    entries.map(|entry| Some(entry.price?.cost(intake.estimate)))
}

/// Tells a client what of its terms does not reach.
fn refused(terms: &Terms, held: Held, cost: Cost) -> GatewayError {
    let now = breakerbox_actors::clock::now();
    match (held, terms.budget) {
        (Held::Window(Refusal { reason, until }), _) => {
            let wait = until.map_or(MAX_RETRY_AFTER, |at| at.saturating_duration_since(now));
            let minute = wait.min(MAX_RETRY_AFTER);
            let (limit, of, retry_after) = match reason {
                Why::TokensPerMinute => (terms.limits.tpm, "tokens a minute", minute),
                Why::RequestsPerDay => (terms.limits.rpd, "requests a day", wait),
                _ => (terms.limits.rpm, "requests a minute", minute),
            };
            GatewayError::ClientLimited {
                limit: limit.map_or(0, Into::into),
                of,
                retry_after,
            }
        }
        (Held::Budget(Overdrawn { spent, until }), Some(budget)) => {
            let over = |retry_after, until| GatewayError::OverBudget {
                budget,
                spent,
                estimate: cost,
                retry_after,
                until,
            };
            match until {
                // Waiting cannot help.
                _ if cost > budget.most => over(Duration::MAX, None),
                Some(at) => {
                    let wait = at.saturating_sub(wall::unix_seconds());
                    over(Duration::from_secs(wait), until)
                }
                None => GatewayError::BudgetHeld {
                    budget,
                    spent,
                    estimate: cost,
                },
            }
        }
        // Only a budget holds a request back as one.
        (Held::Budget(_), None) => GatewayError::Internal,
    }
}
