//! The gateway of Breakerbox: sockets, dialects, files.

pub mod upstream;
