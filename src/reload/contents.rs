//! What is in the files of a configuration, to tell a change from an event.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    hash::{DefaultHasher, Hash, Hasher},
    io::Read,
    path::{Path, PathBuf},
};

/// The most of a file that is looked at: more than a configuration may have.
const MOST: u64 = 2 * 1024 * 1024;

/// The content of each file, as a number; `None` if it cannot be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Contents(BTreeMap<PathBuf, Option<u64>>);

impl Contents {
    /// Reads `files`.
    pub(super) fn of<'a>(files: impl IntoIterator<Item = &'a PathBuf>) -> Self {
        let files = files.into_iter();
        Self(files.map(|it| (it.clone(), content(it))).collect())
    }

    /// Reads the same files again.
    pub(super) fn now(&self) -> Self {
        Self::of(self.0.keys())
    }

    /// Takes those of `files` in that are missing, and the others out.
    pub(super) fn reaches<'a>(&mut self, files: impl IntoIterator<Item = &'a PathBuf>) {
        let files: Vec<_> = files.into_iter().collect();
        self.0.retain(|file, _| files.contains(&file));
        for file in files {
            self.0.entry(file.clone()).or_insert_with(|| content(file));
        }
    }

    /// Returns whether they are as `before`, whatever became of `own`.
    pub(super) fn are_beside(&self, own: Option<&PathBuf>, before: &Self) -> bool {
        let others = |all: &Self| {
            let mut all = all.clone();
            all.0.retain(|file, _| Some(file) != own);
            all
        };
        others(self) == others(before)
    }

    /// Returns which files these are.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        self.0.keys().cloned().collect()
    }
}

fn content(path: &Path) -> Option<u64> {
    // A pipe would have to be waited for, and cannot be read twice.
    let found = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    let mut bytes = Vec::new();
    let file = File::open(path).ok()?;
    file.take(MOST).read_to_end(&mut bytes).ok()?;
    let mut hasher = DefaultHasher::new();
    (bytes, found.len()).hash(&mut hasher);
    Some(hasher.finish())
}
