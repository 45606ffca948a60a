//! Errors and signs of life as Anthropic's clients know them.

use serde::Serialize;

use crate::dialect::sse;

/// The event that keeps a stream alive; clients pass over it.
pub const PING: &[u8] = b"event: ping\ndata: {\"type\": \"ping\"}\n\n";

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    error: Inner<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
}

#[derive(Serialize)]
struct Inner<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    message: &'a str,
}

impl<'a> Body<'a> {
    fn new(kind: &'a str, message: &'a str, request_id: Option<&'a str>) -> Self {
        Self {
            kind: "error",
            error: Inner { kind, message },
            request_id,
        }
    }
}

/// Returns Anthropic's word for errors with `status`.
///
/// # Source
///
/// Anthropic, "Errors"; 502 and 503, which it does not have, are said as the
/// nearest it has.
pub const fn kind(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 | 529 => "overloaded_error",
        504 => "timeout_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    }
}

/// Returns the body of an error of `kind`, from [`kind`].
///
/// # Example
///
/// ```
/// use breakerbox::dialect::anthropic::error;
///
/// assert_eq!(
///     error::body(error::kind(429), "Slower, please.", Some("req_1")),
///     br#"{"type":"error","error":{"type":"rate_limit_error","message":"Slower, please."},"request_id":"req_1"}"#,
/// );
/// ```
pub fn body(kind: &str, message: &str, request_id: Option<&str>) -> Vec<u8> {
    // Writing to memory fails for maps with odd keys only; this has none.
    serde_json::to_vec(&Body::new(kind, message, request_id)).unwrap_or_default()
}

/// Appends the event that tells an error of `kind` within a stream, and ends it.
pub fn event(out: &mut Vec<u8>, kind: &str, message: &str, request_id: Option<&str>) {
    sse::write(out, "error", &Body::new(kind, message, request_id));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::{Blame, Kind, anthropic::judge};

    #[test]
    fn each_status_has_its_word() {
        let words = [400, 401, 402, 403, 404, 413, 429, 500, 502, 503, 504, 529].map(kind);
        assert_eq!(
            words,
            [
                "invalid_request_error",
                "authentication_error",
                "billing_error",
                "permission_error",
                "not_found_error",
                "request_too_large",
                "rate_limit_error",
                "api_error",
                "api_error",
                "overloaded_error",
                "timeout_error",
                "overloaded_error",
            ]
        );
    }

    #[test]
    fn our_own_error_event_is_judged_as_one_in_form() {
        let mut out = Vec::new();
        event(&mut out, kind(503), "No \"room\".", None);
        let Kind::Error { reported, in_form } = judge::event(&out).kind else {
            panic!("{}", String::from_utf8_lossy(&out));
        };
        assert_eq!(
            (reported.blame, reported.message.as_str(), in_form),
            (Blame::Overload, "No \"room\".", true)
        );
        assert_eq!(judge::event(PING).kind, Kind::Silent);
    }
}
