//! What a refusal looks like in Anthropic's shape, and the headers that tell where a client stands.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::dialect::Call;
use super::super::limits::{Limit, Quota, Refusal, Standing};
use super::super::reply::Reply;
use crate::wall;

/// The word for a status.
///
/// *Source*: Anthropic, "Errors".
const fn kind(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        500..=599 => "api_error",
        _ => "invalid_request_error",
    }
}

fn body(kind: &str, message: &str, id: &str) -> Value {
    json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": id})
}

fn error(call: &Call<'_>, status: u16, message: &str) -> Reply {
    Reply::json(status, &body(kind(status), message, call.id), 0)
}

/// The error that stands where an answer should.
pub(in super::super) fn broken(id: &str) -> Value {
    body("overloaded_error", "Overloaded", id)
}

/// The error of a request that cannot be answered.
pub(super) fn invalid(call: &Call<'_>, message: &str) -> Box<Reply> {
    Box::new(error(call, 400, message))
}

/// The error for what there is not.
pub(super) fn not_found(call: &Call<'_>, message: &str) -> Box<Reply> {
    Box::new(error(call, 404, message))
}

/// The error for a wrong key.
pub(in super::super) fn unauthorized(call: &Call<'_>) -> Reply {
    error(call, 401, "invalid x-api-key").header("x-should-retry", "false")
}

/// The error of a scripted status.
pub(in super::super) fn scripted(call: &Call<'_>, status: u16, wait: Option<Duration>) -> Reply {
    let reply = match status {
        401 => return unauthorized(call),
        529 => error(call, 529, "Overloaded"),
        500 => error(call, 500, "Internal server error"),
        _ => error(call, status, &format!("Simulated error {status}.")),
    };
    match wait {
        Some(wait) => retry(reply, wait),
        None => reply,
    }
}

/// The error of a full window.
pub(in super::super) fn limited(call: &Call<'_>, refusal: Refusal, standing: &Standing) -> Reply {
    let (unit, quota) = match refusal.limit {
        Limit::Requests => ("requests", standing.requests),
        Limit::Tokens => ("tokens", standing.tokens),
    };
    let limit = quota.map_or(0, |quota| quota.limit);
    let text = format!(
        "This request would exceed your organization's rate limit of {limit} {unit} per minute."
    );
    retry(error(call, 429, &text), refusal.wait)
}

/// Adds the standing to an answer.
pub(in super::super) fn quota_headers(mut reply: Reply, standing: &Standing) -> Reply {
    let names = [
        [
            "anthropic-ratelimit-requests-limit",
            "anthropic-ratelimit-requests-remaining",
            "anthropic-ratelimit-requests-reset",
        ],
        [
            "anthropic-ratelimit-tokens-limit",
            "anthropic-ratelimit-tokens-remaining",
            "anthropic-ratelimit-tokens-reset",
        ],
    ];
    for (names, quota) in names.into_iter().zip([standing.requests, standing.tokens]) {
        if let Some(Quota { limit, left, reset }) = quota {
            let values = [limit.to_string(), left.to_string(), date(reset)];
            reply.headers.extend(names.into_iter().zip(values));
        }
    }
    reply
}

/// The time in so long, as RFC 3339 has it, in whole seconds and never too early.
fn date(from_now: Duration) -> String {
    let at = wall::now() + from_now + Duration::from_millis(999);
    humantime::format_rfc3339_seconds(at).to_string()
}

fn retry(reply: Reply, wait: Duration) -> Reply {
    let seconds = wait.as_millis().div_ceil(1_000);
    reply
        .header("retry-after", seconds.to_string())
        .header("retry-after-ms", wait.as_millis().to_string())
        .header("x-should-retry", "true")
}
