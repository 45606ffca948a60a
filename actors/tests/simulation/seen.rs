//! What a run has met.

use std::collections::BTreeMap;

/// How often each thing worth meeting was met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    counts: BTreeMap<&'static str, u64>,
}

const WORTH_MEETING: [&str; 20] = [
    "served",
    "retried",
    "queued",
    "refused",
    "lost",
    "late",
    "raced",
    "trial",
    "last_resort",
    "failures_in_a_row",
    "failure_rate",
    "pings",
    "key_rejected",
    "trial_failed",
    "trial_timeout",
    "recovery_timeout",
    "healthy_pings",
    "trials_succeeded",
    "patched",
    "restarted",
];

impl Seen {
    pub(super) fn note(&mut self, word: &'static str) {
        *self.counts.entry(word).or_default() += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (word, count) in &other.counts {
            *self.counts.entry(word).or_default() += count;
        }
    }

    pub(crate) fn everything(&self) -> bool {
        WORTH_MEETING
            .iter()
            .all(|word| self.counts.contains_key(word))
    }
}
