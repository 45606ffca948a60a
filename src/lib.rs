//! The gateway of Breakerbox: sockets, dialects, files.

pub mod accounts;
pub mod app;
pub mod cli;
pub mod config;
pub mod dialect;
pub mod error;
pub mod generation;
pub mod guesses;
pub mod metrics;
pub mod redaction;
pub mod relay;
pub mod reload;
pub mod room;
pub mod simulator;
pub mod tap;
mod traffic;
pub mod upstream;
pub mod wall;
pub mod worker;

mod admin;
mod exchange;
mod pinger;
mod request_id;
mod routes;
