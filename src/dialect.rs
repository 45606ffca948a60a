//! The languages clients and providers speak, and what all of them share.
//!
//! A request whose endpoint speaks its own dialect passes byte for byte; what is
//! read of it is in [`request`], what is taken out of it that the gateway itself
//! has put there in [`marks`], and what an answer proved to be in [`Judged`].
//! For another dialect it is read into the [`neutral`] form and written anew:
//!
//! ```text
//!   client ──▶ read::request ──▶ Conversation ──▶ write::request ──▶ provider
//!   client ◀── write::reply  ◀── Reply        ◀── read::reply    ◀── provider
//!   client ◀── write::Events ◀── Delta        ◀── read::Events   ◀── provider
//! ```

pub mod answer_context;
pub mod anthropic;
mod api;
pub(crate) mod forbidden;
pub mod gemini;
mod judged;
pub mod marks;
pub mod neutral;
pub mod openai;
pub mod request;
pub mod sse;
#[cfg(test)]
mod tests;
mod tool_names;
pub mod translate;
mod waiting;

use std::sync::Once;

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
    /// At what price, where OpenAI's dialect says so.
    pub tier: Option<Tier>,
}

/// How soon an answer was given, and for how much: what OpenAI's dialect says as
/// `service_tier`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// As usual.
    Default,
    /// Later and cheaper.
    Flex,
    /// Paid for ahead.
    Scale,
    /// Sooner and dearer.
    Priority,
}

impl Tier {
    /// Returns the tier of this name, as JSON; none that SDKs do not know.
    pub(crate) fn read(json: &str) -> Option<Self> {
        serde_json::from_str(json).ok()
    }
}

impl Usage {
    /// The most tokens a count is believed to be; beyond all context windows.
    const MOST: f64 = (1 << 24) as f64;

    /// Returns the usage that a provider's counts add up to; `None` if there
    /// are none, or one of `input` and `output` cannot be true: charged with
    /// it, a client and its metrics would be out for good.
    ///
    /// Counts are `f64`: some providers write `12.0`.
    pub(crate) fn read(
        input: &[Option<f64>],
        output: &[Option<f64>],
        cached: Option<f64>,
        reasoning: Option<f64>,
    ) -> Option<Self> {
        let is_true = |count: &f64| (0.0..=Self::MOST).contains(count);
        let mut counts = input.iter().chain(output).flatten().peekable();
        counts.peek()?;
        if !counts.all(is_true) {
            static TOLD: Once = Once::new();
            TOLD.call_once(|| {
                tracing::warn!("a provider counts tokens that cannot be; the estimate stands");
            });
            return None;
        }
        let sum = |counts: &[Option<f64>]| counts.iter().flatten().sum::<f64>() as u64;
        let part = |count: Option<f64>| count.filter(is_true).map_or(0, |count| count as u64);
        let (input, output) = (sum(input), sum(output));
        Some(Self {
            input,
            output,
            cached: part(cached).min(input),
            reasoning: part(reasoning).min(output),
            tier: None,
        })
    }

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
    /// The endpoint has more to do than it can.
    Overload,
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
            Self::Overload => "overload",
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
