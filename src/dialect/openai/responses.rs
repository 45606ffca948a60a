//! Responses, for clients that know nothing else, of providers that have
//! another dialect: requests are read, replies are written. Nothing is kept
//! between requests, so that a request must hold its whole conversation.
//!
//! # Source
//!
//! OpenAI, API reference, "Responses" and "Responses streaming events".

pub mod read;
#[cfg(test)]
pub(in crate::dialect) mod tests;
pub mod write;

/// Marks, in `encrypted_content`, a thought that is hidden within its seal.
const REDACTED: &str = "redacted:";
