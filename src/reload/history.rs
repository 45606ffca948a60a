//! The last good configurations, to look at and to go back to.

use std::{collections::VecDeque, sync::Arc, time::SystemTime};

use super::{By, Try};
use crate::config::Config;

/// How many are kept, the one in force included.
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
    pub changes: Vec<String>,
    /// The configuration.
    pub config: Arc<Config>,
}

/// The last [`KEPT`] good configurations, in memory only.
#[derive(Debug, Default)]
pub struct History(VecDeque<Kept>);

impl History {
    /// Keeps `config`, which `by` has put in force; the oldest goes.
    pub(super) fn keep(&mut self, by: &Try, config: &Arc<Config>) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(Kept {
            generation: by.generation,
            at: by.at,
            by: by.by,
            changes: by.result.clone().unwrap_or_default(),
            config: config.clone(),
        });
    }

    /// Returns the configuration that was `generation`, if it is kept.
    pub(super) fn config(&self, generation: u64) -> Option<Arc<Config>> {
        let mut kept = self.0.iter();
        let found = kept.find(|it| it.generation == generation)?;
        Some(found.config.clone())
    }

    /// Returns what is kept, newest first.
    pub(super) fn newest_first(&self) -> Vec<Kept> {
        self.0.iter().rev().cloned().collect()
    }
}
