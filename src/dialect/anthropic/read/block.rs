//! A content block of an answer, whole or as a stream begins it.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::dialect::neutral::{Part, Stop, Thought, ToolCall, seal};

#[derive(Deserialize)]
pub(super) struct Block<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Cow<'a, str>,
    pub(super) text: Option<String>,
    pub(super) id: Option<String>,
    pub(super) name: Option<String>,
    #[serde(borrow)]
    pub(super) input: Option<&'a RawValue>,
    pub(super) thinking: Option<String>,
    pub(super) signature: Option<String>,
    pub(super) data: Option<String>,
}

impl Block<'_> {
    /// Returns the part it is, the `number`th of the answer of this name. Blocks of the
    /// provider's own tools are none: no translated request asks for these tools.
    pub(super) fn part(self, answer: &str, number: usize) -> Option<Part> {
        Some(match &*self.kind {
            "text" => Part::Text(self.text.filter(|text| !text.is_empty())?),
            "thinking" => Part::Thought(Thought {
                text: self.thinking.unwrap_or_default(),
                signature: self.signature.and_then(seal::of_messages),
                redacted: false,
            }),
            "redacted_thinking" => Part::Thought(Thought {
                text: String::new(),
                signature: self.data,
                redacted: true,
            }),
            "tool_use" => Part::ToolCall(ToolCall {
                id: call_id(self.id, answer, number),
                name: self.name.unwrap_or_default(),
                arguments: self
                    .input
                    .map_or_else(|| "{}".to_owned(), |raw| raw.get().to_owned()),
                signature: None,
                custom: false,
            }),
            _ => return None,
        })
    }
}

/// Returns the id of a call, which some compatible providers leave out, in the
/// answer of this name.
pub(super) fn call_id(id: Option<String>, answer: &str, number: usize) -> String {
    id.filter(|id| !id.is_empty())
        .unwrap_or_else(|| format!("toolu_{answer}_{number}"))
}

/// Why the answer ended, beside the word for it.
#[derive(Default, Deserialize)]
pub(super) struct StopDetails {
    explanation: Option<String>,
}

impl StopDetails {
    /// Returns why the model would not answer, if it says so.
    pub(super) fn refusal(self) -> Option<String> {
        self.explanation.filter(|text| !text.is_empty())
    }
}

/// Reads `stop_reason`. A word that is new is the end, with calls their turn:
/// the provider says that it was one, and its answer is whole.
///
/// `pause_turn` is read as [`Stop::Length`]: the answer is cut off where it
/// could go on, and must not look finished. It comes with the provider's own
/// tools only, for which no translated request asks.
pub(super) fn stop(reason: &str, sequence: Option<String>, has_calls: bool) -> Stop {
    match reason {
        "end_turn" => Stop::End,
        "max_tokens" | "model_context_window_exceeded" | "pause_turn" => Stop::Length,
        "stop_sequence" => Stop::Sequence(sequence),
        "tool_use" => Stop::ToolCalls,
        "refusal" => Stop::Filter,
        _ if has_calls => Stop::ToolCalls,
        _ => Stop::End,
    }
}
