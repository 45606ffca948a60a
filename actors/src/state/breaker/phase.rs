//! The words for a circuit's phases and for why it changes them.

/// A circuit's phase, as metrics, logs and people see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Requests pass.
    Closed,
    /// Requests are refused.
    Open,
    /// One trial at a time passes.
    HalfOpen,
}

impl Phase {
    /// Every phase.
    pub const ALL: [Self; 3] = [Self::Closed, Self::Open, Self::HalfOpen];

    /// Returns the fixed word for metric labels and people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// A change of phase; or, from open to open, of what an open circuit waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Transition {
    /// The phase until now.
    pub from: Phase,
    /// The phase from now on.
    pub to: Phase,
    /// Why.
    pub reason: TransitionReason,
}

impl Transition {
    /// Every change that can occur.
    pub const ALL: [Self; 17] = {
        use Phase::{Closed, HalfOpen, Open};
        use TransitionReason as Why;
        [
            Self::new(Closed, Open, Why::FailuresInARow),
            Self::new(Closed, Open, Why::FailureRate),
            Self::new(Closed, Open, Why::Pings),
            Self::new(Closed, Open, Why::KeyRejected),
            Self::new(Open, HalfOpen, Why::RecoveryTimeout),
            Self::new(Open, HalfOpen, Why::HealthyPings),
            Self::new(Open, HalfOpen, Why::LastResort),
            Self::new(Open, HalfOpen, Why::Patched),
            Self::new(Open, Closed, Why::LastResort),
            Self::new(Open, Open, Why::KeyRejected),
            Self::new(HalfOpen, Open, Why::TrialFailed),
            Self::new(HalfOpen, Open, Why::TrialTimeout),
            Self::new(HalfOpen, Open, Why::Pings),
            Self::new(HalfOpen, Open, Why::KeyRejected),
            Self::new(HalfOpen, Closed, Why::TrialsSucceeded),
            Self::new(Open, Closed, Why::Reset),
            Self::new(HalfOpen, Closed, Why::Reset),
        ]
    };

    const fn new(from: Phase, to: Phase, reason: TransitionReason) -> Self {
        Self { from, to, reason }
    }
}

/// Why a circuit changed its phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransitionReason {
    /// `failure_threshold` failures in a row.
    FailuresInARow,
    /// `failure_rate` of the recent answers were failures.
    FailureRate,
    /// `unhealthy_threshold` pings in a row failed.
    Pings,
    /// Our key was rejected.
    KeyRejected,
    /// The trial failed.
    TrialFailed,
    /// The trial was silent for `trial_timeout`.
    TrialTimeout,
    /// The recovery timeout passed.
    RecoveryTimeout,
    /// `healthy_threshold` pings in a row succeeded.
    HealthyPings,
    /// A request that had nowhere else to go succeeded.
    LastResort,
    /// `half_open_requests` trials succeeded.
    TrialsSucceeded,
    /// New settings came, perhaps with a new key.
    Patched,
    /// An operator says that the endpoint is mended.
    Reset,
}

impl TransitionReason {
    /// Every reason.
    pub const ALL: [Self; 12] = [
        Self::FailuresInARow,
        Self::FailureRate,
        Self::Pings,
        Self::KeyRejected,
        Self::TrialFailed,
        Self::TrialTimeout,
        Self::RecoveryTimeout,
        Self::HealthyPings,
        Self::LastResort,
        Self::TrialsSucceeded,
        Self::Patched,
        Self::Reset,
    ];

    /// Returns the fixed word for metric labels and people.
    pub fn label(self) -> &'static str {
        match self {
            Self::FailuresInARow => "failures_in_a_row",
            Self::FailureRate => "failure_rate",
            Self::Pings => "pings",
            Self::KeyRejected => "key_rejected",
            Self::TrialFailed => "trial_failed",
            Self::TrialTimeout => "trial_timeout",
            Self::RecoveryTimeout => "recovery_timeout",
            Self::HealthyPings => "healthy_pings",
            Self::LastResort => "last_resort",
            Self::TrialsSucceeded => "trials_succeeded",
            Self::Patched => "patched",
            Self::Reset => "reset",
        }
    }
}
