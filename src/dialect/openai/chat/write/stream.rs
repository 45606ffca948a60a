//! An answer as it comes, chunk by chunk.

use serde::Serialize;

use super::{Call, Called, Counts, Extra, Function, Logprobs, Text, id, kind, reason};
use crate::dialect::{
    Usage,
    neutral::{Delta, Logprob, custom::Unwrapping},
    sse,
};

#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: &'a [Piece<'a>],
    /// `null` in all chunks but the last if the usage is asked for; not there
    /// at all if it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Option<Counts>>,
}

#[derive(Serialize)]
struct Piece<'a> {
    index: u32,
    delta: Message<'a>,
    logprobs: Option<Logprobs<'a>>,
    finish_reason: Option<&'static str>,
}

#[derive(Default, Serialize)]
struct Message<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<[Call<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_call: Option<Function<'a>>,
}

/// Writes the events of one stream.
#[derive(Debug)]
pub struct Events {
    id: String,
    model: String,
    created: u64,
    include_usage: bool,
    functions: bool,
    usage: Option<Usage>,
    /// The answers that have begun.
    begun: Vec<u32>,
    /// The calls of custom tools: of which answer, which call, and its text.
    texts: Vec<(u32, u32, Unwrapping)>,
    /// How likely the tokens of the next piece are, and of which answer it is.
    logprobs: (u32, Vec<Logprob>),
}

impl Events {
    /// Starts a stream at `now`, in seconds since 1970. Its last chunk tells
    /// the usage if the client asked for it.
    pub fn new(now: u64, include_usage: bool) -> Self {
        Self {
            id: id("", now),
            model: String::new(),
            created: now,
            include_usage,
            functions: false,
            usage: None,
            begun: Vec::new(),
            texts: Vec::new(),
            logprobs: (0, Vec::new()),
        }
    }

    /// Tells of one call at the most, as one of a function, if the client knows
    /// `functions` only.
    pub fn call_functions(&mut self, only: bool) {
        self.functions = only;
    }

    /// Appends the events that say `delta`.
    pub fn write(&mut self, delta: &Delta, out: &mut Vec<u8>) {
        let mut message = Message::default();
        let mut finish_reason = None;
        let choice = match delta {
            Delta::Start {
                id,
                model,
                created,
                usage,
            } => {
                if !id.is_empty() {
                    self.id.clone_from(id);
                }
                self.model.clone_from(model);
                self.created = created.unwrap_or(self.created);
                self.usage = *usage;
                return self.begin(0, out);
            }
            Delta::Usage(usage) => {
                self.usage = Some(*usage);
                return;
            }
            Delta::Logprobs { choice, tokens } => {
                self.tell_logprobs(out);
                self.logprobs = (*choice, tokens.clone());
                return;
            }
            Delta::End => {
                self.tell_logprobs(out);
                return self.end(out);
            }
            // Clients of this dialect have no place for seals on thoughts.
            Delta::Signature { .. } => return,
            Delta::Text { choice, text } => {
                message.content = Some(text);
                *choice
            }
            Delta::Thought { choice, text } => {
                message.reasoning_content = Some(text);
                *choice
            }
            Delta::Refusal { choice, text } => {
                message.refusal = Some(text);
                *choice
            }
            Delta::CallStart {
                choice, call, name, ..
            } if self.functions => {
                let function = Function {
                    name: Some(name),
                    arguments: "",
                };
                message.function_call = (*call == 0).then_some(function);
                *choice
            }
            Delta::CallArguments {
                choice,
                call,
                piece,
            } if self.functions => {
                let function = Function {
                    name: None,
                    arguments: piece,
                };
                message.function_call = (*call == 0).then_some(function);
                *choice
            }
            Delta::CallStart {
                choice,
                call,
                id,
                name,
                signature,
                custom,
            } => {
                if *custom {
                    self.texts.push((*choice, *call, Unwrapping::default()));
                }
                message.tool_calls = Some([Call {
                    index: Some(*call),
                    id: Some(id.as_str().into()),
                    r#type: Some(kind(*custom)),
                    called: match custom {
                        true => Called::Custom(Text {
                            name: Some(name),
                            input: "".into(),
                        }),
                        false => Called::Function(Function {
                            name: Some(name),
                            arguments: "",
                        }),
                    },
                    extra_content: Extra::of(signature.as_deref()),
                }]);
                *choice
            }
            Delta::CallArguments {
                choice,
                call,
                piece,
            } => {
                let text = self
                    .texts
                    .iter_mut()
                    .find(|it| (it.0, it.1) == (*choice, *call));
                let called = match text {
                    None => Called::Function(Function {
                        name: None,
                        arguments: piece,
                    }),
                    Some((_, _, text)) => {
                        let input = text.push(piece);
                        if input.is_empty() {
                            return;
                        }
                        Called::Custom(Text {
                            name: None,
                            input: input.into(),
                        })
                    }
                };
                message.tool_calls = Some([Call::more(*call, called)]);
                *choice
            }
            Delta::Stop { choice, stop } => {
                self.end_texts(*choice, out);
                finish_reason = Some(reason(stop, self.functions));
                *choice
            }
        };
        if self.logprobs.0 != choice {
            self.tell_logprobs(out);
        }
        self.begin(choice, out);
        self.piece(choice, message, finish_reason, out);
        self.logprobs.1.clear();
    }

