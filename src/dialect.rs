//! The languages clients and providers speak, and what all of them share.
//!
//! A request whose endpoint speaks its own dialect passes byte for byte; what is
//! read of it is in [`request`], and what an answer proved to be in [`Judged`].
//! For another dialect it is read into the [`neutral`] form and written anew:
//!
//! ```text
//!   client ──▶ read::request ──▶ Conversation ──▶ write::request ──▶ provider
//!   client ◀── write::reply  ◀── Reply        ◀── read::reply    ◀── provider
//!   client ◀── write::Events ◀── Delta        ◀── read::Events   ◀── provider
//! ```

pub mod anthropic;
mod api;
pub mod gemini;
mod judged;
pub mod neutral;
pub mod openai;
pub mod request;
pub mod sse;
#[cfg(test)]
mod tests;
pub mod translate;

pub(crate) use api::percent_encoded;
pub use api::{Api, Dialect};
pub use judged::{EventJudge, Judged, Kind, NotAnAnswer, ResponseHead, judge_answer};

/// Tokens an answer was billed for, as its provider counted them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the prompt, cached ones included.
    pub input: u64,
    /// Tokens of the answer, those of its reasoning included.
    pub output: u64,
    /// Tokens of the prompt that came from the provider's cache; at most `input`.
    pub cached: u64,
    /// Tokens of the answer that went into reasoning; at most `output`.
    pub reasoning: u64,
}
impl Usage {
    /// Returns all tokens, as a tokens-per-minute limit counts them.
    pub fn total(self) -> u64 {
        self.input.saturating_add(self.output)
    }
}

/// Whose fault an error is that came in a body with status 200.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blame {
    /// The request is wrong: another endpoint would say the same.
    Client,
    /// The endpoint is asked too often, or its credit is used up.
    RateLimit,
    /// The endpoint does not accept our key.
    Key,
    /// The endpoint failed.
    Server,
}

impl Blame {
    /// Returns a fixed word for metric labels.
    pub fn label(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::RateLimit => "rate_limit",
            Self::Key => "key",
            Self::Server => "server",
        }
    }
}

/// An error found in a body with status 200.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// Whose fault it is, judged by its `code`, `type` and `status`.
    pub blame: Blame,
    /// The provider's own words, cut to [`Reported::MAX_MESSAGE`] bytes; may be empty.
    pub message: String,
}

impl Reported {
    /// The most of a provider's words that is kept, in bytes.
    pub const MAX_MESSAGE: usize = 512;

    /// Tells whether the words may have been cut.
    pub(crate) fn is_cut(&self) -> bool {
        // A cut falls between two characters, of up to four bytes each.
        self.message.len() + 3 >= Self::MAX_MESSAGE
    }
}
