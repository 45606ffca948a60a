//! `POST …/completions`: the old text completions.

use serde_json::{Value, json};

use super::super::ask::{Ask, count, flag};
use super::super::content::{Answer, Ended};
use super::super::dialect::{Call, Prepared};
use super::super::reply::{Events, Reply, SSE};
use super::{CREATED, broken, missing, read};

pub(super) fn prepare(call: &Call<'_>) -> Result<Prepared, Box<Reply>> {
    let (body, model) = super::body(call)?;
    let prompt = body.get("prompt").ok_or_else(|| missing("prompt"))?;
    let ask = Ask {
        prompt_tokens: count(prompt),
        limit: body.get("max_tokens").and_then(Value::as_u64),
        stops: read::stops(&body),
        ..Ask::default()
    };
    let answer = Answer::new(call.script, &call.request.body, &ask);
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
                let mut body = object(&answer, &model, &answer.text(), Some(reason(&answer)));
                if usage {
                    body["usage"] = usage_of(&answer);
                }
                Reply::json(200, &body, answer.tokens())
            }
        }),
    })
}

fn reason(answer: &Answer) -> &'static str {
    match answer.ended {
        Ended::Limit => "length",
        _ => "stop",
    }
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
            let piece = answer.blocks.first().map(|text| text.pieces().piece(index));
            object(&answer, &model, &piece.unwrap_or_default(), None)
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
        kind: SSE,
        first_token: 0,
        tokens,
        event: Box::new(event),
        error: Box::new(|_| format!("data: {}\n\n", broken())),
    })
}
