//! A whole answer, written.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde::Serialize;

use super::block::{Block, Input, stop, told};
use crate::dialect::{
    anthropic::usage::Bill,
    neutral::{Part, Reply, seal::ahead_of_call},
};

#[derive(Debug, Serialize)]
pub(super) struct Message<'a> {
    pub(super) id: Cow<'a, str>,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) role: &'static str,
    pub(super) model: &'a str,
    pub(super) content: Vec<Block<'a>>,
    pub(super) stop_reason: Option<&'static str>,
    pub(super) stop_sequence: Option<&'a str>,
    pub(super) usage: Bill,
}

/// Writes the body that answers `POST /v1/messages`.
///
/// It has place for the first of several answers, and none for images. A
/// refusal in words is a text; the seal on a call is a hidden thought before it.
pub fn reply(reply: &Reply, now: u64) -> Vec<u8> {
    let choice = reply.choices.first();
    let (stop_reason, stop_sequence) = match choice {
        Some(choice) => {
            let refuses = choice.parts.iter().any(|it| matches!(it, Part::Refusal(_)));
            let (reason, sequence) = stop(told(&choice.stop, refuses));
            (Some(reason), sequence)
        }
        None => (None, None),
    };
    let parts = choice.map(|choice| choice.parts.as_slice());
    let message = Message {
        id: id(&reply.id, reply.created.unwrap_or(now)),
        kind: "message",
        role: "assistant",
        model: &reply.model,
        content: content(parts.unwrap_or_default()),
        stop_reason,
        stop_sequence,
        usage: reply.usage.into(),
    };
    // Writing to memory fails for maps with odd keys only; this has none.
    serde_json::to_vec(&message).unwrap_or_default()
}

/// Returns the answer's id; one made of its time where the provider gave none.
pub(super) fn id(id: &str, created: u64) -> Cow<'_, str> {
    match id {
        "" => Cow::Owned(format!("msg_{created}")),
        id => Cow::Borrowed(id),
    }
}

/// Writes what was said, without blank texts where there is something else:
/// Anthropic would refuse the conversation with them.
fn content(parts: &[Part]) -> Vec<Block<'_>> {
    let is_blank =
        |block: &Block<'_>| matches!(block, Block::Text { text } if text.trim().is_empty());
    let mut content: Vec<_> = parts.iter().flat_map(blocks).collect();
    if !content.iter().all(is_blank) {
        content.retain(|block| !is_blank(block));
    }
    content
}

fn blocks(part: &Part) -> impl Iterator<Item = Block<'_>> {
    let seal = match part {
        Part::ToolCall(call) => ahead_of_call(call.signature.as_deref()),
        _ => None,
    };
    let seal = seal.map(|seal| Block::RedactedThinking { data: seal.into() });
    seal.into_iter().chain(block(part))
}

fn block(part: &Part) -> Option<Block<'_>> {
    Some(match part {
        Part::Text(text) | Part::Refusal(text) if text.is_empty() => return None,
        Part::Text(text) | Part::Refusal(text) => Block::Text { text },
        Part::Thought(thought) => Block::thought(thought),
        Part::ToolCall(call) => Block::ToolUse {
            id: Cow::Borrowed(&call.id),
            name: &call.name,
            input: Input::of(&call.arguments),
        },
        Part::Image(_) | Part::File(_) | Part::ToolResult(_) => return None,
    })
}
