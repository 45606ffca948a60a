//! Pure machines: no clock, no randomness of their own, no I/O, no actors.
//!
//! Every function is a function of its arguments. Time comes in as
//! `now: Instant`; what should happen goes out as a return value.

pub mod policy;
