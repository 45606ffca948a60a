//! Tools and the choice among them.

use std::borrow::Cow;

use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::value::RawValue;

use super::schema::{closed, is_recursive};
use crate::dialect::{
    anthropic::model::Model,
    neutral::{self, Conversation, Feature, Json, Lost, ToolChoice, flat},
};

#[derive(Debug, Serialize)]
pub(super) struct Tool<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    input_schema: Cow<'a, RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

#[derive(Debug, Serialize)]
pub(super) struct Choice<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disable_parallel_tool_use: Option<bool>,
}

impl<'a> Tool<'a> {
    pub(super) fn of(tool: &'a neutral::Tool, model: Model, lost: &mut Lost) -> Self {
        let said = tool.parameters.as_ref();
        let flat = said.and_then(|it| flat(it, &[], lost));
        let parameters = flat.as_ref().or(said);
        let is_recursive = || parameters.is_some_and(is_recursive);
        let strict = tool.strict.filter(|_| model.fits_schemas());
        let strict = strict.filter(|strict| !strict || !is_recursive());
        if strict.is_none() && tool.strict == Some(true) {
            lost.feature(Feature::StrictTools);
        }
        Self {
            name: &tool.name,
            description: tool.description.as_deref(),
            input_schema: match &flat {
                Some(flat) => Cow::Owned(schema(Some(flat), strict, lost).into_owned()),
                None => schema(said, strict, lost),
            },
            strict,
        }
    }
}

/// Writes the tools that may be called.
pub(super) fn tools<'a>(of: &'a Conversation, model: Model, lost: &mut Lost) -> Vec<Tool<'a>> {
    let callable = of.callable_tools();
    let tools: Vec<_> = callable.map(|tool| Tool::of(tool, model, lost)).collect();
    if tools.len() < of.tools.len() {
        lost.feature(Feature::AllowedTools);
    }
    tools
}

/// Returns a schema of an object, which Anthropic wants to be called one.
fn schema<'a>(
    parameters: Option<&'a Json>,
    strict: Option<bool>,
    lost: &mut Lost,
) -> Cow<'a, RawValue> {
    // Exact adherence wants what every schema of an answer must be.
    if strict == Some(true)
        && let Some(parameters) = parameters.filter(|it| it.is_object())
    {
        return closed(parameters, lost);
    }
    #[derive(Deserialize)]
    struct Typed {
        #[serde(rename = "type")]
        kind: Option<IgnoredAny>,
    }
    let text = parameters.map_or("{}", Json::get);
    if !text.starts_with('{') {
        lost.field("tools.parameters");
    }
    let typed = serde_json::from_str(text).is_ok_and(|it: Typed| it.kind.is_some());
    if let (true, Ok(raw)) = (typed, serde_json::from_str(text)) {
        return Cow::Borrowed(raw);
    }
    let rest = text.strip_prefix('{').unwrap_or("}").trim_ascii_start();
    let text = match rest {
        "}" => r#"{"type":"object","properties":{}}"#.to_owned(),
        rest => format!(r#"{{"type":"object",{rest}"#),
    };
    RawValue::from_string(text).map_or(Cow::Borrowed(RawValue::NULL), Cow::Owned)
}

/// Tells whether tools must be called.
pub(super) fn is_forced(of: &Conversation) -> bool {
    matches!(of.tool_choice, Some(ToolChoice::Any | ToolChoice::Named(_))) && !of.tools.is_empty()
}

/// Writes the choice; there is none where there are no tools.
pub(super) fn choice<'a>(of: &'a Conversation, lost: &mut Lost) -> Option<Choice<'a>> {
    if of.tools.is_empty() {
        if let Some(ToolChoice::Any | ToolChoice::Named(_)) = of.tool_choice {
            lost.feature(Feature::ToolChoice);
        }
        return None;
    }
    let disable_parallel_tool_use = of.parallel_tools.map(|parallel| !parallel);
    let (kind, name) = match &of.tool_choice {
        None if disable_parallel_tool_use.is_none() => return None,
        None | Some(ToolChoice::Auto) => ("auto", None),
        Some(ToolChoice::Any) => ("any", None),
        Some(ToolChoice::Named(name)) => ("tool", Some(name.as_str())),
        Some(ToolChoice::None) => ("none", None),
    };
    Some(Choice {
        kind,
        name,
        // Where no tool is called, none is called beside another.
        disable_parallel_tool_use: disable_parallel_tool_use.filter(|_| kind != "none"),
    })
}
