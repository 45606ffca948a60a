//! The items of a response, and the events that tell of them.

use serde_json::{Value, json};

use super::super::super::ask::seal;
use super::super::super::content::{Block, Ended};
use super::Made;

/// How every sealed thought begins.
pub(in super::super) const SEAL: &str = "gAAAAA";

/// A thought that only its provider can read.
fn sealed(thought: &str) -> String {
    format!("{SEAL}{}", seal(thought))
}

/// The kinds of a block's events: of its text, and of its part.
const fn kinds(block: &Block) -> (&'static str, &'static str) {
    match block {
        Block::Thought(_) => ("reasoning_summary_text", "reasoning_summary_part"),
        Block::Text(_) => ("output_text", "content_part"),
        Block::Call(call) if call.custom => ("custom_tool_call_input", ""),
        Block::Call(_) => ("function_call_arguments", ""),
    }
}

impl Made {
    fn item_id(&self, at: usize) -> String {
        match &self.answer.blocks[at] {
            Block::Thought(_) => format!("rs_{}", self.answer.id),
            Block::Text(_) => format!("msg_{}", self.answer.id),
            Block::Call(call) if call.custom => format!("ctc_{}", call.id),
            Block::Call(call) => format!("fc_{}", call.id),
        }
    }

    /// The item of a block, when it begins or when it is done.
    pub(super) fn item(&self, at: usize, done: bool) -> Value {
        let id = self.item_id(at);
        let cut = self.answer.ended == Ended::Limit;
        let status = match (done, cut) {
            (false, _) => "in_progress",
            (true, true) => "incomplete",
            (true, false) => "completed",
        };
        let parts = if done && self.tells_of(at) {
            vec![self.part(at, true)]
        } else {
            vec![]
        };
        match &self.answer.blocks[at] {
            Block::Thought(thought) => {
                let mut item = json!({"id": id, "type": "reasoning", "summary": parts});
                if self.seals {
                    item["encrypted_content"] = json!(sealed(&thought.whole()));
                }
                item
            }
            Block::Text(_) => {
                json!({"id": id, "type": "message", "status": status, "role": "assistant", "content": parts})
            }
            Block::Call(call) if call.custom => json!({
                "id": id, "type": "custom_tool_call", "status": status, "name": &*call.name,
                "call_id": format!("call_{}", call.id),
                "input": if done { call.arguments.whole() } else { String::new() },
            }),
            Block::Call(call) => json!({
                "id": id, "type": "function_call", "status": status, "name": &*call.name,
                "call_id": format!("call_{}", call.id),
                "arguments": if done { call.arguments.whole() } else { String::new() },
            }),
        }
    }

    fn tells_of(&self, at: usize) -> bool {
        self.tells || !matches!(self.answer.blocks[at], Block::Thought(_))
    }

    fn part(&self, at: usize, done: bool) -> Value {
        let block = &self.answer.blocks[at];
        let text = if done {
            block.pieces().whole()
        } else {
            String::new()
        };
        match block {
            Block::Thought(_) => json!({"type": "summary_text", "text": text}),
            Block::Text(_) | Block::Call(_) => {
                json!({"type": "output_text", "annotations": [], "logprobs": [], "text": text})
            }
        }
    }

    pub(super) fn item_event(&self, name: &str, at: usize, done: bool) -> (String, Value) {
        let data = json!({"output_index": at, "item": self.item(at, done)});
        (format!("response.output_item.{name}"), data)
    }

    pub(super) fn part_event(&self, name: &str, at: usize, done: bool) -> (String, Value) {
        let (_, kind) = kinds(&self.answer.blocks[at]);
        let mut data = self.about(at);
        data["part"] = self.part(at, done);
        (format!("response.{kind}.{name}"), data)
    }

    pub(super) fn delta(&self, at: usize, place: usize) -> (String, Value) {
        let block = &self.answer.blocks[at];
        let piece = block.pieces().piece(place);
        self.text_event("delta", "delta", at, piece)
    }

    pub(super) fn text_done(&self, at: usize) -> (String, Value) {
        let block = &self.answer.blocks[at];
        let key = match block {
            Block::Call(call) if call.custom => "input",
            Block::Call(_) => "arguments",
            Block::Text(_) | Block::Thought(_) => "text",
        };
        self.text_event("done", key, at, block.pieces().whole())
    }

    fn text_event(&self, name: &str, key: &str, at: usize, value: String) -> (String, Value) {
        let block = &self.answer.blocks[at];
        let mut data = self.about(at);
        data[key] = Value::String(value);
        match block {
            Block::Text(_) => data["logprobs"] = json!([]),
            Block::Call(call) if name == "done" && !call.custom => {
                data["name"] = json!(&*call.name)
            }
            Block::Call(_) | Block::Thought(_) => {}
        }
        (format!("response.{}.{name}", kinds(block).0), data)
    }

    /// Where in the response a block's part is.
    fn about(&self, at: usize) -> Value {
        let mut data = json!({"item_id": self.item_id(at), "output_index": at});
        match self.answer.blocks[at] {
            Block::Text(_) => data["content_index"] = json!(0),
            Block::Thought(_) => data["summary_index"] = json!(0),
            Block::Call(_) => {}
        }
        data
    }
}
