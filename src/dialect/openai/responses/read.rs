//! Responses → neutral.

mod request;

pub use request::request;
