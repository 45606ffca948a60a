//! What the tests stand on: an upstream that does anything, a client that sees everything, and waiting
//! for a condition instead of for a time.

pub(crate) mod chat;
pub(crate) mod client;
pub(crate) mod evil;
pub(crate) mod gateway;
pub(crate) mod http;
pub(crate) mod ports;
pub(crate) mod process;
pub(crate) mod socket;
pub(crate) mod still;
pub(crate) mod wait;

mod selftest;
