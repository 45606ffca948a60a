//! What must come about from any state by waiting alone.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
    time::{Duration, Instant},
};

use breakerbox_actors::state::{event::Event, luck::Luck};
use parking_lot::Mutex;

use crate::cell::{Endpoint, Lease};

/// Longer than a stream whose end is lost holds the trial's place.
const PATIENCE: Duration = Duration::from_secs(900);
const MORE_THAN_ANY_LIMIT: usize = 10;

/// Finds out whether endpoints come back, and remembers those that do.
#[derive(Default)]
pub(crate) struct Patience {
    rewarded: Mutex<HashSet<u64>>,
}

impl Patience {
    /// Returns whether `endpoint` lends something again after all that it
    /// lends now is taken, and neither hint nor report ever arrives.
    pub(crate) fn is_rewarded(&self, endpoint: &Endpoint, now: Instant) -> bool {
        let mut hasher = DefaultHasher::new();
        (endpoint, now).hash(&mut hasher);
        let hash = hasher.finish();
        let known = self.rewarded.lock().contains(&hash);
        let rewarded = known || comes_back(endpoint.clone(), now);
        if rewarded && !known {
            self.rewarded.lock().insert(hash);
        }
        rewarded
    }
}

fn comes_back(mut endpoint: Endpoint, mut now: Instant) -> bool {
    // Without a limit there is always more to take.
    let taken = (0..MORE_THAN_ANY_LIMIT).take_while(|_| take(&mut endpoint).is_some());
    if taken.count() == MORE_THAN_ANY_LIMIT {
        return true;
    }
    let limit = now + PATIENCE;
    while now < limit {
        let Some(next) = endpoint.machine.next_deadline(now).filter(|at| *at > now) else {
            return false;
        };
        now = next;
        endpoint.tell(Event::Tick, now, Luck::EVEN, |_| {});
        if take(&mut endpoint).is_some() {
            return true;
        }
    }
    false
}

fn take(endpoint: &mut Endpoint) -> Option<Lease> {
    let cell = &mut endpoint.cell;
    cell.take(0).or_else(|| cell.take_last_resort(0))
}
