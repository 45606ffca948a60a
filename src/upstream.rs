//! One request to one endpoint: send it, judge the outcome, stream the body.
//!
//! [`Client`] moves bytes and keeps time; [`judge`](mod@judge) says what an answer means for
//! the endpoint that gave it; [`headers`] decides what crosses in either
//! direction; [`retry_after`] and [`limits`] read what a provider says of its
//! own limits.

mod alarm;
mod body;
mod chunked;
mod client;
mod connect;
mod connection;
mod error;
mod exchange;
mod head;
mod io;
mod lines;
mod origin;
mod pool;
#[cfg(test)]
mod testing;
mod trust;

pub use body::Body;
pub use client::{Answer, Call, Client, Deadlines};
pub use error::{BodyError, ConnectStep, SendError};
pub use head::{AnswerHeaders, Framing};
pub use lines::Lines;
pub use origin::{InvalidOrigin, Origin};
pub use pool::KeepAlive;
pub use trust::Trust;
