//! The dialect of OpenAI and of everything compatible with it.
//!
//! To a provider of this dialect bytes pass unchanged in both directions; what
//! routing, limits and the judgement of an answer need is read by [`event`] and
//! [`response`]. For other providers [`chat`] and [`responses`] translate.

mod body;
pub mod chat;
mod custom;
pub mod event;
mod logprobs;
pub mod response;
pub mod responses;
mod shape;
mod turns;
