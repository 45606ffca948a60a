//! What has to wait for a call to be whole, where a dialect has one thing after
//! the other, or no pieces of calls.

mod progress;

use std::{borrow::Cow, collections::VecDeque};

pub(super) use progress::Progress;

/// The most that is held back of one stream, in bytes, for calls to be whole or
/// to be repeated at its end: many times what the longest answer has today.
pub(super) const MAX_WAITING: usize = 16 << 20;

/// What comes in blocks of its own.
#[derive(Debug)]
pub(super) enum Said<'a> {
    Text(Cow<'a, str>),
    Thought(Cow<'a, str>),
    Seal {
        signature: Cow<'a, str>,
        redacted: bool,
    },
    Call(Call<'a>),
}

/// A call, as far as it has come.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) call: u32,
    pub(super) id: Cow<'a, str>,
    pub(super) name: Cow<'a, str>,
    pub(super) seal: Option<Cow<'a, str>>,
    pub(super) arguments: String,
    pub(super) progress: Progress,
}

/// What waits, in order, and how much it is.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    queue: VecDeque<Said<'static>>,
    size: usize,
}

impl Waiting {
    /// Has `what` wait; text joins text, a thought joins a thought.
    pub(super) fn push(&mut self, what: Said<'_>) {
        self.size += what.size();
        match (self.queue.back_mut(), what) {
            (Some(Said::Text(last)), Said::Text(more))
            | (Some(Said::Thought(last)), Said::Thought(more)) => last.to_mut().push_str(&more),
            (_, what) => self.queue.push_back(what.into_owned()),
        }
    }

    /// Appends a piece to the arguments of a call that waits, if it does.
    pub(super) fn arguments(&mut self, of: u32, piece: &str) {
        let waits = self.queue.iter_mut().find_map(|said| match said {
            Said::Call(call) if call.call == of => Some(call),
            _ => None,
        });
        if let Some(call) = waits {
            call.arguments.push_str(piece);
            call.progress.push(piece);
            self.size += piece.len();
        }
    }

    /// Takes what has waited longest.
    pub(super) fn pop(&mut self) -> Option<Said<'static>> {
        let what = self.queue.pop_front();
        let size = what.as_ref().map_or(self.size, Said::size);
        self.size = self.size.saturating_sub(size);
        what
    }

    /// Takes what has waited longest, unless it is a call that is not whole.
    pub(super) fn pop_whole(&mut self) -> Option<Said<'static>> {
        match self.queue.front() {
            Some(Said::Call(call)) if !call.progress.is_whole() => None,
            _ => self.pop(),
        }
    }

    /// Tells whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Returns about how many bytes wait.
    pub(super) fn size(&self) -> usize {
        self.size
    }
}

impl<'a> Said<'a> {
    /// Returns a call that has only begun.
    pub(super) fn call(call: u32, id: &'a str, name: &'a str, seal: Option<&'a str>) -> Self {
        Self::Call(Call {
            call,
            id: id.into(),
            name: name.into(),
            seal: seal.map(Cow::from),
            arguments: String::new(),
            progress: Progress::default(),
        })
    }

    /// Returns about how many bytes it takes to hold it.
    fn size(&self) -> usize {
        let texts = match self {
            Self::Text(text) | Self::Thought(text) => text.len(),
            Self::Seal { signature, .. } => signature.len(),
            Self::Call(call) => {
                let seal = call.seal.as_ref().map_or(0, |seal| seal.len());
                call.id.len() + call.name.len() + seal + call.arguments.len()
            }
        };
        size_of::<Self>() + texts
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
            Self::Call(call) => Said::Call(Call {
                id: own(call.id),
                name: own(call.name),
                seal: call.seal.map(own),
                call: call.call,
                arguments: call.arguments,
                progress: call.progress,
            }),
        }
    }
}
