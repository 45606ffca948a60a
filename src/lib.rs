//! The gateway of Breakerbox: sockets, dialects, files.

pub mod cli;
pub mod simulator;
