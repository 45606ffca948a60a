//! From the wire to the neutral form.

mod calls;
mod config;
mod part;
mod reply;
mod request;
mod stream;
mod tools;

#[cfg(test)]
mod tests;

pub use reply::reply;
pub(super) use request::conversation;
pub use request::request;
pub use stream::Events;

use crate::dialect::request::BadRequest;

/// Says that the field at `path` must be `expected`.
fn wrong(path: impl Into<String>, expected: &str) -> BadRequest {
    let path = path.into();
    BadRequest {
        message: format!("`{path}` must be {expected}."),
        param: Some(path),
    }
}
