//! The neutral form, written as Anthropic's provider is asked and its clients are answered.

mod block;
mod messages;
mod reply;
mod request;
mod schema;
mod stream;
mod tools;

pub(super) use request::counted;

pub use reply::reply;
pub use request::{CANNOT, IN_PART, request};
pub use stream::Events;
