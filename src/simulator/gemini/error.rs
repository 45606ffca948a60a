//! What a refusal looks like in Google's shape: `google.rpc.Status` as JSON.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::dialect::Call;
use super::super::limits::{Limit, Refusal, Standing};
use super::super::reply::Reply;
use super::is_sse;

/// The word for a status.
///
/// *Source*: Google, `google.rpc.Code`.
const fn word(status: u16) -> &'static str {
    match status {
        400 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        501 => "UNIMPLEMENTED",
        503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        500..=599 => "INTERNAL",
        _ => "FAILED_PRECONDITION",
    }
}

fn body(status: u16, message: &str, details: &[Value]) -> Value {
    let mut error = json!({"code": status, "message": message, "status": word(status)});
    if !details.is_empty() {
        error["details"] = json!(details);
    }
    json!({"error": error})
}

fn error(call: &Call<'_>, status: u16, message: &str, details: &[Value]) -> Reply {
    let body = body(status, message, details);
    // What would have been an array is one also when it failed.
    match call.route.streams && !is_sse(call) {
        true => Reply::json(status, &json!([body]), 0),
        false => Reply::json(status, &body, 0),
    }
}

fn detail(kind: &str, mut fields: Value) -> Value {
    fields["@type"] = json!(format!("type.googleapis.com/google.rpc.{kind}"));
    fields
}

/// The error that stands where an answer should.
pub(in super::super) fn broken() -> Value {
    body(503, "The model is overloaded. Please try again later.", &[])
}

/// The error of a request that cannot be answered.
pub(super) fn invalid(call: &Call<'_>, message: &str) -> Box<Reply> {
    Box::new(error(call, 400, message, &[]))
}

/// The error for a field that there is not.
pub(super) fn unknown_field(call: &Call<'_>, name: &str, place: &str) -> Box<Reply> {
    let at = match place {
        "" => String::new(),
        place => format!(" at '{place}'"),
    };
    let text =
        format!("Invalid JSON payload received. Unknown name \"{name}\"{at}: Cannot find field.");
    let violation = json!({"fieldViolations": [{"field": place, "description": text}]});
    Box::new(error(call, 400, &text, &[detail("BadRequest", violation)]))
}

/// The error for what there is not.
pub(super) fn not_found(call: &Call<'_>, message: &str) -> Box<Reply> {
    Box::new(error(call, 404, message, &[]))
}

/// The error for a wrong key, or for none. A wrong one is a wrong argument to Google.
pub(in super::super) fn unauthorized(call: &Call<'_>) -> Reply {
    if call.script.dialect.key(call.request).is_empty() {
        let text = "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API.";
        return error(call, 403, text, &[]);
    }
    let info = json!({"reason": "API_KEY_INVALID", "domain": "googleapis.com",
        "metadata": {"service": "generativelanguage.googleapis.com"}});
    let text = "API key not valid. Please pass a valid API key.";
    error(call, 400, text, &[detail("ErrorInfo", info)])
}

/// The error of a scripted status.
pub(in super::super) fn scripted(call: &Call<'_>, status: u16, wait: Option<Duration>) -> Reply {
    let text = match status {
        401 => "Request had invalid authentication credentials.".to_owned(),
        503 => "The model is overloaded. Please try again later.".to_owned(),
        429 => "Resource has been exhausted (e.g. check quota).".to_owned(),
        500 => "An internal error has occurred.".to_owned(),
        _ => format!("Simulated error {status}."),
    };
    let details: Vec<Value> = wait.map(retry).into_iter().collect();
    error(call, status, &text, &details)
}

/// The error of a full window.
pub(in super::super) fn limited(
    call: &Call<'_>,
    model: &str,
    refusal: Refusal,
    standing: &Standing,
) -> Reply {
    let (metric, id, quota) = match refusal.limit {
        Limit::Requests => (
            "generate_content_requests",
            "GenerateRequestsPerMinutePerProjectPerModel",
            standing.requests,
        ),
        Limit::Tokens => (
            "generate_content_input_token_count",
            "GenerateContentInputTokensPerModelPerMinute",
            standing.tokens,
        ),
    };
    let limit = quota.map_or(0, |quota| quota.limit);
    let seconds = refusal.wait.as_secs_f64();
    let text = format!(
        "You exceeded your current quota, please check your plan and billing details.\n* Quota exceeded for metric: generativelanguage.googleapis.com/{metric}, limit: {limit}, model: {model}\nPlease retry in {seconds}s."
    );
    let failure = json!({"violations": [{
        "quotaMetric": format!("generativelanguage.googleapis.com/{metric}"),
        "quotaId": id, "quotaDimensions": {"location": "global", "model": model},
        "quotaValue": limit.to_string()}]});
    let details = [detail("QuotaFailure", failure), retry(refusal.wait)];
    error(call, 429, &text, &details)
}

/// When to come again; Google has no header for it.
fn retry(wait: Duration) -> Value {
    let delay = format!("{}s", wait.as_millis() as f64 / 1e3);
    detail("RetryInfo", json!({"retryDelay": delay}))
}
