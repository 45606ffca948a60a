//! What a client asks.

mod message;

use crate::dialect::{
    neutral::{Conversation, Json, Lost, OutputFormat, Tool, ToolChoice},
    openai::{
        body::{
            Within, count, fields, flag, integer, list, needed, number, object, text, told, utf8,
            wrong,
        },
        custom,
        turns::{Turns, allow_only, filled, lower, openais, reasoning, tool_choice},
    },
    request::BadRequest,
};

/// Reads the body of a request; what the neutral form has no place for goes to `lost`.
///
/// # Errors
///
/// [`BadRequest`] for a body that is wrong for its own dialect; it names the place.
pub fn request(body: &[u8], lost: &mut Lost) -> Result<Conversation, BadRequest> {
    utf8(body).and_then(|json| read(json, lost)).map_err(told)
}

fn read(json: &str, lost: &mut Lost) -> Result<Conversation, BadRequest> {
    let mut asked = Conversation::default();
    let (mut has_messages, mut choice) = (false, None);
    for (name, raw) in fields(json)? {
        has_messages |= name == "messages";
        match &*name {
            // Of the tools, which may come behind it.
            "tool_choice" | "function_call" => choice = Some((name, raw)),
            name => field(&mut asked, name, raw, lost).within(name)?,
        }
    }
    if let Some((name, raw)) = choice {
        choose(&mut asked, raw, lost).within(&name)?;
    }
    needed(has_messages.then_some(()), "messages")?;
    Ok(asked)
}

fn field(
    asked: &mut Conversation,
    name: &str,
    raw: &str,
    lost: &mut Lost,
) -> Result<(), BadRequest> {
    let sampling = &mut asked.sampling;
    match name {
        "messages" => {
            let mut turns = Turns::default();
            let all = list(raw)?;
            if all.is_empty() {
                return Err(wrong("must have at least one message"));
            }
            for (at, raw) in all.into_iter().enumerate() {
                message::read(raw, &mut turns, lost).at(at)?;
            }
            (asked.system, asked.turns) = turns.in_order();
        }
        "tools" => {
            for (at, raw) in list(raw)?.into_iter().enumerate() {
                asked.tools.extend(tool(raw, lost).at(at)?);
            }
        }
        // What tools were called before 2024.
        "functions" => {
            for (at, raw) in list(raw)?.into_iter().enumerate() {
                asked.tools.push(read_function(raw, lost).at(at)?);
                asked.functions = true;
                asked.parallel_tools = Some(false);
            }
        }
        "parallel_tool_calls" => asked.parallel_tools = Some(flag(raw)?),
        "response_format" => asked.format = format(raw, lost)?,
        // Two names of one limit, the older one first.
        "max_tokens" | "max_completion_tokens" => lower(&mut sampling.max_tokens, count(raw)?),
        "temperature" => sampling.temperature = Some(number(raw)?),
        "top_p" => sampling.top_p = Some(number(raw)?),
        // OpenAI has none; compatible servers and their clients do.
        "top_k" => sampling.top_k = Some(count(raw)?),
        "stop" if raw.starts_with('"') => sampling.stop.extend(filled(text(raw)?)),
        "stop" => {
            let stops = list(raw)?.into_iter().enumerate();
            let stops = stops.map(|(at, raw)| text(raw).at(at));
            sampling.stop = stops.collect::<Result<_, _>>()?;
            // Such a one asks for nothing, and is refused elsewhere.
            sampling.stop.retain(|text| !text.is_empty());
        }
        "seed" => sampling.seed = Some(integer(raw)?),
        "presence_penalty" => sampling.presence_penalty = Some(number(raw)?),
        "frequency_penalty" => sampling.frequency_penalty = Some(number(raw)?),
        "n" => sampling.candidates = Some(count(raw)?).filter(|many| *many != 1),
        "reasoning_effort" => asked.reasoning = Some(reasoning(&text(raw)?)?),
        "logprobs" if flag(raw)? => drop(sampling.logprobs.get_or_insert(0)),
        "top_logprobs" if count(raw)? > 0 => sampling.logprobs = Some(count(raw)?),
        "logprobs" | "top_logprobs" => {}
        "user" => asked.user = filled(text(raw)?),
        "stream" => asked.stream = flag(raw)?,
        // The gateway's own business, or of no consequence to the answer.
        "model" | "stream_options" => {}
        "modalities" if raw.replace(' ', "") == r#"["text"]"# => {}
        _ if openais(&mut asked.openai, name, raw)? => {}
        _ => lost.value(name, raw),
    }
    Ok(())
}

