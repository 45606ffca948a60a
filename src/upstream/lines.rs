//! Header lines as they go over the wire.

use actix_http::header::{HeaderName, HeaderValue};

/// Header lines, written once and copied into every request that carries them.
///
/// Only checked names and values get in, so that no line can break out of its
/// place. May hold a key: never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Lines(Vec<u8>);

impl Lines {
    /// Returns no lines.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns no lines, with room for so many bytes of them.
    pub fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    /// Adds a line.
    pub fn push(&mut self, name: &HeaderName, value: &HeaderValue) {
        let lines = &mut self.0;
        lines.extend_from_slice(name.as_str().as_bytes());
        lines.extend_from_slice(b": ");
        lines.extend_from_slice(value.as_bytes());
        lines.extend_from_slice(b"\r\n");
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Lines({} bytes)", self.0.len())
    }
}
