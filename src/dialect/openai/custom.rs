//! Custom tools as a client tells of them: chat has the same members as
//! responses, one level deeper.
//!
//! # Source
//!
//! OpenAI, API reference, "Chat Completions" and "Responses", `tools` of type
//! `custom`; of the streams of chat: openai/openai-openapi, issue 576.

use super::body::{Within, fields, needed, text, wrong};
use crate::dialect::{
    neutral::{Custom, Grammar, Lost, Tool, ToolCall, custom::wrapped},
    request::BadRequest,
};

/// Reads a custom tool.
pub(super) fn tool(raw: &str, lost: &mut Lost) -> Result<Tool, BadRequest> {
    let (mut called, mut description, mut grammar) = (None, None, None);
    for (name, raw) in fields(raw)? {
        match &*name {
            "type" => {}
            "name" => called = Some(text(raw).within("name")?),
            "description" => description = Some(text(raw).within("description")?),
            "format" => grammar = format(raw, lost).within("format")?,
            other => lost.value(&format!("tools.custom.{other}"), raw),
        }
    }
    let custom = Custom {
        description,
        grammar,
    };
    Ok(Tool::custom(needed(called, "name")?, custom))
}

/// Reads what the text must be like; `None`: anything.
fn format(raw: &str, lost: &mut Lost) -> Result<Option<Grammar>, BadRequest> {
    let (mut kind, mut inner) = (None, None);
    for (name, raw) in fields(raw)? {
        match &*name {
            "type" => kind = Some(text(raw).within("type")?),
            "grammar" => inner = Some(raw),
            _ => {}
        }
    }
    match needed(kind, "type")?.as_str() {
        "text" => Ok(None),
        "grammar" => match inner {
            Some(inner) => grammar(inner, lost).within("grammar"),
            None => grammar(raw, lost),
        }
        .map(Some),
        _ => Err(wrong("must be text or grammar")).within("type"),
    }
}

fn grammar(raw: &str, lost: &mut Lost) -> Result<Grammar, BadRequest> {
    let (mut syntax, mut definition) = (None, None);
    for (name, raw) in fields(raw)? {
        match &*name {
            "type" => {}
            "syntax" => syntax = Some(text(raw).within("syntax")?),
            "definition" => definition = Some(text(raw).within("definition")?),
            other => lost.value(&format!("tools.custom.format.{other}"), raw),
        }
    }
    Ok(Grammar {
        syntax: needed(syntax, "syntax")?,
        definition: needed(definition, "definition")?,
    })
}

/// Returns a call of a custom tool with the text `input`.
pub(super) fn call(id: String, name: String, input: &str) -> ToolCall {
    ToolCall {
        id,
        name,
        arguments: wrapped(input),
        signature: None,
        custom: true,
    }
}
