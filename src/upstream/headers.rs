//! Which headers cross the gateway, and with whose key.

use std::sync::LazyLock;

use actix_http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
};

use super::{head::AnswerHeaders, lines::Lines};

/// The header that names the version of Anthropic's API.
pub const ANTHROPIC_VERSION: HeaderName = HeaderName::from_static("anthropic-version");

/// Names that go to a provider of another dialect; the rest is about the
/// client's own dialect, its account or its SDK.
const TRANSLATED: [&str; 3] = ["traceparent", "tracestate", "user-agent"];

/// Names that stay here: of this hop, of this gateway, or of its client.
///
/// Credentials, because ours go in; `host` and `content-length`, because the
/// client writes them; `accept-encoding`, `range` and conditions, because their
/// answers could not be read; what a browser adds about itself, because some
/// servers refuse an unknown `origin`, and that would look like a refused key;
/// addresses of our clients, because they are nobody's business.
const KEPT_HERE: [&str; 40] = [
    "accept-encoding",
    "anthropic-dangerous-direct-browser-access",
    "api-key",
    "authorization",
    "cf-connecting-ip",
    "connection",
    "content-length",
    "cookie",
    "cookie2",
    "expect",
    "fly-client-ip",
    "forwarded",
    "host",
    "http2-settings",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "keep-alive",
    "max-forwards",
    "openai-organization",
    "openai-project",
    "origin",
    "prefer",
    "range",
    "referer",
    "te",
    "trailer",
    "transfer-encoding",
    "true-client-ip",
    "upgrade",
    "upgrade-insecure-requests",
    "via",
    "x-api-key",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-goog-api-key",
    "x-goog-user-project",
    "x-real-ip",
];

/// Beginnings of names that stay here.
const KEPT_HERE_PREFIXES: [&str; 5] = [
    "access-control-",
    "proxy-",
    "sec-",
    "x-breakerbox-",
    "x-forwarded-",
];

/// Names that come back.
const RETURNED: [&str; 9] = [
    "content-language",
    "content-type",
    "deprecation",
    "retry-after",
    "retry-after-ms",
    "sunset",
    "warning",
    "x-content-type-options",
    "x-should-retry",
];

/// Beginnings of names that come back.
const RETURNED_PREFIXES: [&str; 3] = ["anthropic-ratelimit-", "openai-", "x-ratelimit-"];

/// Names that do not come back although their beginning does: they tell whose
/// account answered.
const ACCOUNT: [&str; 2] = ["openai-organization", "openai-project"];

/// The first allocation for a client's lines, in bytes: what an SDK sends.
const USUAL: usize = 512;

/// Returns the lines of a client's `headers` that go to an endpoint. Made once
/// per request, used for every attempt.
pub fn forwarded(headers: &HeaderMap) -> Lines {
    let mut lines = Lines::with_capacity(USUAL);
    let names_more = connection_names_more(headers);
    for (name, value) in headers {
        if !(stays(name.as_str()) || names_more && is_named_by_connection(headers, name)) {
            lines.push(name, value);
        }
    }
    lines
}

/// Returns the lines that go to an endpoint of another dialect.
pub fn forwarded_to_another(headers: &HeaderMap) -> Lines {
    let mut lines = Lines::new();
    for name in TRANSLATED {
        let name = HeaderName::from_static(name);
        if let Some(value) = headers.get(&name)
            && !is_named_by_connection(headers, &name)
        {
            lines.push(&name, value);
        }
    }
    lines.push(&CONTENT_TYPE, &HeaderValue::from_static("application/json"));
    lines
}

fn stays(name: &str) -> bool {
    // By length: most names are told from those few by nothing else.
    static BY_LENGTH: LazyLock<Vec<Vec<&str>>> = LazyLock::new(|| {
        let longest = KEPT_HERE.iter().map(|name| name.len()).max().unwrap_or(0);
        let of = |length| KEPT_HERE.into_iter().filter(move |it| it.len() == length);
        (0..=longest).map(|length| of(length).collect()).collect()
    });
    let same_length = BY_LENGTH.get(name.len());
    same_length.is_some_and(|few| few.contains(&name))
        || KEPT_HERE_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

/// Whether a `Connection` header may name what would not stay here anyway.
fn connection_names_more(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(CONNECTION);
    !values.all(|it| it.as_bytes().eq_ignore_ascii_case(b"keep-alive"))
}

/// Whether a `Connection` header makes `name` a matter of this hop.
fn is_named_by_connection(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers.get_all(CONNECTION).any(|value| {
        value.as_bytes().split(|byte| *byte == b',').any(|option| {
            option
                .trim_ascii()
                .eq_ignore_ascii_case(name.as_str().as_bytes())
        })
    })
}

/// A key that cannot stand in a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a key of visible ASCII characters")]
pub struct InvalidKey;

/// Returns the line `Authorization: Bearer KEY`; OpenAI and all like it.
///
/// # Errors
///
/// [`InvalidKey`] when `key` is empty or holds anything but visible ASCII.
pub fn bearer(key: &str) -> Result<Lines, InvalidKey> {
    credential(&AUTHORIZATION, "Bearer ", key)
}

/// Returns the line `api-key: KEY`; Azure.
///
/// # Errors
///
/// [`InvalidKey`] when `key` is empty or holds anything but visible ASCII.
pub fn api_key(key: &str) -> Result<Lines, InvalidKey> {
    credential(&HeaderName::from_static("api-key"), "", key)
}

/// Returns the line `x-api-key: KEY`; Anthropic.
///
/// # Errors
///
/// [`InvalidKey`] when `key` is empty or holds anything but visible ASCII.
pub fn x_api_key(key: &str) -> Result<Lines, InvalidKey> {
    credential(&HeaderName::from_static("x-api-key"), "", key)
}

/// Returns the line `x-goog-api-key: KEY`; Gemini.
///
/// # Errors
///
/// [`InvalidKey`] when `key` is empty or holds anything but visible ASCII.
pub fn x_goog_api_key(key: &str) -> Result<Lines, InvalidKey> {
    credential(&HeaderName::from_static("x-goog-api-key"), "", key)
}

/// Returns the line that names the version of Anthropic's API; for clients
/// that do not.
///
/// *Source*: Anthropic, "Versions".
pub fn anthropic_version() -> Lines {
    let mut lines = Lines::new();
    lines.push(&ANTHROPIC_VERSION, &HeaderValue::from_static("2023-06-01"));
    lines
}

fn credential(name: &HeaderName, scheme: &str, key: &str) -> Result<Lines, InvalidKey> {
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(InvalidKey);
    }
    let value = HeaderValue::from_str(&format!("{scheme}{key}")).map_err(|_| InvalidKey)?;
    let mut lines = Lines::new();
    lines.push(name, &value);
    Ok(lines)
}

