//! Streams.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    part::Part,
    reply::{Answer, Candidate, Counts},
};
use crate::dialect::{
    Usage,
    gemini::seal,
    neutral::{Delta, Stop, ToolCall},
    sse,
};

/// Writes the chunks of one stream as events.
///
/// A call is written once it is whole, as this dialect has no pieces of one;
/// why the answers ended is written with the usage, in the last chunk.
#[derive(Debug, Default)]
pub struct Events {
    id: String,
    model: String,
    usage: Option<Usage>,
    /// The call each answer is in the middle of.
    calls: BTreeMap<u32, (u32, ToolCall)>,
    /// The answers that are in the middle of a thought.
    thinking: BTreeSet<u32>,
    stops: BTreeMap<u32, Stop>,
}

impl Events {
    /// Makes a writer. This dialect does not say when an answer was made.
    pub fn new(_now: u64) -> Self {
        Self::default()
    }

    /// Appends the events that say `delta`, none or a few.
    pub fn write(&mut self, delta: &Delta, out: &mut Vec<u8>) {
        match delta {
            Delta::Start {
                id, model, usage, ..
            } => {
                self.id.clone_from(id);
                self.model.clone_from(model);
                self.usage = *usage;
            }
            Delta::Text { choice, text } | Delta::Refusal { choice, text } => {
                self.flush(*choice, out);
                self.part(*choice, Part::text(text), out);
            }
            Delta::Thought { choice, text } => {
                self.flush(*choice, out);
                let part = Part {
                    thought: true,
                    ..Part::text(text)
                };
                self.part(*choice, part, out);
                self.thinking.insert(*choice);
            }
            Delta::Signature {
                choice,
                signature,
                redacted,
            } => {
                self.flush(*choice, out);
                // Behind a thought, a part of it: clients that give no thoughts
                // back must not give back its seal alone.
                let part = Part {
                    thought: *redacted || self.thinking.contains(choice),
                    thought_signature: Some(seal::for_client(signature)),
                    ..Part::text("")
                };
                self.part(*choice, part, out);
            }
            Delta::CallStart {
                choice,
                call,
                id,
                name,
                signature,
            } => {
                self.flush(*choice, out);
                let begun = ToolCall {
                    id: id.clone(),
                    name: name.clone(),
                    arguments: String::new(),
                    signature: signature.clone(),
                };
                self.calls.insert(*choice, (*call, begun));
            }
            Delta::CallArguments {
                choice,
                call,
                piece,
            } => {
                if let Some((begun, made)) = self.calls.get_mut(choice)
                    && begun == call
                {
                    made.arguments.push_str(piece);
                }
            }
            Delta::Stop { choice, stop } => {
                self.flush(*choice, out);
                self.stops.insert(*choice, stop.clone());
            }
            Delta::Usage(usage) => self.usage = Some(*usage),
            Delta::End => self.end(out),
        }
    }

    /// Writes the call that `choice` is in the middle of.
    fn flush(&mut self, choice: u32, out: &mut Vec<u8>) {
        if let Some((_, call)) = self.calls.remove(&choice) {
            let seal = call.signature.as_deref().map(seal::for_client);
            self.part(choice, Part::call(&call, seal), out);
        }
    }

    fn part(&mut self, choice: u32, part: Part<'_>, out: &mut Vec<u8>) {
        self.thinking.remove(&choice);
        let candidate = Candidate::new(choice, vec![part], None);
        self.chunk(vec![candidate], None, out);
    }

    /// Writes the last chunk. It has a text, if an empty one: `chunk.text` of
    /// google-genai is no string otherwise, and programs print it.
    fn end(&self, out: &mut Vec<u8>) {
        let candidates = self
            .stops
            .iter()
            .map(|(choice, stop)| Candidate::new(*choice, vec![Part::text("")], Some(stop)));
        self.chunk(candidates.collect(), self.usage, out);
    }

    fn chunk(&self, candidates: Vec<Candidate<'_>>, usage: Option<Usage>, out: &mut Vec<u8>) {
        let chunk = Answer {
            candidates,
            usage_metadata: usage.map(Counts::from),
            model_version: &self.model,
            response_id: &self.id,
        };
        sse::write(out, "", &chunk);
    }
}
