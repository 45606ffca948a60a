//! Neutral → responses.

mod item;
mod reply;
mod response;
mod stream;

pub use reply::reply;
pub use stream::Events;
