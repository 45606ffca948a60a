//! A whole answer.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Message, call_id, filled, stop};
use crate::dialect::{
    NotAnAnswer,
    neutral::{Choice, Part, Reply, Thought, ToolCall, ids::name_of_answer},
    openai::{custom, logprobs, shape},
};

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    created: Option<f64>,
    #[serde(default, borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    choices: Vec<Answered<'a>>,
}

#[derive(Deserialize)]
struct Answered<'a> {
    message: Message,
    #[serde(default, borrow)]
    logprobs: Option<&'a RawValue>,
    /// Some servers never give one.
    #[serde(default)]
    finish_reason: Option<String>,
}

/// Reads a whole answer.
///
/// # Errors
///
/// [`NotAnAnswer`] for a body that is no answer, or has one that failed.
pub fn reply(body: &[u8]) -> Result<Reply, NotAnAnswer> {
    let answer: Answer<'_> = serde_json::from_slice(body).map_err(|_| NotAnAnswer::Malformed)?;
    let id = answer.id.unwrap_or_default();
    let name = name_of_answer(&id, body);
    let choices = (0..)
        .zip(answer.choices)
        .map(|(at, answered)| choice(&name, at, answered));
    let choices: Vec<_> = choices
        .collect::<Option<_>>()
        .ok_or(NotAnAnswer::Malformed)?;
    if choices.is_empty() {
        return Err(NotAnAnswer::Malformed);
    }
    Ok(Reply {
        id,
        model: answer.model.unwrap_or_default(),
        created: answer.created.map(|seconds| seconds as u64),
        choices,
        usage: answer.usage.and_then(|raw| shape::usage(raw.get())),
    })
}

fn choice(answer: &str, at: u32, answered: Answered<'_>) -> Option<Choice> {
    let mut message = answered.message;
    let mut parts = Vec::new();
    parts.extend(message.take_thought().map(|text| {
        Part::Thought(Thought {
            text,
            ..Thought::default()
        })
    }));
    let images: Vec<_> = message.images().map(Part::Image).collect();
    parts.extend(filled(message.content.map(|said| said.text)).map(Part::Text));
    parts.extend(images);
    parts.extend(filled(message.refusal).map(Part::Refusal));
    let calls = message.tool_calls.unwrap_or_default();
    let reason = answered.finish_reason.unwrap_or_default();
    let stop = stop(&reason, !calls.is_empty())?;
    for (number, call) in (0..).zip(calls) {
        let signature = call.signature();
        let id = filled(call.id).unwrap_or_else(|| call_id(answer, at, number));
        let made = match call.custom {
            Some(text) => custom::call(id, filled(text.name)?, &text.input.unwrap_or_default()),
            None => {
                let function = call.function.unwrap_or_default();
                ToolCall {
                    id,
                    name: filled(function.name)?,
                    arguments: function.arguments.unwrap_or_default(),
                    signature: None,
                    custom: false,
                }
            }
        };
        parts.push(Part::ToolCall(ToolCall { signature, ..made }));
    }
    Some(Choice {
        parts,
        logprobs: logprobs::read(answered.logprobs),
        stop,
    })
}
