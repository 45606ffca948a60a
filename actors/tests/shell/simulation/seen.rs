//! What a run has met.

use std::collections::BTreeMap;

/// How often what happened; two runs with the same are the same run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    counts: BTreeMap<&'static str, u64>,
}

impl Seen {
    pub(super) fn note(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (what, count) in &other.counts {
            *self.counts.entry(what).or_default() += count;
        }
    }

    pub(super) fn everything(&self) -> bool {
        let wanted = [
            "served",
            "refused",
            "waited in vain",
            "waited and served",
            "trial",
            "last resort",
            "open",
            "half-open",
            "quarantined",
            "drained",
            "reloaded",
            "removed",
            "left",
        ];
        wanted.iter().all(|what| self.counts.contains_key(what))
    }
}
