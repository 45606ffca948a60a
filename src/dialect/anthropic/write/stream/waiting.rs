//! What has to wait for a call to be whole.

use std::{borrow::Cow, collections::VecDeque};

/// What comes in blocks of its own.
#[derive(Debug)]
pub(super) enum Said<'a> {
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

/// What waits, in order, and how much it is.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    queue: VecDeque<Said<'static>>,
    size: usize,
}

impl Waiting {
    /// Has `what` wait; text joins text, a thought joins a thought.
    pub(super) fn push(&mut self, what: Said<'_>) {
        let what = what.into_owned();
        self.size += what.size();
        match (self.queue.back_mut(), &what) {
            (Some(Said::Text(last)), Said::Text(more))
            | (Some(Said::Thought(last)), Said::Thought(more)) => last.to_mut().push_str(more),
            _ => self.queue.push_back(what),
        }
    }

    /// Appends a piece to the arguments of a call that waits, if it does.
    pub(super) fn arguments(&mut self, of: u32, piece: &str) {
        let waits = self.queue.iter_mut().find_map(|said| match said {
            Said::Call {
                call, arguments, ..
            } if *call == of => Some(arguments),
            _ => None,
        });
        if let Some(arguments) = waits {
            arguments.push_str(piece);
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

    /// Returns about how many bytes wait.
    pub(super) fn size(&self) -> usize {
        self.size
    }
}

impl Said<'_> {
    /// Returns about how many bytes it takes to hold it.
    fn size(&self) -> usize {
        let texts = match self {
            Self::Text(text) | Self::Thought(text) => text.len(),
            Self::Seal { signature, .. } => signature.len(),
            Self::Call {
                id,
                name,
                arguments,
                ..
            } => id.len() + name.len() + arguments.len(),
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
