//! From the neutral form to the wire.

mod config;
mod part;
mod reply;
mod request;
mod stream;

#[cfg(test)]
mod tests;

pub use reply::reply;
pub(super) use request::Request;
pub use request::{CANNOT, request};
pub use stream::Events;
