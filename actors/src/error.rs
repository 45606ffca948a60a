//! What can go wrong, in words a caller can act on.
//!
//! Nothing here knows HTTP. The gateway maps these to status codes in one
//! place, its `src/error.rs`.

use std::time::Instant;

use crate::id::TargetId;

/// A setting that no machine can run with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: expected {expected}")]
pub struct InvalidPolicy {
    /// The configuration key within its section.
    pub key: &'static str,
    /// What would have been accepted.
    pub expected: &'static str,
}

impl InvalidPolicy {
    /// Says that `key` is not what was `expected`.
    pub(crate) const fn new(key: &'static str, expected: &'static str) -> Self {
        Self { key, expected }
    }
}

/// Why one target does not take a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// An operator drained it.
    Drained,
    /// The provider rejected our key, or our credit is spent.
    KeyRejected,
    /// Its circuit is open.
    CircuitOpen,
    /// Its circuit is half-open and the trial is under way.
    TrialUnderWay,
    /// The same, for longer than waiting for the trial makes sense.
    LongTrial,
    /// The provider cannot serve and asked to be left alone meanwhile.
    Paused,
    /// The provider limits our rate and asked to be left alone.
    Cooldown,
    /// The requests of the minute are used up.
    RequestsPerMinute,
    /// The tokens of the minute are used up.
    TokensPerMinute,
    /// The requests of the day are used up.
    RequestsPerDay,
    /// The provider's own count says that nothing is left.
    ProviderLimit,
    /// As many requests are under way as may be.
    InFlight,
    /// What was granted is spent this very moment.
    Spent,
    /// Its actor crashed too often and rests.
    Quarantined,
    /// This request tried it already.
    Tried,
    /// The request asked for another endpoint by name.
    NotPinned,
    /// It costs more than the request may.
    TooDear,
}

impl Why {
    const ALL: [Self; 17] = [
        Self::Drained,
        Self::KeyRejected,
        Self::CircuitOpen,
        Self::TrialUnderWay,
        Self::LongTrial,
        Self::Paused,
        Self::Cooldown,
        Self::RequestsPerMinute,
        Self::TokensPerMinute,
        Self::RequestsPerDay,
        Self::ProviderLimit,
        Self::InFlight,
        Self::Spent,
        Self::Quarantined,
        Self::Tried,
        Self::NotPinned,
        Self::TooDear,
    ];

    /// Returns the reason as a number that fits an atomic.
    pub(crate) fn code(self) -> u8 {
        self as u8
    }

    pub(crate) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }

    /// Returns whether the endpoint is well and only a rate or its room holds
    /// it back, so that waiting helps.
    pub fn is_rate(self) -> bool {
        matches!(
            self,
            Self::Cooldown
                | Self::RequestsPerMinute
                | Self::TokensPerMinute
                | Self::RequestsPerDay
                | Self::ProviderLimit
                | Self::InFlight
                | Self::Spent
        )
    }

    /// Returns whether it may be over while a request waits: a
    /// [rate](Self::is_rate), a pause that has its end, or a trial that may
    /// close the circuit any moment.
    pub fn may_pass(self) -> bool {
        self.is_rate() || matches!(self, Self::Paused | Self::TrialUnderWay)
    }

    /// Returns a fixed word for people and metric labels.
    pub fn label(self) -> &'static str {
        match self {
            Self::Drained => "drained",
            Self::KeyRejected => "key_rejected",
            Self::CircuitOpen => "circuit_open",
            Self::TrialUnderWay | Self::LongTrial => "trial_under_way",
            Self::Paused => "paused",
            Self::Cooldown => "cooldown",
            Self::RequestsPerMinute => "requests_per_minute",
            Self::TokensPerMinute => "tokens_per_minute",
            Self::RequestsPerDay => "requests_per_day",
            Self::ProviderLimit => "provider_limit",
            Self::InFlight => "max_in_flight",
            Self::Spent => "spent",
            Self::Quarantined => "quarantined",
            Self::Tried => "tried",
            Self::NotPinned => "not_pinned",
            Self::TooDear => "too_dear",
        }
    }
}

/// Why one target is not the one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exclusion {
    /// The target.
    pub target: TargetId,
    /// Why.
    pub why: Why,
    /// When to ask again, if that is known.
    pub until: Option<Instant>,
}

/// Why no target can take a request now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct Unavailable {
    /// The sum of it.
    pub kind: UnavailableKind,
    /// The reason of each candidate; empty when the budget refused.
    pub exclusions: Vec<Exclusion>,
}

/// What kind of refusal an [`Unavailable`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnavailableKind {
    /// Every candidate is rate-limited or full: time alone mends it.
    #[error("every endpoint is rate-limited")]
    RateLimited,
    /// No candidate is available.
    #[error("no endpoint is available")]
    Out,
    /// Every candidate was tried by this request already.
    #[error("every endpoint was tried")]
    Tried,
    /// Every candidate costs more than the request may.
    #[error("every endpoint is too dear")]
    TooDear,
    /// The retry budget is spent: more attempts would feed the fire.
    #[error("the retry budget is spent")]
    OverBudget,
    /// Too many requests wait already.
    #[error("the queue is full")]
    QueueFull,
}

impl Unavailable {
    pub(crate) fn new(exclusions: Vec<Exclusion>) -> Self {
        let possible = exclusions
            .iter()
            .map(|it| it.why)
            .filter(|why| *why != Why::NotPinned);
        // Who is too dear for this request might as well not be there.
        let mut asked = possible.clone().filter(|why| *why != Why::TooDear);
        let tried = |why| why == Why::Tried;
        let kind = if asked.clone().next().is_none() {
            match possible.clone().next() {
                Some(_) => UnavailableKind::TooDear,
                None => UnavailableKind::Out,
            }
        } else if asked.clone().all(tried) {
            UnavailableKind::Tried
        } else if asked.all(|why| tried(why) || why.is_rate()) {
            UnavailableKind::RateLimited
        } else {
            UnavailableKind::Out
        };
        Self { kind, exclusions }
    }

    pub(crate) fn over_budget() -> Self {
        Self {
            kind: UnavailableKind::OverBudget,
            exclusions: Vec::new(),
        }
    }

    pub(crate) fn queue_full(self) -> Self {
        Self {
            kind: UnavailableKind::QueueFull,
            ..self
        }
    }

    /// Returns when the first candidate may be available again, if one knows.
    pub fn until(&self) -> Option<Instant> {
        let known = self.exclusions.iter().filter_map(|it| it.until);
        known.min()
    }

    /// Returns whether waiting up to `deadline` can help: some candidate is
    /// only rate-limited, full, paused or being tried, and not for longer than that as
    /// far as anyone knows.
    pub fn may_wait_until(&self, deadline: Instant, now: Instant) -> bool {
        now < deadline
            && self
                .exclusions
                .iter()
                .any(|it| it.why.may_pass() && it.until.is_none_or(|until| until <= deadline))
    }
}
