//! One item of the input.

use std::borrow::Cow;

use crate::dialect::{
    neutral::{Feature, Lost, Media, Part, Role, Source, Thought, ToolCall, namespace::joined},
    openai::{
        body::{Within, fields, list, needed, parts, text, wrong},
        custom,
        responses::{A_THOUGHT, OPENAIS_OWN, REDACTED},
        turns::{Turns, detail, source},
    },
    request::BadRequest,
};

type Fields<'a> = [(Cow<'a, str>, &'a str)];

/// Reads one item and adds it to `turns`.
pub(super) fn read(raw: &str, turns: &mut Turns, lost: &mut Lost) -> Result<(), BadRequest> {
    let fields = fields(raw)?;
    let kind = fields.iter().find(|(name, _)| name == "type");
    // A message may leave its type out, and so may a reference.
    let is_id = matches!(fields.as_slice(), [(name, _)] if name == "id");
    let untyped = if is_id { "item_reference" } else { "message" };
    let kind = kind.map_or(Ok(untyped.to_owned()), |(_, raw)| text(raw).within("type"));
    match kind?.as_str() {
        "message" => message(&fields, turns, lost),
        "function_call" => call(&fields, turns, lost),
        "custom_tool_call" => custom_call(&fields, turns, lost),
        "function_call_output" | "custom_tool_call_output" => result(&fields, turns, lost),
        "reasoning" => reasoning(&fields, turns, lost),
        "item_reference" => reference(&fields, lost),
        other => {
            lost.field(&format!("input.{other}"));
            let call = fields.iter().find(|(name, _)| name == "call_id");
            let id = call.and_then(|(_, raw)| text(raw).ok());
            id.into_iter().for_each(|id| turns.drop_call(id));
            Ok(())
        }
    }
}

/// Reads a reference to what an earlier answer had, which is kept nowhere here:
/// a thought can be done without.
fn reference(fields: &Fields<'_>, lost: &mut Lost) -> Result<(), BadRequest> {
    let id = fields.iter().find(|(name, _)| name == "id");
    let id = id.map(|(_, raw)| text(raw).within("id")).transpose()?;
    if id.is_some_and(|id| id.starts_with(A_THOUGHT)) {
        lost.feature(Feature::Thought);
        return Ok(());
    }
    Err(wrong(
        "must not be item_reference: this model's provider keeps nothing; send the item itself, as it was in \
         the answer, which SDKs do with `store: false` (AI SDK: `providerOptions.openai.store`)",
    ))
    .within("type")
}

/// What an item that a client gives back still has from its answer.
fn unknown(name: &str, raw: &str, lost: &mut Lost) {
    let is_known = matches!(name, "type" | "id" | "status" | "phase");
    if !is_known {
        lost.value(&format!("input.{name}"), raw);
    }
}

fn message(fields: &Fields<'_>, turns: &mut Turns, lost: &mut Lost) -> Result<(), BadRequest> {
    let (mut role, mut said) = (None, None);
    for (name, raw) in fields {
        match &**name {
            "role" => role = Some(text(raw).within("role")?),
            "content" => said = Some(parts(raw, |raw| part(raw, lost)).within("content")?),
            other => unknown(other, raw, lost),
        }
    }
    let role = needed(role, "role")?;
    let said = needed(said, "content")?;
    match role.as_str() {
        "system" | "developer" => turns.add(Role::System, said),
        "user" => turns.add(Role::User, said),
        "assistant" => said.into_iter().for_each(|part| turns.add_to_answer(part)),
        _ => return Err(wrong("must be system, developer, user or assistant")).within("role"),
    }
    Ok(())
}

fn call(fields: &Fields<'_>, turns: &mut Turns, lost: &mut Lost) -> Result<(), BadRequest> {
    let (mut id, mut called, mut space, mut arguments) = (None, None, None, None);
    for (name, raw) in fields {
        match &**name {
            "call_id" => id = Some(text(raw).within("call_id")?),
            "name" => called = Some(text(raw).within("name")?),
            "namespace" => space = Some(text(raw).within("namespace")?),
            "arguments" => arguments = Some(text(raw).within("arguments")?),
            other => unknown(other, raw, lost),
        }
    }
    turns.add_to_answer(Part::ToolCall(ToolCall {
        id: needed(id.filter(|id| !id.is_empty()), "call_id")?,
        name: joined(space.as_deref(), &needed(called, "name")?),
        arguments: arguments.unwrap_or_default(),
        signature: None,
        custom: false,
    }));
    Ok(())
}

fn custom_call(fields: &Fields<'_>, turns: &mut Turns, lost: &mut Lost) -> Result<(), BadRequest> {
    let (mut id, mut called, mut space, mut input) = (None, None, None, None);
    for (name, raw) in fields {
        match &**name {
            "call_id" => id = Some(text(raw).within("call_id")?),
            "name" => called = Some(text(raw).within("name")?),
            "namespace" => space = Some(text(raw).within("namespace")?),
            "input" => input = Some(text(raw).within("input")?),
            other => unknown(other, raw, lost),
        }
    }
    let id = needed(id.filter(|id| !id.is_empty()), "call_id")?;
    let input = input.unwrap_or_default();
    let name = joined(space.as_deref(), &needed(called, "name")?);
    let call = custom::call(id, name, &input);
    turns.add_to_answer(Part::ToolCall(call));
    Ok(())
}

