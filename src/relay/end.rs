//! How a stream ended, and who is told.

use crate::{
    dialect::{Blame, Usage, neutral::Broken},
    upstream::BodyError,
};

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StreamEnd {
    /// With its terminal event: the answer is whole.
    Complete,
    /// Without its terminal event.
    Truncated,
    /// Nothing came for the idle timeout, or no part of the answer for the
    /// event timeout.
    IdleTimeout,
    /// Reading failed: reset, or shorter than announced.
    UpstreamError,
    /// With an error of the provider, and this is whose fault it is.
    ErrorEvent(Blame),
    /// With an event that is not JSON.
    Malformed,
    /// With more than a limit of our own lets through: an event longer than
    /// [`MAX_EVENT`](crate::dialect::sse::MAX_EVENT), or too much that a
    /// translation would have to hold back. Says nothing about the endpoint.
    TooLarge,
    /// With an event that is well-formed, and that we cannot translate. Says
    /// nothing about the endpoint.
    Untranslatable,
    /// The gateway was told to stop. Says nothing about the endpoint.
    Stopped,
}

impl StreamEnd {
    /// Returns a fixed word for metric labels.
    pub fn label(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Truncated => "truncated",
            Self::IdleTimeout => "idle_timeout",
            Self::UpstreamError => "upstream_error",
            Self::ErrorEvent(_) => "error_event",
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::Untranslatable => "untranslatable",
            Self::Stopped => "stopped",
        }
    }

    /// Returns what the client is told.
    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::Complete => "The stream is complete.",
            Self::Truncated => "The upstream ended the stream before the answer was complete.",
            // Silent or not: comments and pings are no part of it.
            Self::IdleTimeout => "The upstream sent no more of the answer for too long.",
            Self::UpstreamError => {
                "The connection to the upstream broke in the middle of the answer."
            }
            Self::ErrorEvent(_) => "The upstream reported an error in the middle of the answer.",
            Self::Malformed => {
                "The upstream sent something unreadable in the middle of the answer."
            }
            Self::TooLarge => "The upstream's answer is too large for the gateway to pass on.",
            Self::Untranslatable => "The upstream's answer cannot be translated from here on.",
            Self::Stopped => "The gateway is shutting down.",
        }
    }
}

impl From<Broken> for StreamEnd {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Unreadable(_) => Self::Untranslatable,
            Broken::TooLarge => Self::TooLarge,
            Broken::Unexplained => Self::Truncated,
        }
    }
}

impl From<BodyError> for StreamEnd {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Idle => Self::IdleTimeout,
            _ => Self::UpstreamError,
        }
    }
}

/// Is told once how a stream ended, before its last bytes are handed out.
pub trait Finish {
    /// Takes the end, and the tokens used if the provider said.
    fn finish(self, end: StreamEnd, usage: Option<Usage>);
}

impl<F: FnOnce(StreamEnd, Option<Usage>)> Finish for F {
    fn finish(self, end: StreamEnd, usage: Option<Usage>) {
        self(end, usage);
    }
}
