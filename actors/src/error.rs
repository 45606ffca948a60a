//! What can go wrong, in words a caller can act on.
//!
//! Nothing here knows HTTP. The gateway maps these to status codes in one
//! place, its `src/error.rs`.

/// A setting that no machine can run with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: expected {expected}")]
pub struct InvalidPolicy {
    /// The configuration key within its section.
    pub key: &'static str,
    /// What would have been accepted.
    pub expected: &'static str,
}

impl InvalidPolicy {
    /// Says that `key` is not what was `expected`.
    pub(crate) const fn new(key: &'static str, expected: &'static str) -> Self {
        Self { key, expected }
    }
}
