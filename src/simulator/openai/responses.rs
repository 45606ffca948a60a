//! `POST …/responses`

mod item;

use serde_json::{Value, json};

use super::super::ask::flag;
use super::super::content::{Answer, Block, Ended};
use super::super::dialect::{Call, Prepared};
use super::super::plan::Plan;
use super::super::reply::{Events, Reply, SSE};
use super::{CREATED, broken, missing, read, strict};

pub(super) fn prepare(call: &Call<'_>) -> Result<Prepared, Box<Reply>> {
    let (body, model) = super::body(call)?;
    let input = body.get("input").ok_or_else(|| missing("input"))?;
    if call.script.strict {
        strict::responses(&body, input)?;
    }
    let ask = read::responses(&body, input);
    let answer = Answer::new(call.script, &call.request.body, &ask);
    let reasoning = body.get("reasoning");
    let made = Made {
        model: model.clone(),
        tells: reasoning.is_some_and(|reasoning| !reasoning["summary"].is_null()),
        answer,
    };
    let streams = flag(body.get("stream"));
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

/// What an event tells; most are about the item of a block.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Created,
    InProgress,
    ItemAdded(usize),
    PartAdded(usize),
    Delta(usize),
    TextDone(usize),
    PartDone(usize),
    ItemDone(usize),
    Completed,
}

#[derive(Clone)]
struct Made {
    model: String,
    /// Whether thoughts are summed up for the client.
    tells: bool,
    answer: Answer,
}

impl Made {
    fn response(&self, stage: Stage, usage: bool) -> Value {
        let answer = &self.answer;
        let incomplete = stage == Stage::Done && answer.ended == Ended::Limit;
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
        let output: Vec<Value> = match stage {
            Stage::Done => (0..answer.blocks.len())
                .map(|at| self.item(at, true))
                .collect(),
            Stage::Begun | Stage::Failed => Vec::new(),
        };
        let usage = match stage {
            Stage::Done if usage => json!({
                "input_tokens": answer.prompt_tokens,
                "input_tokens_details": {"cached_tokens": answer.cached_tokens},
                "output_tokens": answer.tokens(),
                "output_tokens_details": {"reasoning_tokens": answer.thought_tokens()},
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

    fn plan(&self) -> Plan<Step> {
        let mut plan = Plan::new();
        plan.push(Step::Created, 1);
        plan.push(Step::InProgress, 1);
        for (at, block) in self.answer.blocks.iter().enumerate() {
            let silent = matches!(block, Block::Thought(_)) && !self.tells;
            let said = usize::from(!silent);
            // A call has no parts.
            let parts = match block {
                Block::Call(_) => 0,
                Block::Thought(_) | Block::Text(_) => said,
            };
            plan.push(Step::ItemAdded(at), 1);
            plan.push(Step::PartAdded(at), parts);
            plan.push(Step::Delta(at), block.pieces().count() * said);
            plan.push(Step::TextDone(at), said);
            plan.push(Step::PartDone(at), parts);
            plan.push(Step::ItemDone(at), 1);
        }
        plan.push(Step::Completed, 1);
        plan
    }

    fn event(&self, (step, place): (Step, usize), index: usize, usage: bool) -> String {
        let response = |name: &str, stage| {
            let data = json!({"response": self.response(stage, usage)});
            (format!("response.{name}"), data)
        };
        let (name, data) = match step {
            Step::Created => response("created", Stage::Begun),
            Step::InProgress => response("in_progress", Stage::Begun),
            Step::ItemAdded(at) => self.item_event("added", at, false),
            Step::PartAdded(at) => self.part_event("added", at, false),
            Step::Delta(at) => self.delta(at, place),
            Step::TextDone(at) => self.text_done(at),
            Step::PartDone(at) => self.part_event("done", at, true),
            Step::ItemDone(at) => self.item_event("done", at, true),
            Step::Completed if self.answer.ended == Ended::Limit => {
                response("incomplete", Stage::Done)
            }
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
    let plan = made.plan();
    let (first_token, tokens) = plan.span(|step| matches!(step, Step::Delta(_)));
    let failing = made.clone();
    Reply::events(Events {
        count: plan.count(),
        kind: SSE,
        first_token,
        tokens,
        event: Box::new(move |index| {
            let step = plan.at(index).unwrap_or((Step::Completed, 0));
            made.event(step, index, usage)
        }),
        error: Box::new(move |index| {
            let data = json!({"response": failing.response(Stage::Failed, false)});
            framed("response.failed", data, index)
        }),
    })
}
