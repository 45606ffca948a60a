//! The dialect of OpenAI and of everything compatible with it.
//!
//! Bytes pass unchanged in both directions; what is read here is what routing,
//! limits and the judgement of an answer need.

mod api;
pub mod event;
pub mod request;
pub mod response;
mod shape;
pub mod sse;

pub use api::Api;
