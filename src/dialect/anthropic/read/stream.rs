//! The events of a streamed answer, read as they come.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::block::{Block, StopDetails, call_id, stop};
use crate::dialect::{
    anthropic::usage::Counts,
    neutral::{Delta, Unreadable, ids::name_of_answer, seal},
    sse,
};

/// The most calls that may be open at a time; the provider has one.
const MAX_OPEN: usize = 16;

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(default)]
    index: u64,
    #[serde(borrow)]
    message: Option<Start<'a>>,
    #[serde(borrow)]
    content_block: Option<Block<'a>>,
    #[serde(borrow)]
    delta: Option<Piece<'a>>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Start<'a> {
    id: Option<String>,
    model: Option<String>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Piece<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Cow<'a, str>,
    text: Option<String>,
    partial_json: Option<String>,
    thinking: Option<String>,
    signature: Option<String>,
    stop_reason: Option<String>,
    stop_sequence: Option<String>,
    stop_details: Option<StopDetails>,
}

/// Reads the events of one stream.
///
/// Passed over: `ping`, citations, blocks of the provider's own tools, for which
/// no translated request asks, and events of a kind that is new, since the
/// provider says that there may be some.
#[derive(Debug, Default)]
pub struct Events {
    /// What the name of an answer without an id is made of, if not of its
    /// first event.
    pub(in crate::dialect) seed: Option<Vec<u8>>,
    /// The answer's name in the ids of its calls.
    name: String,
    counts: Counts,
    open: Vec<Open>,
    calls: u32,
    stopped: bool,
    ended: bool,
}

/// A call whose block is open.
#[derive(Debug)]
struct Open {
    index: u64,
    call: u32,
    has_arguments: bool,
}

impl Events {
    /// Reads the next event and appends what it says.
    ///
    /// # Errors
    ///
    /// [`Unreadable`] for an event that is not of this dialect, an `error`
    /// (which is judged before it comes here), and for `message_stop` where no
    /// reason was told.
    pub fn read(&mut self, event: &sse::Event<'_>, out: &mut Vec<Delta>) -> Result<(), Unreadable> {
        let data = event.data.trim_ascii();
        if data.is_empty() || event.name == b"ping" || self.ended {
            return Ok(());
        }
        let event: Event<'_> = serde_json::from_slice(data).map_err(|_| Unreadable)?;
        match &*event.kind {
            "message_start" => self.start(event.message.ok_or(Unreadable)?, data, out),
            "content_block_start" => {
                self.block(event.index, event.content_block.ok_or(Unreadable)?, out)?;
            }
            "content_block_delta" => {
                self.piece(event.index, event.delta.ok_or(Unreadable)?, out);
            }
            "content_block_stop" => self.close(event.index, out),
            "message_delta" => {
                let piece = event.delta.ok_or(Unreadable)?;
                self.ending(piece, event.usage, out);
            }
            "message_stop" if self.stopped => {
                self.ended = true;
                out.push(Delta::End);
            }
            "message_stop" | "error" => return Err(Unreadable),
            _ => {}
        }
        Ok(())
    }

    /// Appends what is owed once the body has ended behind its terminal event:
    /// nothing, since `message_stop` says it all.
    pub fn finish(&mut self, _: &mut Vec<Delta>) {}

    fn start(&mut self, message: Start<'_>, data: &[u8], out: &mut Vec<Delta>) {
        self.count(message.usage);
        let id = message.id.unwrap_or_default();
        let seed = self.seed.as_deref().unwrap_or(data);
        self.name = name_of_answer(&id, seed);
        out.push(Delta::Start {
            id,
            model: message.model.unwrap_or_default(),
            created: None,
            usage: self.counts.usage(),
        });
    }

    fn count(&mut self, usage: Option<&RawValue>) {
        if let Some(raw) = usage {
            self.counts.update(Counts::read(raw.get()));
        }
    }

