//! One message.

use std::borrow::Cow;

use crate::dialect::{
    neutral::{Lost, Media, Part, Role, Source, Thought, ToolCall, seal},
    openai::{
        body::{Within, fields, list, needed, parts, text, wrong},
        custom,
        turns::{Turns, detail, source},
    },
    request::BadRequest,
};

/// Reads one message and adds it to `turns`.
pub(super) fn read(raw: &str, turns: &mut Turns, lost: &mut Lost) -> Result<(), BadRequest> {
    let fields = fields(raw)?;
    let role = fields.iter().find(|(name, _)| name == "role");
    let (_, role) = needed(role, "role")?;
    match text(role).within("role")?.as_str() {
        "system" | "developer" => spoken(Role::System, &fields, turns, lost),
        "user" => spoken(Role::User, &fields, turns, lost),
        "assistant" => assistant(&fields, turns, lost),
        "tool" => result(&fields, turns, lost),
        "function" => function_result(&fields, turns, lost),
        _ => Err(wrong(
            "must be system, developer, user, assistant, tool or function",
        ))
        .within("role"),
    }
}

type Fields<'a> = [(Cow<'a, str>, &'a str)];

fn spoken(
    role: Role,
    fields: &Fields<'_>,
    turns: &mut Turns,
    lost: &mut Lost,
) -> Result<(), BadRequest> {
    let mut said = None;
    for (name, raw) in fields {
        match &**name {
            "role" => {}
            "content" => said = Some(parts(raw, |raw| part(raw, lost)).within("content")?),
            other => unknown(other, raw, lost),
        }
    }
    turns.add(role, needed(said, "content")?);
    Ok(())
}

fn assistant(fields: &Fields<'_>, turns: &mut Turns, lost: &mut Lost) -> Result<(), BadRequest> {
    let mut thought = None;
    let (mut said, mut refusal, mut calls) = (Vec::new(), None, Vec::new());
    for (name, raw) in fields {
        match &**name {
            "role" => {}
            "content" => said = parts(raw, |raw| part(raw, lost)).within("content")?,
            "refusal" => refusal = Some(text(raw).within("refusal")?),
            "reasoning_content" | "reasoning" => thought = Some(text(raw).within(name)?),
            "tool_calls" => {
                for (at, raw) in list(raw).within("tool_calls")?.into_iter().enumerate() {
                    calls.extend(call(raw, turns, lost).at(at).within("tool_calls")?);
                }
            }
            "function_call" => calls.push(function_call(raw, turns, lost).within(name)?),
            other => unknown(other, raw, lost),
        }
    }
    let filled = |text: &String| !text.is_empty();
    let thought = thought.filter(filled).map(|text| {
        Part::Thought(Thought {
            text,
            ..Thought::default()
        })
    });
    let mut parts: Vec<_> = thought.into_iter().chain(said).collect();
    parts.extend(refusal.filter(filled).map(Part::Refusal));
    parts.extend(calls);
    turns.add(Role::Assistant, parts);
    Ok(())
}

fn result(fields: &Fields<'_>, turns: &mut Turns, lost: &mut Lost) -> Result<(), BadRequest> {
    let (mut id, mut said) = (None, None);
    for (name, raw) in fields {
        match &**name {
            // Some clients name the tool again; its call has.
            "role" | "name" => {}
            "tool_call_id" => id = Some(text(raw).within("tool_call_id")?),
            "content" => said = Some(parts(raw, |raw| part(raw, lost)).within("content")?),
            other => unknown(other, raw, lost),
        }
    }
    let id = needed(id.filter(|id| !id.is_empty()), "tool_call_id")?;
    turns.add_result(id, needed(said, "content")?);
    Ok(())
}

/// Reads what a function returned, which says whose it is by the name only.
fn function_result(
    fields: &Fields<'_>,
    turns: &mut Turns,
    lost: &mut Lost,
) -> Result<(), BadRequest> {
    let (mut called, mut said) = (None, None);
    for (name, raw) in fields {
        match &**name {
            "role" => {}
            "name" => called = Some(text(raw).within("name")?),
            "content" => said = Some(parts(raw, |raw| part(raw, lost)).within("content")?),
            other => unknown(other, raw, lost),
        }
    }
    let id = turns.last_call_of(&needed(called, "name")?);
    let id = id.ok_or_else(|| wrong("answers no `function_call`"));
    turns.add_result(id.within("name")?, needed(said, "content")?);
    Ok(())
}

/// Reads the one call of an answer, which has no id.
fn function_call(raw: &str, turns: &mut Turns, lost: &mut Lost) -> Result<Part, BadRequest> {
    let (mut called, mut arguments) = (None, None);
    for (name, raw) in fields(raw)? {
        match &*name {
            "name" => called = Some(text(raw).within("name")?),
            "arguments" => arguments = Some(text(raw).within("arguments")?),
            other => lost.value(&format!("messages.function_call.{other}"), raw),
        }
    }
    let called = needed(called, "name")?;
    Ok(Part::ToolCall(ToolCall {
        id: turns.call_of(&called),
        name: called,
        arguments: arguments.unwrap_or_default(),
        signature: None,
        custom: false,
    }))
}

/// What SDKs leave in an answer that a client gives back says nothing new.
fn unknown(name: &str, raw: &str, lost: &mut Lost) {
    if name != "annotations" {
        lost.value(&format!("messages.{name}"), raw);
    }
}

