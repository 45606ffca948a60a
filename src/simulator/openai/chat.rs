//! `POST …/chat/completions`

use serde_json::{Value, json};

use super::super::reply::{Events, Reply};
use super::content::{Answer, count};
use super::{CREATED, Call, Prepared, broken, missing, tools, wrong_type};

pub(super) fn prepare(call: &Call<'_>) -> Result<Prepared, Box<Reply>> {
    let body = call.json()?;
    let model = call.model(&body)?;
    let messages = match body.get("messages") {
        None => return Err(missing("messages")),
        Some(messages) => messages
            .as_array()
            .filter(|messages| !messages.is_empty())
            .ok_or_else(|| wrong_type("messages", "a list of messages that is not empty"))?,
    };
    let prompt: usize = messages.iter().map(|message| 4 + count(message)).sum();
    let role = |message: &Value| {
        message
            .get("role")
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let last = messages.last().and_then(role);
    let user = messages.iter().rev();
    let said = user
        .filter(|message| role(message).as_deref() == Some("user"))
        .find_map(|message| message.get("content")?.as_str())
        .unwrap_or_default();
    let limit = ["max_completion_tokens", "max_tokens"]
        .iter()
        .find_map(|key| body.get(*key)?.as_u64());
    let tool = tools::call(&body, said, last.as_deref() == Some("tool"));
    let answer = Answer::new(call.script, call.body, limit, 3 + prompt, tool);
    let flag = |value: Option<&Value>| value.and_then(Value::as_bool) == Some(true);
    let asked = flag(
        body.get("stream_options")
            .and_then(|options| options.get("include_usage")),
    );
    let streams = flag(body.get("stream"));
    let filtered = call.route.azure;
    Ok(Prepared {
        tokens: answer.total() as u64,
        model: model.clone(),
        answer: Box::new(move |usage| {
            if streams {
                stream(answer, model, usage && asked, filtered)
            } else {
                whole(&answer, &model, usage)
            }
        }),
    })
}

fn usage_of(answer: &Answer) -> Value {
    json!({
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.tokens(),
        "total_tokens": answer.total(),
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    })
}

fn reason(answer: &Answer) -> &'static str {
    match (answer.call(), answer.cut) {
        (Some(_), _) => "tool_calls",
        (None, true) => "length",
        (None, false) => "stop",
    }
}

fn whole(answer: &Answer, model: &str, usage: bool) -> Reply {
    let message = match answer.call() {
        Some(call) => json!({"role": "assistant", "content": null, "refusal": null, "tool_calls": [
            {"id": format!("call_{}", answer.id), "type": "function",
             "function": {"name": call.name, "arguments": answer.whole()}}]}),
        None => json!({"role": "assistant", "content": answer.whole(), "refusal": null}),
    };
    let mut body = json!({
        "id": format!("chatcmpl-{}", answer.id),
        "object": "chat.completion",
        "created": CREATED,
        "model": model,
        "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": reason(answer)}],
        "system_fingerprint": "fp_simulator",
    });
    if usage {
        body["usage"] = usage_of(answer);
    }
    Reply::json(200, &body, answer.tokens())
}

/// The events: Azure's verdict on the prompt, the role, a token each, the reason, the usage, `[DONE]`.
fn stream(answer: Answer, model: String, usage: bool, filtered: bool) -> Reply {
    let opening = usize::from(filtered);
    let tokens = answer.tokens();
    let first_token = opening + 1;
    let reason_at = first_token + tokens;
    let usage_at = if usage { reason_at + 1 } else { usize::MAX };
    let count = reason_at + 2 + usize::from(usage);
    let event = move |index: usize| {
        if index + 1 == count {
            return "data: [DONE]\n\n".to_owned();
        }
        if filtered && index == 0 {
            let verdict = json!({"choices": [], "created": 0, "id": "", "model": "", "object": "",
                "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {}}]});
            return format!("data: {verdict}\n\n");
        }
        let mut chunk = json!({
            "id": format!("chatcmpl-{}", answer.id),
            "object": "chat.completion.chunk",
            "created": CREATED,
            "model": model,
            "system_fingerprint": "fp_simulator",
        });
        if usage {
            chunk["usage"] = Value::Null;
        }
        let choice = |delta: Value, reason: Option<&str>| json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": reason}]);
        chunk["choices"] = if index == opening {
            choice(first_delta(&answer), None)
        } else if index < reason_at {
            let piece = answer.piece(index - first_token);
            let delta = match answer.call() {
                Some(_) => json!({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}),
                None => json!({"content": piece}),
            };
            choice(delta, None)
        } else if index == usage_at {
            chunk["usage"] = usage_of(&answer);
            json!([])
        } else {
            choice(json!({}), Some(reason(&answer)))
        };
        format!("data: {chunk}\n\n")
    };
    Reply::events(Events {
        count,
        first_token,
        tokens,
        event: Box::new(event),
        error: Box::new(|_| format!("data: {}\n\n", broken())),
    })
}

fn first_delta(answer: &Answer) -> Value {
    match answer.call() {
        Some(call) => json!({"role": "assistant", "content": null, "tool_calls": [
            {"index": 0, "id": format!("call_{}", answer.id), "type": "function",
             "function": {"name": call.name, "arguments": ""}}]}),
        None => json!({"role": "assistant", "content": "", "refusal": null}),
    }
}
