//! Tools, and whether the model is to call them.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::wrong;
use crate::dialect::{
    gemini::{
        line::one_line,
        schema,
        wire::{Fields, Text, list},
    },
    neutral::{Json, Lost, Tool, ToolChoice},
    request::BadRequest,
};

/// Reads `tools`: declarations of functions; Google's own tools are lost.
pub(super) fn tools(
    raw: &RawValue,
    tools: &mut Vec<Tool>,
    lost: &mut Lost,
) -> Result<(), BadRequest> {
    for (at, raw) in list(raw).into_iter().enumerate() {
        let path = || format!("tools[{at}]");
        let fields = Fields::read(raw.get()).ok_or_else(|| wrong(path(), "an object"))?;
        for (name, raw) in fields.named() {
            if name != "functionDeclarations" {
                lost.field(&format!("tools.{name}"));
                continue;
            }
            for (n, raw) in list(raw).into_iter().enumerate() {
                let path = format!("{}.functionDeclarations[{n}]", path());
                tools.push(declaration(raw, &path, lost)?);
            }
        }
    }
    Ok(())
}

fn declaration(raw: &RawValue, path: &str, lost: &mut Lost) -> Result<Tool, BadRequest> {
    let fields = Fields::read(raw.get()).ok_or_else(|| wrong(path, "an object"))?;
    let text = |name: &str, raw: &RawValue| {
        serde_json::from_str::<String>(raw.get())
            .map_err(|_| wrong(format!("{path}.{name}"), "a string"))
    };
    let mut tool = Tool {
        name: String::new(),
        description: None,
        parameters: None,
        strict: None,
        custom: None,
    };
    for (name, raw) in fields.named() {
        match &*name {
            "name" => tool.name = text("name", raw)?,
            "description" => tool.description = Some(text("description", raw)?),
            "parameters" => {
                let schema = schema::to_json_schema(raw);
                let schema = schema.ok_or_else(|| wrong(format!("{path}.{name}"), "a schema"))?;
                tool.parameters = Some(schema);
            }
            "parametersJsonSchema" => tool.parameters = Json::parse(&one_line(raw.get())),
            other => lost.value(&format!("functionDeclarations.{other}"), raw.get()),
        }
    }
    match tool.name.is_empty() {
        true => Err(wrong(format!("{path}.name"), "a name")),
        false => Ok(tool),
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Calling<'a> {
    #[serde(borrow)]
    mode: Option<Text<'a>>,
    #[serde(alias = "allowed_function_names")]
    allowed_function_names: Option<Vec<String>>,
}

/// Reads `toolConfig`; returns whether calls must fit their schemas, which is
/// mode `VALIDATED`. `only` are the tools that may be called, if not all may.
pub(super) fn choice(
    raw: &RawValue,
    choice: &mut Option<ToolChoice>,
    only: &mut Vec<String>,
    lost: &mut Lost,
) -> Result<bool, BadRequest> {
    const PATH: &str = "toolConfig.functionCallingConfig";
    let fields = Fields::read(raw.get()).ok_or_else(|| wrong("toolConfig", "an object"))?;
    let mut validated = false;
    for (name, raw) in fields.named() {
        if name != "functionCallingConfig" {
            lost.value(&format!("toolConfig.{name}"), raw.get());
            continue;
        }
        let calling: Calling<'_> =
            serde_json::from_str(raw.get()).map_err(|_| wrong(PATH, "an object"))?;
        let mode = calling.mode.as_deref().unwrap_or_default();
        let mut allowed = calling.allowed_function_names.unwrap_or_default();
        let mode = mode.to_ascii_uppercase();
        *choice = match (mode.as_str(), allowed.len()) {
            ("" | "MODE_UNSPECIFIED", _) => None,
            ("AUTO" | "VALIDATED", _) => Some(ToolChoice::Auto),
            ("NONE", _) => Some(ToolChoice::None),
            ("ANY", 1) => allowed.pop().map(ToolChoice::Named),
            ("ANY", _) => Some(ToolChoice::Any),
            _ => {
                let expected = "`AUTO`, `ANY`, `NONE` or `VALIDATED`";
                return Err(wrong(format!("{PATH}.mode"), expected));
            }
        };
        validated = mode == "VALIDATED";
        match mode.as_str() {
            "ANY" | "VALIDATED" => *only = allowed,
            // Google refuses them elsewhere.
            _ if !allowed.is_empty() => lost.field("allowedFunctionNames"),
            _ => {}
        }
    }
    Ok(validated)
}