    /// Tells what was held back of calls of custom tools.
    fn end_texts(&mut self, choice: u32, out: &mut Vec<u8>) {
        for (of, call, mut text) in std::mem::take(&mut self.texts) {
            if of != choice {
                self.texts.push((of, call, text));
                continue;
            }
            let input = text.rest();
            if !input.is_empty() {
                let (name, input) = (None, input.into());
                let called = Called::Custom(Text { name, input });
                let message = Message {
                    tool_calls: Some([Call::more(call, called)]),
                    ..Message::default()
                };
                self.tell_logprobs(out);
                self.piece(choice, message, None, out);
            }
        }
    }

    /// Tells of tokens that no piece came for.
    fn tell_logprobs(&mut self, out: &mut Vec<u8>) {
        let choice = self.logprobs.0;
        if !self.logprobs.1.is_empty() {
            self.begin(choice, out);
            self.piece(choice, Message::default(), None, out);
            self.logprobs.1.clear();
        }
    }

    /// Each answer begins with a chunk that says whose it is.
    fn begin(&mut self, choice: u32, out: &mut Vec<u8>) {
        if self.begun.contains(&choice) {
            return;
        }
        self.begun.push(choice);
        let message = Message {
            role: Some("assistant"),
            content: Some(""),
            ..Message::default()
        };
        let tokens = std::mem::take(&mut self.logprobs.1);
        self.piece(choice, message, None, out);
        self.logprobs.1 = tokens;
    }

    fn piece(
        &self,
        index: u32,
        delta: Message<'_>,
        finish_reason: Option<&'static str>,
        out: &mut Vec<u8>,
    ) {
        let piece = Piece {
            index,
            delta,
            logprobs: Logprobs::of(&self.logprobs.1),
            finish_reason,
        };
        self.chunk(&[piece], self.include_usage.then_some(None), out);
    }

    fn chunk(&self, choices: &[Piece<'_>], usage: Option<Option<Counts>>, out: &mut Vec<u8>) {
        let chunk = Chunk {
            id: &self.id,
            object: "chat.completion.chunk",
            created: self.created,
            model: &self.model,
            choices,
            usage,
        };
        sse::write(out, "", &chunk);
    }

    fn end(&self, out: &mut Vec<u8>) {
        if let (true, Some(usage)) = (self.include_usage, self.usage) {
            self.chunk(&[], Some(Some(usage.into())), out);
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }
}
