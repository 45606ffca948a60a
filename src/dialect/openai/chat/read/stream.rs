//! An answer as it comes, chunk by chunk.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Call, Message, call_id, filled, stop};
use crate::dialect::{
    neutral::{Delta, Unreadable, custom, ids::name_of_answer},
    openai::{logprobs, shape},
    sse::Event,
    waiting::Progress,
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
    #[serde(default, borrow)]
    choices: Option<Vec<Piece<'a>>>,
}

#[derive(Deserialize)]
struct Piece<'a> {
    #[serde(default)]
    index: u32,
    #[serde(default)]
    delta: Option<Message>,
    #[serde(default, borrow)]
    logprobs: Option<&'a RawValue>,
    #[serde(default)]
    finish_reason: Option<String>,
}

/// A call that has begun.
#[derive(Debug)]
struct Begun {
    choice: u32,
    number: u32,
    /// The provider's number of it, unique in its choice at most.
    index: u32,
    id: Option<String>,
    name: String,
    arguments: Progress,
    /// Its tool is a custom one: nobody can tell whether its text is whole.
    custom: bool,
}

impl Begun {
    /// Tells whether a piece under this id and name may be a part of the call.
    ///
    /// Servers leave out the index, or give every call the same, and some leave
    /// out the id as well. Without a name it is never a new call. With one it is
    /// under a new id; and without an id, under another name or if this call is
    /// whole: some servers say the name again with each piece.
    fn may_go_on(&self, id: Option<&str>, name: Option<&str>, arguments: Option<&str>) -> bool {
        let says_more = || arguments.is_some_and(|text| !text.trim_ascii().is_empty());
        match (id, name) {
            (_, None) => true,
            (Some(id), Some(_)) => self.id.as_deref() == Some(id),
            (None, Some(name)) => self.name == name && !(self.arguments.is_whole() && says_more()),
        }
    }
}

/// Reads the events of one stream.
#[derive(Debug, Default)]
pub struct Events {
    /// What the name of an answer without an id is made of, if not of its
    /// first event.
    pub(in crate::dialect) seed: Option<Vec<u8>>,
    answer: Option<String>,
    calls: Vec<Begun>,
    open: Vec<u32>,
    stopped: Vec<u32>,
    /// Whether one of the answers has ended as a failure: the stream is not whole.
    failed: bool,
}

