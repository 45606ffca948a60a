//! The tools that the model may call.

use std::borrow::Cow;

use crate::dialect::{
    neutral::{Lost, Tool, namespace},
    openai::{
        body::{Within, fields, flag, list, needed, object, text, wrong},
        custom,
        turns::filled,
    },
    request::BadRequest,
};

type Fields<'a> = [(Cow<'a, str>, &'a str)];

/// Reads an entry of the list: a tool, or a namespace of several; none for a
/// kind that nobody else knows.
pub(super) fn read(raw: &str, lost: &mut Lost) -> Result<Vec<Tool>, BadRequest> {
    let fields = fields(raw)?;
    match kind(&fields)?.as_str() {
        "namespace" => within(&fields, raw.len(), lost),
        _ => Ok(tool(raw, lost)?.into_iter().collect()),
    }
}

fn kind(fields: &Fields<'_>) -> Result<String, BadRequest> {
    let kind = fields.iter().find(|(name, _)| name == "type");
    let (_, kind) = needed(kind, "type")?;
    text(kind).within("type")
}

/// The longest name of a namespace, in bytes: each of its tools repeats it.
const LONGEST: usize = 128;
/// How often a namespace may be told over again, each time its description goes
/// with one of its tools.
const TIMES: usize = 8;

/// Reads the tools of a namespace, which was told in `size` bytes. What it is for
/// goes with each of them or, lest a small request become a huge one, with the
/// first.
fn within(fields: &Fields<'_>, size: usize, lost: &mut Lost) -> Result<Vec<Tool>, BadRequest> {
    let (mut called, mut about, mut tools) = (None, None, None);
    for (name, raw) in fields {
        match &**name {
            "type" => {}
            "name" => called = filled(text(raw).within("name")?),
            "description" => about = filled(text(raw).within("description")?),
            "tools" => {
                let tools = tools.get_or_insert_with(Vec::new);
                for (at, raw) in list(raw).within("tools")?.into_iter().enumerate() {
                    tools.extend(tool(raw, lost).at(at).within("tools")?);
                }
            }
            other => lost.value(&format!("tools.namespace.{other}"), raw),
        }
    }
    let called = whole(needed(called, "name")?)?;
    if called.len() > LONGEST {
        return Err(wrong("must not be longer than 128 bytes")).within("name");
    }
    let tools = needed(tools, "tools")?;
    let repeated = about.as_ref().map_or(0, String::len) * tools.len();
    let fits = repeated <= size.saturating_mul(TIMES);
    let tools = tools.into_iter().enumerate();
    Ok(tools
        .map(|(at, tool)| {
            let about = about.as_deref().filter(|_| fits || at == 0);
            tool.within(&called, about)
        })
        .collect())
}

/// Refuses a name that would be taken for that of a tool within a namespace.
fn whole(name: String) -> Result<String, BadRequest> {
    match namespace::is_whole(&name) {
        true => Ok(name),
        false => Err(wrong("must not hold U+001F")).within("name"),
    }
}

fn tool(raw: &str, lost: &mut Lost) -> Result<Option<Tool>, BadRequest> {
    let fields = fields(raw)?;
    let kind = kind(&fields)?;
    let tool = match kind.as_str() {
        "function" => function(&fields, lost)?,
        "custom" => custom::tool(raw, lost)?,
        _ => {
            lost.field(&format!("tools.{kind}"));
            return Ok(None);
        }
    };
    Ok(Some(Tool {
        name: whole(tool.name)?,
        ..tool
    }))
}

fn function(fields: &Fields<'_>, lost: &mut Lost) -> Result<Tool, BadRequest> {
    let mut called = None;
    let (mut description, mut parameters, mut strict) = (None, None, None);
    for (name, raw) in fields {
        match &**name {
            "type" => {}
            "name" => called = Some(text(raw).within("name")?),
            "description" => description = Some(text(raw).within("description")?),
            "parameters" => parameters = Some(object(raw).within("parameters")?),
            "strict" => strict = Some(flag(raw).within("strict")?),
            other => lost.value(&format!("tools.{other}"), raw),
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
