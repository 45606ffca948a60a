//! Streams.

use std::collections::BTreeMap;

use super::{
    part::Part,
    reply::{Answer, Candidate, Counts},
};
use crate::dialect::{
    Usage,
    gemini::seal,
    neutral::{Broken, Delta, Logprob, Stop, ToolCall},
    sse,
    waiting::{MAX_WAITING, Said, Waiting},
};

/// Writes the chunks of one stream as events.
///
/// This dialect has no pieces of a call: each is written once it is whole, and
/// what comes behind it waits so long, up to 16 MiB in all. Why the answers ended
/// is written with the usage, in the last chunk.
#[derive(Debug, Default)]
pub struct Events {
    id: String,
    model: String,
    usage: Option<Usage>,
    choices: BTreeMap<u32, Choice>,
    broken: Option<Broken>,
}

/// How far one of the answers has come.
#[derive(Debug, Default)]
struct Choice {
    waiting: Waiting,
    in_thought: bool,
    has_called: bool,
    /// How likely the tokens of the next part are.
    logprobs: Vec<Logprob>,
    /// How much memory those take, in bytes: counted as they come.
    held: usize,
    stop: Option<Stop>,
}

impl Events {
    /// Makes a writer. This dialect does not say when an answer was made.
    pub fn new(_now: u64) -> Self {
        Self::default()
    }

    /// Tells whether too much has to wait, or the answer ended and nobody said
    /// why; nothing more is written then, and the stream must end with an error.
    pub fn broken(&self) -> Option<Broken> {
        self.broken
    }

    /// Appends the events that say `delta`, none or a few.
    pub fn write(&mut self, delta: &Delta, out: &mut Vec<u8>) {
        if self.broken.is_some() {
            return;
        }
        match delta {
            Delta::Start {
                id, model, usage, ..
            } => {
                self.id.clone_from(id);
                self.model.clone_from(model);
                self.usage = *usage;
            }
            Delta::Logprobs { choice, tokens } => {
                let progress = self.choices.entry(*choice).or_default();
                progress.logprobs.extend_from_slice(tokens);
                progress.held += Logprob::size(tokens);
                self.limit();
            }
            Delta::Text { choice, text } | Delta::Refusal { choice, text } => {
                self.say(*choice, Said::Text(text.into()), out);
            }
            Delta::Thought { choice, text } => {
                self.say(*choice, Said::Thought(text.into()), out);
            }
            Delta::Signature {
                choice,
                signature,
                redacted,
            } => {
                let (signature, redacted) = (signature.into(), *redacted);
                let seal = Said::Seal {
                    signature,
                    redacted,
                };
                self.say(*choice, seal, out);
            }
            Delta::CallStart {
                choice,
                call,
                id,
                name,
                signature,
                ..
            } => {
                let call = Said::call(*call, id, name, signature.as_deref());
                self.choices.entry(*choice).or_default().waiting.push(call);
                self.limit();
            }
            Delta::CallArguments {
                choice,
                call,
                piece,
            } => {
                let waiting = &mut self.choices.entry(*choice).or_default().waiting;
                waiting.arguments(*call, piece);
                self.flush(*choice, out);
                self.limit();
            }
            // Some providers say more behind it.
            Delta::Stop { choice, stop } => {
                self.choices.entry(*choice).or_default().stop = Some(stop.clone());
            }
            Delta::Usage(usage) => self.usage = Some(*usage),
            Delta::End => self.end(out),
        }
    }

    /// Says `said`, or has it wait for the calls before it.
    fn say(&mut self, choice: u32, said: Said<'_>, out: &mut Vec<u8>) {
        let waiting = &mut self.choices.entry(choice).or_default().waiting;
        if waiting.is_empty() {
            return self.put(choice, said, out);
        }
        waiting.push(said);
        self.limit();
    }

    /// Says what waits up to the first call that is not whole.
    fn flush(&mut self, choice: u32, out: &mut Vec<u8>) {
        let next = |this: &mut Self| this.choices.get_mut(&choice)?.waiting.pop_whole();
        while let Some(said) = next(self) {
            self.put(choice, said, out);
        }
    }

    fn limit(&mut self) {
        let choices = self.choices.values();
        let waits: usize = choices.map(|it| it.waiting.size() + it.held).sum();
        if waits > MAX_WAITING {
            self.broken = Some(Broken::TooLarge);
            self.choices.clear();
        }
    }

    fn put(&mut self, choice: u32, said: Said<'_>, out: &mut Vec<u8>) {
        let was_in_thought = {
            let progress = self.choices.entry(choice).or_default();
            let thinks = matches!(said, Said::Thought(_));
            std::mem::replace(&mut progress.in_thought, thinks)
        };
        match said {
            Said::Text(text) => self.part(choice, Part::text(&text), out),
            Said::Thought(text) => {
                let part = Part {
                    thought: true,
                    ..Part::text(&text)
                };
                self.part(choice, part, out);
            }
            Said::Seal {
                signature,
                redacted,
            } => {
                // Behind a thought, a part of it: clients that give no thoughts
                // back must not give back its seal alone.
                let part = Part {
                    thought: redacted || was_in_thought,
                    thought_signature: Some(seal::for_client(&signature)),
                    ..Part::text("")
                };
                self.part(choice, part, out);
            }
            Said::Call(call) => {
                let progress = self.choices.entry(choice).or_default();
                let is_first = !std::mem::replace(&mut progress.has_called, true);
                let seal = seal::of_call(call.seal.as_deref(), is_first);
                let made = ToolCall {
                    id: call.id.into_owned(),
                    name: call.name.into_owned(),
                    arguments: call.arguments,
                    signature: None,
                    custom: false,
                };
                self.part(choice, Part::call(&made, seal), out);
            }
        }
    }

    fn part(&mut self, choice: u32, part: Part<'_>, out: &mut Vec<u8>) {
        let progress = self.choices.entry(choice).or_default();
        let tokens = std::mem::take(&mut progress.logprobs);
        progress.held = 0;
        let candidate = Candidate::new(choice, vec![part], &tokens, None);
        self.chunk(vec![candidate], None, out);
    }

    /// Writes the last chunk. It has a text, if an empty one: `chunk.text` of
    /// google-genai is no string otherwise, and programs print it.
    fn end(&mut self, out: &mut Vec<u8>) {
        let has_ended = |choice: &Choice| choice.stop.is_some();
        if self.choices.is_empty() || !self.choices.values().all(has_ended) {
            self.broken = Some(Broken::Unexplained);
            return;
        }
        let next = |this: &mut Self| {
            let mut choices = this.choices.iter_mut();
            choices.find_map(|(choice, it)| Some((*choice, it.waiting.pop()?)))
        };
        while let Some((choice, said)) = next(self) {
            self.put(choice, said, out);
        }
        let candidates = self.choices.iter().map(|(choice, progress)| {
            let (parts, tokens) = (vec![Part::text("")], &progress.logprobs);
            Candidate::new(*choice, parts, tokens, progress.stop.as_ref())
        });
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
