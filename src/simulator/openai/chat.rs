//! `POST …/chat/completions`

use serde_json::{Value, json};

use super::super::ask::flag;
use super::super::content::{Answer, Block, Call as ToolCall, Ended};
use super::super::dialect::{Call, Prepared};
use super::super::likely::likely;
use super::super::plan::Plan;
use super::super::reply::{Events, Reply, SSE};
use super::{CREATED, broken, missing, read, strict, wrong_type};

pub(super) fn prepare(call: &Call<'_>) -> Result<Prepared, Box<Reply>> {
    let (body, model) = super::body(call)?;
    let messages = match body.get("messages") {
        None => return Err(missing("messages")),
        Some(messages) => messages
            .as_array()
            .filter(|messages| !messages.is_empty())
            .ok_or_else(|| wrong_type("messages", "a list of messages that is not empty"))?,
    };
    if call.script.strict {
        strict::chat(&body, messages)?;
    }
    let ask = read::chat(&body, messages);
    let answer = Answer::new(call.script, &call.request.body, &ask);
    let options = body.get("stream_options");
    let asked = flag(options.and_then(|options| options.get("include_usage")));
    let streams = flag(body.get("stream"));
    let filtered = call.route.azure;
    let others = body.get("top_logprobs").and_then(Value::as_u64);
    let logprobs = flag(body.get("logprobs")).then_some(others.unwrap_or(0));
    Ok(Prepared {
        tokens: answer.total() as u64,
        model: model.clone(),
        answer: Box::new(move |usage| {
            if streams {
                stream(answer, model, usage && asked, filtered, logprobs)
            } else {
                whole(&answer, &model, usage, logprobs)
            }
        }),
    })
}

fn usage_of(answer: &Answer) -> Value {
    json!({
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.tokens(),
        "total_tokens": answer.total(),
        "prompt_tokens_details": {"cached_tokens": answer.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": answer.thought_tokens()},
    })
}

fn reason(answer: &Answer) -> &'static str {
    match answer.ended {
        Ended::Calls => "tool_calls",
        Ended::Limit => "length",
        Ended::Done | Ended::Stop(_) => "stop",
    }
}

fn called(call: &ToolCall, arguments: &str) -> Value {
    let (kind, key) = kind(call);
    json!({"id": format!("call_{}", call.id), "type": kind, kind: {"name": &*call.name, key: arguments}})
}

/// The kind of a call, and the name of what it is called with.
fn kind(call: &ToolCall) -> (&'static str, &'static str) {
    match call.custom {
        true => ("custom", "input"),
        false => ("function", "arguments"),
    }
}

/// How likely `pieces` were, beside so many others in the place of each; `null` if nobody asked.
fn told(pieces: &[String], logprobs: Option<u64>) -> Value {
    let Some(others) = logprobs.filter(|_| !pieces.is_empty()) else {
        return Value::Null;
    };
    let token = |(token, logprob): &(String, f64)| json!({"token": token, "logprob": logprob, "bytes": token.as_bytes()});
    let tokens = pieces.iter().map(|piece| {
        let likely = likely(piece, others);
        let mut told = token(&likely[0]);
        told["top_logprobs"] = likely.iter().take(others as usize).map(token).collect();
        told
    });
    json!({"content": tokens.collect::<Vec<_>>(), "refusal": null})
}

/// The words of the answer's texts.
fn words(answer: &Answer) -> Vec<String> {
    let texts = answer.blocks.iter().filter_map(|block| match block {
        Block::Text(pieces) => Some(pieces),
        Block::Thought(_) | Block::Call(_) => None,
    });
    texts
        .flat_map(|pieces| (0..pieces.count()).map(|at| pieces.piece(at)))
        .collect()
}

fn whole(answer: &Answer, model: &str, usage: bool, logprobs: Option<u64>) -> Reply {
    let calls = answer.calls();
    let calls: Vec<Value> = calls
        .map(|call| called(call, &call.arguments.whole()))
        .collect();
    let message = match calls.is_empty() {
        false => {
            json!({"role": "assistant", "content": null, "refusal": null, "tool_calls": calls})
        }
        true => json!({"role": "assistant", "content": answer.text(), "refusal": null}),
    };
    let mut body = json!({
        "id": format!("chatcmpl-{}", answer.id),
        "object": "chat.completion",
        "created": CREATED,
        "model": model,
        "choices": [{"index": 0, "message": message, "logprobs": told(&words(answer), logprobs), "finish_reason": reason(answer)}],
        "system_fingerprint": "fp_simulator",
    });
    if usage {
        body["usage"] = usage_of(answer);
    }
    Reply::json(200, &body, answer.tokens())
}

