//! An answer as it comes, event by event.

mod event;

use super::{
    item::{Content, Item, Summary, status, tokens},
    response::{Response, id, stem},
};
use crate::dialect::{
    ResponseHead, Usage,
    neutral::{Broken, Delta, Logprob, Stop, custom::Unwrapping, seal::ahead_of_call},
    openai::responses::echo::Echo,
    waiting::MAX_WAITING,
};
use event::{At, Out, Tokens};

/// Writes the events of one stream.
///
/// Every event has its number, from 0. An event that the relay adds, an error
/// or a sign of life, goes by [`Self::last_sequence`].
#[derive(Debug)]
pub struct Events {
    head: ResponseHead,
    sequence: u64,
    items: Vec<Item>,
    /// The message or thought that goes on; calls go on until the answer ends.
    speaking: Option<usize>,
    calls: Vec<Call>,
    stop: Option<Stop>,
    usage: Option<Usage>,
    /// How likely the tokens of the next text are.
    logprobs: Vec<Logprob>,
    /// Bytes that are kept for the last event, which repeats the answer.
    kept: usize,
    unexplained: bool,
    echo: Echo,
}

/// A call that goes on.
#[derive(Debug)]
struct Call {
    /// Which of the answer's.
    call: u32,
    /// Its place among the items.
    at: usize,
    /// Its text, if its tool is a custom one.
    text: Option<Unwrapping>,
}

impl Events {
    /// Starts a stream at `now`, in seconds since 1970.
    pub fn new(now: u64) -> Self {
        Self {
            head: ResponseHead {
                id: id("", now),
                created_at: now,
                model: String::new(),
            },
            sequence: 0,
            items: Vec::new(),
            speaking: None,
            calls: Vec::new(),
            stop: None,
            usage: None,
            logprobs: Vec::new(),
            kept: 0,
            unexplained: false,
            echo: Echo::default(),
        }
    }

    /// Repeats `echo` of the request.
    pub fn repeat(&mut self, echo: Echo) {
        self.echo = echo;
    }

    /// Returns who the stream is about; final once anything was written.
    pub fn head(&self) -> &ResponseHead {
        &self.head
    }

    fn take_sequence(&mut self) -> u64 {
        let sequence = self.sequence;
        self.sequence += 1;
        sequence
    }

    /// Returns the number of the last event; `None` before the first.
    pub fn last_sequence(&self) -> Option<u64> {
        self.sequence.checked_sub(1)
    }

    /// Tells whether the answer was too long to repeat, or ended and nobody
    /// said why; nothing more is written then, and the stream must end with an
    /// error.
    pub fn broken(&self) -> Option<Broken> {
        let too_large = (self.kept > MAX_WAITING).then_some(Broken::TooLarge);
        too_large.or(self.unexplained.then_some(Broken::Unexplained))
    }

    /// Appends the events that say `delta`. The dialect has one choice: the first.
    pub fn write(&mut self, delta: &Delta, out: &mut Vec<u8>) {
        self.kept += match delta {
            Delta::Text { text, .. } | Delta::Thought { text, .. } => text.len(),
            Delta::Refusal { text, .. } => text.len(),
            Delta::CallArguments { piece, .. } => piece.len(),
            Delta::Signature { signature, .. } => signature.len(),
            Delta::Logprobs { tokens, .. } => Logprob::size(tokens),
            // So that no number of empty calls is free.
            Delta::CallStart { id, name, .. } => id.len() + name.len() + 256,
            Delta::Start { .. } | Delta::Stop { .. } | Delta::Usage(_) | Delta::End => 0,
        };
        if self.broken().is_some() {
            return;
        }
        let out = &mut Out { to: out };
        match delta {
            Delta::Start {
                id: given,
                model,
                created,
                usage,
            } => {
                self.head.id = id(given, self.head.created_at);
                self.head.model.clone_from(model);
                self.head.created_at = created.unwrap_or(self.head.created_at);
                self.usage = *usage;
                self.about("response.created", ("in_progress", None), out);
                self.about("response.in_progress", ("in_progress", None), out);
            }
            Delta::Logprobs { choice: 0, tokens } => self.logprobs.extend_from_slice(tokens),
            Delta::Text { choice: 0, text } => self.say(text, false, out),
            Delta::Refusal { choice: 0, text } => self.say(text, true, out),
            Delta::Thought { choice: 0, text } => self.think(text, out),
            Delta::Signature {
                choice: 0,
                signature,
                redacted,
            } => {
                let at = self.thought(out);
                self.items[at].seal(signature, *redacted);
                self.hush("completed", out);
            }
            Delta::CallStart {
                choice: 0,
                call,
                id,
                name,
                signature,
                custom,
            } => {
                self.hush("completed", out);
                if let Some(seal) = ahead_of_call(signature.as_deref()) {
                    let at = self.thought(out);
                    self.items[at].seal(&seal, true);
                    self.hush("completed", out);
                }
                let stem = stem(&self.head.id);
                let at = self.items.len();
                let item = Item::call(stem, at, id.clone(), name, *custom);
                let call = Call {
                    call: *call,
                    at: self.begin(item, out),
                    text: custom.then(Unwrapping::default),
                };
                self.calls.push(call);
            }
            Delta::CallArguments {
                choice: 0,
                call,
                piece,
            } => self.argue(*call, piece, out),
            // Some providers say more behind it.
            Delta::Stop { choice: 0, stop } => self.stop = Some(stop.clone()),
            Delta::Usage(usage) => self.usage = Some(*usage),
            Delta::End => match &self.stop {
                None => self.unexplained = true,
                Some(stop) => {
                    let status = status(stop);
                    // What came last is what a limit cut off.
                    let last = self.items.len().checked_sub(1);
                    let of = |at| if at == last { status.0 } else { "completed" };
                    self.hush(of(self.speaking), out);
                    for Call { at, text, .. } in std::mem::take(&mut self.calls) {
                        if let Some(mut text) = text {
                            self.argue_at(at, &text.rest(), out);
                        }
                        self.end(at, of(Some(at)), out);
                    }
                    let name = match status.1 {
                        None => "response.completed",
                        Some(_) => "response.incomplete",
                    };
                    self.about(name, status, out);
                }
            },
            Delta::Logprobs { .. }
            | Delta::Text { .. }
            | Delta::Refusal { .. }
            | Delta::Thought { .. }
            | Delta::Signature { .. }
            | Delta::CallStart { .. }
            | Delta::CallArguments { .. }
            | Delta::Stop { .. } => {}
        }
    }

