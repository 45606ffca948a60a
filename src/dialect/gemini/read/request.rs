//! Requests.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{calls::Calls, config, part, tools, wrong};
use crate::dialect::{
    gemini::{
        line::one_line,
        wire::{self, Fields, Text, list},
    },
    neutral::{Conversation, Lost, Part, Role, ToolChoice, ToolResult, Turn},
    request::BadRequest,
};

/// Reads the body of `:generateContent`, or of `:streamGenerateContent` if
/// `stream`.
///
/// Answers of the model in a row become one turn, as do texts and thoughts in
/// a row within one: that is how clients give back a stream. A call without an
/// id is `call_{content}_{call}`, both counted from 0; which one a result answers
/// that bears the id of none, [`Calls`] tells.
///
/// # Errors
///
/// [`BadRequest`] for what Google would refuse as well: no JSON object, no
/// `contents`, or a field of the wrong type.
pub fn request(body: &[u8], stream: bool, lost: &mut Lost) -> Result<Conversation, BadRequest> {
    let fields = str::from_utf8(body).ok().and_then(Fields::read);
    let fields = fields.ok_or_else(|| BadRequest {
        param: None,
        message: "The body must be a JSON object.".into(),
    })?;
    conversation(&fields, stream, lost)
}

/// Reads the fields of a `GenerateContentRequest`.
pub(in crate::dialect::gemini) fn conversation(
    fields: &Fields<'_>,
    stream: bool,
    lost: &mut Lost,
) -> Result<Conversation, BadRequest> {
    let mut asked = Conversation {
        stream,
        ..Conversation::default()
    };
    let mut contents = None;
    let mut validated = false;
    let mut only = Vec::new();
    for (name, raw) in fields.named() {
        match &*name {
            "contents" => contents = Some(raw),
            "systemInstruction" => {
                let content = content(raw, "systemInstruction")?;
                for (at, raw) in content.parts().into_iter().enumerate() {
                    let path = || format!("systemInstruction.parts[{at}]");
                    let part = read_part(raw, path, lost)?;
                    part::read(part, String::new, &mut asked.system);
                }
            }
            "tools" => tools::tools(raw, &mut asked.tools, lost)?,
            "toolConfig" => {
                validated = tools::choice(raw, &mut asked.tool_choice, &mut only, lost)?;
            }
            "generationConfig" => config::read(raw, &mut asked, lost)?,
            // Part of the path; repeated in the body of `:countTokens`.
            "model" => {}
            other => lost.value(other, raw.get()),
        }
    }
    if !only.is_empty() {
        let must = asked.tool_choice == Some(ToolChoice::Any);
        asked.allow_only(only, must);
    }
    if validated {
        asked
            .tools
            .iter_mut()
            .for_each(|tool| tool.strict = Some(true));
    }
    let contents = contents.ok_or_else(|| BadRequest {
        param: Some("contents".into()),
        message: "`contents` is missing.".into(),
    })?;
    let mut calls = Calls::default();
    for (at, raw) in list(contents).into_iter().enumerate() {
        turn(at, raw, &mut calls, &mut asked.turns, lost)?;
    }
    Ok(asked)
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow)]
    role: Option<Text<'a>>,
    #[serde(borrow)]
    parts: Option<&'a RawValue>,
}

impl<'a> Content<'a> {
    fn parts(&self) -> Vec<&'a RawValue> {
        self.parts.map(list).unwrap_or_default()
    }
}

fn content<'a>(raw: &'a RawValue, path: &str) -> Result<Content<'a>, BadRequest> {
    serde_json::from_str(raw.get()).map_err(|_| wrong(path, "a content with `parts`"))
}

fn turn(
    at: usize,
    raw: &RawValue,
    calls: &mut Calls,
    turns: &mut Vec<Turn>,
    lost: &mut Lost,
) -> Result<(), BadRequest> {
    let content = content(raw, &format!("contents[{at}]"))?;
    let role = match content.role.as_deref().unwrap_or_default() {
        "" | "user" | "function" => Role::User,
        "model" => Role::Assistant,
        _ => return Err(wrong(format!("contents[{at}].role"), "`user` or `model`")),
    };
    let mut turn = match turns.pop() {
        Some(last) if last.role == role && role == Role::Assistant => last,
        last => {
            turns.extend(last);
            let parts = Vec::new();
            Turn { role, parts }
        }
    };
    let mut found = Vec::with_capacity(2);
    let (mut called, mut answered) = (0, 0);
    for (n, raw) in content.parts().into_iter().enumerate() {
        let path = || format!("contents[{at}].parts[{n}]");
        let mut part = read_part(raw, path, lost)?;
        if let Some(response) = part.response.take() {
            let id = response.id.as_deref().filter(|id| !id.is_empty());
            let id = calls.answered(id, &response.name);
            let id = id.unwrap_or_else(|| format!("call_{at}_{answered}"));
            answered += 1;
            turn.parts.push(Part::ToolResult(result(response, id)));
        }
        let mut bears = true;
        let id = || {
            bears = false;
            format!("call_{at}_{called}")
        };
        part::read(part, id, &mut found);
        for part in found.drain(..) {
            if let Part::ToolCall(call) = &part {
                called += 1;
                calls.made(call, bears);
            }
            match role {
                Role::Assistant => part::join(&mut turn.parts, part),
                _ => turn.parts.push(part),
            }
        }
    }
    if !turn.parts.is_empty() {
        turns.push(turn);
    }
    Ok(())
}

/// Reads a part; what the neutral form has no place for is lost.
fn read_part<'a>(
    raw: &'a RawValue,
    path: impl FnOnce() -> String,
    lost: &mut Lost,
) -> Result<wire::Part<'a>, BadRequest> {
    let part: wire::Part<'a> = match serde_json::from_str(raw.get()) {
        Ok(part) => part,
        Err(_) => return Err(wrong(path(), "a part, such as `{\"text\": \"…\"}`")),
    };
    let whole = |media: &wire::Media<'_>| {
        media.file_uri.is_some() || (media.data.is_some() && media.mime_type.is_some())
    };
    if !part.media.as_ref().is_none_or(whole) {
        let expected = "a part whose `inlineData` has `mimeType` and `data`";
        return Err(wrong(path(), expected));
    }
    for name in &part.unknown {
        lost.field(&format!("contents.parts.{name}"));
    }
    Ok(part)
}

/// Reads a tool's result: what it returned is the whole `response`, or the one
/// entry `output` or `result` of it; the one entry `error` says that it failed.
fn result(response: wire::Response<'_>, id: String) -> ToolResult {
    let mut result = ToolResult {
        id,
        name: Some(response.name.0.into_owned()),
        content: Vec::new(),
        is_error: false,
    };
    if let Some(raw) = response.response {
        let fields = Fields::read(raw.get()).unwrap_or_default();
        let value = match fields.0.as_slice() {
            [(name, value)] if matches!(&**name, "output" | "result" | "error") => {
                result.is_error = &**name == "error";
                value
            }
            _ => raw,
        };
        let text = match serde_json::from_str::<String>(value.get()) {
            Ok(text) => text,
            Err(_) => one_line(value.get()).into_owned(),
        };
        if !text.is_empty() {
            result.content.push(Part::Text(text));
        }
    }
    for part in response.parts.into_iter().flatten() {
        result.content.extend(part.media.and_then(part::media));
    }
    result
}
