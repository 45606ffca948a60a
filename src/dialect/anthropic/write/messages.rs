//! The turns of a conversation, as Anthropic wants them.

use std::borrow::Cow;

use serde::Serialize;

use super::block::{Block, Input};
use crate::dialect::{
    anthropic::model::Model,
    neutral::{Conversation, Feature, Lost, NOTHING, Part, Role, ids, seal::is_anthropics},
};

#[derive(Debug, Serialize)]
pub(super) struct Message<'a> {
    role: &'static str,
    content: Vec<Block<'a>>,
}

impl Message<'_> {
    fn of_silent_user() -> Self {
        Self {
            role: "user",
            content: vec![Block::Text { text: NOTHING }],
        }
    }
}

/// Instructions; the one text they mostly are, or blocks.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum System<'a> {
    Text(&'a str),
    Blocks(Vec<Block<'a>>),
}

/// Writes all instructions, those in the middle of the conversation last.
pub(super) fn system<'a>(of: &'a Conversation, lost: &mut Lost) -> Option<System<'a>> {
    let turns = of.turns.iter().filter(|turn| turn.role == Role::System);
    let later = turns.flat_map(|turn| {
        lost.feature(Feature::SystemInConversation);
        &turn.parts
    });
    let parts: Vec<_> = of.system.iter().chain(later).collect();
    let mut blocks = Vec::with_capacity(parts.len());
    for part in parts {
        match part {
            Part::Text(text) => blocks.extend(Block::text(text)),
            _ => lost.field("system"),
        }
    }
    match blocks.as_slice() {
        [] => None,
        [Block::Text { text }] => Some(System::Text(text)),
        _ => Some(System::Blocks(blocks)),
    }
}

/// Writes the turns: the user's first, and last where the model does not go on
/// with an answer; none twice in a row, the results of tools first in theirs,
/// nothing empty and no space at the very end.
///
/// # Source
///
/// Anthropic, "Messages" and "Tool use"; "final assistant content cannot end
/// with trailing whitespace" and "text content blocks must contain
/// non-whitespace text" are two of its errors.
pub(super) fn messages<'a>(
    of: &'a Conversation,
    model: Model,
    lost: &mut Lost,
) -> Vec<Message<'a>> {
    let mut list: Vec<Message<'a>> = Vec::with_capacity(of.turns.len() + 1);
    for turn in &of.turns {
        let role = match turn.role {
            Role::System => continue,
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        let blocks = turn.parts.iter().filter_map(|part| block(part, role, lost));
        let mut blocks = blocks.peekable();
        if blocks.peek().is_none() {
            continue;
        }
        match list.last_mut() {
            Some(last) if last.role == role => last.content.extend(blocks),
            _ => list.push(Message {
                role,
                content: blocks.collect(),
            }),
        }
    }
    trim_end(&mut list);
    if list.first().is_none_or(|first| first.role != "user") {
        lost.feature(Feature::SilentUser);
        list.insert(0, Message::of_silent_user());
    }
    let is_begun = list.last().is_some_and(|last| last.role == "assistant");
    // Neither a user whose words were all left out nor instructions, which are
    // moved, have asked to go on with the answer.
    if is_begun && (of.asks_anew() || !model.goes_on()) {
        lost.feature(Feature::SilentUser);
        list.push(Message::of_silent_user());
    }
    for message in list.iter_mut().filter(|message| message.role == "user") {
        let is_result = |block: &Block<'_>| matches!(block, Block::ToolResult { .. });
        message.content.sort_by_key(|block| !is_result(block));
    }
    list
}

/// Takes the space off the end of an answer that the model is to go on with.
fn trim_end(list: &mut Vec<Message<'_>>) {
    if let Some(last) = list.last_mut().filter(|last| last.role == "assistant")
        && let Some(Block::Text { text }) = last.content.last_mut()
    {
        *text = text.trim_end();
    }
}

/// Tells whether the model is in the middle of calling tools, in a turn that
/// did not begin with a thought: it cannot be asked to think from here on.
///
/// # Source
///
/// Anthropic, "Extended thinking", "Toggling thinking modes in conversations".
pub(super) fn is_thoughtless_loop(list: &[Message<'_>]) -> bool {
    let [.., assistant, user] = list else {
        return false;
    };
    let is_thought =
        |it: &Block<'_>| matches!(it, Block::Thinking { .. } | Block::RedactedThinking { .. });
    matches!(user.content.first(), Some(Block::ToolResult { .. }))
        && !assistant.content.first().is_some_and(is_thought)
}

fn block<'a>(part: &'a Part, role: &str, lost: &mut Lost) -> Option<Block<'a>> {
    match part {
        Part::Text(text) | Part::Refusal(text) => Block::text(text),
        Part::Image(_) | Part::File(_) if role == "assistant" => {
            lost.field("messages.assistant_media");
            None
        }
        Part::Image(media) => Block::media(media, true, lost),
        Part::File(media) => Block::media(media, false, lost),
        Part::ToolCall(call) => {
            let input = Input::of(&call.arguments);
            if let Input::Odd(_) = input {
                lost.field("tool_calls.arguments");
            }
            // Anthropic seals no calls.
            if call.signature.is_some() {
                lost.feature(Feature::Thought);
            }
            Some(Block::ToolUse {
                id: id(&call.id),
                name: &call.name,
                input,
            })
        }
        Part::ToolResult(result) => Some(Block::ToolResult {
            tool_use_id: id(&result.id),
            content: result
                .content
                .iter()
                .filter_map(|part| match part {
                    Part::Text(_) | Part::Image(_) | Part::File(_) => block(part, "user", lost),
                    _ => {
                        lost.field("tool_result.content");
                        None
                    }
                })
                .collect(),
            is_error: result.is_error,
        }),
        Part::Thought(thought) => {
            // Anthropic wants its own seal back.
            let is_own = thought.signature.as_deref().is_some_and(is_anthropics);
            if !is_own {
                lost.feature(Feature::Thought);
            }
            is_own.then(|| Block::thought(thought))
        }
    }
}

/// What is kept of an id that has to be another one, in characters: with its
/// hash it is no longer than any provider's.
const LONGEST_ODD_ID: usize = 40;

/// Returns an id that Anthropic takes; the same one for the same one, and
/// another for another: what is left of an odd one has its hash behind it.
///
/// # Source
///
/// Anthropic, Messages, `tool_use.id`: `^[a-zA-Z0-9_-]+$`.
fn id(id: &str) -> Cow<'_, str> {
    let is_fair = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    match id.chars().all(is_fair) {
        true => Cow::Borrowed(id),
        false => {
            let fair = id.chars().map(|c| if is_fair(c) { c } else { '_' });
            let fair: String = fair.take(LONGEST_ODD_ID).collect();
            Cow::Owned(ids::in_place_of(id, &fair))
        }
    }
}
