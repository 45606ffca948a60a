//! What a provider answers: whole, or as it comes.

use super::Part;
use crate::dialect::Usage;

/// A whole answer, in the words of no dialect.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reply {
    /// The provider's id for it; may be empty.
    pub id: String,
    /// The model as the provider calls it; may be empty.
    pub model: String,
    /// When it was made, in seconds since 1970, where the provider says so.
    pub created: Option<u64>,
    /// The answers; one unless several were asked for.
    pub choices: Vec<Choice>,
    /// What it is billed for, where the provider says so.
    pub usage: Option<Usage>,
}

impl Reply {
    /// Puts [`Media::in_words`](super::Media::in_words) where an image or a file is.
    pub fn put_media_in_words(&mut self) {
        for part in self.choices.iter_mut().flat_map(|it| &mut it.parts) {
            if let Part::Image(media) | Part::File(media) = part {
                *part = Part::Text(media.in_words());
            }
        }
    }
}

/// One answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// What was said, in order: texts, thoughts, calls of tools, refusals.
    pub parts: Vec<Part>,
    /// How likely its tokens were, where that was asked for.
    pub logprobs: Vec<Logprob>,
    /// Why it ended.
    pub stop: Stop,
}

/// A token of an answer, and what might have stood in its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Logprob {
    /// The token itself.
    pub chosen: Likely,
    /// The likeliest, itself mostly among them.
    pub top: Vec<Likely>,
}

/// How likely a token was.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Likely {
    /// Its text.
    pub token: String,
    /// The natural logarithm of its probability.
    pub logprob: f64,
    /// Its bytes, which may be a part of a character only, where the provider
    /// says them.
    pub bytes: Option<Vec<u8>>,
}

impl Logprob {
    /// Returns about how many bytes it takes to hold these.
    pub(in crate::dialect) fn size(of: &[Self]) -> usize {
        let likely = |it: &Likely| {
            let bytes = it.bytes.as_ref().map_or(0, Vec::len);
            size_of::<Likely>() + it.token.len() + bytes
        };
        let size = |it: &Self| likely(&it.chosen) + it.top.iter().map(likely).sum::<usize>();
        of.iter().map(size).sum()
    }
}

/// Why an answer ended. Never made up: an answer without a reason is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The model had said everything.
    End,
    /// It was as long as it might be.
    Length,
    /// The client is to call tools.
    ToolCalls,
    /// It came to one of the client's stop texts: this one, where it is known.
    Sequence(Option<String>),
    /// The provider's filter cut it off, or the model refused.
    Filter,
}

/// A piece of an answer that comes as a stream.
#[derive(Clone, Debug, PartialEq)]
pub enum Delta {
    /// The answer begins; comes once, ahead of all else.
    Start {
        /// The provider's id for it; may be empty.
        id: String,
        /// The model as the provider calls it; may be empty.
        model: String,
        /// When it was made, in seconds since 1970.
        created: Option<u64>,
        /// What of the bill is known by now: the prompt's share.
        usage: Option<Usage>,
    },
    /// How likely the tokens of what comes next were.
    Logprobs {
        /// Of which answer, from 0.
        choice: u32,
        /// The tokens, in order.
        tokens: Vec<Logprob>,
    },
    /// More text.
    Text {
        /// Of which answer, from 0.
        choice: u32,
        /// The text.
        text: String,
    },
    /// More of what the model thinks.
    Thought {
        /// Of which answer, from 0.
        choice: u32,
        /// The thought or its summary.
        text: String,
    },
    /// The provider's seal on the thought so far.
    Signature {
        /// Of which answer, from 0.
        choice: u32,
        /// The seal.
        signature: String,
        /// The thought itself is hidden within the seal.
        redacted: bool,
    },
    /// More of why the model would not answer.
    Refusal {
        /// Of which answer, from 0.
        choice: u32,
        /// The text.
        text: String,
    },
    /// A call of a tool begins.
    CallStart {
        /// Of which answer, from 0.
        choice: u32,
        /// Which call of the answer, from 0.
        call: u32,
        /// What its result is to refer to; never empty.
        id: String,
        /// The tool.
        name: String,
        /// The provider's seal, to be given back with the call.
        signature: Option<String>,
        /// It is a call of a custom tool, whose text is within the arguments.
        custom: bool,
    },
    /// More of a call's arguments.
    CallArguments {
        /// Of which answer, from 0.
        choice: u32,
        /// Which call of the answer, from 0.
        call: u32,
        /// The next piece of the JSON text.
        piece: String,
    },
    /// An answer ends.
    Stop {
        /// Which answer, from 0.
        choice: u32,
        /// Why.
        stop: Stop,
    },
    /// What it is billed for; a later one replaces an earlier one.
    Usage(Usage),
    /// The stream ends, whole. Comes once, last.
    End,
}

/// An event that says nothing its dialect knows, or says it wrongly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event that cannot be read")]
pub struct Unreadable;

/// Why a stream cannot be told on in another dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// An event says nothing its dialect knows, or says it wrongly.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// More would have to be kept or held back than may be: a limit of our own.
    #[error("too large to be translated")]
    TooLarge,
    /// It ended, and nobody said why.
    #[error("an end without a reason")]
    Unexplained,
}
