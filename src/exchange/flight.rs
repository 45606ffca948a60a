//! One attempt under way: its lease and its target's metric handles together,
//! so that nothing is settled unmeasured.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use breakerbox_actors::{
    id::TargetId,
    lease::Lease,
    state::{
        estimate::Estimate,
        event::{FailureKind, Outcome, ProviderLimits},
    },
};

use super::{intake::Intake, tab::Used};
use crate::{dialect::Usage, generation::Site, metrics::RELOADED};

/// See the [module](self). Dropped unsettled, it counts as cancelled.
pub(super) struct Flight {
    lease: Option<Lease>,
    began: Instant,
    site: Arc<Site>,
    limits: ProviderLimits,
    /// Tokens it uses unless the provider counts them.
    estimate: Estimate,
    /// See [`Intake::unbounded`].
    unbounded: Option<u64>,
}

/// An attempt that failed before its client saw a byte.
#[derive(Clone, Debug)]
pub(crate) struct Failed {
    /// Who failed.
    pub(crate) target: TargetId,
    /// How, in a fixed word.
    pub(crate) label: &'static str,
    /// The same in the words of outcomes, which are fewer.
    pub(crate) reason: &'static str,
    /// What kind of failure it is for the client.
    pub(super) blame: Blame,
    /// What it has used all the same.
    pub(super) used: Used,
    /// In its own words or ours, keys taken out, for people.
    pub(super) said: Option<Box<str>>,
}

/// What kind of failure an attempt ended in, as far as the client is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blame {
    /// The endpoint failed.
    Failure,
    /// The endpoint answered what only the gateway cannot take: it would again,
    /// and be paid again.
    Ours,
    /// The endpoint says that it is overloaded, and for how long if it does.
    Overload(Option<Duration>),
    /// The endpoint was too slow.
    Slowness,
    /// The endpoint refused our key.
    Key,
    /// The endpoint is over its limit, for so long if it said so.
    RateLimit(Option<Duration>),
}

impl Failed {
    /// Says that `target` left the configuration between pick and attempt.
    pub(super) fn reloaded(target: TargetId) -> Self {
        Self {
            target,
            label: RELOADED,
            reason: RELOADED,
            blame: Blame::Failure,
            used: Used::NOTHING,
            said: None,
        }
    }

    /// Notes what there is to say of it.
    pub(super) fn saying(mut self, what: &str) -> Self {
        self.said = Some(what.into());
        self
    }

    /// Notes that the endpoint says it is overloaded, for `wait` if it says so.
    pub(super) fn for_overload(mut self, wait: Option<Duration>) -> Self {
        self.blame = Blame::Overload(wait);
        self
    }

    /// Whether asking the same endpoint again may help.
    pub(super) fn may_repeat(&self) -> bool {
        matches!(
            self.blame,
            Blame::Failure | Blame::Overload(_) | Blame::Slowness
        )
    }
}

impl Flight {
    /// Begins an attempt.
    pub(super) fn new(lease: Lease, site: Arc<Site>, intake: &Intake) -> Self {
        Self {
            began: lease.started(),
            lease: Some(lease),
            site,
            limits: ProviderLimits::default(),
            estimate: intake.estimate,
            unbounded: intake.unbounded,
        }
    }

    /// Returns what it will have used unless somebody knows better.
    pub(super) fn expected(&self) -> Used {
        self.used(self.estimate)
    }

    fn used(&self, tokens: Estimate) -> Used {
        let price = self.site.price.as_ref();
        Used {
            tokens: tokens.total(),
            cost: price.map(|(price, _)| price.cost(tokens)),
        }
    }

    /// Returns when it began.
    pub(super) fn began(&self) -> Instant {
        self.began
    }

    pub(super) fn target(&self) -> &TargetId {
        &self.site.id
    }

    pub(super) fn site(&self) -> &Arc<Site> {
        &self.site
    }

    /// Notes what the provider's headers said of its limits.
    pub(super) fn learn(&mut self, limits: ProviderLimits) {
        self.limits = limits;
    }

    /// Notes that the provider cannot serve and wants nothing for so long.
    pub(super) fn pauses(&mut self, wait: Duration) {
        self.limits.pause = Some(wait);
    }

    /// Reports the first event of a stream.
    pub(super) fn first_byte(&mut self) {
        if let Some(lease) = &mut self.lease {
            let took = lease.first_byte(std::mem::take(&mut self.limits));
            self.site.metrics.first_byte(took);
        }
    }

    /// Notes that the head of a whole answer has come: the endpoint's first byte.
    pub(super) fn head_came(&mut self) {
        if let Some(lease) = &mut self.lease {
            self.site.metrics.first_byte(lease.head_came());
        }
    }

    /// Reports what became of the attempt; returns what it has used.
    pub(super) fn settle(mut self, outcome: Outcome, usage: Option<Usage>) -> Used {
        self.end(outcome, usage)
    }

    /// Reports a failure, for the request to go on from.
    pub(super) fn fail(mut self, label: &'static str, outcome: Outcome) -> Failed {
        let target = self.site.id.clone();
        let used = self.end(outcome, None);
        let blame = match outcome {
            Outcome::Failure(FailureKind::Timeout) => Blame::Slowness,
            Outcome::KeyRejected => Blame::Key,
            Outcome::Cancelled => Blame::Ours,
            Outcome::RateLimited { retry_after, .. } => Blame::RateLimit(retry_after),
            _ => Blame::Failure,
        };
        Failed {
            target,
            label,
            reason: outcome.label(),
            blame,
            used,
            said: None,
        }
    }

    /// Reports that the attempt was given up because it took too long,
    /// whether or not `outcome` blames its endpoint.
    pub(super) fn late(self, label: &'static str, outcome: Outcome) -> Failed {
        Failed {
            reason: FailureKind::Timeout.label(),
            blame: Blame::Slowness,
            ..self.fail(label, outcome)
        }
    }

    fn end(&mut self, outcome: Outcome, usage: Option<Usage>) -> Used {
        let mut charged = Used::NOTHING;
        if let Some(lease) = self.lease.take() {
            self.site.metrics.settled(outcome, lease.age(), usage);
            // Who refused has used nothing; of others that did not say, the
            // reservation stands.
            let refused = matches!(
                outcome,
                Outcome::ClientFault
                    | Outcome::KeyRejected
                    | Outcome::RateLimited { .. }
                    | Outcome::Failure(FailureKind::Connect | FailureKind::Status)
            );
            charged = match usage {
                Some(Usage { input, output, .. }) => self.used(Estimate { input, output }),
                None if refused => charged,
                None => self.expected(),
            };
            if let (Some((_, metric)), Some(cost)) = (&self.site.price, charged.cost) {
                metric.spent(cost);
            }
            if let (Outcome::Success, Some(usage), Some(answers)) = (outcome, usage, self.unbounded)
            {
                lease.target().learn_output(usage.output / answers);
            }
            let used = usage.map(|it| it.total()).or(refused.then_some(0));
            lease.settle(outcome, used, std::mem::take(&mut self.limits));
        }
        charged
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.end(Outcome::Cancelled, None);
    }
}
