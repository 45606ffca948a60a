//! A provider's stream on its way to the client.
//!
//! Whole events pass byte for byte, at most with the usage left out that only
//! the gateway asked for; to a client of another dialect they are translated
//! one by one. While the provider is silent the client is kept
//! waiting in its dialect's way; when the stream breaks, an error event in the
//! dialect's form is its end. How it ended is told once, to a [`Finish`]; a
//! relay that is dropped before has nothing to tell: its client has left.
//!
//! [`first`] reads up to the first event, so that until then another endpoint
//! can still answer; [`until_said`] reads on for who is told in another dialect,
//! and so of nothing yet.

mod edit;
mod end;
mod in_array;
mod primed;
mod silence;
mod stream;
#[cfg(test)]
mod tests;
mod voice;

pub use end::{Finish, StreamEnd};
pub use in_array::InArray;
pub use primed::{FirstFailure, Primed, first, until_said};
pub use stream::{KEEP_ALIVE, Relay, Settings};