impl Events {
    /// Reads one event and appends what it says to `out`.
    ///
    /// # Errors
    ///
    /// [`Unreadable`] for one that is no chunk, or ends a stream whose answers
    /// are not whole.
    pub fn read(&mut self, event: &Event<'_>, out: &mut Vec<Delta>) -> Result<(), Unreadable> {
        let data = event.data.trim_ascii();
        if data.is_empty() {
            return Ok(());
        }
        if data == b"[DONE]" {
            return self.done(out);
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

    /// Some servers never give a reason: whoever says that it is done is, unless
    /// it failed, has begun no answer or is in the middle of a call.
    fn done(&mut self, out: &mut Vec<Delta>) -> Result<(), Unreadable> {
        let is_cut =
            |it: &Begun| self.open.contains(&it.choice) && !it.custom && !it.arguments.is_whole();
        let is_empty = self.stopped.is_empty() && self.open.is_empty();
        if self.failed || is_empty || self.calls.iter().any(is_cut) {
            return Err(Unreadable);
        }
        for choice in std::mem::take(&mut self.open) {
            self.end_texts(choice, out);
            let has_calls = self.calls.iter().any(|call| call.choice == choice);
            let stop = stop("", has_calls).ok_or(Unreadable)?;
            out.push(Delta::Stop { choice, stop });
        }
        out.push(Delta::End);
        Ok(())
    }

    /// Azure's first chunk is about the prompt, without choices and without a
    /// name: the answer begins with the first chunk that has choices.
    fn start(&mut self, chunk: &mut Chunk<'_>, data: &[u8], out: &mut Vec<Delta>) {
        let id = chunk.id.take().unwrap_or_default();
        let seed = self.seed.as_deref().unwrap_or(data);
        self.answer = Some(name_of_answer(&id, seed));
        out.push(Delta::Start {
            id,
            model: chunk.model.take().unwrap_or_default(),
            created: chunk.created.map(|seconds| seconds as u64),
            usage: None,
        });
    }

    fn piece(&mut self, piece: Piece<'_>, out: &mut Vec<Delta>) -> Result<(), Unreadable> {
        let choice = piece.index;
        if choice >= MAX_CHOICES {
            return Err(Unreadable);
        }
        if !self.open.contains(&choice) && !self.stopped.contains(&choice) {
            self.open.push(choice);
        }
        let tokens = logprobs::read(piece.logprobs);
        if !tokens.is_empty() {
            out.push(Delta::Logprobs { choice, tokens });
        }
        if let Some(mut message) = piece.delta {
            let thought = message.take_thought();
            out.extend(thought.map(|text| Delta::Thought { choice, text }));
            // Streams of most dialects have no place for them.
            let images: Vec<_> = message.images().map(|it| it.in_words()).collect();
            let text = filled(message.content.map(|said| said.text));
            let texts = text.into_iter().chain(images);
            out.extend(texts.map(|text| Delta::Text { choice, text }));
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
            match stop(&reason, has_calls) {
                Some(stop) => {
                    self.open.swap_remove(at);
                    self.stopped.push(choice);
                    self.end_texts(choice, out);
                    out.push(Delta::Stop { choice, stop });
                }
                None => self.failed = true,
            }
        }
        Ok(())
    }

    fn call(&mut self, choice: u32, call: Call, out: &mut Vec<Delta>) -> Result<(), Unreadable> {
        let signature = call.signature();
        let id = filled(call.id);
        let is_custom = call.custom.is_some();
        let (name, piece) = match call.custom {
            Some(text) => {
                let piece = filled(text.input).map(|text| custom::wrapped_piece(&text));
                (filled(text.name), piece)
            }
            None => {
                let function = call.function.unwrap_or_default();
                (filled(function.name), filled(function.arguments))
            }
        };
        let is_of = |begun: &Begun| {
            begun.choice == choice && call.index.is_none_or(|index| begun.index == index)
        };
        let is_named = |it: &Begun| is_of(it) && id.is_some() && it.id == id;
        let goes_on = |it: &Begun| {
            is_of(it) && it.may_go_on(id.as_deref(), name.as_deref(), piece.as_deref())
        };
        let named = self.calls.iter().rposition(is_named);
        let at = named.or_else(|| self.calls.iter().rposition(goes_on));
        let begun = match at {
            Some(at) => &mut self.calls[at],
            None => {
                let number = self.calls.iter().filter(|it| it.choice == choice).count() as u32;
                if self.calls.len() >= MAX_CALLS {
                    return Err(Unreadable);
                }
                let name = name.ok_or(Unreadable)?;
                let answer = self.answer.as_deref().unwrap_or_default();
                let made = || call_id(answer, choice, number);
                out.push(Delta::CallStart {
                    choice,
                    call: number,
                    id: id.clone().unwrap_or_else(made),
                    name: name.clone(),
                    signature,
                    custom: is_custom,
                });
                self.calls.push(Begun {
                    choice,
                    number,
                    index: call.index.unwrap_or(number),
                    id,
                    name,
                    arguments: Progress::default(),
                    custom: is_custom,
                });
                if is_custom {
                    out.push(Delta::CallArguments {
                        choice,
                        call: number,
                        piece: custom::wrapping_begins().to_owned(),
                    });
                }
                self.calls.last_mut().ok_or(Unreadable)?
            }
        };
        if let Some(piece) = piece {
            begun.arguments.push(&piece);
            out.push(Delta::CallArguments {
                choice,
                call: begun.number,
                piece,
            });
        }
        Ok(())
    }

    /// Ends the arguments of an answer's calls of custom tools.
    fn end_texts(&self, choice: u32, out: &mut Vec<Delta>) {
        let texts = self
            .calls
            .iter()
            .filter(|it| it.choice == choice && it.custom);
        out.extend(texts.map(|it| Delta::CallArguments {
            choice,
            call: it.number,
            piece: custom::wrapping_ends().to_owned(),
        }));
    }
}
