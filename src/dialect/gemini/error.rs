//! Errors in this dialect's form.

use serde::Serialize;

use crate::dialect::sse;

#[derive(Serialize)]
struct Body<'a> {
    error: Detail<'a>,
}

#[derive(Serialize)]
struct Detail<'a> {
    code: u16,
    message: &'a str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<[RetryInfo; 1]>,
}

#[derive(Serialize)]
struct RetryInfo {
    #[serde(rename = "@type")]
    kind: &'static str,
    #[serde(rename = "retryDelay")]
    delay: String,
}

/// Returns the word for an HTTP status.
///
/// # Source
///
/// Google, AIP-193 and `google.rpc.Code`, whose comments map each word to an
/// HTTP status; a status that none is mapped to gets the word of its like.
pub fn word(http: u16) -> &'static str {
    match http {
        401 => "UNAUTHENTICATED",
        402 | 403 => "PERMISSION_DENIED",
        404 | 405 => "NOT_FOUND",
        408 | 504 => "DEADLINE_EXCEEDED",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        400..=498 => "INVALID_ARGUMENT",
        501 => "UNIMPLEMENTED",
        502 | 503 | 529 => "UNAVAILABLE",
        _ => "INTERNAL",
    }
}

fn body_of(http: u16, message: &str, retry_after: Option<u64>) -> Body<'_> {
    let retry = |seconds| RetryInfo {
        kind: "type.googleapis.com/google.rpc.RetryInfo",
        delay: format!("{seconds}s"),
    };
    Body {
        error: Detail {
            code: http,
            message,
            status: word(http),
            details: retry_after.map(|seconds| [retry(seconds)]),
        },
    }
}

/// Returns the body of an answer with the status `http`, which says how many
/// seconds to wait: this dialect's clients read that here, not in a header.
///
/// # Source
///
/// Google, `google.rpc.RetryInfo`; Gemini CLI retries by it.
pub fn body(http: u16, message: &str, retry_after: Option<u64>) -> Vec<u8> {
    // Fails for maps with odd keys only; there are none.
    serde_json::to_vec(&body_of(http, message, retry_after)).unwrap_or_default()
}

/// Returns the event that ends a stream with an error; `http` is the status it
/// would have been answered with. [`Array`](super::array::Array) makes an
/// element of it.
///
/// `error` comes first: that is how google-genai knows it.
pub fn event(http: u16, message: &str) -> Vec<u8> {
    let mut event = Vec::new();
    sse::write(&mut event, "", &body_of(http, message, None));
    event
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_form_in_bodies_and_in_streams() {
        let json = r#"{"error":{"code":503,"message":"no \"room\"","status":"UNAVAILABLE"}}"#;
        assert_eq!(body(503, "no \"room\"", None), json.as_bytes());
        let event = event(503, "no \"room\"");
        assert_eq!(event, format!("data: {json}\n\n").as_bytes());
    }

    #[test]
    fn a_wait_is_told_as_google_tells_it() {
        let told = body(429, "slower", Some(2));
        let told: serde_json::Value = serde_json::from_slice(&told).unwrap();
        let expected = serde_json::json!([
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "2s"}
        ]);
        assert_eq!(told["error"]["details"], expected);
    }

    #[test]
    fn every_status_has_a_word() {
        for (http, expected) in [
            (400, "INVALID_ARGUMENT"),
            (401, "UNAUTHENTICATED"),
            (403, "PERMISSION_DENIED"),
            (404, "NOT_FOUND"),
            (413, "INVALID_ARGUMENT"),
            (429, "RESOURCE_EXHAUSTED"),
            (500, "INTERNAL"),
            (502, "UNAVAILABLE"),
            (504, "DEADLINE_EXCEEDED"),
        ] {
            assert_eq!(word(http), expected, "{http}");
        }
    }
}
