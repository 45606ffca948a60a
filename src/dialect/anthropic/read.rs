//! What Anthropic's clients ask and its provider answers, read into the neutral form.

mod block;
mod content;
mod fields;
mod reply;
mod request;
mod stream;

pub(super) use request::{MIN_BUDGET, counted};

pub use reply::reply;
pub use request::request;
pub use stream::Events;
