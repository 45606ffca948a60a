//! A streamed answer, written as it comes.

#[cfg(test)]
mod tests;
mod wire;

use self::wire::{Ending, Event, Piece, send};
use super::{
    block::{Block, Input, stop, told},
    reply::{Message, id},
};
use crate::dialect::{
    Usage,
    neutral::{
        Broken, Delta, Stop,
        seal::{UNSEALED, ahead_of_call},
    },
    waiting::{MAX_WAITING, Progress, Said, Waiting},
};

/// The block that is open.
#[derive(Debug)]
enum Open {
    Text,
    Thought { sealed: bool },
    Call { call: u32, arguments: Progress },
}

/// Writes the events of one stream.
///
/// Anthropic's blocks follow one another. While a call is open whose arguments
/// are not whole yet, everything else waits, up to 16 MiB; the call is closed
/// when its arguments are a whole JSON object, or the answer ends.
///
/// There is place for the first of several answers. The seal on a call is a
/// hidden thought before it. No text beside something else is blank: Anthropic
/// would refuse the conversation with it.
#[derive(Debug)]
pub struct Events {
    now: u64,
    started: bool,
    broken: Option<Broken>,
    next: u64,
    open: Option<Open>,
    /// Blank text that a block may begin with, but may not be.
    blank: String,
    waiting: Waiting,
    stop: Option<Stop>,
    usage: Option<Usage>,
    /// Whether the model has said why it would not answer.
    refuses: bool,
}

impl Events {
    /// Begins a stream at `now`, in seconds since 1970.
    pub fn new(now: u64) -> Self {
        Self {
            now,
            started: false,
            broken: None,
            next: 0,
            open: None,
            blank: String::new(),
            waiting: Waiting::default(),
            stop: None,
            usage: None,
            refuses: false,
        }
    }

    /// Tells whether too much has to wait, or the answer ended and nobody said
    /// why; nothing more is written then, and the stream must end with an error.
    pub fn broken(&self) -> Option<Broken> {
        self.broken
    }

    /// Appends the events that say `delta`; may be none.
    pub fn write(&mut self, delta: &Delta, out: &mut Vec<u8>) {
        if self.broken.is_some() {
            return;
        }
        if let Delta::Start {
            id,
            model,
            created,
            usage,
        } = delta
        {
            self.usage = usage.or(self.usage);
            return self.start(id, model, created.unwrap_or(self.now), out);
        }
        self.start("", "", self.now, out);
        self.refuses |= matches!(delta, Delta::Refusal { choice: 0, .. });
        match delta {
            Delta::Text { choice: 0, text } | Delta::Refusal { choice: 0, text } => {
                self.say(Said::Text(text.into()), out);
            }
            Delta::Thought { choice: 0, text } => self.say(Said::Thought(text.into()), out),
            Delta::Signature {
                choice: 0,
                signature,
                redacted,
            } => {
                let (signature, redacted) = (signature.into(), *redacted);
                self.say(
                    Said::Seal {
                        signature,
                        redacted,
                    },
                    out,
                );
            }
            Delta::CallStart {
                choice: 0,
                call,
                id,
                name,
                signature,
                ..
            } => {
                let call = Said::call(*call, id, name, signature.as_deref());
                self.say(call, out);
            }
            Delta::CallArguments {
                choice: 0,
                call,
                piece,
            } => {
                self.arguments(*call, piece, out);
                self.flush(false, out);
            }
            Delta::Stop { choice: 0, stop } => {
                self.stop = Some(stop.clone());
                self.flush(true, out);
            }
            Delta::Usage(usage) => self.usage = Some(*usage),
            Delta::End => self.end(out),
            _ => {}
        }
    }

    fn start(&mut self, name: &str, model: &str, created: u64, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let message = Message {
            id: id(name, created),
            kind: "message",
            role: "assistant",
            model,
            content: Vec::new(),
            stop_reason: None,
            stop_sequence: None,
            usage: self.usage.into(),
        };
        send(out, &Event::MessageStart { message });
    }

    /// Says `what`, or has it wait for the open call.
    fn say(&mut self, what: Said<'_>, out: &mut Vec<u8>) {
        match self.is_busy() {
            false => self.put(what, out),
            true => {
                self.waiting.push(what);
                self.limit();
            }
        }
    }

    /// Tells whether a call is open whose arguments are not whole.
    fn is_busy(&self) -> bool {
        matches!(&self.open, Some(Open::Call { arguments, .. }) if !arguments.is_whole())
    }

    fn limit(&mut self) {
        if self.waiting.size() > MAX_WAITING {
            self.broken = Some(Broken::TooLarge);
            self.waiting = Waiting::default();
        }
    }

