//! What an answer means: for the client, and for the endpoint that gave it.

use std::time::SystemTime;

use actix_http::StatusCode;
use breakerbox_actors::state::event::{FailureKind, Outcome};

use crate::dialect::{Blame, Dialect};

use super::{
    error_body::{self, ErrorBody},
    head::{AnswerHeaders, Framing},
    retry_after,
};

/// What to do with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Its head is that of a good answer; its body has yet to prove it.
    Accept,
    /// The endpoint says that the request is wrong. Hand its answer to the
    /// client as it is; another endpoint would say the same. Settles as
    /// [`Outcome::ClientFault`].
    PassThrough,
    /// Nothing for the client. Settle with this outcome and try elsewhere.
    Elsewhere(Outcome),
}

/// An answer as far as it matters here.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: &'a AnswerHeaders,
    /// How its body is delimited.
    pub framing: Framing,
    /// The beginning of the body where [`wants_body`] says so: see
    /// [`Body::peek`](super::Body::peek) and
    /// [`MAX_ERROR_BODY`](super::MAX_ERROR_BODY). Else empty.
    pub body: &'a [u8],
    /// The wall time, to read dates against.
    pub now: SystemTime,
}

/// Whether the body of an answer with this status may matter: to [`judge`], or
/// to the client.
pub fn wants_body(status: StatusCode) -> bool {
    status.is_client_error()
}

/// Whether an answer with this status from a provider of `dialect` says that it
/// is overloaded, which its clients may wait for.
///
/// Gemini's 503 says no less: "the service may be temporarily overloaded". That
/// of others comes from whatever is on the way.
///
/// *Source*: Anthropic, "Errors"; Google, "Gemini API troubleshooting".
pub fn is_overload(status: StatusCode, dialect: Dialect) -> bool {
    match status.as_u16() {
        529 => true,
        503 => dialect == Dialect::Gemini,
        _ => false,
    }
}

/// Judges an answer.
///
/// * 2xx: accepted if a body can follow that shows its own end. 204, 205, 206,
///   an empty or close-delimited body, HTML and encoded bodies are malformed.
/// * 3xx, 408, 5xx and unknown statuses: a failure. Redirects are never
///   followed: a request's key and text go where the configuration says.
/// * 407 and 421: a failure too; they speak of our way there.
/// * 401, 402, and a 400 whose error code speaks of credit, billing, quota or an
///   invalid key: our key or our account is refused.
/// * 403: our key is refused if it speaks of the key; the client's fault if it
///   speaks of a file, a cache or a prompt that was flagged. One that says
///   neither is a failure: nobody is to put an endpoint out with one request.
/// * 429: rate limited. But when its error code speaks of credit, billing or
///   quota and nothing says when to come back (OpenAI's `insufficient_quota`),
///   waiting cannot help, and it counts as a refused key.
/// * Every other 4xx: the client's fault, passed through.
pub fn judge(evidence: &Evidence<'_>) -> Verdict {
    let failure = |kind| Verdict::Elsewhere(Outcome::Failure(kind));
    match evidence.status.as_u16() {
        200..=299 if evidence.flaw().is_none() => Verdict::Accept,
        100..=299 => failure(FailureKind::Malformed),
        401 | 402 => Verdict::Elsewhere(Outcome::KeyRejected),
        403 => match error_body::forbids(evidence.body) {
            Some(Blame::Client) => Verdict::PassThrough,
            Some(_) => Verdict::Elsewhere(Outcome::KeyRejected),
            // Maybe one request's fault, or that of a filter on the way: if it is
            // the key, a free ping finds out, or the next failures do.
            None => failure(FailureKind::Status),
        },
        407 | 408 | 421 => failure(FailureKind::Status),
        429 => Verdict::Elsewhere(rate_limited(evidence)),
        400 if is_about_us(&ErrorBody::parse(evidence.body)) => {
            Verdict::Elsewhere(Outcome::KeyRejected)
        }
        400..=499 => Verdict::PassThrough,
        _ => failure(FailureKind::Status),
    }
}

/// Whether an error is about our account or our key, not about the request.
fn is_about_us(error: &ErrorBody) -> bool {
    error.wants_money() || error.rejects_key()
}

