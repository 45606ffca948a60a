//! The dialect of OpenAI and of everything compatible with it.
//!
//! Bytes pass unchanged in both directions; what is read here is what routing,
//! limits and the judgement of an answer need.

pub mod chat;
pub mod event;
pub mod response;
pub mod responses;
mod shape;
