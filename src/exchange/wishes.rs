//! What a client asks of the gateway itself, in headers that begin with
//! `x-breakerbox-` and never go upstream.

use std::{sync::Arc, time::Duration};

use actix_web::http::header::{HeaderMap, HeaderValue};

use crate::{
    config::{Cost, DEFAULT_TASK, Priority, is_task},
    dialect::request::BadRequest,
    error::GatewayError,
};

const PREFIX: &str = "x-breakerbox-";
/// The longest name of an end user, in bytes.
const MAX_USER: usize = 128;

/// The headers that have a meaning; others of the prefix are passed over.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Wishes {
    /// The longest the client will wait for its answer's first byte.
    pub(super) timeout: Option<Duration>,
    /// The only endpoint that will do.
    pub(super) pin: Option<Arc<str>>,
    /// The most that the request may cost over all its attempts.
    pub(super) max_cost: Option<Cost>,
    /// How urgent it is; for routes.
    pub(super) priority: Priority,
    /// On whose behalf it is made; for the log.
    pub(super) user: Option<HeaderValue>,
    task: Option<Box<str>>,
}

impl Wishes {
    /// Reads the headers of a request.
    ///
    /// # Errors
    ///
    /// [`GatewayError::BadRequest`] names the first header whose value means
    /// nothing: to pass over a cap or a deadline would be worse than to refuse.
    pub(super) fn read(headers: &HeaderMap) -> Result<Self, GatewayError> {
        let mut wishes = Self::default();
        if !headers.keys().any(|name| name.as_str().starts_with(PREFIX)) {
            return Ok(wishes);
        }
        let of = |name| headers.get(name);
        if let Some(value) = of("x-breakerbox-deadline-ms") {
            let millis = text(value).and_then(|it| it.parse().ok());
            let millis = millis.filter(|it| *it > 0);
            let wanted = "a whole number of milliseconds above 0";
            let millis = millis.ok_or_else(|| bad("deadline-ms", wanted))?;
            wishes.timeout = Some(Duration::from_millis(millis));
        }
        if let Some(value) = of("x-breakerbox-endpoint") {
            let name = text(value).ok_or_else(|| bad("endpoint", "the name of an endpoint"))?;
            wishes.pin = Some(name.into());
        }
        // Of several the lowest: one may be the client's, one a proxy's.
        for value in headers.get_all("x-breakerbox-max-cost-usd") {
            let wanted = "an amount of US dollars such as 0.05";
            let cost = text(value).and_then(amount);
            let cost = cost.ok_or_else(|| bad("max-cost-usd", wanted))?;
            wishes.max_cost = Some(wishes.max_cost.map_or(cost, |other| other.min(cost)));
        }
        if let Some(value) = of("x-breakerbox-task") {
            let wanted = "1 to 64 visible ASCII characters without spaces";
            let task = text(value).filter(|it| is_task(it));
            wishes.task = Some(task.ok_or_else(|| bad("task", wanted))?.into());
        }
        if let Some(value) = of("x-breakerbox-priority") {
            let known = Priority::ALL.into_iter();
            let mut known = known.filter(|it| text(value) == Some(it.label()));
            let priority = known.next();
            wishes.priority = priority.ok_or_else(|| bad("priority", "fast, normal or high"))?;
        }
        if let Some(value) = of("x-breakerbox-user") {
            if !is_user(value.as_bytes()) {
                let wanted = "1 to 128 letters, digits or any of - _ . : @ + / = |";
                return Err(bad("user", wanted));
            }
            wishes.user = Some(value.clone());
        }
        Ok(wishes)
    }

    /// Returns what the request is for; for routes.
    pub(super) fn task(&self) -> &str {
        self.task.as_deref().unwrap_or(DEFAULT_TASK)
    }
}

fn text(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok()
}

