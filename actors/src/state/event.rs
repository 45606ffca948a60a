//! What an endpoint's machine is told, and in which words.

use std::time::Duration;

use super::policy::EndpointPolicy;

/// Something that happened to an endpoint.
///
/// The shell looks at what routers took and tells it as [`Event::Spent`]
/// before it tells anything else, and then what was reported; a report about a request whose spending the
/// machine has not heard of yet would come too early to be believed.
///
/// `epoch` is always that of the grant a request was started under. In a
/// half-open epoch the request is the trial, in an open one a last resort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// What routers took since the last look.
    Spent {
        /// Epoch of the grant that was taken from.
        epoch: u32,
        /// Credits taken.
        requests: u32,
        /// Last-resort credits taken.
        last_resort: u32,
        /// Tokens reserved since the endpoint's cell was made; never falls.
        tokens_mark: u64,
    },
    /// The first byte of a good answer came: the request is not silent.
    FirstByte {
        /// Epoch of the grant the request was started under.
        epoch: u32,
        /// Time from sending to this byte.
        latency: Duration,
        /// The request's mark, as in [`Tokens`].
        mark: u64,
        /// What the provider said of its own limits.
        limits: ProviderLimits,
    },
    /// A request is over.
    Settled {
        /// Epoch of the grant the request was started under.
        epoch: u32,
        /// What became of it.
        outcome: Outcome,
        /// Time from sending to the first byte, unless [`Event::FirstByte`]
        /// told it already or none came.
        latency: Option<Duration>,
        /// What the provider said of its own limits.
        limits: ProviderLimits,
        /// Tokens reserved and used.
        tokens: Tokens,
    },
    /// A ping came back, or did not.
    Pong(Pong),
    /// New settings; the state stays.
    Patch(EndpointPolicy),
    /// An operator drains the endpoint (`true`) or lets it serve again.
    Drain(bool),
    /// An operator says that the endpoint is mended: the circuit closes, a
    /// cooldown ends. What was used of its limits stays used.
    Reset,
    /// The actor came back after a crash; what was lent before is void.
    Restarted,
    /// Time passed.
    Tick,
}

/// What one request taught us about the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It answered as it should, to the end.
    Success,
    /// It failed.
    Failure(FailureKind),
    /// It asked to be left alone for a while.
    RateLimited {
        /// For how long; `None` when it did not say.
        retry_after: Option<Duration>,
        /// Whether a quota of the day is used up.
        daily: bool,
    },
    /// It does not accept our key, or our credit is spent.
    KeyRejected,
    /// It says that the request itself is wrong. Not its fault.
    ClientFault,
    /// Given up: the caller went away first, or a limit of our own was reached.
    /// Says nothing about the endpoint.
    Cancelled,
}

impl Outcome {
    /// Returns whether it is the endpoint's doing and another may do better.
    pub fn may_lead_on(self) -> bool {
        match self {
            Self::Failure(_) | Self::RateLimited { .. } | Self::KeyRejected => true,
            Self::Success | Self::ClientFault | Self::Cancelled => false,
        }
    }

    /// Returns a fixed word for metric labels.
    pub fn label(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure(kind) => kind.label(),
            Self::RateLimited { .. } => "rate_limited",
            Self::KeyRejected => "key_rejected",
            Self::ClientFault => "client_fault",
            Self::Cancelled => "cancelled",
        }
    }
}

/// How a request failed. The machine treats all alike; people do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// No connection came about.
    Connect,
    /// It stayed silent for too long.
    Timeout,
    /// It answered that it cannot serve.
    Status,
    /// The answer ended before its end.
    Truncated,
    /// The answer is not what it claims to be.
    Malformed,
    /// The answer began well and then reported an error.
    ErrorEvent,
}

impl FailureKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Connect,
        Self::Timeout,
        Self::Status,
        Self::Truncated,
        Self::Malformed,
        Self::ErrorEvent,
    ];

    /// Returns a fixed word for metric labels.
    pub fn label(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Status => "status",
            Self::Truncated => "truncated",
            Self::Malformed => "malformed",
            Self::ErrorEvent => "error_event",
        }
    }
}

/// What a provider said of how much it will take; nothing by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ProviderLimits {
    /// Requests it will still take.
    pub requests: Option<Remaining>,
    /// Tokens it will still take.
    pub tokens: Option<Remaining>,
    /// It cannot serve and wants nothing for so long; at most 300 s count.
    pub pause: Option<Duration>,
}

/// How much is left of a provider's limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Remaining {
    /// So much is left.
    pub left: u64,
    /// The limit is whole again after so long; `None` when it did not say.
    pub reset: Option<Duration>,
}

/// What a request reserved of the token window, and what it used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tokens {
    /// The cell's mark just after this reservation; identifies it, and tells
    /// which of two requests was started first.
    pub mark: u64,
    /// Tokens reserved at the estimate; zero when nothing was reserved.
    pub reserved: u64,
    /// Tokens really used, when known; else the reservation stands.
    pub used: Option<u64>,
}

/// What became of a ping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pong {
    /// It was answered; the machine judges whether fast enough.
    Alive {
        /// Time from sending to the answer.
        latency: Duration,
    },
    /// It was not answered, or badly.
    Failed,
    /// Our key was not accepted.
    KeyRejected,
    /// It could not be asked, for a reason of our own: says nothing about it.
    Unasked,
}

impl Pong {
    /// Returns a fixed word for metric labels.
    pub fn label(self) -> &'static str {
        match self {
            Self::Alive { .. } => "alive",
            Self::Failed => "failed",
            Self::KeyRejected => "key_rejected",
            Self::Unasked => "unasked",
        }
    }
}
