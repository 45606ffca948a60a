//! Neutral → chat completions.

mod model;
mod reply;
mod request;
mod stream;

use std::borrow::Cow;

use serde::Serialize;

use crate::dialect::{
    Usage,
    neutral::{Logprob, Stop, ToolCall, custom::unwrapped, seal},
    openai::logprobs::{self, Token},
};

pub use reply::reply;
pub use request::{CANNOT, IN_PART, Variant, request};
pub use stream::Events;

/// A call of a tool, or a piece of one.
#[derive(Serialize)]
struct Call<'a> {
    /// Its number within the answer; in streams only.
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'static str>,
    #[serde(flatten)]
    called: Called<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_content: Option<Extra<'a>>,
}

impl<'a> Call<'a> {
    /// A whole call, by this id; only those of custom tools can be `custom`.
    fn of(
        call: &'a ToolCall,
        id: Cow<'a, str>,
        custom: bool,
        extra_content: Option<Extra<'a>>,
    ) -> Self {
        let name = Some(call.name.as_str());
        let custom = custom && call.custom;
        Self {
            index: None,
            id: Some(id),
            r#type: Some(kind(custom)),
            called: match custom {
                true => Called::Custom(Text {
                    name,
                    input: unwrapped(&call.arguments).into(),
                }),
                false => Called::Function(Function {
                    name,
                    arguments: &call.arguments,
                }),
            },
            extra_content,
        }
    }

    /// More of a call that has begun.
    fn more(index: u32, called: Called<'a>) -> Self {
        Self {
            index: Some(index),
            id: None,
            r#type: None,
            called,
            extra_content: None,
        }
    }
}

/// Returns the `type` of a call.
fn kind(custom: bool) -> &'static str {
    if custom { "custom" } else { "function" }
}

/// What is called, and with what.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Called<'a> {
    Function(Function<'a>),
    Custom(Text<'a>),
}

#[derive(Serialize)]
struct Text<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    input: Cow<'a, str>,
}

#[derive(Serialize)]
struct Function<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    arguments: &'a str,
}

/// Gemini's seal, where its own compatible API has it: clients give it back.
#[derive(Serialize)]
struct Extra<'a> {
    google: Seal<'a>,
}

#[derive(Serialize)]
struct Seal<'a> {
    thought_signature: &'a str,
}

impl<'a> Extra<'a> {
    fn of(signature: Option<&'a str>) -> Option<Self> {
        seal::gemini(signature?).map(|thought_signature| Self {
            google: Seal { thought_signature },
        })
    }
}

#[derive(Serialize)]
struct Counts {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: PromptDetails,
    completion_tokens_details: CompletionDetails,
}

#[derive(Serialize)]
struct PromptDetails {
    cached_tokens: u64,
}

#[derive(Serialize)]
struct CompletionDetails {
    reasoning_tokens: u64,
}

impl From<Usage> for Counts {
    fn from(usage: Usage) -> Self {
        Self {
            prompt_tokens: usage.input,
            completion_tokens: usage.output,
            total_tokens: usage.total(),
            prompt_tokens_details: PromptDetails {
                cached_tokens: usage.cached,
            },
            completion_tokens_details: CompletionDetails {
                reasoning_tokens: usage.reasoning,
            },
        }
    }
}

/// How likely the tokens were.
#[derive(Serialize)]
struct Logprobs<'a> {
    content: Vec<Token<'a>>,
    refusal: Option<()>,
}

impl<'a> Logprobs<'a> {
    fn of(tokens: &'a [Logprob]) -> Option<Self> {
        (!tokens.is_empty()).then(|| Self {
            content: logprobs::written(tokens, false),
            refusal: None,
        })
    }
}

/// Returns the `finish_reason`.
fn reason(stop: &Stop, functions: bool) -> &'static str {
    match stop {
        Stop::End | Stop::Sequence(_) => "stop",
        Stop::Length => "length",
        Stop::ToolCalls if functions => "function_call",
        Stop::ToolCalls => "tool_calls",
        Stop::Filter => "content_filter",
    }
}

/// Returns the answer's id; SDKs want one.
fn id(id: &str, now: u64) -> String {
    match id {
        "" => format!("chatcmpl-{now}"),
        id => id.to_owned(),
    }
}
