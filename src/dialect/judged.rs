//! What an answer or an event of one proved to be, in any dialect.

use serde::Deserialize;

use super::{Api, Dialect, Reported, Usage, anthropic, gemini, openai};

/// Why a body with status 200 is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAnswer {
    /// There is no body.
    #[error("the body is empty")]
    Empty,
    /// The body is a page, as a proxy or a login wall sends it.
    #[error("the body is a web page")]
    Html,
    /// The body is not one whole JSON object of its kind: cut short, or
    /// completions without `choices`.
    #[error("the body is not a whole JSON answer")]
    Malformed,
    /// The body is an error of the provider.
    #[error("the body is an error: {}", .0.message)]
    Error(Reported),
}

impl NotAnAnswer {
    /// Returns a fixed word for metric labels.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Html => "html",
            Self::Malformed => "malformed",
            Self::Error(_) => "error_in_200",
        }
    }
}

/// What kind of event it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A sign of life: a comment, a ping, an event without data. Says nothing
    /// of the answer.
    Silent,
    /// Part of the answer, or something we need not know.
    Content,
    /// A chunk with the usage and no choices. Clients that did not ask for it
    /// must not get it: `choices[0]` is common code.
    UsageOnly,
    /// The event that ends a whole answer.
    Terminal,
    /// Part of the answer, which is whole if nothing of it follows.
    MayEnd,
    /// `[DONE]` in a dialect where that does not end a whole answer.
    Unfinished,
    /// An error of the provider.
    Error {
        /// What it says.
        reported: Reported,
        /// Whether clients know it as an error as it stands.
        in_form: bool,
    },
    /// Data that is not one whole JSON object.
    Malformed,
}

/// One event, judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// What kind of event it is.
    pub kind: Kind,
    /// The usage it tells, if any; the last of a stream counts.
    pub usage: Option<Usage>,
    /// Its place in a stream of responses.
    pub sequence: Option<u64>,
    /// The response it announces.
    pub created: Option<Box<ResponseHead>>,
}

/// Who a stream of responses is about, from its `response.created`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ResponseHead {
    /// The response's id.
    pub id: String,
    /// When it was created, in seconds since 1970.
    pub created_at: u64,
    /// The model as the provider calls it.
    pub model: String,
}

impl From<Kind> for Judged {
    fn from(kind: Kind) -> Self {
        Self {
            kind,
            usage: None,
            sequence: None,
            created: None,
        }
    }
}

/// Judges a whole body with status 200 that answers a call of `api`, and
/// returns the usage it tells.
///
/// # Errors
///
/// [`NotAnAnswer`] for a body that must not be passed on as a success.
pub fn judge_answer(api: Api, body: &[u8]) -> Result<Option<Usage>, NotAnAnswer> {
    match api {
        Api::CountMessageTokens => anthropic::count::read_reply(body).map(|_| None),
        Api::CountContentTokens => gemini::count::read_answer(body).map(|_| None),
        api => match api.dialect() {
            Dialect::OpenAi => openai::response::judge(api, body),
            Dialect::Anthropic => anthropic::judge::answer(body),
            Dialect::Gemini => gemini::judge::answer(body),
        },
    }
}

/// Judges the events of one stream, in order; the usage of the last one that
/// tells it is that of the stream.
#[derive(Debug)]
pub enum EventJudge {
    /// A stream that answers this call of OpenAI's dialect.
    OpenAi(Api),
    /// A stream of Anthropic's.
    Anthropic(anthropic::judge::Tally),
    /// A stream of Gemini's.
    Gemini(gemini::judge::Stream),
}

impl EventJudge {
    /// Returns the judge of a stream that answers a call of `api`.
    pub fn new(api: Api) -> Self {
        match api.dialect() {
            Dialect::OpenAi => Self::OpenAi(api),
            Dialect::Anthropic => Self::Anthropic(anthropic::judge::Tally::default()),
            Dialect::Gemini => Self::Gemini(gemini::judge::Stream::default()),
        }
    }

    /// Judges the bytes of the next event.
    pub fn event(&mut self, bytes: &[u8]) -> Judged {
        match self {
            Self::OpenAi(api) => openai::event::judge(*api, bytes),
            Self::Anthropic(tally) => tally.event(bytes),
            Self::Gemini(events) => events.event(bytes),
        }
    }
}
