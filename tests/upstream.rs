//! What upstreams may do, and what clients are promised meanwhile.
//!
//! Most scenes are shorter than the promise: where it says a minute, breaker and load are scaled down
//! together, so that the ratio of the times is the promise's. Each test says so.

mod refused;
mod scene;