    /// Writes an event about the response as a whole.
    fn about(
        &mut self,
        name: &'static str,
        status: (&'static str, Option<&'static str>),
        out: &mut Out<'_>,
    ) {
        let sequence = self.take_sequence();
        let is_over = self.stop.is_some();
        let usage = self.usage.filter(|_| is_over);
        let response = Response::new(&self.head, status, &self.items, usage, &self.echo);
        out.response(name, sequence, &response);
    }

    /// Adds `item` to the output.
    fn begin(&mut self, item: Item, out: &mut Out<'_>) -> usize {
        let at = self.items.len();
        let sequence = self.take_sequence();
        out.item("response.output_item.added", sequence, at, &item);
        self.items.push(item);
        at
    }

    /// Ends an item for good.
    fn end(&mut self, at: usize, status: &'static str, out: &mut Out<'_>) {
        self.items[at].end(status);
        let event = At::new(&self.items, at);
        let done = match &self.items[at] {
            Item::FunctionCall { arguments, .. } => Some((
                "response.function_call_arguments.done",
                At {
                    arguments: Some(arguments),
                    ..event
                },
            )),
            Item::CustomToolCall { input, .. } => Some((
                "response.custom_tool_call_input.done",
                At {
                    input: Some(input),
                    ..event
                },
            )),
            Item::Message { .. } | Item::Reasoning { .. } => None,
        };
        if let Some((name, event)) = done {
            out.at(name, &mut self.sequence, event);
        }
        let sequence = self.take_sequence();
        out.item("response.output_item.done", sequence, at, &self.items[at]);
    }

    /// Ends the message or thought that goes on.
    fn hush(&mut self, status: &'static str, out: &mut Out<'_>) {
        let Some(at) = self.speaking.take() else {
            return;
        };
        self.end_part(at, out);
        self.end(at, status, out);
    }

    /// Ends the last part of a message or a thought.
    fn end_part(&mut self, at: usize, out: &mut Out<'_>) {
        // Tokens that no text came for are of the one before.
        if let Item::Message { content, .. } = &mut self.items[at]
            && let Some(Content::OutputText { logprobs, .. }) = content.last_mut()
        {
            logprobs.append(&mut self.logprobs);
        }
        let event = At::new(&self.items, at);
        match &self.items[at] {
            Item::Message { content, .. } => {
                let event = At {
                    content_index: content.len().checked_sub(1),
                    ..event
                };
                let Some(part) = content.last() else { return };
                let (name, done) = match part {
                    Content::OutputText { text, logprobs, .. } => (
                        "response.output_text.done",
                        At {
                            text: Some(text),
                            logprobs: Some(Tokens(logprobs)),
                            ..event.clone()
                        },
                    ),
                    Content::Refusal { refusal } => (
                        "response.refusal.done",
                        At {
                            refusal: Some(refusal),
                            ..event.clone()
                        },
                    ),
                };
                out.at(name, &mut self.sequence, done);
                let event = event.with_content(part);
                out.at("response.content_part.done", &mut self.sequence, event);
            }
            Item::Reasoning { summary, .. } => {
                let Some(part @ Summary::SummaryText { text }) = summary.last() else {
                    return;
                };
                let event = At {
                    summary_index: Some(0),
                    ..event
                };
                let done = At {
                    text: Some(text),
                    ..event.clone()
                };
                let name = "response.reasoning_summary_text.done";
                out.at(name, &mut self.sequence, done);
                let name = "response.reasoning_summary_part.done";
                out.at(name, &mut self.sequence, event.with_summary(part));
            }
            Item::FunctionCall { .. } | Item::CustomToolCall { .. } => {}
        }
    }

