//! One request to one endpoint: send it, judge the outcome, stream the body.
//!
//! [`Client`] moves bytes and keeps time; [`judge`] says what an answer means
//! for the endpoint that gave it; [`headers`] decides what crosses in either
//! direction; [`limits`] reads what a provider says of its own limits.

mod alarm;
mod body;
mod chunked;
mod client;
mod connect;
mod connection;
mod error;
mod error_body;
mod exchange;
mod head;
pub mod headers;
mod io;
mod judge;
pub mod limits;
mod lines;
mod origin;
mod outcome;
mod pool;
mod refusal;
pub(crate) mod retry_after;
#[cfg(test)]
mod testing;
mod trust;

pub use body::Body;
pub use client::{Answer, Call, Client, Deadlines};
pub use error::{BodyError, ConnectStep, SendError};
pub use error_body::MAX_ERROR_BODY;
pub(crate) use error_body::{rejects_key, said};
pub use head::{AnswerHeaders, Framing};
pub use judge::{Evidence, Verdict, is_overload, judge, wants_body};
pub use lines::Lines;
pub use origin::{InvalidOrigin, Origin};
pub use pool::KeepAlive;
pub use refusal::Refusal;
pub use trust::Trust;
