//! A whole answer.

use serde::Serialize;

use super::{Call, Counts, Extra, Function, Logprobs, id, reason};
use crate::dialect::neutral::{Choice, Part, Reply};

#[derive(Serialize)]
struct Answer<'a> {
    id: String,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: Vec<Answered<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Counts>,
}

#[derive(Serialize)]
struct Answered<'a> {
    index: usize,
    message: Message<'a>,
    logprobs: Option<Logprobs<'a>>,
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: Option<String>,
    refusal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Call<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_call: Option<Function<'a>>,
}

/// Writes a whole answer; `now`, in seconds since 1970, is when it was made
/// where the provider does not say. A client that knows `functions` only is told
/// of one call, as one of a function.
pub fn reply(reply: &Reply, functions: bool, now: u64) -> Vec<u8> {
    let answer = Answer {
        id: id(&reply.id, now),
        object: "chat.completion",
        created: reply.created.unwrap_or(now),
        model: &reply.model,
        choices: reply
            .choices
            .iter()
            .enumerate()
            .map(|it| answered(it, functions))
            .collect(),
        usage: reply.usage.map(Counts::from),
    };
    // Nothing in it can fail to be written to memory.
    serde_json::to_vec(&answer).unwrap_or_default()
}

fn answered((index, choice): (usize, &Choice), functions: bool) -> Answered<'_> {
    let mut message = Message {
        role: "assistant",
        content: None,
        refusal: None,
        reasoning_content: None,
        tool_calls: Vec::new(),
        function_call: None,
    };
    for part in &choice.parts {
        let (slot, text) = match part {
            Part::Text(text) => (&mut message.content, text),
            Part::Refusal(text) => (&mut message.refusal, text),
            // What is hidden in a thought only its maker can read.
            Part::Thought(thought) if thought.text.is_empty() => continue,
            Part::Thought(thought) => (&mut message.reasoning_content, &thought.text),
            Part::ToolCall(call) if functions => {
                message.function_call.get_or_insert(Function {
                    name: Some(&call.name),
                    arguments: &call.arguments,
                });
                continue;
            }
            Part::ToolCall(call) => {
                let extra_content = Extra::of(call.signature.as_deref());
                message
                    .tool_calls
                    .push(Call::of(call, (&*call.id).into(), true, extra_content));
                continue;
            }
            Part::Image(_) | Part::File(_) | Part::ToolResult(_) => continue,
        };
        slot.get_or_insert_default().push_str(text);
    }
    Answered {
        index,
        message,
        logprobs: Logprobs::of(&choice.logprobs),
        finish_reason: reason(&choice.stop, functions),
    }
}
