//! The engine of Breakerbox: decides which endpoint may serve a request.
//!
//! It knows no HTTP, no JSON and no files. [`state`] decides, in pure code;
//! the actors around it listen, time and tell.

pub mod clock;
pub mod error;
pub mod state;
