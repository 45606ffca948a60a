//! What upstreams may do, and what clients are promised meanwhile.
//!
//! What lasts seconds or minutes runs on a clock that only the test moves, with the promise's own numbers. Where
//! the gateway's sockets, threads and pings have to take part, a scene in real time follows, in which breaker and
//! load are scaled down together; it says so.

mod client_faults;
mod errors;
mod fast_failure;
mod front;
mod gale;
mod idle_close;
mod keys;
mod mixed;
mod neighbours;
mod outage;
mod paused;
mod rate_limits;
mod redirects;
mod refused;
mod retry_after;
mod scene;
mod silence;
mod storm;
mod swallowed;
pub(crate) mod tls;
mod unfinished;
