//! An answer as it comes, chunk by chunk.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Call, Message, call_id, filled, stop};
use crate::dialect::{
    neutral::{Delta, Unreadable, ids::name_of_answer},
    openai::shape,
    sse::Event,
};

/// The most calls of one stream.
const MAX_CALLS: usize = 1_024;
/// The most answers of one stream; OpenAI's own limit of `n`.
const MAX_CHOICES: u32 = 128;

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    created: Option<f64>,
    #[serde(default, borrow)]
    usage: Option<&'a RawValue>,
    #[serde(default)]
    choices: Option<Vec<Piece>>,
}

#[derive(Deserialize)]
struct Piece {
    #[serde(default)]
    index: u32,
    #[serde(default)]
    delta: Option<Message>,
    #[serde(default)]
    finish_reason: Option<String>,
}

/// A call that has begun.
#[derive(Debug)]
struct Begun {
    choice: u32,
    /// The provider's number of it, unique in its choice at most.
    index: u32,
    id: Option<String>,
}

/// Reads the events of one stream.
#[derive(Debug, Default)]
pub struct Events {
    answer: Option<String>,
    calls: Vec<Begun>,
    open: Vec<u32>,
    stopped: Vec<u32>,
}

impl Events {
    /// Reads one event and appends what it says to `out`.
    ///
    /// # Errors
    ///
    /// [`Unreadable`] for one that is no chunk, ends for no known reason, or
    /// ends the stream before its answers have.
    pub fn read(&mut self, event: &Event<'_>, out: &mut Vec<Delta>) -> Result<(), Unreadable> {
        let data = event.data.trim_ascii();
        if data.is_empty() {
            return Ok(());
        }
        if data == b"[DONE]" {
            if self.stopped.is_empty() || !self.open.is_empty() {
                return Err(Unreadable);
            }
            out.push(Delta::End);
            return Ok(());
        }
        let mut chunk: Chunk<'_> = serde_json::from_slice(data).map_err(|_| Unreadable)?;
        let pieces = chunk.choices.take().unwrap_or_default();
        if self.answer.is_none() && !pieces.is_empty() {
            self.start(&mut chunk, data, out);
        }
        for piece in pieces {
            self.piece(piece, out)?;
        }
        if self.answer.is_some() {
            let usage = chunk.usage.and_then(|raw| shape::usage(raw.get()));
            out.extend(usage.map(Delta::Usage));
        }
        Ok(())
    }

    /// Azure's first chunk is about the prompt, without choices and without a
    /// name: the answer begins with the first chunk that has choices.
    fn start(&mut self, chunk: &mut Chunk<'_>, data: &[u8], out: &mut Vec<Delta>) {
        let id = chunk.id.take().unwrap_or_default();
        self.answer = Some(name_of_answer(&id, data));
        out.push(Delta::Start {
            id,
            model: chunk.model.take().unwrap_or_default(),
            created: chunk.created.map(|seconds| seconds as u64),
            usage: None,
        });
    }

    fn piece(&mut self, piece: Piece, out: &mut Vec<Delta>) -> Result<(), Unreadable> {
        let choice = piece.index;
        if choice >= MAX_CHOICES {
            return Err(Unreadable);
        }
        if !self.open.contains(&choice) && !self.stopped.contains(&choice) {
            self.open.push(choice);
        }
        if let Some(mut message) = piece.delta {
            let thought = message.take_thought();
            out.extend(thought.map(|text| Delta::Thought { choice, text }));
            let text = filled(message.content.map(|said| said.text));
            out.extend(text.map(|text| Delta::Text { choice, text }));
            let refusal = filled(message.refusal);
            out.extend(refusal.map(|text| Delta::Refusal { choice, text }));
            for call in message.tool_calls.unwrap_or_default() {
                self.call(choice, call, out)?;
            }
        }
        // Some repeat the reason in the chunk with the usage.
        if let (Some(reason), Some(at)) = (
            filled(piece.finish_reason),
            self.open.iter().position(|open| *open == choice),
        ) {
            let has_calls = self.calls.iter().any(|call| call.choice == choice);
            let stop = stop(&reason, has_calls).ok_or(Unreadable)?;
            self.open.swap_remove(at);
            self.stopped.push(choice);
            out.push(Delta::Stop { choice, stop });
        }
        Ok(())
    }

    fn call(&mut self, choice: u32, call: Call, out: &mut Vec<Delta>) -> Result<(), Unreadable> {
        let signature = call.signature();
        let id = filled(call.id);
        let function = call.function.unwrap_or_default();
        let name = filled(function.name);
        let of_choice = self.calls.iter().filter(|begun| begun.choice == choice);
        // Servers leave out the index, or give every call the same: a new name
        // under a new id is a new call, and without either it is the last one's.
        let known = (0..).zip(of_choice.clone()).filter(|(_, begun)| {
            let may_be = id.is_none() || name.is_none() || begun.id == id;
            may_be && call.index.is_none_or(|index| begun.index == index)
        });
        let known = known.map(|(number, _)| number).last();
        let number = match known {
            Some(number) => number,
            None => {
                if self.calls.len() >= MAX_CALLS {
                    return Err(Unreadable);
                }
                let number = of_choice.count() as u32;
                let answer = self.answer.as_deref().unwrap_or_default();
                out.push(Delta::CallStart {
                    choice,
                    call: number,
                    id: id
                        .clone()
                        .unwrap_or_else(|| call_id(answer, choice, number)),
                    name: name.ok_or(Unreadable)?,
                    signature,
                });
                self.calls.push(Begun {
                    choice,
                    index: call.index.unwrap_or(number),
                    id,
                });
                number
            }
        };
        let piece = filled(function.arguments);
        out.extend(piece.map(|piece| Delta::CallArguments {
            choice,
            call: number,
            piece,
        }));
        Ok(())
    }
}
