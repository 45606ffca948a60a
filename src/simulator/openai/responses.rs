//! `POST …/responses`

use serde_json::{Value, json};

use super::super::reply::{Events, Reply};
use super::content::{Answer, count};
use super::{CREATED, Call, Prepared, broken, missing, tools};

pub(super) fn prepare(call: &Call<'_>) -> Result<Prepared, Box<Reply>> {
    let body = call.json()?;
    let model = call.model(&body)?;
    let input = body.get("input").ok_or_else(|| missing("input"))?;
    let prompt = count(input) + body.get("instructions").map_or(0, count);
    let last = input.as_array().and_then(|items| items.last());
    let kind = last.and_then(|item| item.get("type")?.as_str());
    let said = input.as_str().or_else(|| last?.get("content")?.as_str());
    let call_of = tools::call(
        &body,
        said.unwrap_or_default(),
        kind == Some("function_call_output"),
    );
    let limit = body.get("max_output_tokens").and_then(Value::as_u64);
    let answer = Answer::new(call.script, call.body, limit, 3 + prompt, call_of);
    let streams = body.get("stream").and_then(Value::as_bool) == Some(true);
    let made = Made {
        model: model.clone(),
        answer,
    };
    Ok(Prepared {
        tokens: made.answer.total() as u64,
        model,
        answer: Box::new(move |usage| {
            if streams {
                stream(made, usage)
            } else {
                let tokens = made.answer.tokens();
                Reply::json(200, &made.response(Stage::Done, usage), tokens)
            }
        }),
    })
}

/// How far a response has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Begun,
    Done,
    Failed,
}

/// What the events of a stream tell, in their order.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Created,
    InProgress,
    ItemAdded,
    PartAdded,
    Delta(usize),
    TextDone,
    PartDone,
    ItemDone,
    Completed,
}

#[derive(Clone)]
struct Made {
    model: String,
    answer: Answer,
}

impl Made {
    fn response(&self, stage: Stage, usage: bool) -> Value {
        let answer = &self.answer;
        let incomplete = stage == Stage::Done && answer.cut;
        let status = match stage {
            Stage::Begun => "in_progress",
            Stage::Done if incomplete => "incomplete",
            Stage::Done => "completed",
            Stage::Failed => "failed",
        };
        let error = match stage {
            Stage::Failed => {
                json!({"code": "server_error", "message": broken()["error"]["message"]})
            }
            Stage::Begun | Stage::Done => Value::Null,
        };
        let output = match stage {
            Stage::Done => json!([self.item(true)]),
            Stage::Begun | Stage::Failed => json!([]),
        };
        let usage = match stage {
            Stage::Done if usage => json!({
                "input_tokens": answer.prompt_tokens,
                "input_tokens_details": {"cached_tokens": 0},
                "output_tokens": answer.tokens(),
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": answer.total(),
            }),
            _ => Value::Null,
        };
        json!({
            "id": format!("resp_{}", answer.id),
            "object": "response",
            "created_at": CREATED,
            "status": status,
            "background": false,
            "error": error,
            "incomplete_details": incomplete.then(|| json!({"reason": "max_output_tokens"})),
            "instructions": null,
            "max_output_tokens": null,
            "metadata": {},
            "model": self.model,
            "output": output,
            "parallel_tool_calls": true,
            "previous_response_id": null,
            "reasoning": {"effort": null, "summary": null},
            "store": false,
            "temperature": 1.0,
            "text": {"format": {"type": "text"}},
            "tool_choice": "auto",
            "tools": [],
            "top_p": 1.0,
            "truncation": "disabled",
            "usage": usage,
            "user": null,
        })
    }

    fn item_id(&self) -> String {
        let kind = if self.answer.call().is_some() {
            "fc"
        } else {
            "msg"
        };
        format!("{kind}_{}", self.answer.id)
    }

