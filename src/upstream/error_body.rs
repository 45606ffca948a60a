//! What an error answer's body says, whoever wrote it.

use actix_web::http::StatusCode;
use serde_json::Value;

use crate::dialect::{Blame, forbidden};

/// How much of an error's body is worth peeking at, in bytes.
pub const MAX_ERROR_BODY: usize = 64 * 1024;

/// The parts of an error body that tell one cause from another.
///
/// Knows `{"error":{"message","type","code","retry_after"}}` (OpenAI and most
/// others), the same in a list (Gemini's OpenAI dialect), Gemini's `details` with
/// their `retryDelay` and `violations[].quotaId`, `{"error":"…"}`, and the
/// fields without the envelope. Anything else is empty, never an error: the
/// status has been read already.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ErrorBody {
    /// `code`, `type` and each `reason` among `details` (Google), in lower case;
    /// the provider's own words.
    pub(super) words: Vec<String>,
    /// `message`, in lower case; may quote the client's request.
    pub(super) message: String,
    /// `retry_after`, as text.
    pub(super) retry_after: Option<String>,
    /// The quotas that are used up, in lower case; Gemini's names for them.
    pub(super) quotas: Vec<String>,
}

/// The longest beginning of an error's body that is kept, in bytes.
const MAX_SAID: usize = 1024;

/// Says what a provider answered in place of an answer: the status, and the
/// beginning of the body.
pub(crate) fn said(status: StatusCode, body: &[u8]) -> String {
    let words = String::from_utf8_lossy(&body[..body.len().min(MAX_SAID)]);
    match words.trim() {
        "" => format!("answered {status}"),
        words => format!("answered {status}: {words}"),
    }
}

/// Returns whether an error body says that our key is wrong.
pub(crate) fn rejects_key(body: &[u8]) -> bool {
    ErrorBody::parse(body).rejects_key()
}

/// Returns what an error's envelope and what is in it say, each the same value
/// where there is no envelope.
pub(super) fn envelope(body: &Value) -> (&Value, &Value) {
    let outer = body.get(0).unwrap_or(body);
    (outer, outer.get("error").unwrap_or(outer))
}

/// Returns whose fault the 403 is that came with this body, if it says so.
pub(super) fn forbids(body: &[u8]) -> Option<Blame> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let (outer, inner) = envelope(&body);
    // xAI's words stand beside its code.
    forbidden::blame(if inner.is_string() { outer } else { inner })
}

impl ErrorBody {
    pub(super) fn parse(body: &[u8]) -> Self {
        let Ok(body) = serde_json::from_slice::<Value>(body) else {
            return Self::default();
        };
        let (outer, inner) = envelope(&body);
        let text = |key| inner.get(key).and_then(Value::as_str);
        let message = inner.as_str().or_else(|| text("message"));
        let details = || inner.get("details").and_then(Value::as_array);
        let of_details = |key| details()?.iter().find_map(|detail| detail.get(key));
        let retry_after = inner
            .get("retry_after")
            .or_else(|| outer.get("retry_after"))
            .or_else(|| of_details("retryDelay"))
            .and_then(|value| match value {
                Value::Number(number) => Some(number.to_string()),
                Value::String(text) => Some(text.clone()),
                _ => None,
            });
        let violations = details()
            .into_iter()
            .flatten()
            .filter_map(|detail| detail.get("violations")?.as_array())
            .flatten();
        let quotas = violations.filter_map(|it| it.get("quotaId")?.as_str());
        Self {
            quotas: quotas.map(str::to_ascii_lowercase).collect(),
            words: ["code", "type"]
                .into_iter()
                .filter_map(text)
                .chain(reasons(inner))
                .map(str::to_ascii_lowercase)
                .collect(),
            message: message.unwrap_or_default().to_ascii_lowercase(),
            retry_after,
        }
    }

    /// Whether the provider says that it wants to be paid first.
    ///
    /// Of the message only the beginning counts, and only a whole sentence of
    /// Anthropic's, who have no code for it: a message may quote what a client
    /// wrote, and no client may put an endpoint out of service with a phrase.
    pub(super) fn wants_money(&self) -> bool {
        let about_money = |word: &String| {
            ["credit", "billing", "quota", "insufficient_balance"]
                .iter()
                .any(|term| word.contains(term))
        };
        self.words.iter().any(about_money)
            || self.message.starts_with("your credit balance is too low")
    }

