//! How long a provider asks to be left alone.

use std::time::{Duration, SystemTime};

use actix_http::header::{HeaderName, HeaderValue};

use super::{
    error_body::ErrorBody,
    head::AnswerHeaders,
    limits::{self, duration, number, seconds, wait},
};
use crate::wall;

/// The longest wait that is believed, unless a day's quota is used up.
pub(super) const LONGEST: Duration = Duration::from_secs(300);

/// Returns what a refusal says of when to come back, or `None` if it does not.
///
/// The first of these that makes sense, from the most to the least exact:
/// `retry-after-ms`, `Retry-After` (seconds, also with a fraction, or a date;
/// the longest of several), `x-ratelimit-reset-*` or
/// `anthropic-ratelimit-*-reset` of a window that is used up, the body's `retry_after`, the body's "try again in 1.2s", any
/// `x-ratelimit-reset-*`. What is negative or no number says nothing; a date
/// that has passed says now.
///
/// Always within 0 to 300 seconds, or 25 hours for a `daily` quota. `now` is the
/// wall time.
///
/// *Source*: RFC 9110, section 10.2.3, and the OpenAI, Azure, Groq, Anthropic and Gemini references.
pub(super) fn read(
    headers: &AnswerHeaders,
    body: &ErrorBody,
    daily: bool,
    now: SystemTime,
) -> Option<Duration> {
    let asked = explicit(headers, body, now).or_else(|| resets(headers, now, false));
    let longest = if daily { limits::LONGEST } else { LONGEST };
    asked.map(|wait| wait.min(longest))
}

/// Returns how long the headers of an answer ask to be left alone, whatever its
/// status: `retry-after-ms` or `Retry-After`, within 0 to 300 seconds.
pub(crate) fn asked(headers: &AnswerHeaders, now: SystemTime) -> Option<Duration> {
    in_headers(headers, now).map(|wait| wait.min(LONGEST))
}

fn in_headers(headers: &AnswerHeaders, now: SystemTime) -> Option<Duration> {
    let millis = longest(headers, "retry-after-ms", |text| {
        number(text).map(|millis| seconds(millis / 1e3))
    });
    millis.or_else(|| longest(headers, "retry-after", |text| seconds_or_date(text, now)))
}

/// Like [`read`], but not guessed from windows that may not be the cause.
pub(super) fn explicit(
    headers: &AnswerHeaders,
    body: &ErrorBody,
    now: SystemTime,
) -> Option<Duration> {
    in_headers(headers, now)
        .or_else(|| resets(headers, now, true))
        .or_else(|| {
            let text = body.retry_after.as_deref()?.trim();
            seconds_or_date(text, now).or_else(|| duration(text))
        })
        .or_else(|| in_message(&body.message))
}

/// Returns the `value` of the header `name`, which says no later than `most`
/// when to come back if it says so at all: `retry-after` and `retry-after-ms`.
///
/// Clients obey: some sleep for as long as they are told, others give up.
pub(crate) fn shortened(name: &HeaderName, value: HeaderValue, most: Duration) -> HeaderValue {
    let text = || value.to_str().ok().map(str::trim);
    let (asked, shortest) = match name.as_str() {
        "retry-after" => (
            text().and_then(|text| seconds_or_date(text, wall::now())),
            most.as_secs(),
        ),
        "retry-after-ms" => (
            text().and_then(number).map(|millis| seconds(millis / 1e3)),
            most.as_millis() as u64,
        ),
        _ => return value,
    };
    match asked {
        Some(asked) if asked > most => HeaderValue::from(shortest),
        _ => value,
    }
}

fn longest(
    headers: &AnswerHeaders,
    name: &str,
    parse: impl Fn(&str) -> Option<Duration>,
) -> Option<Duration> {
    headers
        .all(name)
        .filter_map(|value| parse(std::str::from_utf8(value).ok()?.trim()))
        .max()
}

