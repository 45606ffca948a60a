//! Why a target is as it is, in a sentence for people: what was counted,
//! against which threshold, and when it will be tried again.

use std::time::{Duration, Instant};

use breakerbox_actors::{
    error::Why,
    messages::EndpointSeen,
    state::{
        breaker::{Phase, TransitionReason},
        health::Status,
    },
};

use crate::config::{Endpoint, show_duration};

/// Says why a target is in `status`; `None` where there is nothing to explain.
pub(super) fn of(
    status: Status,
    seen: &EndpointSeen,
    why: Why,
    config: &Endpoint,
    now: Instant,
) -> Option<String> {
    match status {
        Status::Healthy => None,
        Status::Unknown => Some("it has not answered yet".to_owned()),
        Status::Disabled => {
            Some("an operator drained it: no traffic until it is enabled".to_owned())
        }
        Status::Unhealthy if why == Why::Quarantined => {
            Some("its actor crashed too often and rests for a minute".to_owned())
        }
        Status::Unhealthy => Some(opened(seen, config, now)),
        Status::RateLimited => Some(limited(seen, now)),
        Status::Degraded => Some(degraded(seen, config)),
    }
}

/// Says why a target in `why` takes no request now, for a request's record.
pub(crate) fn why(why: Why, until: Option<Instant>, now: Instant) -> String {
    let words = why.label().replace('_', " ");
    match until {
        Some(at) => format!("{words}, retry in {}", wait(at, now)),
        None => words,
    }
}

fn opened(seen: &EndpointSeen, config: &Endpoint, now: Instant) -> String {
    let (view, breaker) = (&seen.view, &config.breaker);
    let because = match view.open_reason {
        Some(TransitionReason::FailuresInARow) => {
            format!(
                "{} failures in a row (failure_threshold)",
                breaker.failure_threshold
            )
        }
        Some(TransitionReason::FailureRate) => format!(
            "{} or more of at least {} answers in {} failed (failure_rate)",
            percent(breaker.failure_rate),
            breaker.min_requests,
            show_duration(breaker.window)
        ),
        Some(TransitionReason::Pings) => format!(
            "{} pings in a row failed (unhealthy_threshold)",
            config.probe.unhealthy_threshold
        ),
        Some(TransitionReason::KeyRejected) => {
            "the provider rejected our key, or our credit is spent".to_owned()
        }
        Some(TransitionReason::TrialTimeout) => {
            format!(
                "trial {} stayed silent for {}",
                view.failed_trials,
                show_duration(breaker.trial_timeout)
            )
        }
        Some(TransitionReason::TrialFailed) => format!("trial {} failed", view.failed_trials),
        _ => "its circuit is open".to_owned(),
    };
    match view.open_until {
        Some(at) => format!("{because}: circuit open, next trial in {}", wait(at, now)),
        None => because,
    }
}

fn limited(seen: &EndpointSeen, now: Instant) -> String {
    let view = &seen.view;
    let Some(refusal) = view.refusal else {
        return "a rate limit was reached a moment ago".to_owned();
    };
    let used = |what, usage: breakerbox_actors::state::machine::Usage| match usage.limit {
        Some(limit) => format!("{} of {limit} {what} are used", usage.used),
        None => format!("the {what} are used up"),
    };
    let because = match refusal.reason {
        Why::Cooldown => "the provider answered 429 and asked for a pause".to_owned(),
        Why::RequestsPerMinute => used("requests a minute", view.rpm),
        Why::TokensPerMinute => used("tokens a minute", view.tpm),
        Why::RequestsPerDay => used("requests a day", view.rpd),
        Why::ProviderLimit => "the provider's own count says that nothing is left".to_owned(),
        other => other.label().replace('_', " "),
    };
    match refusal.until {
        Some(at) => format!("{because}: room in {}", wait(at, now)),
        None => because,
    }
}

fn degraded(seen: &EndpointSeen, config: &Endpoint) -> String {
    let view = &seen.view;
    if view.phase == Phase::HalfOpen {
        return format!(
            "half-open: one trial at a time, {} successes close the circuit",
            config.breaker.half_open_requests
        );
    }
    let full = config.policy.weight.get();
    if full > 0.0 && view.weight < full {
        return format!(
            "it has just recovered: {} of its weight",
            percent(view.weight / full)
        );
    }
    let slow = config.probe.degraded_latency;
    if let Some(latency) = view.latency.filter(|it| *it > slow) {
        let latency = show_duration(Duration::from_millis(latency.as_millis() as u64));
        return format!(
            "slow: {latency} to the first byte, above degraded_latency {}",
            show_duration(slow)
        );
    }
    match view.failure_ratio.filter(|it| *it > 0.0) {
        Some(ratio) => format!(
            "{} of the recent answers failed, {} in a row (failure_threshold {})",
            percent(ratio),
            view.failures_in_a_row,
            view.failure_threshold
        ),
        None => format!(
            "slow: its last ping took longer than {}",
            show_duration(slow)
        ),
    }
}

/// Writes how long it is until `at`, in whole seconds.
fn wait(at: Instant, now: Instant) -> String {
    let left = at.saturating_duration_since(now);
    format!("{} s", left.as_millis().div_ceil(1_000))
}

fn percent(ratio: f64) -> String {
    format!("{:.0} %", ratio * 100.0)
}
