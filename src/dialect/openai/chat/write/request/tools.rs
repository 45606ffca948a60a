//! Tools, and which of them the model is to call.

use std::borrow::Cow;

use serde::Serialize;

use super::{Variant, exact};
use crate::dialect::neutral::{self, Conversation, Feature, Json, Lost, ToolChoice, flat};

/// A tool.
pub(super) type Tool<'a> = Typed<Function<'a>>;

#[derive(Serialize)]
pub(super) struct Typed<T> {
    r#type: &'static str,
    function: T,
}

fn function<T>(function: T) -> Typed<T> {
    Typed {
        r#type: "function",
        function,
    }
}

#[derive(Serialize)]
pub(super) struct Function<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Cow<'a, Json>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

#[derive(Serialize)]
pub(super) struct Name<'a> {
    name: &'a str,
}

/// A `tool_choice`.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Choice<'a> {
    Word(&'static str),
    Named(Typed<Name<'a>>),
    Among {
        r#type: &'static str,
        allowed_tools: Allowed<'a>,
    },
}

#[derive(Serialize)]
pub(super) struct Allowed<'a> {
    mode: &'static str,
    tools: Vec<Typed<Name<'a>>>,
}

/// Writes the tools: where nobody but OpenAI reads which may be called, only these.
pub(super) fn tools<'a>(
    asked: &'a Conversation,
    variant: Variant,
    lost: &mut Lost,
) -> Vec<Tool<'a>> {
    let tools: Vec<_> = match variant {
        Variant::OpenAi => {
            let tools = asked.tools.iter();
            tools.map(|it| tool(it, variant, lost)).collect()
        }
        Variant::Compatible => {
            let tools = asked.callable_tools();
            tools.map(|it| tool(it, variant, lost)).collect()
        }
    };
    if tools.len() < asked.tools.len() {
        lost.feature(Feature::AllowedTools);
    }
    tools
}

fn tool<'a>(tool: &'a neutral::Tool, variant: Variant, lost: &mut Lost) -> Tool<'a> {
    let said = tool.parameters.as_ref();
    let flat = match variant {
        Variant::OpenAi => said.and_then(|it| flat(it, &exact::REFUSED, lost)),
        Variant::Compatible => None,
    };
    let schema = flat.map(Cow::Owned).or(said.map(Cow::Borrowed));
    let may_be_strict = || schema.as_deref().is_some_and(exact::may_be_strict);
    let strict = tool.strict.filter(|strict| !strict || may_be_strict());
    if strict != tool.strict {
        lost.feature(Feature::StrictTools);
    }
    function(Function {
        name: &tool.name,
        description: tool.description.as_deref(),
        parameters: schema,
        strict,
    })
}

/// Writes the choice; there is none where there is nothing to choose from.
pub(super) fn choice(asked: &Conversation, variant: Variant) -> Option<Choice<'_>> {
    let word = match asked
        .tool_choice
        .as_ref()
        .filter(|_| !asked.tools.is_empty())?
    {
        ToolChoice::Auto => "auto",
        ToolChoice::None => "none",
        ToolChoice::Any => "required",
        ToolChoice::Named(name) => return Some(Choice::Named(function(Name { name }))),
    };
    let named = |name| function(Name { name });
    let tools: Vec<_> = asked.allowed_tools.iter().map(|name| named(name)).collect();
    Some(match (variant, word) {
        (Variant::OpenAi, "auto" | "required") if !tools.is_empty() => Choice::Among {
            r#type: "allowed_tools",
            allowed_tools: Allowed { mode: word, tools },
        },
        _ => Choice::Word(word),
    })
}
