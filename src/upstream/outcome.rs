//! What a failed call teaches the engine about its endpoint.

use breakerbox_actors::state::event::{FailureKind, Outcome};

use super::error::{BodyError, SendError};

impl SendError {
    /// Returns what to settle the lease with.
    ///
    /// A [`Deadline`](Self::Deadline) is the request's own time running out,
    /// not the endpoint's fault: it counts as cancelled, and so does a gateway
    /// that is out of descriptors or ports itself.
    pub fn outcome(&self) -> Outcome {
        if self.is_local() {
            return Outcome::Cancelled;
        }
        Outcome::Failure(match self {
            Self::Dns(_) | Self::Connect(_) | Self::ConnectTimeout(_) | Self::Tls(_) => {
                FailureKind::Connect
            }
            Self::WriteTimeout | Self::FirstByteTimeout => FailureKind::Timeout,
            Self::Write(_) | Self::Closed | Self::Reset(_) | Self::TruncatedHead => {
                FailureKind::Truncated
            }
            Self::MalformedHead(_) => FailureKind::Malformed,
            Self::Deadline => return Outcome::Cancelled,
        })
    }
}

impl SendError {
    /// Whether the gateway's own machine is what has failed: EMFILE, ENFILE,
    /// ENOBUFS, ENOMEM or EADDRNOTAVAIL of Linux.
    pub(crate) fn is_local(&self) -> bool {
        match self {
            Self::Dns(error) | Self::Connect(error) => {
                matches!(error.raw_os_error(), Some(12 | 23 | 24 | 99 | 105))
            }
            _ => false,
        }
    }
}

impl BodyError {
    /// Returns what to settle the lease with; see [`SendError::outcome`].
    pub fn outcome(&self) -> Outcome {
        Outcome::Failure(match self {
            Self::Truncated | Self::Reset(_) => FailureKind::Truncated,
            Self::Malformed(_) | Self::TooLarge { .. } => FailureKind::Malformed,
            Self::Idle => FailureKind::Timeout,
            Self::Deadline | Self::NoRoom => return Outcome::Cancelled,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::upstream::ConnectStep;

    #[test]
    fn every_failure_has_its_kind_and_its_own_word() {
        let io = || io::Error::from(io::ErrorKind::ConnectionReset);
        let failures = [
            (SendError::Dns(io()), FailureKind::Connect),
            (SendError::Connect(io()), FailureKind::Connect),
            (
                SendError::ConnectTimeout(ConnectStep::Tls),
                FailureKind::Connect,
            ),
            (SendError::Tls(io()), FailureKind::Connect),
            (SendError::Write(io()), FailureKind::Truncated),
            (SendError::WriteTimeout, FailureKind::Timeout),
            (SendError::FirstByteTimeout, FailureKind::Timeout),
            (SendError::Closed, FailureKind::Truncated),
            (SendError::Reset(io()), FailureKind::Truncated),
            (SendError::TruncatedHead, FailureKind::Truncated),
            (SendError::MalformedHead("x"), FailureKind::Malformed),
        ];
        let mut words = std::collections::HashSet::new();
        for (error, kind) in failures {
            assert_eq!(error.outcome(), Outcome::Failure(kind), "{error}");
            assert!(words.insert(error.label()), "{} twice", error.label());
        }
        let failures = [
            (BodyError::Truncated, FailureKind::Truncated),
            (BodyError::Reset(io()), FailureKind::Truncated),
            (BodyError::Malformed("x"), FailureKind::Malformed),
            (BodyError::Idle, FailureKind::Timeout),
            (BodyError::TooLarge { limit: 1 }, FailureKind::Malformed),
        ];
        for (error, kind) in failures {
            assert_eq!(error.outcome(), Outcome::Failure(kind), "{error}");
            assert!(words.insert(error.label()), "{} twice", error.label());
        }
    }

    #[test]
    fn running_out_of_our_own_time_blames_nobody() {
        assert_eq!(SendError::Deadline.outcome(), Outcome::Cancelled);
        assert_eq!(BodyError::Deadline.outcome(), Outcome::Cancelled);
    }
}