impl Evidence<'_> {
    /// Returns a fixed word for why a success cannot be an answer, if its head
    /// shows that.
    pub fn flaw(&self) -> Option<&'static str> {
        let headers = self.headers;
        let is_html = || {
            let kind = headers.text("content-type");
            let start = kind.and_then(|value| value.get(..9));
            start.is_some_and(|start| start.eq_ignore_ascii_case("text/html"))
        };
        let is_plain = |coding: &[u8]| coding.trim_ascii().eq_ignore_ascii_case(b"identity");
        match self.framing {
            _ if matches!(self.status.as_u16(), 204..=206) => Some("no_whole_body"),
            Framing::Empty => Some("empty"),
            Framing::UntilClose => Some("body_without_length"),
            // We never ask for an encoding, and could not read the usage in one.
            _ if !headers.all("content-encoding").all(is_plain) => Some("encoded_body"),
            _ if is_html() => Some("html"),
            _ => None,
        }
    }
}

fn rate_limited(evidence: &Evidence<'_>) -> Outcome {
    let Evidence { headers, now, .. } = *evidence;
    let body = ErrorBody::parse(evidence.body);
    let daily = body.is_daily();
    let says_when = || retry_after::explicit(headers, &body, now).is_some();
    if body.wants_money() && !daily && !says_when() {
        return Outcome::KeyRejected;
    }
    Outcome::RateLimited {
        retry_after: retry_after::read(headers, &body, daily, now),
        daily,
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    const GOOD: [(&str, &str); 1] = [("content-type", "application/json")];

    fn verdict(status: u16, pairs: &[(&str, &str)], framing: Framing, body: &str) -> Verdict {
        judge(&Evidence {
            status: StatusCode::from_u16(status).unwrap(),
            headers: &pairs.iter().copied().collect(),
            framing,
            body: body.as_bytes(),
            now: UNIX_EPOCH,
        })
    }

    fn of(status: u16) -> Verdict {
        verdict(
            status,
            &GOOD,
            Framing::Length(9),
            r#"{"error":{"code":"x"}}"#,
        )
    }

    fn failure(kind: FailureKind) -> Verdict {
        Verdict::Elsewhere(Outcome::Failure(kind))
    }

    const KEY: Verdict = Verdict::Elsewhere(Outcome::KeyRejected);

    fn limited(seconds: Option<u64>, daily: bool) -> Verdict {
        Verdict::Elsewhere(Outcome::RateLimited {
            retry_after: seconds.map(Duration::from_secs),
            daily,
        })
    }

    #[test]
    fn every_status_has_its_verdict() {
        for status in 100..=999 {
            let expected = match status {
                204..=206 | 100..=199 => failure(FailureKind::Malformed),
                200..=299 => Verdict::Accept,
                401 | 402 => KEY,
                403 => failure(FailureKind::Status),
                407 | 408 | 421 => failure(FailureKind::Status),
                429 => limited(None, false),
                400..=499 => Verdict::PassThrough,
                _ => failure(FailureKind::Status),
            };
            assert_eq!(of(status), expected, "{status}");
        }
    }

    #[test]
    fn a_success_must_be_able_to_show_its_end() {
        let malformed = failure(FailureKind::Malformed);
        assert_eq!(verdict(200, &GOOD, Framing::Chunked, ""), Verdict::Accept);
        assert_eq!(verdict(200, &[], Framing::Length(1), ""), Verdict::Accept);
        assert_eq!(verdict(200, &GOOD, Framing::UntilClose, ""), malformed);
        assert_eq!(verdict(200, &GOOD, Framing::Empty, ""), malformed);
    }

    #[test]
    fn a_page_or_an_encoded_body_is_no_success() {
        let of = |name, value| verdict(200, &[(name, value)], Framing::Chunked, "");
        let malformed = failure(FailureKind::Malformed);
        assert_eq!(of("content-type", "Text/HTML; charset=utf-8"), malformed);
        assert_eq!(of("content-encoding", "gzip"), malformed);
        assert_eq!(of("content-encoding", "identity"), Verdict::Accept);
        assert_eq!(of("content-type", "é"), Verdict::Accept);
        let refusal = [("content-type", "text/html")];
        assert_eq!(
            verdict(404, &refusal, Framing::UntilClose, "<html>"),
            Verdict::PassThrough
        );
    }

    #[test]
    fn a_400_about_money_is_about_our_account() {
        let of = |body| verdict(400, &GOOD, Framing::Length(9), body);
        for body in [
            r#"{"error":{"type":"insufficient_quota","code":null}}"#,
            r#"{"error":{"code":"billing_hard_limit_reached"}}"#,
            r#"{"error":{"code":"Insufficient_Credits"}}"#,
            r#"{"error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the API."}}"#,
        ] {
            assert_eq!(of(body), KEY, "{body}");
        }
        for body in [
            r#"{"error":{"type":"invalid_request_error","message":"messages: quota billing credit"}}"#,
            "not json",
            "",
        ] {
            assert_eq!(of(body), Verdict::PassThrough, "{body}");
        }
    }

    #[test]
    fn a_400_about_our_key_is_about_our_key() {
        for body in [
            r#"[{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID","domain":"googleapis.com"}]}}]"#,
            r#"{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT"}}"#,
            r#"{"error":{"message":"no","details":[7,{"reason":"API_KEY_INVALID"}]}}"#,
            r#"{"code":"Client specified an invalid argument","error":"Incorrect API key provided: x***z."}"#,
            r#"{"error":{"message":"no","code":"invalid_api_key"}}"#,
        ] {
            assert_eq!(verdict(400, &GOOD, Framing::Length(9), body), KEY, "{body}");
        }
    }

    #[test]
    fn a_403_is_whose_it_says_it_is() {
        for (body, expected) in [
            (
                r#"{"error":{"code":403,"message":"You do not have permission to access the File x or it may not exist.","status":"PERMISSION_DENIED"}}"#,
                Verdict::PassThrough,
            ),
            (
                r#"[{"error":{"code":403,"message":"CachedContent not found (or permission denied)","status":"PERMISSION_DENIED"}}]"#,
                Verdict::PassThrough,
            ),
            (
                r#"{"error":{"code":403,"message":"flagged","metadata":{"reasons":["hate"]}}}"#,
                Verdict::PassThrough,
            ),
            (
                r#"{"code":"permission-denied","error":"Content violates usage guidelines. "}"#,
                Verdict::PassThrough,
            ),
            (
                r#"{"code":"permission-denied","error":"Access to the chat endpoint is denied"}"#,
                KEY,
            ),
            (
                r#"{"type":"error","error":{"type":"permission_error","message":"no"}}"#,
                KEY,
            ),
            (
                r#"{"error":{"message":"The caller does not have permission","status":"PERMISSION_DENIED"}}"#,
                failure(FailureKind::Status),
            ),
            ("<html>", failure(FailureKind::Status)),
            ("", failure(FailureKind::Status)),
        ] {
            let verdict = verdict(403, &GOOD, Framing::Length(9), body);
            assert_eq!(verdict, expected, "{body}");
        }
    }

    #[test]
    fn a_429_says_how_long() {
        let of = |pairs: &[_], body| verdict(429, pairs, Framing::Length(9), body);
        assert_eq!(of(&[("retry-after", "20")], ""), limited(Some(20), false));
        assert_eq!(
            of(&[("retry-after", "1000")], ""),
            limited(Some(300), false)
        );
        let body = r#"{"error":{"message":"Please try again in 2s."}}"#;
        assert_eq!(of(&[], body), limited(Some(2), false));
    }

    #[test]
    fn a_429_about_money_is_waited_for_only_if_told_how_long() {
        let broke = r#"{"error":{"code":"insufficient_quota","message":"You exceeded your current quota"}}"#;
        let of = |pairs: &[_]| verdict(429, pairs, Framing::Length(9), broke);
        assert_eq!(of(&[]), KEY);
        assert_eq!(of(&[("retry-after", "7")]), limited(Some(7), false));
        assert_eq!(of(&[("x-ratelimit-reset-requests", "1s")]), KEY);
    }

    #[test]
    fn a_days_quota_is_told_from_a_minutes() {
        let of = |pairs: &[_], message: &str| {
            let body =
                format!(r#"{{"error":{{"code":"rate_limit_exceeded","message":"{message}"}}}}"#);
            verdict(429, pairs, Framing::Length(9), &body)
        };
        let day = "Rate limit reached on requests per day (RPD). Please try again in 7m12s.";
        assert_eq!(of(&[], day), limited(Some(432), true));
        assert_eq!(
            of(&[("retry-after", "3600")], day),
            limited(Some(3600), true)
        );
        let minute = "Rate limit reached on requests per min (RPM). Please try again in 7m12s.";
        assert_eq!(of(&[], minute), limited(Some(300), false));
    }

    #[test]
    fn the_body_is_wanted_where_it_counts() {
        let wanted = |status| wants_body(StatusCode::from_u16(status).unwrap());
        for status in 100..=599 {
            let broke = r#"{"error":{"code":"insufficient_quota"}}"#;
            let with = verdict(status, &GOOD, Framing::Length(9), broke);
            let without = verdict(status, &GOOD, Framing::Length(9), "");
            let matters = with != without || with == Verdict::PassThrough;
            assert!(wanted(status) || !matters, "{status}");
        }
        assert!(!wanted(200) && !wanted(302) && !wanted(500));
    }
}