/// What an event tells.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Azure's verdict on the prompt.
    Filter,
    /// The role; and the first call, if any.
    Role,
    /// A call that is not the first: its block, and its place among the calls.
    Open(usize, usize),
    /// A token of a block, and the block's place among the calls.
    Token(usize, usize),
    Reason,
    Usage,
    Done,
}

fn plan(answer: &Answer, usage: bool, filtered: bool) -> Plan<Step> {
    let mut plan = Plan::new();
    plan.push(Step::Filter, usize::from(filtered));
    plan.push(Step::Role, 1);
    let mut number = 0;
    for (at, block) in answer.blocks.iter().enumerate() {
        match block {
            // OpenAI keeps thoughts to itself.
            Block::Thought(_) => continue,
            Block::Call(_) if number > 0 => plan.push(Step::Open(at, number), 1),
            Block::Call(_) | Block::Text(_) => {}
        }
        plan.push(Step::Token(at, number), block.pieces().count());
        number += 1;
    }
    plan.push(Step::Reason, 1);
    plan.push(Step::Usage, usize::from(usage));
    plan.push(Step::Done, 1);
    plan
}

fn stream(
    answer: Answer,
    model: String,
    usage: bool,
    filtered: bool,
    logprobs: Option<u64>,
) -> Reply {
    let plan = plan(&answer, usage, filtered);
    let (first_token, tokens) = plan.span(|step| matches!(step, Step::Token(..)));
    let count = plan.count();
    let event = move |index: usize| {
        let (step, place) = plan.at(index).unwrap_or((Step::Done, 0));
        let choice = |delta: Value, reason: Option<&str>| json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": reason}]);
        let mut counts = Value::Null;
        let choices = match step {
            Step::Done => return "data: [DONE]\n\n".to_owned(),
            Step::Filter => {
                let verdict = json!({"choices": [], "created": 0, "id": "", "model": "", "object": "",
                    "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {}}]});
                return format!("data: {verdict}\n\n");
            }
            Step::Role => choice(first_delta(&answer), None),
            Step::Open(at, number) => choice(opened(&answer.blocks[at], number), None),
            Step::Token(at, number) => {
                let piece = answer.blocks[at].pieces().piece(place);
                match &answer.blocks[at] {
                    Block::Call(call) => {
                        let (kind, key) = kind(call);
                        let call = json!({"index": number, kind: {key: piece}});
                        choice(json!({"tool_calls": [call]}), None)
                    }
                    Block::Text(_) | Block::Thought(_) => {
                        let mut choices = choice(json!({"content": piece}), None);
                        choices[0]["logprobs"] = told(&[piece], logprobs);
                        choices
                    }
                }
            }
            Step::Reason => choice(json!({}), Some(reason(&answer))),
            Step::Usage => {
                counts = usage_of(&answer);
                json!([])
            }
        };
        let mut chunk = json!({
            "id": format!("chatcmpl-{}", answer.id),
            "object": "chat.completion.chunk",
            "created": CREATED,
            "model": model,
            "system_fingerprint": "fp_simulator",
            "choices": choices,
        });
        if usage {
            chunk["usage"] = counts;
        }
        format!("data: {chunk}\n\n")
    };
    Reply::events(Events {
        count,
        kind: SSE,
        first_token,
        tokens,
        event: Box::new(event),
        error: Box::new(|_| format!("data: {}\n\n", broken())),
    })
}

fn first_delta(answer: &Answer) -> Value {
    let first = answer
        .blocks
        .iter()
        .find(|block| matches!(block, Block::Call(_)));
    match first {
        Some(call) => {
            let mut delta = opened(call, 0);
            delta["role"] = json!("assistant");
            delta["content"] = Value::Null;
            delta
        }
        None => json!({"role": "assistant", "content": "", "refusal": null}),
    }
}

fn opened(block: &Block, number: usize) -> Value {
    let Block::Call(call) = block else {
        return json!({});
    };
    let mut opened = called(call, "");
    opened["index"] = json!(number);
    json!({"tool_calls": [opened]})
}
