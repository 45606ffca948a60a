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
/// Without a time it says nothing that is true for a moment only: for what is kept.
pub(super) fn of(
    status: Status,
    seen: &EndpointSeen,
    why: Why,
    config: &Endpoint,
    now: Option<Instant>,
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

fn opened(seen: &EndpointSeen, config: &Endpoint, now: Option<Instant>) -> String {
    let (view, breaker) = (&seen.view, &config.breaker);
    let counted = view.opened_by.unwrap_or_default();
    let because = match view.open_reason {
        Some(TransitionReason::FailuresInARow) => {
            let threshold = set("failure_threshold", breaker.failure_threshold, counted.bad);
            format!("{} failures in a row ({threshold})", counted.bad)
        }
        Some(TransitionReason::FailureRate) => format!(
            "{} of {} answers failed (failure_rate, now {} of at least {} in {})",
            counted.bad,
            counted.all,
            percent(breaker.failure_rate),
            breaker.min_requests,
            show_duration(breaker.window)
        ),
        Some(TransitionReason::Pings) => {
            let threshold = config.probe.unhealthy_threshold;
            let threshold = set("unhealthy_threshold", threshold, counted.bad);
            format!("{} pings in a row failed ({threshold})", counted.bad)
        }
        Some(TransitionReason::KeyRejected) => {
            "the provider rejected our key, or our credit is spent".to_owned()
        }
        Some(TransitionReason::TrialTimeout) => {
            format!(
                "trial {} stayed silent (trial_timeout, now {})",
                view.failed_trials,
                show_duration(breaker.trial_timeout)
            )
        }
        Some(TransitionReason::TrialFailed) => format!("trial {} failed", view.failed_trials),
        _ => "its circuit is open".to_owned(),
    };
    match (view.open_until, now) {
        (Some(at), Some(now)) => {
            format!("{because}: circuit open, next trial in {}", wait(at, now))
        }
        (Some(_), None) => format!("{because}: circuit open"),
        (None, _) => because,
    }
}

/// Names a threshold, with what it is now where that is not what was counted.
fn set(name: &str, now: u32, counted: u32) -> String {
    if now == counted {
        name.to_owned()
    } else {
        format!("{name}, now {now}")
    }
}

fn limited(seen: &EndpointSeen, now: Option<Instant>) -> String {
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
    match refusal.until.zip(now) {
        Some((at, now)) => format!("{because}: room in {}", wait(at, now)),
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
        return format!(
            "slow: {} to the first byte, above degraded_latency {}",
            whole(latency, 1),
            show_duration(slow)
        );
    }
    if let Some(ratio) = view.failure_ratio.filter(|it| *it > 0.0) {
        return format!(
            "{} of the recent answers failed, {} in a row (failure_threshold {})",
            percent(ratio),
            view.failures_in_a_row,
            view.failure_threshold
        );
    }
    if view.latency.unwrap_or_default() + view.penalty > slow {
        let measured = match view.latency {
            Some(latency) => format!("it answers in {}", whole(latency, 1)),
            None => "no answer was measured".to_owned(),
        };
        return format!(
            "its failures still count as {} of latency, a penalty that fades; {measured}",
            whole(view.penalty, 1_000)
        );
    }
    format!(
        "slow: its last ping took longer than {}",
        show_duration(slow)
    )
}

/// Writes a time in whole units of so many milliseconds.
fn whole(time: Duration, unit: u64) -> String {
    let units = (time.as_millis() as u64).div_ceil(unit);
    show_duration(Duration::from_millis(units * unit))
}

/// Writes how long it is until `at`, in whole seconds.
fn wait(at: Instant, now: Instant) -> String {
    let left = at.saturating_duration_since(now);
    format!("{} s", left.as_millis().div_ceil(1_000))
}

fn percent(ratio: f64) -> String {
    format!("{:.0} %", ratio * 100.0)
}

#[cfg(test)]
mod tests;
