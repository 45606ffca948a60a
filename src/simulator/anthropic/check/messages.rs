//! The turns of a conversation: who may speak when, and what must follow what.

use serde_json::Value;

use super::super::super::ask::{is_name, seal};
use super::super::read::picture;
use super::{Checked, no_unknown, wrong};

/// Longest id of a call.
const ID: usize = 64;

/// Checks all turns; from 2026 on, nobody but the model cites.
pub(super) fn all(list: &[Value], thinking: bool, citing: bool) -> Checked {
    if list.is_empty() {
        return wrong("messages: at least one message is required");
    }
    for (at, message) in list.iter().enumerate() {
        turn(at, message, at + 1 == list.len())?;
    }
    if list[0]["role"] != "user" {
        return wrong("messages: first message must use the \"user\" role");
    }
    if let Some(at) = list.iter().position(|turn| !citing && is_citing(turn)) {
        return wrong(format!(
            "messages.{at}.content: citations are not permitted in user messages"
        ));
    }
    pairs(list)?;
    if thinking { thought(list) } else { Ok(()) }
}

fn is_citing(turn: &Value) -> bool {
    let cites = |block: &Value| {
        block["citations"]
            .as_array()
            .is_some_and(|it| !it.is_empty())
    };
    turn["role"] == "user" && blocks(turn).iter().any(cites)
}

fn turn(at: usize, message: &Value, last: bool) -> Checked {
    no_unknown(&format!("messages.{at}."), message, &["role", "content"])?;
    let role = message["role"].as_str().unwrap_or_default();
    if !matches!(role, "user" | "assistant") {
        return wrong(format!(
            "messages: Unexpected role \"{role}\". The Messages API accepts a top-level `system` parameter, not \"system\" as an input message role."
        ));
    }
    // Only the end of a conversation may be an answer that has not begun.
    let open = last && role == "assistant";
    let empty = format!(
        "messages.{at}: all messages must have non-empty content except for the optional final assistant message"
    );
    let end = match &message["content"] {
        Value::String(text) if text.is_empty() && !open => return wrong(empty),
        Value::String(text) => Some(text.as_str()),
        Value::Array(blocks) if blocks.is_empty() && !open => return wrong(empty),
        Value::Array(blocks) => {
            for (place, block) in blocks.iter().enumerate() {
                content(&format!("messages.{at}.content.{place}"), role, block)?;
            }
            blocks.last().and_then(|block| block["text"].as_str())
        }
        _ => return wrong(format!("messages.{at}.content: Field required")),
    };
    if open && end.is_some_and(|text| text.ends_with(char::is_whitespace)) {
        return wrong("messages: final assistant content cannot end with trailing whitespace");
    }
    Ok(())
}

fn content(place: &str, role: &str, block: &Value) -> Checked {
    let kind = block["type"].as_str().unwrap_or_default();
    let id = |name: &str| {
        let id = block[name].as_str().unwrap_or_default();
        match is_name(id, ID) {
            true => Ok(()),
            false => wrong(format!(
                "{place}.{kind}.{name}: String should match pattern '^[a-zA-Z0-9_-]+$'"
            )),
        }
    };
    let known = |known: &[&str]| no_unknown(&format!("{place}.{kind}."), block, known);
    match (kind, role) {
        ("text", _) => {
            known(&["type", "text", "cache_control", "citations"])?;
            let text = block["text"].as_str().unwrap_or_default();
            match text.trim().is_empty() {
                true => wrong("messages: text content blocks must contain non-whitespace text"),
                false => Ok(()),
            }
        }
        ("image", "user") => {
            known(&["type", "source", "cache_control"])?;
            image(place, &block["source"])
        }
        ("document" | "search_result" | "container_upload", "user") => Ok(()),
        ("tool_result", "user") => {
            known(&[
                "type",
                "tool_use_id",
                "content",
                "is_error",
                "cache_control",
            ])?;
            id("tool_use_id")?;
            let inner = block["content"].as_array().into_iter().flatten();
            for (at, inner) in inner.enumerate() {
                content(&format!("{place}.tool_result.content.{at}"), "user", inner)?;
            }
            Ok(())
        }
        ("tool_use", "assistant") => {
            known(&["type", "id", "name", "input", "cache_control", "caller"])?;
            id("id")?;
            if !block["name"]
                .as_str()
                .is_some_and(|name| is_name(name, 200))
            {
                return wrong(format!("{place}.tool_use.name: Field required"));
            }
            match block["input"].is_object() {
                true => Ok(()),
                false => wrong(format!(
                    "{place}.tool_use.input: Input should be a valid dictionary"
                )),
            }
        }
        ("thinking", "assistant") => {
            known(&["type", "thinking", "signature"])?;
            let text = block["thinking"].as_str().unwrap_or_default();
            match block["signature"] == seal(text).as_str() {
                true => Ok(()),
                false => wrong(format!("{place}: Invalid `signature` in `thinking` block")),
            }
        }
        // What it hides is base64.
        ("redacted_thinking", "assistant") => match block["data"].as_str() {
            Some(data) if !data.contains(':') => Ok(()),
            _ => wrong(format!(
                "{place}: Invalid `data` in `redacted_thinking` block"
            )),
        },
        // What the provider's own tools said.
        (kind, "assistant") if kind == "server_tool_use" || kind.ends_with("_tool_result") => {
            Ok(())
        }
        _ => wrong(format!(
            "{place}: Input tag '{kind}' is not allowed in a message of '{role}'"
        )),
    }
}