    /// Whether the provider says in a 400 that our key is wrong, as Gemini and
    /// xAI do.
    ///
    /// Of the message only the beginning counts, for the same reason.
    ///
    /// *Source*: `API_KEY_INVALID` of google.rpc.ErrorInfo; xAI's "Incorrect API
    /// key provided".
    pub(super) fn rejects_key(&self) -> bool {
        let is_it = |word: &String| ["api_key_invalid", "invalid_api_key"].contains(&&**word);
        self.words.iter().any(is_it)
            || self.message.starts_with("api key not valid. ")
            || self.message.starts_with("incorrect api key provided: ")
    }

    /// Whether a quota of the day, not of the minute, is used up.
    ///
    /// Only asked about a 429, whose message quotes no request.
    pub(super) fn is_daily(&self) -> bool {
        let daily = |text: &str| {
            [
                "per day", "per-day", "per_day", "perday", "(rpd)", "(tpd)", "daily",
            ]
            .iter()
            .any(|term| text.contains(term))
        };
        let named = || self.words.iter().chain(&self.quotas);
        daily(&self.message) || named().any(|word| daily(word))
    }
}

fn reasons(error: &Value) -> impl Iterator<Item = &str> {
    let details = error.get("details").and_then(Value::as_array);
    let details = details.into_iter().flatten();
    details.filter_map(|detail| detail.get("reason")?.as_str())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_known_shape_is_read() {
        for body in [
            r#"{"error":{"code":"Quota_X","message":"No"}}"#,
            r#"[{"error":{"code":"Quota_X","message":"No"}}]"#,
            r#"{"code":"Quota_X","message":"No"}"#,
        ] {
            let read = ErrorBody::parse(body.as_bytes());
            assert_eq!(read.words, ["quota_x"], "{body}");
            assert_eq!(read.message, "no", "{body}");
        }
        assert_eq!(ErrorBody::parse(br#"{"error":"No"}"#).message, "no");
        for body in [
            "",
            "<html>",
            "null",
            "[]",
            "7",
            r#"{"error":null}"#,
            "{\"error\":",
        ] {
            assert_eq!(
                ErrorBody::parse(body.as_bytes()),
                ErrorBody::default(),
                "{body}"
            );
        }
    }

    #[test]
    fn a_code_may_be_a_number() {
        let read = ErrorBody::parse(br#"{"error":{"code":400,"type":"T","retry_after":1.5}}"#);
        assert_eq!(read.words, ["t"]);
        assert_eq!(read.retry_after.as_deref(), Some("1.5"));
    }

    #[test]
    fn gemini_says_in_details_which_quota_is_used_up_and_until_when() {
        let body = br#"{"error":{"code":429,"message":"You exceeded your current quota.","status":"RESOURCE_EXHAUSTED","details":[
            {"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]},
            {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34s"}]}}"#;
        let read = ErrorBody::parse(body);
        assert_eq!(read.retry_after.as_deref(), Some("34s"));
        assert!(read.is_daily() && !read.wants_money());
        let minute =
            br#"{"error":{"details":[{"violations":[{"quotaId":"GenerateContentPerMinute"}]}]}}"#;
        assert!(!ErrorBody::parse(minute).is_daily());
    }

    #[test]
    fn a_client_cannot_speak_for_the_provider() {
        let quoting = br#"{"error":{"code":"invalid_value","message":"Invalid value: 'your credit balance is too low, billing, quota'"}}"#;
        assert!(!ErrorBody::parse(quoting).wants_money());
    }

    #[test]
    fn a_client_cannot_have_our_key_rejected() {
        for quoting in [
            r#"{"error":{"code":"invalid_value","message":"Invalid value: 'API key not valid. api_key_invalid'"}}"#,
            r#"{"error":{"message":"no","param":"api_key_invalid","details":"API_KEY_INVALID"}}"#,
        ] {
            assert!(
                !ErrorBody::parse(quoting.as_bytes()).rejects_key(),
                "{quoting}"
            );
        }
    }

    proptest! {
        #[test]
        fn never_panics(body in prop::collection::vec(any::<u8>(), 0..200), text in "\\PC{0,80}") {
            ErrorBody::parse(&body);
            ErrorBody::parse(text.as_bytes());
            ErrorBody::parse(format!(r#"{{"error":{text}}}"#).as_bytes());
        }
    }
}
