//! What a simulated provider has seen.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use bytes::Bytes;

use super::fault::Api;
use super::wire::Request;

/// Most answers that [`Stats::log`] holds; the oldest go first.
const LOG: usize = 200_000;
/// Most keys and paths that are counted apart; the rest is counted as `other`.
const NAMES: usize = 1_000;

/// What a simulated provider has seen since it was started.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Requests read whole.
    pub requests: u64,
    /// Requests by path, without query.
    pub paths: BTreeMap<String, u64>,
    /// Requests by the API key they carried; without one: the empty text.
    pub keys: BTreeMap<String, u64>,
    /// Connections accepted.
    pub connections: u64,
    /// Connections that are open now.
    pub open: u64,
    /// Requests that are being answered now.
    pub in_flight: u64,
    /// Most requests that were ever being answered at once.
    pub max_in_flight: u64,
    /// Answers that the client did not wait for.
    pub abandoned: u64,
    /// Answers by second since the start and status; 0 stands for no answer at all.
    pub seconds: BTreeMap<u64, BTreeMap<u16, u64>>,
    /// The body of the latest request that had one.
    pub last_body: Bytes,
    /// The latest 200,000 requests, oldest first.
    pub log: VecDeque<Seen>,
}

/// One request and what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// When it had been read whole.
    pub at: Instant,
    /// What it asked for.
    pub api: Api,
    /// Status it was answered with; 0 for none.
    pub status: u16,
}

impl Stats {
    /// How many requests were answered with `status`; 0 counts those that got no answer.
    pub fn answered(&self, status: u16) -> u64 {
        let counts = self.seconds.values().filter_map(|of| of.get(&status));
        counts.sum()
    }

    pub(super) fn arrived(&mut self, request: &Request, key: &str) {
        self.requests += 1;
        count(&mut self.paths, &request.path);
        count(&mut self.keys, key);
        if !request.body.is_empty() {
            self.last_body = request.body.clone();
        }
        self.in_flight += 1;
        self.max_in_flight = self.max_in_flight.max(self.in_flight);
    }

    pub(super) fn decided(&mut self, start: Instant, seen: Seen) {
        let second = seen.at.saturating_duration_since(start).as_secs();
        *self
            .seconds
            .entry(second)
            .or_default()
            .entry(seen.status)
            .or_default() += 1;
        if self.log.len() >= LOG {
            self.log.pop_front();
        }
        self.log.push_back(seen);
    }
}

fn count(counts: &mut BTreeMap<String, u64>, name: &str) {
    let full = counts.len() >= NAMES && !counts.contains_key(name);
    let name = if full { "other" } else { name };
    match counts.get_mut(name) {
        Some(count) => *count += 1,
        None => {
            counts.insert(name.to_owned(), 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_made_up_by_clients_do_not_pile_up() {
        let mut names = BTreeMap::new();
        for number in 0..NAMES + 10 {
            count(&mut names, &number.to_string());
        }
        assert_eq!(names.len(), NAMES + 1);
        assert_eq!(names["other"], 10);
    }

    #[test]
    fn the_log_keeps_the_latest() {
        let mut stats = Stats::default();
        let start = breakerbox_actors::clock::now();
        let seen = |status| Seen {
            at: start,
            api: Api::Chat,
            status,
        };
        stats.decided(start, seen(500));
        for _ in 0..LOG {
            stats.decided(start, seen(200));
        }
        assert_eq!(stats.log.len(), LOG);
        assert!(stats.log.iter().all(|seen| seen.status == 200));
        assert_eq!((stats.answered(500), stats.answered(0)), (1, 0));
    }
}
