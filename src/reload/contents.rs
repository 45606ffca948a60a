//! What is in the files of a configuration, to tell a change from an event.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, ErrorKind, Read},
    path::{Path, PathBuf},
};

/// The most of a file that is looked at: more than a configuration may have.
const MOST: u64 = 2 * 1024 * 1024;

/// The content of each file, as a number; or why it cannot be read, which is
/// told, and so has to be told anew once it is another reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Contents(BTreeMap<PathBuf, Result<u64, ErrorKind>>);

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

fn content(path: &Path) -> Result<u64, ErrorKind> {
    hash(path).map_err(|error| error.kind())
}

fn hash(path: &Path) -> io::Result<u64> {
    let found = fs::metadata(path)?;
    if found.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    // A pipe would have to be waited for, and cannot be read twice.
    if !found.is_file() {
        return Err(ErrorKind::InvalidInput.into());
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST).read_to_end(&mut bytes)?;
    let mut hasher = DefaultHasher::new();
    (bytes, found.len()).hash(&mut hasher);
    Ok(hasher.finish())
}
