//! Pure machines: no clock, no randomness of their own, no I/O, no actors.
//!
//! Every function is a function of its arguments. Time comes in as
//! `now: Instant`, chance as a [`luck::Luck`] or a generator; what should
//! happen goes out as a return value.
//!
//! [`machine`] is the whole of one endpoint; [`breaker`], [`quota`],
//! [`cooldown`] and [`latency`] are its parts, [`health`] and [`grant`] what
//! the world sees of it. [`choice`], [`budget`], [`queue`] and [`estimate`]
//! serve the routers, [`schedule`] the prober. [`allowance`] is what one client
//! of the gateway may use, [`spending`] its money.

pub mod allowance;
pub mod breaker;
pub mod budget;
pub mod choice;
pub mod cooldown;
pub mod estimate;
pub mod event;
pub mod grant;
pub mod health;
pub mod latency;
pub mod luck;
pub mod machine;
pub mod policy;
pub mod queue;
pub mod quota;
pub mod schedule;
pub mod spending;
pub mod window;