/// Reads a plain decimal: no sign, no exponent, neither `inf` nor `nan`.
fn amount(text: &str) -> Option<Cost> {
    let plain = text.bytes().all(|it| it.is_ascii_digit() || it == b'.');
    text.parse().ok().filter(|_| plain).and_then(Cost::of)
}

/// What can stand in a line of the log without a second thought.
fn is_user(name: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:@+/=|".contains(byte);
    (1..=MAX_USER).contains(&name.len()) && name.iter().all(plain)
}

fn bad(name: &str, wanted: &str) -> GatewayError {
    GatewayError::BadRequest(BadRequest {
        param: Some(format!("{PREFIX}{name}")),
        message: format!("The header must be {wanted}."),
    })
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderName;

    use super::*;

    fn read(name: &str, value: &str) -> Result<Wishes, GatewayError> {
        let mut headers = HeaderMap::new();
        let name = HeaderName::from_bytes(format!("{PREFIX}{name}").as_bytes()).unwrap();
        headers.insert(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        Wishes::read(&headers)
    }

    #[test]
    fn who_wishes_nothing_gets_the_defaults() {
        let wishes = Wishes::read(&HeaderMap::new()).unwrap();
        assert_eq!(wishes, Wishes::default());
        assert_eq!(
            (wishes.task(), wishes.priority),
            ("general", Priority::Normal)
        );
        assert_eq!(read("unheard-of", "x"), Ok(Wishes::default()));
    }

    #[test]
    fn each_wish_is_read() {
        let timeout = read("deadline-ms", "250").unwrap().timeout;
        assert_eq!(timeout, Some(Duration::from_millis(250)));
        assert_eq!(read("endpoint", "eu").unwrap().pin.as_deref(), Some("eu"));
        for (text, dollars) in [("0.05", 0.05), ("0", 0.0), ("3", 3.0), (".5", 0.5)] {
            let cost = read("max-cost-usd", text).unwrap().max_cost;
            assert_eq!(cost, Cost::of(dollars), "{text}");
        }
        assert_eq!(read("task", "code/rust").unwrap().task(), "code/rust");
        for priority in Priority::ALL {
            assert_eq!(
                read("priority", priority.label()).unwrap().priority,
                priority
            );
        }
        for user in ["u-1", "a.b+c@example.com", "auth0|62f", &"x".repeat(128)] {
            assert_eq!(read("user", user).unwrap().user.unwrap(), user);
        }
    }

    #[test]
    fn of_two_caps_the_lower_counts() {
        let mut headers = HeaderMap::new();
        for cap in ["0.5", "0.25", "3"] {
            let name = HeaderName::from_static("x-breakerbox-max-cost-usd");
            headers.append(name, HeaderValue::from_static(cap));
        }
        let wishes = Wishes::read(&headers).unwrap();
        assert_eq!(wishes.max_cost, Cost::of(0.25));
    }

    #[test]
    fn a_wish_that_means_nothing_is_refused_by_name() {
        for (name, values) in [
            ("deadline-ms", &["soon", "-1", "0", "1.5", ""][..]),
            ("endpoint", &["é"]),
            (
                "max-cost-usd",
                &[
                    "",
                    ".",
                    "-1",
                    "+1",
                    "1e3",
                    "inf",
                    "nan",
                    "$1",
                    "1,5",
                    "9999999999",
                ],
            ),
            ("task", &["", "two words", "é"]),
            ("priority", &["", "urgent", "High", "high "]),
            ("user", &["", "a b", "é", "a\tb", "a\"b", "{}"]),
        ] {
            for value in values {
                let Err(GatewayError::BadRequest(bad)) = read(name, value) else {
                    panic!("{name}: {value:?}");
                };
                assert_eq!(bad.param, Some(format!("{PREFIX}{name}")), "{value:?}");
            }
        }
        assert!(read("task", &"x".repeat(65)).is_err());
        assert!(read("user", &"x".repeat(129)).is_err());
    }
}