/// Returns the headers of an endpoint's answer that its client may see.
pub fn returned(headers: &AnswerHeaders) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    headers.shared(comes_back).filter_map(|(name, value)| {
        let name = HeaderName::from_bytes(name).ok()?;
        Some((name, HeaderValue::from_maybe_shared(value).ok()?))
    })
}

fn comes_back(name: &[u8]) -> bool {
    let is_one_of = |list: &[&str]| {
        let mut list = list.iter();
        list.any(|other| name.eq_ignore_ascii_case(other.as_bytes()))
    };
    let starts_known = || {
        RETURNED_PREFIXES.iter().any(|prefix| {
            name.get(..prefix.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
        })
    };
    is_one_of(&RETURNED) || (starts_known() && !is_one_of(&ACCOUNT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn up(pairs: &[(&str, &str)]) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        String::from_utf8(forwarded(&headers).as_bytes().to_vec()).unwrap()
    }

    fn back(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        returned(&pairs.iter().copied().collect())
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect()
    }

    #[test]
    fn lists_are_sorted_and_in_lower_case() {
        assert!(KEPT_HERE.is_sorted());
        let all = KEPT_HERE.iter().chain(&KEPT_HERE_PREFIXES);
        assert!(all.clone().all(|name| *name == name.to_ascii_lowercase()));
    }

    #[test]
    fn what_belongs_to_the_request_goes_up() {
        for name in [
            "accept",
            "content-type",
            "idempotency-key",
            "openai-beta",
            "user-agent",
            "x-request-id",
            "x-stainless-lang",
        ] {
            assert_eq!(up(&[(name, "v")]), format!("{name}: v\r\n"));
        }
        assert_eq!(up(&[("x-a", "1"), ("x-a", "2")]), "x-a: 1\r\nx-a: 2\r\n");
    }

    #[test]
    fn what_belongs_here_stays() {
        for name in KEPT_HERE.iter().chain(&[
            "Authorization",
            "proxy-authorization",
            "proxy-connection",
            "sec-fetch-mode",
            "x-breakerbox-task",
            "X-Forwarded-For",
            "x-forwarded-proto",
        ]) {
            assert_eq!(up(&[(name, "v")]), "", "{name}");
        }
    }

    #[test]
    fn connection_names_more_that_stays() {
        let lines = up(&[
            ("connection", "keep-alive, X-Secret"),
            ("connection", "x-other"),
            ("x-secret", "1"),
            ("x-other", "2"),
            ("x-free", "3"),
        ]);
        assert_eq!(lines, "x-free: 3\r\n");
    }

    #[test]
    fn our_key_goes_in_the_way_the_provider_wants_it() {
        let text = |lines: Lines| String::from_utf8(lines.as_bytes().to_vec()).unwrap();
        assert_eq!(
            text(bearer("sk-1").unwrap()),
            "authorization: Bearer sk-1\r\n"
        );
        assert_eq!(text(api_key("k").unwrap()), "api-key: k\r\n");
        for key in ["", "a b", "a\r\nx: y", "é", "a\n"] {
            assert_eq!(bearer(key), Err(InvalidKey), "{key:?}");
            assert_eq!(api_key(key), Err(InvalidKey), "{key:?}");
        }
    }

    #[test]
    fn a_key_is_never_shown() {
        let lines = bearer("sk-canary").unwrap();
        assert!(!format!("{lines:?}").contains("canary"));
    }

    #[test]
    fn only_what_is_listed_comes_back() {
        for name in [
            "content-type",
            "OpenAI-Processing-Ms",
            "openai-version",
            "X-RateLimit-Remaining-Tokens",
            "retry-after-ms",
            "Retry-After",
            "deprecation",
            "warning",
        ] {
            let expected = [(name.to_ascii_lowercase(), "v".to_owned())];
            assert_eq!(back(&[(name, "v")]), expected);
        }
        for name in [
            "set-cookie",
            "server",
            "connection",
            "transfer-encoding",
            "content-length",
            "content-encoding",
            "location",
            "openai-organization",
            "OpenAI-Project",
            "x-request-id",
            "cf-ray",
            "www-authenticate",
            "x-openai-key",
        ] {
            assert_eq!(back(&[(name, "v")]), [], "{name}");
        }
    }
}
