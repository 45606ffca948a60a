//! What a client asks.

mod item;
mod tools;

use crate::dialect::{
    neutral::{Conversation, Json, Lost, OutputFormat, Part, Role, ToolChoice, namespace, seal},
    openai::{
        body::{
            Within, count, fields, flag, list, needed, number, object, text, told, utf8, wrong,
        },
        turns::{Turns, allow_only, filled, openais, reasoning, tool_choice},
    },
    request::BadRequest,
};

/// Reads the body of a request; what the neutral form has no place for goes to `lost`.
///
/// # Errors
///
/// [`BadRequest`] for a body that is wrong for its own dialect, or that refers
/// to what an earlier request left behind; it names the place.
pub fn request(body: &[u8], lost: &mut Lost) -> Result<Conversation, BadRequest> {
    utf8(body).and_then(|json| read(json, lost)).map_err(told)
}

fn read(json: &str, lost: &mut Lost) -> Result<Conversation, BadRequest> {
    let mut asked = Conversation::default();
    let (mut instructions, mut input, mut choice) = (None, None, None);
    for (name, raw) in fields(json)? {
        match &*name {
            "instructions" => instructions = Some(text(raw).within("instructions")?),
            "input" => input = Some(said(raw, lost).within("input")?),
            // Of the tools, which may come behind it.
            "tool_choice" => choice = Some(raw),
            other => field(&mut asked, other, raw, lost).within(other)?,
        }
    }
    if let Some(raw) = choice {
        choose(&mut asked, raw, lost).within("tool_choice")?;
    }
    let (system, turns) = needed(input, "input")?.in_order();
    let instructions = instructions.filter(|text| !text.is_empty());
    asked.system.extend(instructions.map(Part::Text));
    asked.system.extend(system);
    asked.turns = turns;
    for turn in &mut asked.turns {
        seal::rejoin(&mut turn.parts);
    }
    Ok(asked)
}

fn said(raw: &str, lost: &mut Lost) -> Result<Turns, BadRequest> {
    let mut turns = Turns::default();
    if raw.starts_with('"') {
        turns.add(Role::User, vec![Part::Text(text(raw)?)]);
    } else if raw.starts_with('[') {
        for (at, raw) in list(raw)?.into_iter().enumerate() {
            item::read(raw, &mut turns, lost).at(at)?;
        }
    } else {
        return Err(wrong("must be a string or a list of items"));
    }
    Ok(turns)
}

fn field(
    asked: &mut Conversation,
    name: &str,
    raw: &str,
    lost: &mut Lost,
) -> Result<(), BadRequest> {
    let sampling = &mut asked.sampling;
    match name {
        "tools" => {
            for (at, raw) in list(raw)?.into_iter().enumerate() {
                asked.tools.extend(tools::read(raw, lost).at(at)?);
            }
        }
        "parallel_tool_calls" => asked.parallel_tools = Some(flag(raw)?),
        "text" => {
            for (name, raw) in fields(raw)? {
                match &*name {
                    "format" => asked.format = format(raw, lost).within("format")?,
                    other if openais(&mut asked.openai, other, raw)? => {}
                    other => lost.value(&format!("text.{other}"), raw),
                }
            }
        }
        "max_output_tokens" => sampling.max_tokens = Some(count(raw)?),
        "temperature" => sampling.temperature = Some(number(raw)?),
        "top_p" => sampling.top_p = Some(number(raw)?),
        "reasoning" => {
            for (name, raw) in fields(raw)? {
                match &*name {
                    "effort" => {
                        let effort = text(raw).and_then(|word| reasoning(&word));
                        asked.reasoning = Some(effort.within("effort")?);
                    }
                    // Unasked for, they come where the provider gives any.
                    "summary" | "generate_summary" => asked.shows_thoughts = Some(true),
                    other => lost.value(&format!("reasoning.{other}"), raw),
                }
            }
        }
        "user" => asked.user = filled(text(raw)?),
        "top_logprobs" if count(raw)? > 0 => sampling.logprobs = Some(count(raw)?),
        "top_logprobs" => {}
        "stream" => asked.stream = flag(raw)?,
        "previous_response_id" | "conversation" | "prompt" => {
            return Err(wrong(
                "refers to what a provider has stored, and this model's provider keeps nothing; \
                 send the whole conversation in `input`",
            ));
        }
        "background" if flag(raw)? => {
            return Err(wrong(
                "cannot be true for this model, whose provider answers only while it is waited for",
            ));
        }
        "include" => {
            for (at, raw) in list(raw)?.into_iter().enumerate() {
                match text(raw).at(at)?.as_str() {
                    // Seals on thoughts come anyway.
                    "reasoning.encrypted_content" => {}
                    "message.output_text.logprobs" => drop(sampling.logprobs.get_or_insert(0)),
                    _ => lost.field("include"),
                }
            }
        }
        // The gateway's own business, or of no consequence to the answer.
        "model" | "stream_options" | "client_metadata" => {}
        "truncation" if raw == r#""disabled""# => {}
        _ if openais(&mut asked.openai, name, raw)? => {}
        _ => lost.value(name, raw),
    }
    Ok(())
}

fn choose(asked: &mut Conversation, raw: &str, lost: &mut Lost) -> Result<(), BadRequest> {
    if raw.starts_with('"') {
        asked.tool_choice = Some(tool_choice(&text(raw)?)?);
        return Ok(());
    }
    let (mut kind, mut called, mut space) = (None, None, None);
    for (name, raw) in fields(raw)? {
        match &*name {
            "type" => kind = Some(text(raw).within("type")?),
            "name" => called = Some(text(raw).within("name")?),
            "namespace" => space = Some(text(raw).within("namespace")?),
            _ => {}
        }
    }
    let kind = needed(kind, "type")?;
    if kind == "allowed_tools" {
        return allow_only(asked, raw, lost);
    }
    if kind != "function" && kind != "custom" {
        lost.field(&format!("tool_choice.{kind}"));
        return Ok(());
    }
    let name = namespace::joined(space.as_deref(), &needed(called, "name")?);
    let name = match namespace::meant(&asked.tools, [name.clone()]).as_slice() {
        [one] => one.clone(),
        // Nobody can tell, and the provider says so.
        _ => name,
    };
    asked.tool_choice = Some(ToolChoice::Named(name));
    Ok(())
}

fn format(raw: &str, lost: &mut Lost) -> Result<OutputFormat, BadRequest> {
    let (mut kind, mut called, mut schema, mut strict) = (None, None, None, None);
    for (name, raw) in fields(raw)? {
        match &*name {
            "type" => kind = Some(text(raw).within("type")?),
            "name" => called = Some(text(raw).within("name")?),
            "schema" => schema = Some(object(raw).within("schema")?),
            "strict" => strict = Some(flag(raw).within("strict")?),
            other => lost.value(&format!("text.format.{other}"), raw),
        }
    }
    match needed(kind, "type")?.as_str() {
        "text" => Ok(OutputFormat::Text),
        "json_object" => Ok(OutputFormat::JsonObject),
        "json_schema" => Ok(OutputFormat::JsonSchema {
            name: called,
            schema: schema.unwrap_or_else(Json::empty_object),
            strict,
        }),
        _ => Err(wrong("must be text, json_object or json_schema")).within("type"),
    }
}
