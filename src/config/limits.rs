//! What no honest file needs more of.

/// Bytes of a file.
pub(super) const FILE: usize = 1 << 20;
/// Bytes of a file that holds one secret.
pub(super) const SECRET: usize = 64 << 10;
/// Levels of lists and mappings; the deepest key has five.
pub(super) const DEPTH: usize = 32;
pub(super) const DEPTH_TEXT: &str = "32 levels or fewer";
/// Values in a file, those repeated by aliases included.
pub(super) const NODES: usize = 100_000;
pub(super) const NODES_TEXT: &str = "100000 values or fewer";
/// Problems shown; the rest is counted.
pub(super) const SHOWN: usize = 100;
