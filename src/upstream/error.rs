//! What can go wrong between us and an endpoint, by phase.

use std::io;

/// Why no answer came.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The host name did not resolve.
    #[error("cannot resolve the host: {0}")]
    Dns(#[source] io::Error),
    /// No address of the host accepted a connection.
    #[error("cannot connect: {0}")]
    Connect(#[source] io::Error),
    /// The connection was not ready within its deadline; names the step it was in.
    #[error("no connection in time, still in {0}")]
    ConnectTimeout(ConnectStep),
    /// The TLS handshake failed.
    #[error("TLS handshake failed: {0}")]
    Tls(#[source] io::Error),
    /// The request could not be written whole, and no answer explains why.
    #[error("connection lost while sending: {0}")]
    Write(#[source] io::Error),
    /// The request could not be written in time: the endpoint stopped reading.
    #[error("request not taken in time")]
    WriteTimeout,
    /// The request went out, but no whole answer head came back in time.
    #[error("no answer in time")]
    FirstByteTimeout,
    /// The endpoint closed the connection before its answer began.
    #[error("connection closed before the answer")]
    Closed,
    /// The connection broke before its answer began.
    #[error("connection lost before the answer: {0}")]
    Reset(#[source] io::Error),
    /// The connection ended within the answer's head.
    #[error("connection closed within the answer's head")]
    TruncatedHead,
    /// What came back is not an HTTP/1 answer; says what is wrong with it.
    #[error("malformed answer: {0}")]
    MalformedHead(&'static str),
    /// The request's own time ran out; says nothing about the endpoint.
    #[error("out of time")]
    Deadline,
}

/// The steps of getting a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectStep {
    /// Resolving the host name.
    Dns,
    /// Waiting for TCP.
    Tcp,
    /// Waiting for TLS.
    Tls,
}

impl std::fmt::Display for ConnectStep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Dns => "name resolution",
            Self::Tcp => "TCP connect",
            Self::Tls => "TLS handshake",
        })
    }
}

impl SendError {
    /// Returns a fixed word for logs and metric labels.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Dns(_) => "dns",
            Self::Connect(_) => "connect",
            Self::ConnectTimeout(_) => "connect_timeout",
            Self::Tls(_) => "tls",
            Self::Write(_) => "write",
            Self::WriteTimeout => "write_timeout",
            Self::FirstByteTimeout => "first_byte_timeout",
            Self::Closed => "closed",
            Self::Reset(_) => "reset",
            Self::TruncatedHead => "truncated_head",
            Self::MalformedHead(_) => "malformed_head",
            Self::Deadline => "deadline",
        }
    }

    /// Whether the connection itself was lost, rather than its endpoint slow or
    /// wrong. Only such a failure may be the old race of a kept connection.
    pub(super) fn is_lost_connection(&self) -> bool {
        matches!(self, Self::Write(_) | Self::Closed | Self::Reset(_))
    }
}

/// Why an answer's body did not come whole.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The connection ended before the body did.
    #[error("the answer was cut off")]
    Truncated,
    /// The connection broke within the body.
    #[error("connection lost within the answer: {0}")]
    Reset(#[source] io::Error),
    /// The body's framing is wrong; says where.
    #[error("malformed answer body: {0}")]
    Malformed(&'static str),
    /// Nothing came for the idle limit.
    #[error("the answer stalled")]
    Idle,
    /// The request's own time ran out; says nothing about the endpoint.
    #[error("out of time")]
    Deadline,
    /// The gateway has no memory to spare; says nothing about the endpoint.
    #[error("no room for the answer")]
    NoRoom,
    /// The body is longer than the caller was ready to hold.
    #[error("the answer is longer than {limit} bytes")]
    TooLarge {
        /// The most bytes the caller would hold.
        limit: usize,
    },
}

impl BodyError {
    /// Returns a fixed word for logs and metric labels.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Truncated => "truncated_body",
            Self::Reset(_) => "reset_body",
            Self::Malformed(_) => "malformed_body",
            Self::Idle => "idle_timeout",
            Self::Deadline => "deadline",
            Self::NoRoom => "no_room",
            Self::TooLarge { .. } => "body_too_large",
        }
    }
}