    fn block(
        &mut self,
        index: u64,
        block: Block<'_>,
        out: &mut Vec<Delta>,
    ) -> Result<(), Unreadable> {
        match &*block.kind {
            "text" => push_text(block.text, out),
            "thinking" => {
                push_thought(block.thinking, out);
                push_signature(block.signature, false, out);
            }
            "redacted_thinking" => push_signature(block.data, true, out),
            "tool_use" => {
                if self.open.len() == MAX_OPEN {
                    return Err(Unreadable);
                }
                let call = self.calls;
                self.calls += 1;
                self.open.push(Open {
                    index,
                    call,
                    has_arguments: false,
                });
                out.push(Delta::CallStart {
                    choice: 0,
                    call,
                    id: call_id(
                        block.id,
                        &self.name,
                        usize::try_from(index).unwrap_or(usize::MAX),
                    ),
                    name: block.name.unwrap_or_default(),
                    signature: None,
                    custom: false,
                });
                // `{}` holds the place of what comes in pieces; some compatible
                // providers put the whole input here.
                let input = block.input.map(RawValue::get);
                let whole = input.filter(|raw| raw.len() > 2 && raw.starts_with('{'));
                self.arguments(index, whole.map(str::to_owned), out);
            }
            _ => {}
        }
        Ok(())
    }

    fn piece(&mut self, index: u64, piece: Piece<'_>, out: &mut Vec<Delta>) {
        match &*piece.kind {
            "text_delta" => push_text(piece.text, out),
            "thinking_delta" => push_thought(piece.thinking, out),
            "signature_delta" => push_signature(piece.signature, false, out),
            "input_json_delta" => self.arguments(index, piece.partial_json, out),
            _ => {}
        }
    }

    fn arguments(&mut self, index: u64, piece: Option<String>, out: &mut Vec<Delta>) {
        let open = self.open.iter_mut().find(|open| open.index == index);
        if let (Some(open), Some(piece)) = (open, piece.filter(|piece| !piece.is_empty())) {
            open.has_arguments = true;
            out.push(Delta::CallArguments {
                choice: 0,
                call: open.call,
                piece,
            });
        }
    }

    /// Ends a block. A call that was given nothing has an empty object as its
    /// arguments, as in a whole answer: clients parse them.
    fn close(&mut self, index: u64, out: &mut Vec<Delta>) {
        let Some(at) = self.open.iter().position(|open| open.index == index) else {
            return;
        };
        let open = self.open.swap_remove(at);
        if !open.has_arguments {
            out.push(Delta::CallArguments {
                choice: 0,
                call: open.call,
                piece: "{}".to_owned(),
            });
        }
    }

    fn ending(&mut self, piece: Piece<'_>, usage: Option<&RawValue>, out: &mut Vec<Delta>) {
        self.count(usage);
        if let (Some(reason), false) = (piece.stop_reason, self.stopped) {
            let stop = stop(&reason, piece.stop_sequence, self.calls > 0);
            if let Some(text) = piece.stop_details.and_then(StopDetails::refusal) {
                out.push(Delta::Refusal { choice: 0, text });
            }
            self.stopped = true;
            out.push(Delta::Stop { choice: 0, stop });
        }
        out.extend(self.counts.usage().map(Delta::Usage));
    }
}

fn push_text(text: Option<String>, out: &mut Vec<Delta>) {
    let text = text.filter(|text| !text.is_empty());
    out.extend(text.map(|text| Delta::Text { choice: 0, text }));
}

fn push_thought(text: Option<String>, out: &mut Vec<Delta>) {
    let text = text.filter(|text| !text.is_empty());
    out.extend(text.map(|text| Delta::Thought { choice: 0, text }));
}

fn push_signature(signature: Option<String>, redacted: bool, out: &mut Vec<Delta>) {
    let signature = signature.and_then(seal::of_messages);
    out.extend(signature.map(|signature| Delta::Signature {
        choice: 0,
        signature,
        redacted,
    }));
}
