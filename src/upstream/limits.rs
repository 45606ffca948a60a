//! What a provider's headers say of its own limits.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use breakerbox_actors::state::event::{ProviderLimits, Remaining};

use super::head::AnswerHeaders;

/// The longest wait any provider is believed: a day, and an hour for clocks
/// that differ.
pub(super) const LONGEST: Duration = Duration::from_secs(25 * 3600);

/// Numbers above this are points in Unix time, in seconds; no provider's window
/// lasts thirty years.
const UNIX_SECONDS: f64 = 1e9;
/// Numbers above this are points in Unix time, in milliseconds.
const UNIX_MILLIS: f64 = 1e12;

/// Returns what the headers say is left; `now` is the wall time.
///
/// *Source*: `x-ratelimit-remaining-{requests,tokens}` and
/// `x-ratelimit-reset-{requests,tokens}` as OpenAI documents them,
/// `anthropic-ratelimit-{requests,tokens}-{remaining,reset}` as Anthropic does.
/// Numbers that make no sense are as good as none.
///
/// # Example
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
/// use breakerbox::upstream::{AnswerHeaders, limits};
///
/// let headers: AnswerHeaders = [
///     ("x-ratelimit-remaining-requests", "59"),
///     ("x-ratelimit-reset-requests", "6m0s"),
/// ]
/// .into_iter()
/// .collect();
/// let requests = limits::read(&headers, UNIX_EPOCH).requests;
/// assert_eq!(requests.map(|it| it.left), Some(59));
/// assert_eq!(requests.and_then(|it| it.reset), Some(Duration::from_secs(360)));
/// ```
pub fn read(headers: &AnswerHeaders, now: SystemTime) -> ProviderLimits {
    let mut left = [None; 2];
    let mut reset = [None; 2];
    for (name, value) in headers.bytes() {
        let Some((tells, index)) = split(name) else {
            continue;
        };
        let value = std::str::from_utf8(value).unwrap_or_default();
        match tells {
            Tells::Left => left[index] = value.trim().parse().ok(),
            Tells::Reset => reset[index] = wait(value, now),
        }
    }
    let remaining = |index: usize| {
        left[index].map(|left| Remaining {
            left,
            reset: reset[index],
        })
    };
    ProviderLimits {
        requests: remaining(0),
        tokens: remaining(1),
        pause: None,
    }
}

/// What a header of a provider's limits tells.
enum Tells {
    Left,
    Reset,
}

/// Returns what `name` tells, and of which window: 0 requests, 1 tokens.
fn split(name: &[u8]) -> Option<(Tells, usize)> {
    let (what, window) = if let Some(rest) = strip(name, "x-ratelimit-") {
        rest.split_once('-')?
    } else {
        let (window, what) = strip(name, "anthropic-ratelimit-")?.rsplit_once('-')?;
        (what, window)
    };
    let tells = match () {
        () if what.eq_ignore_ascii_case("remaining") => Tells::Left,
        () if what.eq_ignore_ascii_case("reset") => Tells::Reset,
        () => return None,
    };
    match () {
        () if window.eq_ignore_ascii_case("requests") => Some((tells, 0)),
        () if window.eq_ignore_ascii_case("tokens") => Some((tells, 1)),
        () => None,
    }
}

fn strip<'a>(name: &'a [u8], prefix: &str) -> Option<&'a str> {
    let (head, rest) = name.split_at_checked(prefix.len())?;
    let fits = head.eq_ignore_ascii_case(prefix.as_bytes());
    fits.then(|| std::str::from_utf8(rest).ok())?
}

/// Reads when a window is whole again: `6m0s`, `120ms`, seconds as a number, a
/// point in Unix time, or one such as `2026-01-31T12:00:00Z`. At most [`LONGEST`]; zero for what has passed.
pub(super) fn wait(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    let Some(number) = number(text) else {
        return duration(text).or_else(|| {
            let point = humantime::parse_rfc3339(text).ok()?;
            Some(point.duration_since(now).unwrap_or_default().min(LONGEST))
        });
    };
    if number < UNIX_SECONDS {
        return Some(seconds(number));
    }
    let point = if number < UNIX_MILLIS {
        number
    } else {
        number / 1e3
    };
    let now = now
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |now| now.as_secs_f64());
    Some(seconds((point - now).max(0.0)))
}

/// Reads a number from zero up; not `inf`, not `nan`.
pub(super) fn number(text: &str) -> Option<f64> {
    text.parse()
        .ok()
        .filter(|number: &f64| number.is_finite() && *number >= 0.0)
}

/// Returns so many seconds, at most [`LONGEST`].
pub(super) fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).map_or(LONGEST, |wait| wait.min(LONGEST))
}

