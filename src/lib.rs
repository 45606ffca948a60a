//! The gateway of Breakerbox: sockets, dialects, files.

pub mod dialect;
pub mod error;
pub mod relay;