    fn item(&self, done: bool) -> Value {
        let status = match (done, self.answer.cut) {
            (false, _) => "in_progress",
            (true, true) => "incomplete",
            (true, false) => "completed",
        };
        let id = self.item_id();
        match self.answer.call() {
            Some(call) => json!({
                "id": id, "type": "function_call", "status": status, "name": call.name,
                "call_id": format!("call_{}", self.answer.id),
                "arguments": if done { self.answer.whole() } else { String::new() },
            }),
            None => {
                let content = if done { vec![self.part(true)] } else { vec![] };
                json!({"id": id, "type": "message", "status": status, "role": "assistant", "content": content})
            }
        }
    }

    fn part(&self, done: bool) -> Value {
        let text = if done {
            self.answer.whole()
        } else {
            String::new()
        };
        json!({"type": "output_text", "annotations": [], "logprobs": [], "text": text})
    }

    fn step(&self, index: usize) -> Step {
        let calls = self.answer.call().is_some();
        let tokens = self.answer.tokens();
        // A call has no parts.
        let before = if calls { 3 } else { 4 };
        match index {
            0 => Step::Created,
            1 => Step::InProgress,
            2 => Step::ItemAdded,
            3 if !calls => Step::PartAdded,
            index if index < before + tokens => Step::Delta(index - before),
            index => match (index - before - tokens, calls) {
                (0, _) => Step::TextDone,
                (1, false) => Step::PartDone,
                (1, true) | (2, false) => Step::ItemDone,
                _ => Step::Completed,
            },
        }
    }

    fn event(&self, index: usize, usage: bool) -> String {
        let calls = self.answer.call().is_some();
        let id = self.item_id();
        let text = |name: &str, key: &str, value: String| {
            let mut data = json!({"item_id": id, "output_index": 0});
            data[key] = Value::String(value);
            if !calls {
                data["content_index"] = json!(0);
                data["logprobs"] = json!([]);
            }
            let kind = if calls {
                "function_call_arguments"
            } else {
                "output_text"
            };
            (format!("response.{kind}.{name}"), data)
        };
        let response = |name: &str, stage| {
            let data = json!({"response": self.response(stage, usage)});
            (format!("response.{name}"), data)
        };
        let item = |name: &str, done| {
            let data = json!({"output_index": 0, "item": self.item(done)});
            (format!("response.output_item.{name}"), data)
        };
        let part = |name: &str, done| {
            let data = json!({"item_id": id, "output_index": 0, "content_index": 0, "part": self.part(done)});
            (format!("response.content_part.{name}"), data)
        };
        let (name, data) = match self.step(index) {
            Step::Created => response("created", Stage::Begun),
            Step::InProgress => response("in_progress", Stage::Begun),
            Step::ItemAdded => item("added", false),
            Step::PartAdded => part("added", false),
            Step::Delta(piece) => text("delta", "delta", self.answer.piece(piece)),
            Step::TextDone if calls => text("done", "arguments", self.answer.whole()),
            Step::TextDone => text("done", "text", self.answer.whole()),
            Step::PartDone => part("done", true),
            Step::ItemDone => item("done", true),
            Step::Completed if self.answer.cut => response("incomplete", Stage::Done),
            Step::Completed => response("completed", Stage::Done),
        };
        framed(&name, data, index)
    }
}

fn framed(name: &str, mut data: Value, index: usize) -> String {
    data["type"] = Value::String(name.to_owned());
    data["sequence_number"] = json!(index);
    format!("event: {name}\ndata: {data}\n\n")
}

fn stream(made: Made, usage: bool) -> Reply {
    let calls = made.answer.call().is_some();
    let tokens = made.answer.tokens();
    let failing = made.clone();
    Reply::events(Events {
        // Before the tokens: created, in progress, item (and part); after them: text, (part,) item, response.
        count: tokens + if calls { 6 } else { 8 },
        first_token: if calls { 3 } else { 4 },
        tokens,
        event: Box::new(move |index| made.event(index, usage)),
        error: Box::new(move |index| {
            let data = json!({"response": failing.response(Stage::Failed, false)});
            framed("response.failed", data, index)
        }),
    })
}