/// Reads one part; `None` for a kind that the neutral form does not know.
fn part(raw: &str, lost: &mut Lost) -> Result<Option<Part>, BadRequest> {
    let fields = fields(raw)?;
    let kind = fields.iter().find(|(name, _)| name == "type");
    let (_, kind) = needed(kind, "type")?;
    let kind = text(kind).within("type")?;
    let of_kind = |name: &str| name == kind;
    for (name, raw) in &fields {
        if name != "type" && !of_kind(name) {
            lost.value(&format!("messages.content.{name}"), raw);
        }
    }
    let value = fields.iter().find(|(name, _)| of_kind(name));
    let value = needed(value.map(|(_, raw)| *raw), &kind);
    match kind.as_str() {
        "text" => text(value?).map(Part::Text),
        "refusal" => text(value?).map(Part::Refusal),
        "image_url" => image(value?, lost),
        "file" => file(value?, lost),
        "input_audio" => audio(value?, lost),
        other => {
            lost.field(&format!("messages.content.{other}"));
            return Ok(None);
        }
    }
    .within(&kind)
    .map(Some)
}

fn image(raw: &str, lost: &mut Lost) -> Result<Part, BadRequest> {
    let (mut url, mut closely) = (None, None);
    for (name, raw) in fields(raw)? {
        match &*name {
            "url" => url = Some(text(raw).within("url")?),
            "detail" => closely = detail(raw, lost),
            other => lost.value(&format!("image_url.{other}"), raw),
        }
    }
    Ok(Part::Image(Media {
        source: source(needed(url, "url")?),
        name: None,
        detail: closely,
    }))
}

fn file(raw: &str, lost: &mut Lost) -> Result<Part, BadRequest> {
    let (mut data, mut id, mut called) = (None, None, None);
    for (name, raw) in fields(raw)? {
        match &*name {
            "file_data" => data = Some(text(raw).within("file_data")?),
            "file_id" => id = Some(text(raw).within("file_id")?),
            "filename" => called = Some(text(raw).within("filename")?),
            other => lost.value(&format!("file.{other}"), raw),
        }
    }
    let source = match (data, id) {
        (Some(data), _) if data.starts_with("data:") || data.starts_with("https:") => source(data),
        // Bare base64 is of the one kind of document that chat takes.
        (Some(data), _) => Source::Inline {
            mime: "application/pdf".to_owned(),
            data,
        },
        (None, Some(id)) => Source::Uploaded(id),
        (None, None) => return Err(wrong("is missing")).within("file_data"),
    };
    Ok(Part::File(Media {
        source,
        name: called,
        detail: None,
    }))
}

fn audio(raw: &str, lost: &mut Lost) -> Result<Part, BadRequest> {
    let (mut data, mut format) = (None, None);
    for (name, raw) in fields(raw)? {
        match &*name {
            "data" => data = Some(text(raw).within("data")?),
            "format" => format = Some(text(raw).within("format")?),
            other => lost.value(&format!("input_audio.{other}"), raw),
        }
    }
    let mime = match needed(format, "format")?.as_str() {
        "mp3" => "audio/mpeg".to_owned(),
        format => format!("audio/{format}"),
    };
    Ok(Part::File(Media {
        source: Source::Inline {
            mime,
            data: needed(data, "data")?,
        },
        name: None,
        detail: None,
    }))
}

/// Reads one call; `None` for one of a tool that nobody else knows.
fn call(raw: &str, turns: &mut Turns, lost: &mut Lost) -> Result<Option<Part>, BadRequest> {
    let (mut id, mut kind, mut signature) = (None, None, None);
    let (mut function, mut known) = (None, None);
    for (name, raw) in fields(raw)? {
        match &*name {
            "id" => id = Some(text(raw).within("id")?),
            "type" => kind = Some(text(raw).within("type")?),
            "function" => function = Some(raw),
            "custom" => known = Some(raw),
            "extra_content" => {
                let extra: serde_json::Value = serde_json::from_str(raw).unwrap_or_default();
                let signed = extra["google"]["thought_signature"].as_str();
                signature = signed.map(seal::of_gemini);
            }
            // Streams number their calls, and clients give that back.
            "index" => {}
            other => lost.value(&format!("messages.tool_calls.{other}"), raw),
        }
    }
    let (raw, kind, written) = match kind.as_deref() {
        None | Some("function") => (function, "function", "arguments"),
        Some("custom") => (known, "custom", "input"),
        Some(kind) => {
            lost.field(&format!("messages.tool_calls.{kind}"));
            id.into_iter().for_each(|id| turns.drop_call(id));
            return Ok(None);
        }
    };
    let (mut called, mut given) = (None, None);
    for (name, raw) in fields(needed(raw, kind)?).within(kind)? {
        match &*name {
            "name" => called = Some(text(raw).within("name").within(kind)?),
            name if name == written => given = Some(text(raw).within(name).within(kind)?),
            other => lost.value(&format!("messages.tool_calls.{kind}.{other}"), raw),
        }
    }
    let id = needed(id.filter(|id| !id.is_empty()), "id")?;
    let name = needed(called, "name").within(kind)?;
    let given = given.unwrap_or_default();
    let call = match kind {
        "custom" => custom::call(id, name, &given),
        _ => ToolCall {
            id,
            name,
            arguments: given,
            signature: None,
            custom: false,
        },
    };
    Ok(Some(Part::ToolCall(ToolCall { signature, ..call })))
}
