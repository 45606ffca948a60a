//! How long one attempt is waited for, and whose fault it is if that was too
//! short.

use std::time::{Duration, Instant};

use breakerbox_actors::state::event::{FailureKind, Outcome};

use super::intake::Intake;
use crate::config::Config;

/// The share of `request_timeout` that every endpoint must do with: who stays
/// silent for less, because others took the rest, is not blamed.
const FAIR_SHARE: u32 = 4;

/// The times of one attempt. See the [module](self).
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    began: Instant,
    /// When the endpoint itself has failed.
    own: Instant,
    /// When the request goes on to somebody else, although it might yet be
    /// answered here.
    give_way: Option<Instant>,
    deadline: Instant,
    /// How much silence is a failure when the request's time is over;
    /// `None`: none, the client was in a hurry.
    fair: Option<Duration>,
}

impl Patience {
    /// Returns the times of an attempt that `began` now.
    ///
    /// `another` tells whether another endpoint is likely to answer within
    /// such a time. If one is, the attempt may take half of what is left of
    /// the request's time, so that an endpoint that swallows requests costs
    /// time and no answer.
    pub(super) fn new(
        config: &Config,
        intake: &Intake,
        began: Instant,
        another: impl FnOnce(Duration, Instant) -> bool,
    ) -> Self {
        let deadline = intake.deadline;
        let own = began + config.routing.first_byte_timeout;
        let half = deadline.saturating_duration_since(began) / 2;
        let give_way = began + half;
        Self {
            began,
            own,
            give_way: (give_way < own && another(half, began)).then_some(give_way),
            deadline,
            fair: (!intake.is_hasty).then_some(config.server.request_timeout / FAIR_SHARE),
        }
    }

    /// Returns when waiting for the first byte ends.
    pub(super) fn until(self) -> Instant {
        let until = self.own.min(self.deadline);
        self.give_way.map_or(until, |at| at.min(until))
    }

    /// Returns whether it may end for another endpoint's sake.
    pub(super) fn gives_way(self) -> bool {
        self.give_way.is_some()
    }

    /// Returns whether the endpoint has had all the time that endpoints have.
    pub(super) fn is_its_own_fault(self, now: Instant) -> bool {
        now >= self.own
    }

    /// Returns what it means for the endpoint that waiting ended at `now`: the
    /// gateway's time is the operator's word for how long an answer may take, a
    /// client's is its own affair.
    pub(super) fn verdict(self, now: Instant) -> Outcome {
        let waited = now.saturating_duration_since(self.began);
        match self.fair {
            Some(fair) if waited >= fair => Outcome::Failure(FailureKind::Timeout),
            _ => Outcome::Cancelled,
        }
    }
}