    /// Adds to the text, or to the refusal, of a message.
    fn say(&mut self, said: &str, refuses: bool, out: &mut Out<'_>) {
        let is_message = |at: &usize| matches!(self.items[*at], Item::Message { .. });
        let at = match self.speaking.filter(is_message) {
            Some(at) => at,
            None => {
                self.hush("completed", out);
                let item = Item::message(stem(&self.head.id), self.items.len());
                let at = self.begin(item, out);
                self.speaking = Some(at);
                at
            }
        };
        let Item::Message { content, .. } = &self.items[at] else {
            return;
        };
        let goes_on = content
            .last()
            .is_some_and(|part| matches!(part, Content::Refusal { .. }) == refuses);
        if !goes_on {
            self.end_part(at, out);
            self.begin_part(at, refuses, out);
        }
        let Item::Message { content, .. } = &mut self.items[at] else {
            return;
        };
        let index = content.len().checked_sub(1);
        let mut tokens = Vec::new();
        let (name, logprobs) = match content.last_mut() {
            Some(Content::OutputText { text, logprobs, .. }) => {
                text.push_str(said);
                tokens.append(&mut self.logprobs);
                logprobs.extend_from_slice(&tokens);
                ("response.output_text.delta", Some(Tokens(&tokens)))
            }
            Some(Content::Refusal { refusal }) => {
                refusal.push_str(said);
                ("response.refusal.delta", None)
            }
            None => return,
        };
        let event = At {
            content_index: index,
            delta: Some(said),
            logprobs,
            ..At::new(&self.items, at)
        };
        out.at(name, &mut self.sequence, event);
    }

    fn begin_part(&mut self, at: usize, refuses: bool, out: &mut Out<'_>) {
        let part = match refuses {
            true => Content::Refusal {
                refusal: String::new(),
            },
            false => Content::text(String::new()),
        };
        let Item::Message { content, .. } = &mut self.items[at] else {
            return;
        };
        let index = content.len();
        content.push(part.clone());
        let event = At {
            content_index: Some(index),
            ..At::new(&self.items, at)
        };
        let name = "response.content_part.added";
        out.at(name, &mut self.sequence, event.with_content(&part));
    }

    /// Returns the thought that goes on, or begins one.
    fn thought(&mut self, out: &mut Out<'_>) -> usize {
        let is_thought = |at: &usize| matches!(self.items[*at], Item::Reasoning { .. });
        if let Some(at) = self.speaking.filter(is_thought) {
            return at;
        }
        self.hush("completed", out);
        let item = Item::thought(stem(&self.head.id), self.items.len());
        let at = self.begin(item, out);
        self.speaking = Some(at);
        at
    }

    /// Adds to a thought, which is told as its summary.
    fn think(&mut self, thought: &str, out: &mut Out<'_>) {
        let at = self.thought(out);
        let Item::Reasoning { summary, .. } = &mut self.items[at] else {
            return;
        };
        let begins = summary.is_empty();
        if begins {
            let text = String::new();
            summary.push(Summary::SummaryText { text });
        }
        if let (true, Item::Reasoning { summary, .. }) = (begins, &self.items[at]) {
            let event = At {
                summary_index: Some(0),
                ..At::new(&self.items, at)
            };
            let name = "response.reasoning_summary_part.added";
            out.at(name, &mut self.sequence, event.with_summary(&summary[0]));
        }
        if let Item::Reasoning { summary, .. } = &mut self.items[at]
            && let Some(Summary::SummaryText { text }) = summary.last_mut()
        {
            text.push_str(thought);
        }
        let event = At {
            summary_index: Some(0),
            delta: Some(thought),
            ..At::new(&self.items, at)
        };
        let name = "response.reasoning_summary_text.delta";
        out.at(name, &mut self.sequence, event);
    }

    /// Adds to the arguments of a call.
    fn argue(&mut self, call: u32, piece: &str, out: &mut Out<'_>) {
        let Some(call) = self.calls.iter_mut().find(|it| it.call == call) else {
            return;
        };
        let at = call.at;
        match &mut call.text {
            None => self.argue_at(at, piece, out),
            Some(text) => {
                let piece = text.push(piece);
                self.argue_at(at, &piece, out);
            }
        }
    }

    /// Adds to what a call is made with; nothing is no event.
    fn argue_at(&mut self, at: usize, piece: &str, out: &mut Out<'_>) {
        if piece.is_empty() {
            return;
        }
        self.items[at].argue(piece);
        let event = At {
            delta: Some(piece),
            ..At::new(&self.items, at)
        };
        let name = match &self.items[at] {
            Item::CustomToolCall { .. } => "response.custom_tool_call_input.delta",
            _ => "response.function_call_arguments.delta",
        };
        out.at(name, &mut self.sequence, event);
    }
}
