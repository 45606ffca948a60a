//! A streamed answer, written as it comes.

mod progress;
#[cfg(test)]
mod tests;

use std::{borrow::Cow, collections::VecDeque};

use serde::Serialize;

use self::progress::Progress;
use super::{
    block::{Block, Input, stop},
    reply::{Message, id},
};
use crate::dialect::{
    Usage,
    anthropic::{error, usage::Bill},
    neutral::{Delta, Stop},
    sse,
};

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Event<'a> {
    MessageStart {
        message: Message<'a>,
    },
    ContentBlockStart {
        index: u64,
        content_block: Block<'a>,
    },
    ContentBlockDelta {
        index: u64,
        delta: Piece<'a>,
    },
    ContentBlockStop {
        index: u64,
    },
    MessageDelta {
        delta: Ending<'a>,
        usage: Bill,
    },
    MessageStop,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type")]
enum Piece<'a> {
    #[serde(rename = "text_delta")]
    Text { text: &'a str },
    #[serde(rename = "thinking_delta")]
    Thought { thinking: &'a str },
    #[serde(rename = "signature_delta")]
    Signature { signature: &'a str },
    #[serde(rename = "input_json_delta")]
    Arguments { partial_json: &'a str },
}

#[derive(Debug, Serialize)]
struct Ending<'a> {
    stop_reason: &'static str,
    stop_sequence: Option<&'a str>,
}

fn send(out: &mut Vec<u8>, event: &Event<'_>) {
    let name = match event {
        Event::MessageStart { .. } => "message_start",
        Event::ContentBlockStart { .. } => "content_block_start",
        Event::ContentBlockDelta { .. } => "content_block_delta",
        Event::ContentBlockStop { .. } => "content_block_stop",
        Event::MessageDelta { .. } => "message_delta",
        Event::MessageStop => "message_stop",
    };
    sse::write(out, name, event);
}

/// The block that is open.
#[derive(Debug)]
enum Open {
    Text,
    Thought { sealed: bool },
    Call { call: u32, arguments: Progress },
}

/// What comes in blocks of its own.
#[derive(Debug)]
enum Said<'a> {
    Text(Cow<'a, str>),
    Thought(Cow<'a, str>),
    Seal {
        signature: Cow<'a, str>,
        redacted: bool,
    },
    Call {
        call: u32,
        id: Cow<'a, str>,
        name: Cow<'a, str>,
        arguments: String,
    },
}

/// Writes the events of one stream.
///
/// Anthropic's blocks follow one another. While a call is open whose arguments
/// are not whole yet, everything else waits, up to [`Self::MAX_WAITING`] bytes;
/// the call is closed when its arguments are a whole JSON object, or the answer
/// ends. An answer that has more to wait for, or none of whose deltas says why
/// it ended, ends with an `error` event.
///
/// There is place for the first of several answers, and none for another
/// provider's seal on a call.
#[derive(Debug)]
pub struct Events {
    now: u64,
    started: bool,
    ended: bool,
    next: u64,
    open: Option<Open>,
    waiting: VecDeque<Said<'static>>,
    held: usize,
    stop: Option<Stop>,
    usage: Option<Usage>,
}

impl Events {
    /// The most that waits for a call to be whole, in bytes.
    pub const MAX_WAITING: usize = 1 << 20;

    /// Begins a stream at `now`, in seconds since 1970.
    pub fn new(now: u64) -> Self {
        Self {
            now,
            started: false,
            ended: false,
            next: 0,
            open: None,
            waiting: VecDeque::new(),
            held: 0,
            stop: None,
            usage: None,
        }
    }

    /// Appends the events that say `delta`; may be none.
    pub fn write(&mut self, delta: &Delta, out: &mut Vec<u8>) {
        if self.ended {
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
                ..
            } => {
                let (call, id, name) = (*call, id.into(), name.into());
                let arguments = String::new();
                self.say(
                    Said::Call {
                        call,
                        id,
                        name,
                        arguments,
                    },
                    out,
                );
            }
            Delta::CallArguments {
                choice: 0,
                call,
                piece,
            } => self.arguments(*call, piece, out),
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
            true => self.wait(what, out),
        }
    }

    /// Tells whether a call is open whose arguments are not whole.
    fn is_busy(&self) -> bool {
        matches!(&self.open, Some(Open::Call { arguments, .. }) if !arguments.is_whole())
    }

    fn wait(&mut self, what: Said<'_>, out: &mut Vec<u8>) {
        let what = what.into_owned();
        self.held += size_of::<Said<'_>>() + what.len();
        match (self.waiting.back_mut(), &what) {
            (Some(Said::Text(last)), Said::Text(more))
            | (Some(Said::Thought(last)), Said::Thought(more)) => last.to_mut().push_str(more),
            _ => self.waiting.push_back(what),
        }
        self.limit(out);
    }

    fn limit(&mut self, out: &mut Vec<u8>) {
        if self.held > Self::MAX_WAITING {
            self.fail("The provider mixes too much into a call of a tool.", out);
        }
    }

    fn fail(&mut self, why: &str, out: &mut Vec<u8>) {
        self.ended = true;
        self.waiting.clear();
        error::event(out, error::kind(502), why, None);
    }

    /// Says what waits, as far as no call is open, or all of it.
    fn flush(&mut self, all: bool, out: &mut Vec<u8>) {
        while all || !self.is_busy() {
            let Some(what) = self.waiting.pop_front() else {
                self.held = 0;
                break;
            };
            self.put(what, out);
        }
    }

    /// Says `what`, in the open block if it belongs there.
    fn put(&mut self, what: Said<'_>, out: &mut Vec<u8>) {
        match what {
            Said::Text(text) => {
                if !matches!(self.open, Some(Open::Text)) {
                    self.open(Open::Text, Block::Text { text: "" }, out);
                }
                self.piece(Piece::Text { text: &text }, out);
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
                let block = Block::RedactedThinking { data: &signature };
                self.open(Open::Thought { sealed: true }, block, out);
                self.close(out);
            }
            Said::Call {
                call,
                id,
                name,
                arguments,
            } => {
                let block = Block::ToolUse {
                    id,
                    name: &name,
                    input: Input::Empty,
                };
                let progress = Progress::default();
                let open = Open::Call {
                    call,
                    arguments: progress,
                };
                self.open(open, block, out);
                if !arguments.is_empty() {
                    self.arguments(call, &arguments, out);
                }
            }
        }
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
        if self.open.take().is_some() {
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
                let waits = self.waiting.iter_mut().find_map(|said| match said {
                    Said::Call {
                        call, arguments, ..
                    } if *call == of => Some(arguments),
                    _ => None,
                });
                if let Some(arguments) = waits {
                    arguments.push_str(piece);
                    self.held += piece.len();
                    self.limit(out);
                }
            }
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        let Some(reason) = self.stop.take() else {
            return self.fail("The provider did not say why the answer ended.", out);
        };
        self.flush(true, out);
        self.close(out);
        self.ended = true;
        let (stop_reason, stop_sequence) = stop(&reason);
        let delta = Ending {
            stop_reason,
            stop_sequence,
        };
        let usage = self.usage.into();
        send(out, &Event::MessageDelta { delta, usage });
        send(out, &Event::MessageStop);
    }
}

impl Said<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Text(text) | Self::Thought(text) => text.len(),
            Self::Seal { signature, .. } => signature.len(),
            Self::Call {
                id,
                name,
                arguments,
                ..
            } => id.len() + name.len() + arguments.len(),
        }
    }

    fn into_owned(self) -> Said<'static> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        match self {
            Self::Text(text) => Said::Text(own(text)),
            Self::Thought(text) => Said::Thought(own(text)),
            Self::Seal {
                signature,
                redacted,
            } => Said::Seal {
                signature: own(signature),
                redacted,
            },
            Self::Call {
                call,
                id,
                name,
                arguments,
            } => Said::Call {
                call,
                id: own(id),
                name: own(name),
                arguments,
            },
        }
    }
}
