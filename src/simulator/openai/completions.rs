//! `POST …/completions`: the old text completions.

use serde_json::{Value, json};

use super::super::reply::{Events, Reply};
use super::content::{Answer, count};
use super::{CREATED, Call, Prepared, broken, missing};

pub(super) fn prepare(call: &Call<'_>) -> Result<Prepared, Box<Reply>> {
    let body = call.json()?;
    let model = call.model(&body)?;
    let prompt = body.get("prompt").ok_or_else(|| missing("prompt"))?;
    let limit = body.get("max_tokens").and_then(Value::as_u64);
    let answer = Answer::new(call.script, call.body, limit, count(prompt), None);
    let flag = |value: Option<&Value>| value.and_then(Value::as_bool) == Some(true);
    let options = body.get("stream_options");
    let asked = flag(options.and_then(|options| options.get("include_usage")));
    let streams = flag(body.get("stream"));
    Ok(Prepared {
        tokens: answer.total() as u64,
        model: model.clone(),
        answer: Box::new(move |usage| {
            if streams {
                stream(answer, model, usage && asked)
            } else {
                let mut body = object(&answer, &model, &answer.whole(), Some(reason(&answer)));
                if usage {
                    body["usage"] = usage_of(&answer);
                }
                Reply::json(200, &body, answer.tokens())
            }
        }),
    })
}

fn reason(answer: &Answer) -> &'static str {
    if answer.cut { "length" } else { "stop" }
}

fn usage_of(answer: &Answer) -> Value {
    json!({
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.tokens(),
        "total_tokens": answer.total(),
    })
}

fn object(answer: &Answer, model: &str, text: &str, reason: Option<&str>) -> Value {
    json!({
        "id": format!("cmpl-{}", answer.id),
        "object": "text_completion",
        "created": CREATED,
        "model": model,
        "choices": [{"index": 0, "text": text, "logprobs": null, "finish_reason": reason}],
    })
}

/// The events: a token each, the reason, the usage, `[DONE]`.
fn stream(answer: Answer, model: String, usage: bool) -> Reply {
    let tokens = answer.tokens();
    let count = tokens + 2 + usize::from(usage);
    let event = move |index: usize| {
        if index + 1 == count {
            return "data: [DONE]\n\n".to_owned();
        }
        let mut chunk = if index < tokens {
            object(&answer, &model, &answer.piece(index), None)
        } else {
            object(&answer, &model, "", Some(reason(&answer)))
        };
        if usage {
            chunk["usage"] = Value::Null;
        }
        if index > tokens {
            chunk["choices"] = json!([]);
            chunk["usage"] = usage_of(&answer);
        }
        format!("data: {chunk}\n\n")
    };
    Reply::events(Events {
        count,
        first_token: 0,
        tokens,
        event: Box::new(event),
        error: Box::new(|_| format!("data: {}\n\n", broken())),
    })
}
