//! What a refusal looks like in OpenAI's shape, and the headers that tell where a client stands.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::limits::{Limit, Quota, Refusal, Standing, reset_text};
use super::super::reply::Reply;

/// An error in OpenAI's shape; its `type` follows from the status.
pub(super) fn error(status: u16, code: &str, param: Option<&str>, message: &str) -> Reply {
    Reply::json(status, &error_body(status, code, param, message), 0)
}

fn error_body(status: u16, code: &str, param: Option<&str>, message: &str) -> Value {
    let kind = match status {
        401 => "authentication_error",
        402 => "insufficient_quota",
        403 => "permission_error",
        429 => "requests",
        500..=599 => "server_error",
        _ => "invalid_request_error",
    };
    json!({"error": {"message": message, "type": kind, "param": param, "code": code}})
}

/// The error that stands where an answer should.
pub(in super::super) fn broken() -> Value {
    let text = "The server had an error while processing your request. Sorry about that!";
    error_body(500, "server_error", None, text)
}

/// The error of a scripted status.
pub(in super::super) fn scripted(status: u16, retry_after: Option<Duration>) -> Reply {
    let code = match status {
        401 => return unauthorized(),
        402 => "insufficient_quota",
        429 => "rate_limit_exceeded",
        500..=599 => "server_error",
        _ => "simulated_error",
    };
    let reply = error(status, code, None, &format!("Simulated error {status}."));
    match retry_after {
        Some(wait) => retry_headers(reply, wait),
        None => reply,
    }
}

/// The error for a wrong key.
pub(in super::super) fn unauthorized() -> Reply {
    error(
        401,
        "invalid_api_key",
        None,
        "Incorrect API key provided. You can find your API key in the script.",
    )
}

/// The error of a full window.
pub(in super::super) fn limited(model: &str, refusal: Refusal, standing: &Standing) -> Reply {
    let (kind, unit, quota) = match refusal.limit {
        Limit::Requests => ("requests", "requests per min (RPM)", standing.requests),
        Limit::Tokens => ("tokens", "tokens per min (TPM)", standing.tokens),
    };
    let (limit, left) = quota.map_or((0, 0), |quota| (quota.limit, quota.left));
    let message = format!(
        "Rate limit reached for {model} on {unit}: Limit {limit}, Used {}. Please try again in {}.",
        limit - left,
        reset_text(refusal.wait)
    );
    let body = json!({"error":
        {"message": message, "type": kind, "param": null, "code": "rate_limit_exceeded"}});
    retry_headers(Reply::json(429, &body, 0), refusal.wait)
}

/// Adds the standing to an answer.
pub(in super::super) fn quota_headers(mut reply: Reply, standing: &Standing) -> Reply {
    let names = [
        [
            "x-ratelimit-limit-requests",
            "x-ratelimit-remaining-requests",
            "x-ratelimit-reset-requests",
        ],
        [
            "x-ratelimit-limit-tokens",
            "x-ratelimit-remaining-tokens",
            "x-ratelimit-reset-tokens",
        ],
    ];
    for (names, quota) in names.into_iter().zip([standing.requests, standing.tokens]) {
        if let Some(Quota { limit, left, reset }) = quota {
            let values = [limit.to_string(), left.to_string(), reset_text(reset)];
            reply.headers.extend(names.into_iter().zip(values));
        }
    }
    reply
}

fn retry_headers(reply: Reply, wait: Duration) -> Reply {
    let seconds = wait.as_millis().div_ceil(1_000);
    reply
        .header("retry-after", seconds.to_string())
        .header("retry-after-ms", wait.as_millis().to_string())
}

pub(super) fn missing(param: &str) -> Box<Reply> {
    let text = format!("Missing required parameter: '{param}'.");
    let code = "missing_required_parameter";
    Box::new(error(400, code, Some(param), &text))
}

pub(super) fn wrong_type(param: &str, expected: &str) -> Box<Reply> {
    let text = format!("Invalid type for '{param}': expected {expected}.");
    Box::new(error(400, "invalid_type", Some(param), &text))
}

pub(super) fn unknown_model(model: &str) -> Box<Reply> {
    let text = format!("The model `{model}` does not exist or you do not have access to it.");
    Box::new(error(404, "model_not_found", Some("model"), &text))
}
