//! Why there is no answer: what a request that went without one is told.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use breakerbox_actors::{
    clock,
    error::{Exclusion, Unavailable, UnavailableKind, Why},
    state::health::Status,
    table::Plan,
    target::Target,
};

use super::flight::{Blame, Failed};
use crate::error::{GatewayError, Reasons, SOON};

/// Says why there is no answer: the last failure, or why nobody could be
/// asked any more.
pub(super) fn give_up(
    plan: &Plan,
    failures: &[Failed],
    refusal: Option<&Unavailable>,
) -> GatewayError {
    let model = || plan.model.to_string();
    let nobody = refusal.filter(|it| {
        failures.is_empty()
            || matches!(it.kind, UnavailableKind::Out | UnavailableKind::RateLimited)
    });
    if let Some(refusal) = nobody
        && !(failures.iter().any(|it| it.blame == Blame::Key) && all_keys(refusal))
    {
        let retry_after = wait(refusal, clock::now());
        let reasons = excluded(refusal, failures);
        return match refusal.kind {
            UnavailableKind::RateLimited => GatewayError::RateLimited {
                model: model(),
                retry_after,
                reasons,
            },
            UnavailableKind::QueueFull => GatewayError::Overloaded { retry_after },
            _ => GatewayError::NoEndpoint {
                model: model(),
                retry_after,
                reasons,
            },
        };
    }
    let attempts = reasons(failures);
    match failures.last().map(|it| it.blame) {
        Some(Blame::Key) => GatewayError::UpstreamAuth { attempts },
        Some(Blame::Slowness) => GatewayError::UpstreamTimeout { attempts },
        Some(Blame::RateLimit(until)) => GatewayError::RateLimited {
            model: model(),
            retry_after: until.unwrap_or(crate::error::MAX_RETRY_AFTER),
            reasons: attempts,
        },
        Some(Blame::Overload(wait)) => GatewayError::UpstreamOverloaded {
            retry_after: wait.unwrap_or(SOON),
            attempts,
        },
        Some(Blame::Failure | Blame::Ours) | None => GatewayError::UpstreamError { attempts },
    }
}

/// Whether one of `tried` may be asked again when nobody else is free: it has
/// failed, and its circuit still lets through.
pub(super) fn may_repeat(tried: &[Arc<Target>], failures: &[Failed]) -> bool {
    tried.iter().any(|target| {
        let mut failed = failures.iter().rev();
        let last = failed.find(|it| it.target == *target.id());
        last.is_some_and(Failed::may_repeat) && target.status() != Status::Unhealthy
    })
}

/// Why nobody can serve, if every circuit of the plan is open: whoever has
/// spent a request on last resorts then is told when to come back, and at once.
pub(super) fn all_out(plan: &Plan) -> Option<Unavailable> {
    all_are(plan, |target| target.status() == Status::Unhealthy)
}

/// The same, if each is out or has said when to come back: for whoever may not
/// wait for that.
pub(super) fn all_out_or_paused(plan: &Plan) -> Option<Unavailable> {
    all_are(plan, |target| {
        target.status() == Status::Unhealthy || target.refusal().0 == Why::Paused
    })
}

fn all_are(plan: &Plan, out: impl Fn(&Target) -> bool) -> Option<Unavailable> {
    let targets = || plan.entries().map(|entry| &entry.target);
    if targets().any(|target| !out(target)) {
        return None;
    }
    let exclusions = targets().map(|target| {
        let (why, until) = target.refusal();
        Exclusion {
            target: target.id().clone(),
            why,
            until,
        }
    });
    Some(Unavailable {
        kind: UnavailableKind::Out,
        exclusions: exclusions.collect(),
    })
}

/// Whether a refusal is only about keys that upstreams rejected.
fn all_keys(refusal: &Unavailable) -> bool {
    let mut reasons = refusal.exclusions.iter().map(|it| it.why);
    reasons.all(|why| matches!(why, Why::KeyRejected | Why::Tried | Why::NotPinned))
}

/// How long until somebody may be back, as far as anyone knows: 1 s if nobody
/// does, or if it may be any moment.
fn wait(refusal: &Unavailable, now: Instant) -> Duration {
    let wait = refusal.until();
    let wait = wait.map_or(SOON, |at| at.saturating_duration_since(now));
    let mut exclusions = refusal.exclusions.iter();
    match exclusions.any(|it| it.why.is_rate() && it.until.is_none()) {
        true => wait.min(SOON),
        false => wait,
    }
}

pub(super) fn reasons(failures: &[Failed]) -> Reasons {
    let failures = failures.iter();
    failures
        .map(|it| (it.target.endpoint().clone(), it.label))
        .collect()
}

/// Each endpoint with why it is out; one that was tried, with how it failed.
fn excluded(refusal: &Unavailable, failures: &[Failed]) -> Reasons {
    let reason = |it: &Exclusion| {
        let failed = failures
            .iter()
            .rev()
            .find(|failed| failed.target == it.target);
        let label = failed.map_or(it.why.label(), |failed| failed.label);
        (it.target.endpoint().clone(), label)
    };
    refusal.exclusions.iter().map(reason).collect()
}

#[cfg(test)]
mod tests {
    use breakerbox_actors::id::TargetId;

    use super::*;

    #[test]
    fn whoever_may_be_free_any_moment_is_waited_for_a_second() {
        let now = clock::now();
        let minute = Some(now + Duration::from_secs(50));
        let wait = |reasons: &[(Why, Option<Instant>)]| {
            let exclusions = reasons.iter().map(|(why, until)| Exclusion {
                target: TargetId::new("a", "m"),
                why: *why,
                until: *until,
            });
            let refusal = Unavailable {
                kind: UnavailableKind::Out,
                exclusions: exclusions.collect(),
            };
            super::wait(&refusal, now).as_secs()
        };
        assert_eq!(wait(&[]), 1);
        assert_eq!(wait(&[(Why::Cooldown, minute)]), 50);
        assert_eq!(wait(&[(Why::Cooldown, minute), (Why::InFlight, None)]), 1);
        // Of one that is no rate nobody knows when, if ever.
        assert_eq!(
            wait(&[(Why::CircuitOpen, minute), (Why::Drained, None)]),
            50
        );
    }
}
