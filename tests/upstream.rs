//! What upstreams may do, and what clients are promised meanwhile.
//!
//! Most scenes are shorter than the promise: where it says a minute, breaker and load are scaled down
//! together, so that the ratio of the times is the promise's. Each test says so.

mod client_faults;
mod errors;
mod fast_failure;
mod front;
mod idle_close;
mod keys;
mod mixed;
mod outage;
mod paused;
mod rate_limits;
mod redirects;
mod refused;
mod retry_after;
mod scene;
mod silence;
mod storm;
pub(crate) mod tls;
mod unfinished;