fn seconds_or_date(text: &str, now: SystemTime) -> Option<Duration> {
    if let Some(number) = number(text) {
        return Some(seconds(number));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// The longest of the windows' resets; with `used_up` only of those with
/// nothing left.
fn resets(headers: &AnswerHeaders, now: SystemTime, used_up: bool) -> Option<Duration> {
    [
        (
            "x-ratelimit-remaining-requests",
            "x-ratelimit-reset-requests",
        ),
        ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
        (
            "anthropic-ratelimit-requests-remaining",
            "anthropic-ratelimit-requests-reset",
        ),
        (
            "anthropic-ratelimit-tokens-remaining",
            "anthropic-ratelimit-tokens-reset",
        ),
        (
            "anthropic-ratelimit-input-tokens-remaining",
            "anthropic-ratelimit-input-tokens-reset",
        ),
        (
            "anthropic-ratelimit-output-tokens-remaining",
            "anthropic-ratelimit-output-tokens-reset",
        ),
    ]
    .into_iter()
    .filter(|(left, _)| !used_up || headers.text(left).is_some_and(|left| left.trim() == "0"))
    .filter_map(|(_, reset)| wait(headers.text(reset)?, now))
    .max()
}

/// Finds "try again in 1.2s", "try again in 7m12s" or "retry after 22 seconds"
/// in a message in lower case.
fn in_message(message: &str) -> Option<Duration> {
    let (_, rest) = ["try again in ", "retry after ", "retry in "]
        .iter()
        .find_map(|phrase| message.split_once(phrase))?;
    let mut words = rest.split_whitespace();
    let first = words.next()?.trim_end_matches(['.', ',', ';', '!']);
    if let Some(wait) = duration(first) {
        return Some(wait);
    }
    let number = number(first)?;
    let unit = words.next().unwrap_or("second");
    let scale = match unit.trim_end_matches(['.', ',', ';', '!']) {
        "hour" | "hours" => 3_600.0,
        "minute" | "minutes" => 60.0,
        "millisecond" | "milliseconds" => 1e-3,
        _ => 1.0,
    };
    Some(seconds(number * scale))
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use proptest::prelude::*;

    use super::*;

    /// Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110.
    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(784_111_777)
    }

    fn from_headers(pairs: &[(&str, &str)]) -> Option<u128> {
        let headers = pairs.iter().copied().collect();
        read(&headers, &ErrorBody::default(), false, now()).map(|wait| wait.as_millis())
    }

    fn from_body(body: &str) -> Option<u128> {
        let body = ErrorBody::parse(body.as_bytes());
        read(&AnswerHeaders::default(), &body, false, now()).map(|wait| wait.as_millis())
    }

    #[test]
    fn retry_after_in_every_form() {
        let retry_after = |value| from_headers(&[("Retry-After", value)]);
        assert_eq!(retry_after("20"), Some(20_000));
        assert_eq!(retry_after("0"), Some(0));
        assert_eq!(retry_after("1.5"), Some(1_500));
        assert_eq!(retry_after("1e9"), Some(300_000));
        assert_eq!(retry_after("99999999999999999999"), Some(300_000));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:50:37 GMT"), Some(60_000));
        assert_eq!(retry_after("Sunday, 06-Nov-94 08:50:37 GMT"), Some(60_000));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0));
        assert_eq!(retry_after("Fri, 31 Dec 9999 23:59:59 GMT"), Some(300_000));
        for garbage in ["-5", "", "soon", "inf", "NaN", "5, 10", "Xyz, 99 Foo 1"] {
            assert_eq!(retry_after(garbage), None, "{garbage}");
        }
    }

    #[test]
    fn of_two_the_longer_of_two_kinds_the_more_exact() {
        assert_eq!(
            from_headers(&[
                ("retry-after", "5"),
                ("retry-after", "20"),
                ("retry-after", "x")
            ]),
            Some(20_000)
        );
        assert_eq!(
            from_headers(&[("retry-after", "5"), ("retry-after-ms", "1200")]),
            Some(1_200)
        );
        assert_eq!(
            from_headers(&[("retry-after", "5"), ("retry-after-ms", "-1")]),
            Some(5_000)
        );
    }

    #[test]
    fn a_window_that_is_used_up_says_when() {
        let headers = [
            ("x-ratelimit-remaining-requests", "12"),
            ("x-ratelimit-reset-requests", "2m0s"),
            ("x-ratelimit-remaining-tokens", "0"),
            ("x-ratelimit-reset-tokens", "7s"),
        ];
        assert_eq!(from_headers(&headers), Some(7_000));
        assert_eq!(from_headers(&headers[..2]), Some(120_000));
    }

    #[test]
    fn the_body_says_when() {
        assert_eq!(from_body(r#"{"error":{"retry_after":2.5}}"#), Some(2_500));
        assert_eq!(from_body(r#"{"retry_after":"3"}"#), Some(3_000));
        assert_eq!(
            from_body(r#"{"error":{"retry_after":1e300}}"#),
            Some(300_000)
        );
        assert_eq!(from_body(r#"{"error":{"retry_after":-1}}"#), None);
        let message = |text: &str| from_body(&format!(r#"{{"error":{{"message":"{text}"}}}}"#));
        assert_eq!(
            message("Limit. Please try again in 1.2s. Visit"),
            Some(1_200)
        );
        assert_eq!(message("Please try again in 20ms"), Some(20));
        assert_eq!(message("Please try again in 7m12s."), Some(300_000));
        assert_eq!(message("Please retry after 22 seconds."), Some(22_000));
        assert_eq!(message("Try again in 2 minutes"), Some(120_000));
        assert_eq!(message("Please try again in"), None);
        assert_eq!(message("Please try again in a while"), None);
    }

    #[test]
    fn a_days_quota_may_take_a_day() {
        let body = ErrorBody::parse(br#"{"error":{"message":"Please try again in 7h12m"}}"#);
        let wait = read(&AnswerHeaders::default(), &body, true, now());
        assert_eq!(wait, Some(Duration::from_secs(7 * 3600 + 12 * 60)));
        let headers = [("retry-after", "1e9")].into_iter().collect();
        let wait = read(&headers, &ErrorBody::default(), true, now());
        assert_eq!(wait, Some(limits::LONGEST));
    }

    proptest! {
        /// Whatever a provider sends, the wait stays within its bounds.
        #[test]
        fn never_panics_and_never_waits_too_long(
            header in "\\PC{0,30}", number in any::<f64>(), message in "\\PC{0,30}",
            seconds in 0..=(1_u64 << 40),
        ) {
            let now = UNIX_EPOCH + Duration::from_secs(seconds);
            let number = number.to_string();
            for value in [&header, &number] {
                let headers: AnswerHeaders = [
                    ("retry-after-ms", value.as_str()),
                    ("retry-after", value.as_str()),
                    ("x-ratelimit-reset-tokens", value.as_str()),
                ].into_iter().collect();
                let body = ErrorBody {
                    words: Vec::new(),
                    message: format!("try again in {message}{number}"),
                    quotas: Vec::new(),
                    retry_after: Some(value.clone()),
                };
                let wait = read(&headers, &body, false, now);
                prop_assert!(wait.unwrap_or_default() <= LONGEST);
                let wait = read(&headers, &body, true, now);
                prop_assert!(wait.unwrap_or_default() <= limits::LONGEST);
            }
        }
    }
}
