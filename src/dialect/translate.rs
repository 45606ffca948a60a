//! From one dialect to another: requests, whole answers, streams.

use super::{
    Api, Dialect, NotAnAnswer, ResponseHead,
    answer_context::AnswerContext,
    anthropic, gemini,
    neutral::{Broken, Conversation, Delta, Lost, Unreadable, ids},
    openai::{
        chat::{self, write::Variant},
        responses::{self, echo::Echo},
    },
    request::{BadRequest, Peek},
    sse::Event,
    tool_names,
};

/// What a client asked, read once however many endpoints are tried.
#[derive(Clone, Debug)]
pub struct Asked {
    conversation: Conversation,
    lost: Lost,
    echo: Echo,
}

impl Asked {
    /// Reads the conversation a client sent in a call of its own dialect.
    ///
    /// # Errors
    ///
    /// [`BadRequest`] names the field that its own dialect does not allow.
    pub fn read(peek: &Peek) -> Result<Self, BadRequest> {
        let mut lost = Lost::default();
        let body = peek.body();
        let conversation = match peek.api {
            Api::Responses => responses::read::request(body, &mut lost)?,
            Api::Messages => anthropic::read::request(body, &mut lost)?,
            Api::CountMessageTokens => anthropic::count::read_request(body, &mut lost)?,
            Api::GenerateContent => gemini::read::request(body, peek.stream, &mut lost)?,
            Api::CountContentTokens => gemini::count::read_request(body, &mut lost)?,
            Api::ChatCompletions | Api::Completions | Api::Embeddings => {
                chat::read::request(body, &mut lost)?
            }
        };
        tool_names::check(&conversation)?;
        let echo = match peek.api {
            Api::Responses => Echo::of(body),
            _ => Echo::default(),
        };
        Ok(Self {
            conversation,
            lost,
            echo,
        })
    }

    /// Writes the call `sent` for a provider that calls the model `model`.
    /// `variant` matters to chat only.
    pub fn write(&self, sent: Api, variant: Variant, model: &str) -> Written {
        let mut lost = self.lost.clone();
        let mut context = AnswerContext::of(&self.conversation, sent.dialect());
        context.echo = self.echo.clone();
        let renamed = context.renamed(&self.conversation);
        let asked = &*renamed;
        let body = match sent {
            Api::CountMessageTokens => anthropic::count::write_request(asked, model, &mut lost),
            Api::CountContentTokens => gemini::count::write_request(asked, model, &mut lost),
            sent => match sent.dialect() {
                Dialect::OpenAi => chat::write::request(asked, model, variant, &mut lost),
                Dialect::Anthropic => anthropic::write::request(asked, model, &mut lost),
                Dialect::Gemini => gemini::write::request(asked, model, &mut lost),
            },
        };
        Written {
            body,
            lost,
            context,
        }
    }
}

/// A request in the dialect of the provider that is asked.
#[derive(Clone, Debug)]
pub struct Written {
    /// The body.
    pub body: Vec<u8>,
    /// What could not be said in it.
    pub lost: Lost,
    /// What its answer must know of it.
    pub context: AnswerContext,
}

/// Translates a whole answer to a call of `sent` into one to a call of `asked`,
/// which knows of its request what `context` says; `own` is the request's
/// id, for an answer that has none, and `now` is in seconds since 1970.
///
/// # Errors
///
/// [`NotAnAnswer`] for a body that is none.
pub fn answer(
    sent: Api,
    asked: Api,
    context: &AnswerContext,
    body: &[u8],
    own: &str,
    now: u64,
) -> Result<Vec<u8>, NotAnAnswer> {
    if asked.counts() {
        let tokens = match sent.dialect() {
            Dialect::Gemini => gemini::count::read_answer(body)?,
            Dialect::OpenAi | Dialect::Anthropic => anthropic::count::read_reply(body)?,
        };
        return Ok(counted(asked, tokens));
    }
    let mut reply = match sent.dialect() {
        Dialect::OpenAi => chat::read::reply(body)?,
        Dialect::Anthropic => anthropic::read::reply(body)?,
        Dialect::Gemini => gemini::read::reply(body)?,
    };
    context.restore(&mut reply).ok_or(NotAnAnswer::Malformed)?;
    reply.id = ids::for_client(asked, &reply.id, own);
    if asked.dialect() != Dialect::Gemini {
        reply.put_media_in_words();
    }
    Ok(match asked {
        Api::Responses => responses::write::reply(&reply, &context.echo, now),
        asked => match asked.dialect() {
            Dialect::OpenAi => chat::write::reply(&reply, context.are_functions(), now),
            Dialect::Anthropic => anthropic::write::reply(&reply, now),
            Dialect::Gemini => gemini::write::reply(&reply, now),
        },
    })
}

/// Returns the answer to a call that counts tokens.
pub fn counted(asked: Api, tokens: u64) -> Vec<u8> {
    match asked.dialect() {
        Dialect::Gemini => gemini::count::write_answer(tokens),
        Dialect::OpenAi | Dialect::Anthropic => anthropic::count::write_reply(tokens),
    }
}

/// Translates the events of one stream, one by one.
#[derive(Debug)]
pub struct Translation {
    reader: Reader,
    writer: Writer,
    asked: Api,
    own: String,
    context: AnswerContext,
    deltas: Vec<Delta>,
}

#[derive(Debug)]
enum Reader {
    Chat(chat::read::Events),
    Messages(anthropic::read::Events),
    Content(gemini::read::Events),
}

