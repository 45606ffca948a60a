//! Text that is never shown.

use std::{fmt, sync::Arc};

use subtle::ConstantTimeEq;

/// A key or token. Prints as `***`, whatever the format; compares in constant
/// time for secrets of equal length.
#[derive(Clone)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Wraps `text`.
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// Returns the text, to be put into a header and nowhere else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Says whether `other` is the same text, without telling by its timing
    /// where the first difference is.
    pub fn matches(&self, other: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(other).into()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.matches(other.0.as_bytes())
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