/// Reads a duration such as `1h2m3.5s` or `120ms`; at most [`LONGEST`].
///
/// *Source*: Go's `time.ParseDuration`, which is what providers print with.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut sum = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (digits, tail) = rest.split_at(end);
        let end = tail
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let scale = match unit {
            "d" => 86_400.0,
            "h" => 3_600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        sum += number(digits)? * scale;
        rest = tail;
    }
    (!text.is_empty()).then(|| seconds(sum))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn anthropic_names_the_moment_a_window_is_whole_again() {
        let pairs = [
            ("anthropic-ratelimit-requests-remaining", "7"),
            ("anthropic-ratelimit-requests-reset", "1970-01-01T00:00:20Z"),
            ("Anthropic-RateLimit-Tokens-Remaining", "9000"),
            ("anthropic-ratelimit-tokens-reset", "soon"),
            ("anthropic-ratelimit-input-tokens-remaining", "1"),
        ];
        let limits = read_pairs(&pairs);
        let requests = limits.requests.unwrap();
        assert_eq!(requests.left, 7);
        let point = requests.reset.unwrap();
        assert!(point <= Duration::from_secs(20), "{point:?}");
        let tokens = limits.tokens.unwrap();
        assert_eq!((tokens.left, tokens.reset), (9000, None));
    }

    fn read_pairs(pairs: &[(&str, &str)]) -> ProviderLimits {
        let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        read(&pairs.iter().copied().collect(), now)
    }

    #[test]
    fn requests_and_tokens_are_read_apart() {
        let limits = read_pairs(&[
            ("x-ratelimit-limit-requests", "500"),
            ("X-RateLimit-Remaining-Requests", "499"),
            ("x-ratelimit-reset-requests", "120ms"),
            ("x-ratelimit-remaining-tokens", "0"),
            ("x-ratelimit-reset-tokens", "6m0s"),
        ]);
        let remaining = |left, millis| {
            Some(Remaining {
                left,
                reset: Some(Duration::from_millis(millis)),
            })
        };
        assert_eq!(limits.requests, remaining(499, 120));
        assert_eq!(limits.tokens, remaining(0, 360_000));
    }

    #[test]
    fn what_is_left_counts_without_a_reset_but_not_the_reverse() {
        let limits = read_pairs(&[
            ("x-ratelimit-remaining-requests", "7"),
            ("x-ratelimit-reset-tokens", "1s"),
        ]);
        let seven = Remaining {
            left: 7,
            reset: None,
        };
        assert_eq!(limits.requests, Some(seven));
        assert_eq!(limits.tokens, None);
    }

    #[test]
    fn nonsense_is_as_good_as_nothing() {
        for value in ["", "-1", "many", "1.5", "99999999999999999999"] {
            let limits = read_pairs(&[("x-ratelimit-remaining-requests", value)]);
            assert_eq!(limits, ProviderLimits::default(), "{value}");
        }
    }

    #[test]
    fn waits_come_in_many_forms() {
        let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let millis = |text| wait(text, now).map(|wait| wait.as_millis());
        assert_eq!(millis("6m0s"), Some(360_000));
        assert_eq!(millis("1h2m3.5s"), Some(3_723_500));
        assert_eq!(millis("120ms"), Some(120));
        assert_eq!(millis("0s"), Some(0));
        assert_eq!(millis("59.7"), Some(59_700));
        assert_eq!(millis("1800000030"), Some(30_000));
        assert_eq!(millis("1800000030000"), Some(30_000));
        assert_eq!(millis("1700000000"), Some(0));
        assert_eq!(millis("99d"), Some(LONGEST.as_millis()));
        assert_eq!(millis("1e300"), Some(LONGEST.as_millis()));
        for nonsense in ["", "-1s", "s", "1", "inf", "nan", "1.2.3s", "1x", "1 s"] {
            assert_eq!(
                millis(nonsense).filter(|_| nonsense != "1"),
                None,
                "{nonsense}"
            );
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_never_waits_too_long(
            left in "\\PC{0,24}", reset in "[0-9.a-zµ+-]{0,24}", seconds in any::<u64>(),
        ) {
            let now = UNIX_EPOCH + Duration::from_secs(seconds >> 24);
            let headers: AnswerHeaders = [
                ("x-ratelimit-remaining-requests", left.as_str()),
                ("x-ratelimit-reset-requests", reset.as_str()),
                (left.as_str(), reset.as_str()),
            ].into_iter().collect();
            read(&headers, now);
            if let Some(wait) = wait(&reset, now) {
                prop_assert!(wait <= LONGEST);
            }
        }
    }
}