impl Reader {
    fn of(sent: Api) -> Self {
        match sent.dialect() {
            Dialect::OpenAi => Self::Chat(chat::read::Events::default()),
            Dialect::Anthropic => Self::Messages(anthropic::read::Events::default()),
            Dialect::Gemini => Self::Content(gemini::read::Events::default()),
        }
    }

    fn read(&mut self, event: &Event<'_>, out: &mut Vec<Delta>) -> Result<(), Unreadable> {
        match self {
            Self::Chat(reader) => reader.read(event, out),
            Self::Messages(reader) => reader.read(event, out),
            Self::Content(reader) => reader.read(event, out),
        }
    }
}

/// Tells when a stream has said the first thing that another dialect's client
/// would be told, beyond that there is an answer.
#[derive(Debug)]
pub struct Beginning {
    reader: Reader,
    deltas: Vec<Delta>,
}

impl Beginning {
    /// Begins with a stream that answers a call of `sent`.
    pub fn new(sent: Api) -> Self {
        Self {
            reader: Reader::of(sent),
            deltas: Vec::new(),
        }
    }

    /// Tells whether the bytes of one event say anything. An event that cannot
    /// be read says that something is wrong.
    pub fn says(&mut self, event: &[u8]) -> bool {
        self.deltas.clear();
        let read = self.reader.read(&Event::parse(event), &mut self.deltas);
        let says = |delta: &Delta| !matches!(delta, Delta::Start { .. } | Delta::Usage(_));
        read.is_err() || self.deltas.iter().any(says)
    }
}

#[derive(Debug)]
enum Writer {
    Chat(chat::write::Events),
    Responses(responses::write::Events),
    Messages(anthropic::write::Events),
    Content(gemini::write::Events),
}

impl Translation {
    /// Begins to translate a stream that answers a call of `sent` for a client
    /// that made a call of `asked`. `include_usage` is what a client of chat
    /// completions asked for; `now` is in seconds since 1970.
    pub fn new(sent: Api, asked: Api, include_usage: bool, now: u64) -> Self {
        let writer = match (asked, asked.dialect()) {
            (Api::Responses, _) => Writer::Responses(responses::write::Events::new(now)),
            (_, Dialect::OpenAi) => Writer::Chat(chat::write::Events::new(now, include_usage)),
            (_, Dialect::Anthropic) => Writer::Messages(anthropic::write::Events::new(now)),
            (_, Dialect::Gemini) => Writer::Content(gemini::write::Events::new(now)),
        };
        Self {
            reader: Reader::of(sent),
            writer,
            asked,
            own: String::new(),
            context: AnswerContext::default(),
            deltas: Vec::new(),
        }
    }

    /// Says in the answer what it must know of the request, such as its tools by the
    /// names that the client gave them.
    #[must_use]
    pub fn with_context(mut self, context: AnswerContext) -> Self {
        if let Writer::Chat(writer) = &mut self.writer {
            writer.call_functions(context.are_functions());
        }
        if let Writer::Responses(writer) = &mut self.writer {
            writer.repeat(context.echo.clone());
        }
        self.context = context;
        self
    }

    /// Takes the request's id for an answer that has none, and for its calls.
    #[must_use]
    pub fn with_id(mut self, own: &str) -> Self {
        match &mut self.reader {
            Reader::Chat(reader) => reader.seed = Some(own.into()),
            Reader::Messages(reader) => reader.seed = Some(own.into()),
            Reader::Content(reader) => reader.seed = Some(own.into()),
        }
        own.clone_into(&mut self.own);
        self
    }

    /// Appends what the bytes of one event mean in the client's dialect.
    ///
    /// # Errors
    ///
    /// [`Broken`] for an event that its dialect does not know, and once more
    /// would have to be kept or held back than may be, or an answer ended and
    /// nobody said why.
    pub fn event(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Broken> {
        let event = Event::parse(bytes);
        self.deltas.clear();
        self.reader.read(&event, &mut self.deltas)?;
        self.write(out)
    }

    /// Appends what is owed once the terminal event has been translated.
    ///
    /// # Errors
    ///
    /// [`Broken`] for a stream that is not whole, as of [`Self::event`].
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Broken> {
        self.deltas.clear();
        match &mut self.reader {
            // Their last events say it all.
            Reader::Chat(_) | Reader::Messages(_) => {}
            Reader::Content(reader) => reader.finish(&mut self.deltas)?,
        }
        self.write(out)
    }

    fn write(&mut self, out: &mut Vec<u8>) -> Result<(), Broken> {
        self.context
            .restore_in(&mut self.deltas)
            .ok_or(Unreadable)?;
        for delta in &mut self.deltas {
            if let Delta::Start { id, .. } = delta {
                *id = ids::for_client(self.asked, id, &self.own);
            }
        }
        for delta in &self.deltas {
            match &mut self.writer {
                Writer::Chat(writer) => writer.write(delta, out),
                Writer::Responses(writer) => writer.write(delta, out),
                Writer::Messages(writer) => writer.write(delta, out),
                Writer::Content(writer) => writer.write(delta, out),
            }
        }
        let broken = match &self.writer {
            // It holds nothing back, and each answer is whole by itself.
            Writer::Chat(_) => None,
            Writer::Responses(writer) => writer.broken(),
            Writer::Messages(writer) => writer.broken(),
            Writer::Content(writer) => writer.broken(),
        };
        broken.map_or(Ok(()), Err)
    }

    /// Returns the response the client has been told of, and the number of the
    /// last event; for streams of responses.
    pub fn response(&self) -> Option<(&ResponseHead, u64)> {
        match &self.writer {
            Writer::Responses(writer) => Some((writer.head(), writer.last_sequence()?)),
            Writer::Chat(_) | Writer::Messages(_) | Writer::Content(_) => None,
        }
    }
}
