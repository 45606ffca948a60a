//! Tools, and which of them the model is to call.

use std::{borrow::Cow, collections::HashSet};

use serde::Serialize;

use super::{Variant, exact, message::Reader};
use crate::dialect::neutral::{self, Conversation, Feature, Json, Lost, ToolChoice, flat};

/// A tool.
pub(super) type Tool<'a> = Typed<Function<'a>, Custom<'a>>;

/// What is called one thing or the other.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Typed<F, C> {
    Function { function: F },
    Custom { custom: C },
}

#[derive(Serialize)]
pub(super) struct Custom<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<Format<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Format<'a> {
    Grammar { grammar: Grammar<'a> },
}

#[derive(Serialize)]
struct Grammar<'a> {
    syntax: &'a str,
    definition: &'a str,
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

type Named<'a> = Typed<Name<'a>, Name<'a>>;

/// A `tool_choice`.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Choice<'a> {
    Word(&'static str),
    Named(Named<'a>),
    Among {
        r#type: &'static str,
        allowed_tools: Allowed<'a>,
    },
}

#[derive(Serialize)]
pub(super) struct Allowed<'a> {
    mode: &'static str,
    tools: Vec<Named<'a>>,
}

/// Writes the tools: where nobody but OpenAI reads which may be called, only these.
pub(super) fn tools<'a>(asked: &'a Conversation, reader: Reader, lost: &mut Lost) -> Vec<Tool<'a>> {
    let tools: Vec<_> = match reader.variant {
        Variant::OpenAi => asked
            .tools
            .iter()
            .map(|it| tool(it, reader, lost))
            .collect(),
        Variant::Compatible => {
            let callable = asked.callable_tools();
            callable.map(|it| tool(it, reader, lost)).collect()
        }
    };
    if tools.len() < asked.tools.len() {
        lost.feature(Feature::AllowedTools);
    }
    tools
}

fn tool<'a>(tool: &'a neutral::Tool, reader: Reader, lost: &mut Lost) -> Tool<'a> {
    if let Some(known) = tool.custom.as_ref().filter(|_| reader.knows_custom) {
        return Typed::Custom {
            custom: custom(&tool.name, known),
        };
    }
    tool.lose_grammar(lost);
    let said = tool.parameters.as_ref();
    let flat = match reader.variant {
        Variant::OpenAi => said.and_then(|it| flat(it, &exact::REFUSED, lost)),
        Variant::Compatible => None,
    };
    let schema = flat.map(Cow::Owned).or(said.map(Cow::Borrowed));
    let may_be_strict = || schema.as_deref().is_some_and(exact::may_be_strict);
    let strict = tool.strict.filter(|strict| !strict || may_be_strict());
    if strict != tool.strict {
        lost.feature(Feature::StrictTools);
    }
    let function = Function {
        name: &tool.name,
        description: tool.description.as_deref(),
        parameters: schema,
        strict,
    };
    Typed::Function { function }
}

fn custom<'a>(name: &'a str, of: &'a neutral::Custom) -> Custom<'a> {
    let format = of.grammar.as_ref().map(|of| Format::Grammar {
        grammar: Grammar {
            syntax: &of.syntax,
            definition: &of.definition,
        },
    });
    Custom {
        name,
        description: of.description.as_deref(),
        format,
    }
}

/// Writes the choice; there is none where there is nothing to choose from.
pub(super) fn choice(asked: &Conversation, reader: Reader) -> Option<Choice<'_>> {
    let customs = asked.tools.iter().filter(|tool| tool.custom.is_some());
    let customs: HashSet<_> = customs.map(|tool| tool.name.as_str()).collect();
    let named = |name| {
        let is_custom = customs.contains(name);
        let name = Name { name };
        match reader.knows_custom && is_custom {
            true => Typed::Custom { custom: name },
            false => Typed::Function { function: name },
        }
    };
    let word = match asked
        .tool_choice
        .as_ref()
        .filter(|_| !asked.tools.is_empty())?
    {
        ToolChoice::Auto => "auto",
        ToolChoice::None => "none",
        ToolChoice::Any => "required",
        ToolChoice::Named(name) => return Some(Choice::Named(named(name.as_str()))),
    };
    let tools: Vec<_> = asked.allowed_tools.iter().map(|name| named(name)).collect();
    Some(match (reader.variant, word) {
        (Variant::OpenAi, "auto" | "required") if !tools.is_empty() => Choice::Among {
            r#type: "allowed_tools",
            allowed_tools: Allowed { mode: word, tools },
        },
        _ => Choice::Word(word),
    })
}
