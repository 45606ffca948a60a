//! A message of Anthropic's, whole and as a stream.

use serde_json::{Value, json};

use super::super::ask::seal;
use super::super::content::{Answer, Block, Ended};
use super::super::plan::Plan;
use super::super::reply::{Events, Reply, SSE};
use super::broken;

fn stop(answer: &Answer) -> (&'static str, Option<&str>) {
    match &answer.ended {
        Ended::Done => ("end_turn", None),
        Ended::Limit => ("max_tokens", None),
        Ended::Stop(text) => ("stop_sequence", Some(text)),
        Ended::Calls => ("tool_use", None),
    }
}

/// What was used when `output` tokens have been made. What comes from a cache is no input here.
fn usage_of(answer: &Answer, output: usize) -> Value {
    let cached = answer.cached_tokens;
    json!({
        "input_tokens": answer.prompt_tokens - cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": cached,
        "output_tokens": output,
    })
}

fn message(answer: &Answer, model: &str, content: &[Value]) -> Value {
    json!({
        "id": format!("msg_{}", answer.id),
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": null,
        "stop_sequence": null,
    })
}

/// A block: whole, or as it begins in a stream.
fn block(block: &Block, whole: bool) -> Value {
    let text = match whole {
        true => block.pieces().whole(),
        false => String::new(),
    };
    match block {
        Block::Thought(_) => {
            let signature = if whole { seal(&text) } else { String::new() };
            json!({"type": "thinking", "thinking": text, "signature": signature})
        }
        Block::Text(_) => json!({"type": "text", "text": text}),
        Block::Call(call) => {
            let input: Value = serde_json::from_str(&text).unwrap_or_else(|_| json!({}));
            json!({"type": "tool_use", "id": format!("toolu_{}", call.id), "name": &*call.name, "input": input})
        }
    }
}

pub(super) fn whole(answer: &Answer, model: &str, usage: bool) -> Reply {
    // No block of text is ever empty.
    let filled = answer
        .blocks
        .iter()
        .filter(|block| block.pieces().count() > 0);
    let content: Vec<Value> = filled.map(|it| block(it, true)).collect();
    let mut body = message(answer, model, &content);
    let (reason, sequence) = stop(answer);
    body["stop_reason"] = json!(reason);
    body["stop_sequence"] = json!(sequence);
    if usage {
        body["usage"] = usage_of(answer, answer.tokens());
        body["usage"]["service_tier"] = json!("standard");
    }
    Reply::json(200, &body, answer.tokens())
}

/// What an event tells; most are about a block.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    MessageStart,
    BlockStart(usize),
    Ping,
    Delta(usize),
    Signature(usize),
    BlockStop(usize),
    MessageDelta,
    MessageStop,
}

fn plan(answer: &Answer) -> Plan<Step> {
    let mut plan = Plan::new();
    plan.push(Step::MessageStart, 1);
    for (at, block) in answer.blocks.iter().enumerate() {
        plan.push(Step::BlockStart(at), 1);
        plan.push(Step::Ping, usize::from(at == 0));
        plan.push(Step::Delta(at), block.pieces().count());
        let sealed = matches!(block, Block::Thought(_));
        plan.push(Step::Signature(at), usize::from(sealed));
        plan.push(Step::BlockStop(at), 1);
    }
    plan.push(Step::MessageDelta, 1);
    plan.push(Step::MessageStop, 1);
    plan
}

fn delta(block: &Block, place: usize) -> Value {
    let piece = block.pieces().piece(place);
    match block {
        Block::Thought(_) => json!({"type": "thinking_delta", "thinking": piece}),
        Block::Text(_) => json!({"type": "text_delta", "text": piece}),
        Block::Call(_) => json!({"type": "input_json_delta", "partial_json": piece}),
    }
}

fn framed(data: &Value) -> String {
    let name = data["type"].as_str().unwrap_or_default();
    format!("event: {name}\ndata: {data}\n\n")
}

pub(super) fn stream(answer: Answer, model: String, id: String, usage: bool) -> Reply {
    let plan = plan(&answer);
    let (first_token, tokens) = plan.span(|step| matches!(step, Step::Delta(_)));
    let count = plan.count();
    let event = move |index: usize| {
        let (step, place) = plan.at(index).unwrap_or((Step::MessageStop, 0));
        let data = match step {
            Step::MessageStart => {
                let mut message = message(&answer, &model, &[]);
                if usage {
                    message["usage"] = usage_of(&answer, 1);
                }
                json!({"type": "message_start", "message": message})
            }
            Step::BlockStart(at) => {
                json!({"type": "content_block_start", "index": at, "content_block": block(&answer.blocks[at], false)})
            }
            Step::Ping => json!({"type": "ping"}),
            Step::Delta(at) => {
                json!({"type": "content_block_delta", "index": at, "delta": delta(&answer.blocks[at], place)})
            }
            Step::Signature(at) => {
                let signature = seal(&answer.blocks[at].pieces().whole());
                json!({"type": "content_block_delta", "index": at,
                    "delta": {"type": "signature_delta", "signature": signature}})
            }
            Step::BlockStop(at) => json!({"type": "content_block_stop", "index": at}),
            Step::MessageDelta => {
                let (reason, sequence) = stop(&answer);
                let mut data = json!({"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": sequence}});
                if usage {
                    data["usage"] = usage_of(&answer, answer.tokens());
                }
                data
            }
            Step::MessageStop => json!({"type": "message_stop"}),
        };
        framed(&data)
    };
    Reply::events(Events {
        count,
        kind: SSE,
        first_token,
        tokens,
        event: Box::new(event),
        error: Box::new(move |_| framed(&broken(&id))),
    })
}
