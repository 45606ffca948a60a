//! Whole answers.

use serde::Serialize;

use super::part::Part;
use crate::dialect::{
    Usage,
    gemini::logprobs::Logprobs,
    neutral::{Logprob, Reply, Stop},
};

/// A `GenerateContentResponse`, whole or a chunk of a stream.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) candidates: Vec<Candidate<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) usage_metadata: Option<Counts>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) model_version: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) response_id: &'a str,
}

/// A `Candidate`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Candidate<'a> {
    content: Content<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finish_reason: Option<&'static str>,
    index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs_result: Option<Logprobs<'a>>,
}

#[derive(Debug, Serialize)]
struct Content<'a> {
    parts: Vec<Part<'a>>,
    role: &'static str,
}

impl<'a> Candidate<'a> {
    pub(super) fn new(
        index: u32,
        parts: Vec<Part<'a>>,
        tokens: &'a [Logprob],
        stop: Option<&Stop>,
    ) -> Self {
        Self {
            content: Content {
                parts,
                role: "model",
            },
            finish_reason: stop.map(reason),
            index,
            logprobs_result: Logprobs::of(tokens),
        }
    }
}

/// A `UsageMetadata`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Counts {
    prompt_token_count: u64,
    candidates_token_count: u64,
    total_token_count: u64,
    #[serde(skip_serializing_if = "is_none")]
    cached_content_token_count: u64,
    #[serde(skip_serializing_if = "is_none")]
    thoughts_token_count: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_none(count: &u64) -> bool {
    *count == 0
}

impl From<Usage> for Counts {
    fn from(usage: Usage) -> Self {
        Self {
            prompt_token_count: usage.input,
            candidates_token_count: usage.output.saturating_sub(usage.reasoning),
            total_token_count: usage.total(),
            cached_content_token_count: usage.cached,
            thoughts_token_count: usage.reasoning,
        }
    }
}

/// Returns the `finishReason`. Calls of tools have none of their own, and
/// neither have stop texts; a filter's is the most general one.
fn reason(stop: &Stop) -> &'static str {
    match stop {
        Stop::End | Stop::ToolCalls | Stop::Sequence(_) => "STOP",
        Stop::Length => "MAX_TOKENS",
        Stop::Filter => "SAFETY",
    }
}

/// Writes a whole answer. This dialect does not say when one was made.
pub fn reply(reply: &Reply, _now: u64) -> Vec<u8> {
    let candidates = reply.choices.iter().zip(0..).map(|(choice, index)| {
        let parts = Part::answer(&choice.parts);
        Candidate::new(index, parts, &choice.logprobs, Some(&choice.stop))
    });
    let answer = Answer {
        candidates: candidates.collect(),
        usage_metadata: reply.usage.map(Counts::from),
        model_version: &reply.model,
        response_id: &reply.id,
    };
    // Fails for maps with odd keys only; there are none.
    serde_json::to_vec(&answer).unwrap_or_default()
}