fn image(place: &str, source: &Value) -> Checked {
    let kind = source["media_type"].as_str();
    let address = source["url"].as_str();
    if source["type"] == "base64"
        && !matches!(
            kind,
            Some("image/jpeg" | "image/png" | "image/gif" | "image/webp")
        )
    {
        return wrong(format!(
            "{place}.image.source.base64.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'"
        ));
    }
    if source["type"] == "url" && !address.is_some_and(|it| it.starts_with("http")) {
        return wrong(format!(
            "{place}.image.source.url.url: Only HTTPS URLs are supported."
        ));
    }
    match picture(source) {
        Some(_) => Ok(()),
        None => wrong(format!("{place}.image.source: invalid image data")),
    }
}

fn blocks(message: &Value) -> &[Value] {
    message["content"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
}

fn ids<'a>(message: &'a Value, kind: &'a str, name: &'a str) -> Vec<&'a str> {
    let of = blocks(message).iter().filter(|block| block["type"] == kind);
    of.filter_map(|block| block[name].as_str()).collect()
}

/// Every call has its result at the start of the next turn, and every result its call in the turn before.
fn pairs(list: &[Value]) -> Checked {
    let mut open: Vec<&str> = Vec::new();
    for (at, message) in list.iter().enumerate() {
        if message["role"] == "assistant" {
            open.extend(ids(message, "tool_use", "id"));
            continue;
        }
        for id in ids(message, "tool_result", "tool_use_id") {
            let Some(place) = open.iter().position(|open| *open == id) else {
                return wrong(format!(
                    "messages.{at}.content: unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
                ));
            };
            open.swap_remove(place);
        }
        unanswered(at, &open)?;
        let mut kinds = blocks(message)
            .iter()
            .map(|block| block["type"] == "tool_result");
        if kinds
            .by_ref()
            .skip_while(|is_result| *is_result)
            .any(|is_result| is_result)
        {
            return wrong(format!(
                "messages.{at}: `tool_result` blocks must come first in the content"
            ));
        }
    }
    unanswered(list.len() - 1, &open)
}

fn unanswered(at: usize, open: &[&str]) -> Checked {
    match open {
        [] => Ok(()),
        open => wrong(format!(
            "messages.{at}: `tool_use` ids were found without `tool_result` blocks immediately after: {}. Each `tool_use` block must have a corresponding `tool_result` block in the next message.",
            open.join(", ")
        )),
    }
}

/// With thinking, the turn whose calls have just been answered began with a thought.
///
/// *Source*: Anthropic, "Extended thinking", "Preserving thinking blocks".
fn thought(list: &[Value]) -> Checked {
    let [.., assistant, user] = list else {
        return Ok(());
    };
    let looping = !ids(user, "tool_result", "tool_use_id").is_empty();
    let first = blocks(assistant)
        .first()
        .and_then(|block| block["type"].as_str());
    match (looping, first) {
        (true, Some("thinking" | "redacted_thinking")) | (false, _) => Ok(()),
        (true, first) => wrong(format!(
            "messages.{}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{}`. When `thinking` is enabled, a final `assistant` message must start with a thinking block.",
            list.len() - 2,
            first.unwrap_or("text")
        )),
    }
}
