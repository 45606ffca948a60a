//! Responses, for clients that know nothing else, of providers that have
//! another dialect: requests are read, replies are written. Nothing is kept
//! between requests, so that a request must hold its whole conversation.
//!
//! # Source
//!
//! OpenAI, API reference, "Responses" and "Responses streaming events".

pub mod echo;
pub mod read;
#[cfg(test)]
pub(in crate::dialect) mod tests;
pub mod write;

/// Marks, in `encrypted_content`, a thought that is hidden within its seal.
pub(in crate::dialect) const REDACTED: &str = "redacted:";

/// How sealed reasoning of OpenAI's own begins, which nobody else can open: a
/// Fernet token.
pub(in crate::dialect) const OPENAIS_OWN: &str = "gAAAA";

/// How the ids of thoughts begin that are written here: OpenAI must not be given
/// them back, as it knows its own only.
pub(in crate::dialect) const THOUGHT_ID: &str = "rs_breakerbox_";

/// How the ids of all thoughts begin, OpenAI's own as well.
pub(in crate::dialect) const A_THOUGHT: &str = "rs_";
