//! The gateway of Breakerbox: sockets, dialects, files.
