//! What each client has used, for all workers together.

use std::{collections::HashMap, sync::Arc};

use breakerbox_actors::{
    clock,
    state::{
        allowance::{Allowance, Held, Reserved, Terms},
        estimate::Cost,
    },
};
use parking_lot::Mutex;

use crate::wall;

/// The accounts of all clients that were ever limited, by name, so that a
/// reload forgets nothing. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Accounts(Arc<Mutex<HashMap<Arc<str>, Arc<Account>>>>);

impl Accounts {
    /// Returns the account of the client called `name`; a new one has used
    /// nothing.
    pub fn of(&self, name: &Arc<str>) -> Arc<Account> {
        let mut accounts = self.0.lock();
        accounts.entry(name.clone()).or_default().clone()
    }
}

/// What one client has used.
#[derive(Debug)]
pub struct Account(Mutex<Allowance>);

impl Default for Account {
    fn default() -> Self {
        Self(Mutex::new(Allowance::new(clock::now())))
    }
}

impl Account {
    /// Reserves one request of `tokens` that may cost `cost`.
    ///
    /// # Errors
    ///
    /// [`Held`] says what of `terms` does not reach.
    pub fn reserve(
        self: &Arc<Self>,
        terms: &Terms,
        tokens: u64,
        cost: Cost,
    ) -> Result<Reservation, Held> {
        let mut allowance = self.0.lock();
        // Read under the lock, so that no booking is dated before another.
        let (now, utc) = (clock::now(), wall::unix_seconds());
        let reserved = allowance.reserve(terms, tokens, cost, now, utc)?;
        Ok(Reservation {
            account: self.clone(),
            reserved,
        })
    }
}

/// What one request has reserved, until it is settled.
#[derive(Debug)]
#[must_use = "a reservation that is never settled is held for ever"]
pub struct Reservation {
    account: Arc<Account>,
    reserved: Reserved,
}

impl Reservation {
    /// Ends the request, which has used `tokens` and `cost`.
    pub fn settle(self, tokens: u64, cost: Cost) {
        let mut allowance = self.account.0.lock();
        let (now, utc) = (clock::now(), wall::unix_seconds());
        allowance.settle(self.reserved, tokens, cost, now, utc);
    }
}
