//! The gateway of Breakerbox: sockets, dialects, files.

pub mod cli;
pub mod config;
pub mod dialect;
pub mod error;
pub mod relay;
pub mod upstream;
