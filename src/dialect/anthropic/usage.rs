//! The bill as Anthropic writes it.

use serde::{Deserialize, Serialize};

use crate::dialect::Usage;

/// A `usage` object as it is read. What it does not say is not known, which is
/// not zero: a `message_delta` may leave out what `message_start` has said.
///
/// Numbers are read as `f64`: some providers write `12.0`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Counts {
    input_tokens: Option<f64>,
    cache_creation_input_tokens: Option<f64>,
    cache_read_input_tokens: Option<f64>,
    output_tokens: Option<f64>,
    output_tokens_details: Option<Details>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct Details {
    thinking_tokens: Option<f64>,
}

impl Counts {
    /// Reads a `usage` object; what cannot be read is no reason to fail an answer.
    pub(super) fn read(json: &str) -> Self {
        serde_json::from_str(json).unwrap_or_default()
    }

    /// Takes over what `later` says; all counts are totals so far.
    pub(super) fn update(&mut self, later: Self) {
        let newer = |new: Option<f64>, old: &mut Option<f64>| *old = new.or(*old);
        newer(later.input_tokens, &mut self.input_tokens);
        newer(
            later.cache_creation_input_tokens,
            &mut self.cache_creation_input_tokens,
        );
        newer(
            later.cache_read_input_tokens,
            &mut self.cache_read_input_tokens,
        );
        newer(later.output_tokens, &mut self.output_tokens);
        self.output_tokens_details = later.output_tokens_details.or(self.output_tokens_details);
    }

    /// Returns the usage, if anything is known of it.
    ///
    /// # Source
    ///
    /// Anthropic, Messages, `usage`: all input is the sum of `input_tokens`,
    /// `cache_creation_input_tokens` and `cache_read_input_tokens`.
    pub(super) fn usage(&self) -> Option<Usage> {
        if self.input_tokens.is_none() && self.output_tokens.is_none() {
            return None;
        }
        let cached = self.cache_read_input_tokens;
        let input = [self.input_tokens, self.cache_creation_input_tokens, cached];
        let details = self.output_tokens_details.unwrap_or_default();
        Usage::read(
            &input,
            &[self.output_tokens],
            cached,
            details.thinking_tokens,
        )
    }
}

/// A `usage` object as it is written; zeros where nothing is known, since the
/// official libraries crash without one.
#[derive(Debug, Serialize)]
pub(super) struct Bill {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    output_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens_details: Option<Thinking>,
}

#[derive(Debug, Serialize)]
struct Thinking {
    thinking_tokens: u64,
}

impl From<Option<Usage>> for Bill {
    fn from(usage: Option<Usage>) -> Self {
        let usage = usage.unwrap_or_default();
        Self {
            input_tokens: usage.input.saturating_sub(usage.cached),
            cache_creation_input_tokens: 0,
            cache_read_input_tokens: usage.cached,
            output_tokens: usage.output,
            output_tokens_details: (usage.reasoning > 0).then_some(Thinking {
                thinking_tokens: usage.reasoning,
            }),
        }
    }
}