    /// Says what waits, as far as no call is open, or all of it.
    fn flush(&mut self, all: bool, out: &mut Vec<u8>) {
        while all || !self.is_busy() {
            let Some(what) = self.waiting.pop() else {
                break;
            };
            self.put(what, out);
        }
    }

    /// Says `what`, in the open block if it belongs there.
    fn put(&mut self, what: Said<'_>, out: &mut Vec<u8>) {
        match what {
            Said::Text(text) => {
                if matches!(self.open, Some(Open::Text)) {
                    return self.piece(Piece::Text { text: &text }, out);
                }
                self.blank.push_str(&text);
                if !text.trim().is_empty() || self.blank.len() > MAX_WAITING {
                    self.open_text(out);
                }
            }
            Said::Thought(thinking) => {
                if !matches!(self.open, Some(Open::Thought { sealed: false })) {
                    self.open_thought(out);
                }
                let thinking = &*thinking;
                self.piece(Piece::Thought { thinking }, out);
            }
            Said::Seal {
                signature,
                redacted: false,
            } => {
                if !matches!(self.open, Some(Open::Thought { .. })) {
                    self.open_thought(out);
                }
                let signature = &*signature;
                self.piece(Piece::Signature { signature }, out);
                self.open = Some(Open::Thought { sealed: true });
            }
            Said::Seal { signature, .. } => {
                self.hidden_thought(&signature, out);
            }
            Said::Call(call) => {
                if let Some(data) = ahead_of_call(call.seal.as_deref()) {
                    self.hidden_thought(&data, out);
                }
                let block = Block::ToolUse {
                    id: call.id,
                    name: &call.name,
                    input: Input::Empty,
                };
                let open = Open::Call {
                    call: call.call,
                    arguments: call.progress,
                };
                self.open(open, block, out);
                if !call.arguments.is_empty() {
                    let partial_json = &*call.arguments;
                    self.piece(Piece::Arguments { partial_json }, out);
                }
            }
        }
    }

    fn hidden_thought(&mut self, data: &str, out: &mut Vec<u8>) {
        let block = Block::RedactedThinking { data: data.into() };
        self.open(Open::Thought { sealed: true }, block, out);
        self.close(out);
    }

    /// Opens a block with the text that waited for it.
    fn open_text(&mut self, out: &mut Vec<u8>) {
        let text = std::mem::take(&mut self.blank);
        self.open(Open::Text, Block::Text { text: "" }, out);
        self.piece(Piece::Text { text: &text }, out);
    }

    fn open_thought(&mut self, out: &mut Vec<u8>) {
        let block = Block::Thinking {
            thinking: "",
            signature: "",
        };
        self.open(Open::Thought { sealed: false }, block, out);
    }

    fn open(&mut self, open: Open, content_block: Block<'_>, out: &mut Vec<u8>) {
        self.close(out);
        self.blank.clear();
        self.open = Some(open);
        let index = self.next;
        send(
            out,
            &Event::ContentBlockStart {
                index,
                content_block,
            },
        );
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if let Some(open) = self.open.take() {
            if let Open::Thought { sealed: false } = open {
                let signature = UNSEALED;
                self.piece(Piece::Signature { signature }, out);
            }
            send(out, &Event::ContentBlockStop { index: self.next });
            self.next += 1;
        }
    }

    fn piece(&self, delta: Piece<'_>, out: &mut Vec<u8>) {
        let index = self.next;
        send(out, &Event::ContentBlockDelta { index, delta });
    }

    /// Passes on a piece of a call's arguments. What comes for a call that was
    /// whole and is closed is no part of its arguments.
    fn arguments(&mut self, of: u32, piece: &str, out: &mut Vec<u8>) {
        match &mut self.open {
            Some(Open::Call { call, arguments }) if *call == of => {
                arguments.push(piece);
                let partial_json = piece;
                self.piece(Piece::Arguments { partial_json }, out);
            }
            _ => {
                self.waiting.arguments(of, piece);
                self.limit();
            }
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        let Some(reason) = self.stop.take() else {
            self.broken = Some(Broken::Unexplained);
            return;
        };
        self.flush(true, out);
        // An answer that is nothing else is at least that.
        if self.next == 0 && self.open.is_none() && !self.blank.is_empty() {
            self.open_text(out);
        }
        self.close(out);
        let reason = told(&reason, self.refuses);
        let (stop_reason, stop_sequence) = stop(reason);
        let delta = Ending {
            stop_reason,
            stop_sequence,
        };
        let usage = self.usage.into();
        send(out, &Event::MessageDelta { delta, usage });
        send(out, &Event::MessageStop);
    }
}