fn result(fields: &Fields<'_>, turns: &mut Turns, lost: &mut Lost) -> Result<(), BadRequest> {
    let (mut id, mut output) = (None, None);
    for (name, raw) in fields {
        match &**name {
            "call_id" => id = Some(text(raw).within("call_id")?),
            "output" => output = Some(parts(raw, |raw| part(raw, lost)).within("output")?),
            // The call has said it.
            "name" | "namespace" => {}
            other => unknown(other, raw, lost),
        }
    }
    let id = needed(id.filter(|id| !id.is_empty()), "call_id")?;
    turns.add_result(id, needed(output, "output")?);
    Ok(())
}

fn reasoning(fields: &Fields<'_>, turns: &mut Turns, lost: &mut Lost) -> Result<(), BadRequest> {
    let mut thought = Thought::default();
    for (name, raw) in fields {
        match &**name {
            // Both are lists of texts; the summary is what clients have mostly.
            "summary" | "content" => {
                for (at, raw) in list(raw).within(name)?.into_iter().enumerate() {
                    let text = text_of(raw).at(at).within(name)?;
                    if !thought.text.is_empty() && !text.is_empty() {
                        thought.text.push_str("\n\n");
                    }
                    thought.text.push_str(&text);
                }
            }
            "encrypted_content" => {
                let seal = text(raw).within(name)?;
                match seal.starts_with(OPENAIS_OWN) {
                    true => lost.feature(Feature::Thought),
                    false => thought.signature = Some(seal),
                }
            }
            other => unknown(other, raw, lost),
        }
    }
    let hidden = thought.signature.as_deref();
    if let Some(hidden) = hidden.and_then(|seal| seal.strip_prefix(REDACTED)) {
        thought.signature = Some(hidden.to_owned());
        thought.redacted = true;
    }
    if !thought.text.is_empty() || thought.signature.is_some() {
        turns.add_to_answer(Part::Thought(thought));
    }
    Ok(())
}

/// Returns the `text` of a part.
fn text_of(raw: &str) -> Result<String, BadRequest> {
    let fields = fields(raw)?;
    let said = fields.iter().find(|(name, _)| name == "text");
    needed(said, "text").and_then(|(_, raw)| text(raw).within("text"))
}

/// Reads one part; `None` for a kind that the neutral form does not know.
fn part(raw: &str, lost: &mut Lost) -> Result<Option<Part>, BadRequest> {
    let fields = fields(raw)?;
    let kind = fields.iter().find(|(name, _)| name == "type");
    let (_, kind) = needed(kind, "type")?;
    let kind = text(kind).within("type")?;
    let mut unknown = |name: &str, raw: &str| {
        let is_known = match name {
            "type" | "annotations" | "logprobs" => true,
            // How closely to read a document only this API can be told.
            "detail" => raw == r#""auto""#,
            _ => false,
        };
        if !is_known {
            lost.value(&format!("input.content.{name}"), raw);
        }
    };
    match kind.as_str() {
        "input_text" | "output_text" | "text" | "refusal" => {
            let name = if kind == "refusal" { "refusal" } else { "text" };
            let mut said = None;
            for (field, raw) in &fields {
                match &**field {
                    field if field == name => said = Some(text(raw).within(name)?),
                    other => unknown(other, raw),
                }
            }
            let said = needed(said, name)?;
            Ok(Some(match name {
                "refusal" => Part::Refusal(said),
                _ => Part::Text(said),
            }))
        }
        "input_image" => {
            let (mut url, mut id, mut closely) = (None, None, None);
            for (name, raw) in &fields {
                match &**name {
                    "image_url" => url = Some(text(raw).within("image_url")?),
                    "file_id" => id = Some(text(raw).within("file_id")?),
                    "detail" => closely = Some(*raw),
                    other => unknown(other, raw),
                }
            }
            let source = url.map(source).or(id.map(Source::Uploaded));
            Ok(Some(Part::Image(Media {
                source: needed(source, "image_url")?,
                name: None,
                detail: closely.and_then(|raw| detail(raw, lost)),
            })))
        }
        "input_file" => file(&fields, &mut unknown).map(Some),
        other => {
            lost.field(&format!("input.content.{other}"));
            Ok(None)
        }
    }
}

fn file(fields: &Fields<'_>, unknown: &mut impl FnMut(&str, &str)) -> Result<Part, BadRequest> {
    let (mut data, mut url, mut id, mut called) = (None, None, None, None);
    for (name, raw) in fields {
        match &**name {
            "file_data" => data = Some(text(raw).within("file_data")?),
            "file_url" => url = Some(text(raw).within("file_url")?),
            "file_id" => id = Some(text(raw).within("file_id")?),
            "filename" => called = Some(text(raw).within("filename")?),
            other => unknown(other, raw),
        }
    }
    let data = data.map(|data| match data.starts_with("data:") {
        true => source(data),
        // Bare base64 is of the most common kind of document.
        false => Source::Inline {
            mime: "application/pdf".to_owned(),
            data,
        },
    });
    let source = data.or(url.map(source)).or(id.map(Source::Uploaded));
    Ok(Part::File(Media {
        source: needed(source, "file_data")?,
        name: called,
        detail: None,
    }))
}
