//! The last good configurations, to look at and to go back to.

use std::{collections::VecDeque, sync::Arc, time::SystemTime};

use super::{By, Try};
use crate::config::{Change, Config};

/// How many are kept that changed something, the one in force included.
const KEPT: usize = 10;

/// One configuration that was in force.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Its generation.
    pub generation: u64,
    /// When it was put in force.
    pub at: SystemTime,
    /// Who asked.
    pub by: By,
    /// What changed by it.
    pub changes: Vec<Change>,
    /// The configuration.
    pub config: Arc<Config>,
}

impl Kept {
    /// Whether it is the one before in other words.
    fn is_idle(&self) -> bool {
        self.changes.is_empty() && self.by != By::Start
    }
}

/// The last [`KEPT`] good configurations, in memory only; and the one in force,
/// if it changed nothing.
#[derive(Debug, Default)]
pub struct History(VecDeque<Kept>);

impl History {
    /// Keeps `config`, which `by` has put in force. The oldest goes, and at once
    /// what changed nothing: it would push out what did.
    pub(super) fn keep(&mut self, by: &Try, config: &Arc<Config>) {
        self.0.pop_back_if(|newest| newest.is_idle());
        self.0.push_back(Kept {
            generation: by.generation,
            at: by.at,
            by: by.by,
            changes: by.result.clone().unwrap_or_default(),
            config: config.clone(),
        });
        if self.0.iter().filter(|it| !it.is_idle()).count() > KEPT {
            self.0.pop_front();
        }
    }

    /// Returns what is kept, newest first.
    pub(super) fn newest_first(&self) -> Vec<Kept> {
        self.0.iter().rev().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::parse, wall};

    #[test]
    fn what_changed_nothing_pushes_nothing_out() {
        let yaml = "endpoints: [{ name: a, provider: openai, api_key: k, models: [m] }]";
        let config = Arc::new(parse(yaml, "test.yaml", &|_| None).unwrap());
        let mut history = History::default();
        let mut number = 0;
        let other = parse(&yaml.replace("[m]", "[m], weight: 2"), "test.yaml", &|_| {
            None
        })
        .unwrap();
        let heavier = crate::config::diff(&config, &other);
        assert_eq!(heavier.len(), 1);
        let mut keep = |by: By, changes: &[Change]| {
            number += 1;
            let changes = changes.to_vec();
            let this = Try {
                at: wall::now(),
                by,
                generation: number,
                result: Ok(changes),
            };
            history.keep(&this, &config);
            let kept = history.newest_first();
            let kept: Vec<_> = kept.iter().map(|it| it.generation).collect();
            kept
        };
        keep(By::Start, &[]);
        keep(By::File, &heavier);
        for number in 3..100 {
            assert_eq!(keep(By::File, &[]), [number, 2, 1]);
        }
        assert_eq!(keep(By::File, &heavier), [100, 2, 1]);
        for _ in 0..2 * KEPT {
            keep(By::Api, &heavier);
        }
        let full: Vec<_> = (120 - KEPT as u64 + 1..=120).rev().collect();
        assert_eq!(full.len(), KEPT);
        assert_eq!(keep(By::Signal, &[])[1..], full);
        assert_eq!(keep(By::Signal, &[])[1..], full);
    }
}