/// Returns `None` for a tool of a kind that nobody else knows.
fn tool(raw: &str, lost: &mut Lost) -> Result<Option<Tool>, BadRequest> {
    let (mut kind, mut function, mut known) = (None, None, None);
    for (name, raw) in fields(raw)? {
        match &*name {
            "type" => kind = Some(text(raw).within("type")?),
            "function" => function = Some(raw),
            "custom" => known = Some(raw),
            other => lost.value(&format!("tools.{other}"), raw),
        }
    }
    let kind = needed(kind, "type")?;
    if kind == "custom" {
        let tool = custom::tool(needed(known, "custom")?, lost);
        return tool.within("custom").map(Some);
    }
    if kind != "function" {
        lost.field(&format!("tools.{kind}"));
        return Ok(None);
    }
    let function = needed(function, "function")?;
    read_function(function, lost).within("function").map(Some)
}

fn read_function(raw: &str, lost: &mut Lost) -> Result<Tool, BadRequest> {
    let mut called = None;
    let (mut description, mut parameters, mut strict) = (None, None, None);
    for (name, raw) in fields(raw)? {
        match &*name {
            "name" => called = Some(text(raw).within("name")?),
            "description" => description = Some(text(raw).within("description")?),
            "parameters" => parameters = Some(object(raw).within("parameters")?),
            "strict" => strict = Some(flag(raw).within("strict")?),
            other => lost.value(&format!("tools.function.{other}"), raw),
        }
    }
    Ok(Tool {
        name: needed(called, "name")?,
        description,
        parameters,
        strict,
        custom: None,
    })
}

fn choose(asked: &mut Conversation, raw: &str, lost: &mut Lost) -> Result<(), BadRequest> {
    if raw.starts_with('"') {
        asked.tool_choice = Some(tool_choice(&text(raw)?)?);
        return Ok(());
    }
    let (mut kind, mut one, mut allowed, mut is_named) = (None, None, None, false);
    for (name, raw) in fields(raw)? {
        match &*name {
            "type" => kind = Some(text(raw).within("type")?),
            "function" | "custom" => one = Some(raw),
            "allowed_tools" => allowed = Some(raw),
            "name" => is_named = true,
            _ => {}
        }
    }
    // A `function_call` is nothing but a name.
    if kind.is_none() && is_named {
        asked.tool_choice = Some(named(raw)?);
        return Ok(());
    }
    let kind = needed(kind, "type")?;
    if kind == "allowed_tools" {
        let allowed = needed(allowed, "allowed_tools")?;
        return allow_only(asked, allowed).within("allowed_tools");
    }
    if kind != "function" && kind != "custom" {
        lost.field(&format!("tool_choice.{kind}"));
        return Ok(());
    }
    asked.tool_choice = Some(named(needed(one, &kind)?).within(&kind)?);
    Ok(())
}

/// Reads the name of the one tool that must be called.
fn named(raw: &str) -> Result<ToolChoice, BadRequest> {
    let fields = fields(raw)?;
    let name = fields.iter().find(|(name, _)| name == "name");
    let name = needed(name, "name").and_then(|(_, raw)| text(raw).within("name"));
    name.map(ToolChoice::Named)
}

fn format(raw: &str, lost: &mut Lost) -> Result<OutputFormat, BadRequest> {
    let (mut kind, mut schema) = (None, None);
    for (name, raw) in fields(raw)? {
        match &*name {
            "type" => kind = Some(text(raw).within("type")?),
            "json_schema" => schema = Some(raw),
            other => lost.value(&format!("response_format.{other}"), raw),
        }
    }
    match needed(kind, "type")?.as_str() {
        "text" => Ok(OutputFormat::Text),
        "json_object" => Ok(OutputFormat::JsonObject),
        "json_schema" => json_schema(needed(schema, "json_schema")?, lost).within("json_schema"),
        _ => Err(wrong("must be text, json_object or json_schema")).within("type"),
    }
}

fn json_schema(raw: &str, lost: &mut Lost) -> Result<OutputFormat, BadRequest> {
    let (mut called, mut schema, mut strict) = (None, Json::empty_object(), None);
    for (name, raw) in fields(raw)? {
        match &*name {
            "name" => called = Some(text(raw).within("name")?),
            "schema" => schema = object(raw).within("schema")?,
            "strict" => strict = Some(flag(raw).within("strict")?),
            other => lost.value(&format!("json_schema.{other}"), raw),
        }
    }
    Ok(OutputFormat::JsonSchema {
        name: called,
        schema,
        strict,
    })
}
