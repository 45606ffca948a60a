//! The engine of Breakerbox: decides which endpoint may serve a request.
//!
//! It knows no HTTP, no JSON and no files. Read in this order: [`state`]
//! decides, in pure code; [`endpoint`] owns one machine and publishes its
//! grant; [`router`] spends grants on [`lease`]s; [`prober`] pings;
//! [`guardian`] keeps them all alive; [`engine`] is what the gateway holds.

#[cfg(feature = "chaos")]
pub mod chance;
pub mod clock;
pub mod desk;
pub mod endpoint;
pub mod engine;
pub mod error;
pub mod guardian;
pub mod id;
pub mod lease;
pub mod messages;
pub mod metrics;
pub mod presence;
pub mod prober;
pub mod router;
pub mod spec;
pub mod state;
pub mod supervise;
pub mod table;
pub mod target;

mod alarm;
mod bell;
mod books;
mod cell;
#[cfg(not(feature = "chaos"))]
mod chance;
mod doubt;
mod inbox;
mod outbox;
