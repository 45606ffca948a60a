//! Who may ask: decided here for every path, before it is looked up.
//!
//! With a token, whoever sends it. Without one the address is loopback; then
//! whoever is on this machine, but no web page: neither one of another origin
//! nor one whose name was made to point at us (DNS rebinding).

use actix_web::{
    Error, HttpResponse,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method, StatusCode,
        header::{self, HeaderMap, HeaderValue},
    },
    middleware::Next,
    web::Data,
};

use super::{Admin, error};
use crate::config::Secret;

/// The subprotocol that carries the token where headers cannot be set.
const BEARER: &str = "bearer.";

/// Lets a request through to its path, or refuses it.
pub(crate) async fn check(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let refused = match request.app_data::<Data<Admin>>() {
        Some(admin) => {
            let generation = admin.shared.generation.load();
            refuse(&request, generation.config.admin.token.as_ref())
        }
        None => Some(HttpResponse::InternalServerError().finish()),
    };
    match refused {
        Some(response) => Ok(request.into_response(response)),
        None => Ok(next.call(request).await?.map_into_boxed_body()),
    }
}

fn refuse(request: &ServiceRequest, token: Option<&Secret>) -> Option<HttpResponse> {
    let (path, headers) = (request.path(), request.headers());
    if matches!(path, "/livez" | "/readyz") {
        return None;
    }
    if token.is_none() && !is_local(headers.get(header::HOST)) {
        return Some(error(
            StatusCode::FORBIDDEN,
            "host_not_allowed",
            "without a token the admin address answers only to localhost or an IP address as host",
        ));
    }
    let acts = !matches!(*request.method(), Method::GET | Method::HEAD)
        // As it is routed, not as it is spelt: `/%77s` is the socket too.
        || request.match_info().as_str() == "/ws"
        || headers.contains_key(header::UPGRADE);
    if acts && !is_same_origin(headers) {
        return Some(error(
            StatusCode::FORBIDDEN,
            "origin_not_allowed",
            "a web page of another origin may not do this",
        ));
    }
    // The page itself holds nothing; a socket may send its token as a frame.
    let open = path == "/" || path.starts_with("/assets/") || path == "/ws";
    if open || token.is_none_or(|token| carries(headers, token)) {
        return None;
    }
    Some(denied())
}

/// Asks for the token.
pub(super) fn denied() -> HttpResponse {
    let mut response = error(
        StatusCode::UNAUTHORIZED,
        "invalid_token",
        "the admin token is missing or wrong: send `Authorization: Bearer TOKEN`",
    );
    let challenge = HeaderValue::from_static("Bearer realm=\"breakerbox\"");
    let headers = response.headers_mut();
    headers.insert(header::WWW_AUTHENTICATE, challenge);
    response
}

/// Returns whether `headers` carry the token as `Authorization`.
fn carries(headers: &HeaderMap, token: &Secret) -> bool {
    let value = headers.get(header::AUTHORIZATION);
    let sent = value.and_then(|it| it.as_bytes().strip_prefix(b"Bearer "));
    sent.is_some_and(|sent| token.matches(sent))
}

/// What the head of a socket's request says of its right to speak.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// It may listen.
    Granted,
    /// It has to send the token as its first frame.
    Owed,
    /// It sent a wrong token.
    Wrong,
}

/// Reads the token of a socket's head: `Authorization`, or the subprotocol
/// `bearer.TOKEN`, as browsers cannot set the former.
pub(super) fn claim(headers: &HeaderMap, token: Option<&Secret>) -> Claim {
    let Some(token) = token else {
        return Claim::Granted;
    };
    if carries(headers, token) {
        return Claim::Granted;
    }
    match protocols(headers).find_map(|it| it.strip_prefix(BEARER)) {
        Some(sent) if token.matches(sent.as_bytes()) => Claim::Granted,
        None if !headers.contains_key(header::AUTHORIZATION) => Claim::Owed,
        _ => Claim::Wrong,
    }
}

/// Returns the subprotocols that a socket offers.
pub(super) fn protocols(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL);
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(',').map(str::trim))
}

/// Returns whether no web page sent the request, or one of our own.
fn is_same_origin(headers: &HeaderMap) -> bool {
    let mut origins = headers.get_all(header::ORIGIN);
    let Some(origin) = origins.next() else {
        return true;
    };
    let authority = origin.to_str().ok().and_then(|it| it.split_once("://"));
    let host = headers.get(header::HOST).and_then(|it| it.to_str().ok());
    let same = authority
        .zip(host)
        .is_some_and(|((_, authority), host)| authority.eq_ignore_ascii_case(host));
    same && origins.next().is_none()
}

/// Returns whether `host` is no name that somebody else could have made.
fn is_local(host: Option<&HeaderValue>) -> bool {
    let Some(host) = host.and_then(|it| it.to_str().ok()) else {
        // HTTP/1.0 has none; browsers always send it.
        return host.is_none();
    };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|it| it.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || address.parse::<std::net::IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        let lines = lines.iter().cloned();
        lines
            .map(|(name, value)| (name, HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn only_names_that_nobody_can_point_at_us_are_local() {
        for local in [
            "localhost",
            "localhost:8081",
            "LOCALHOST.",
            "127.0.0.1",
            "127.0.0.1:8081",
            "[::1]:8081",
            "[::1]",
            "a.localhost:1",
        ] {
            assert!(is_local(Some(&HeaderValue::from_static(local))), "{local}");
        }
        for foreign in [
            "evil.example",
            "evil.example:8081",
            "localhost.evil.example",
            "",
        ] {
            assert!(
                !is_local(Some(&HeaderValue::from_static(foreign))),
                "{foreign}"
            );
        }
        assert!(is_local(None));
    }

    #[test]
    fn an_origin_must_be_the_host_that_was_asked() {
        let same = |lines: &[(header::HeaderName, &'static str)]| is_same_origin(&headers(lines));
        let host = (header::HOST, "localhost:8081");
        assert!(same(std::slice::from_ref(&host)));
        assert!(same(&[
            host.clone(),
            (header::ORIGIN, "http://localhost:8081")
        ]));
        for origin in [
            "http://localhost:80",
            "http://evil.example",
            "null",
            "localhost:8081",
        ] {
            assert!(!same(&[host.clone(), (header::ORIGIN, origin)]), "{origin}");
        }
    }

    #[test]
    fn a_socket_may_bring_its_token_in_three_ways() {
        let token = Secret::new("t0ken");
        let claim = |lines: &[(header::HeaderName, &'static str)]| {
            super::claim(&headers(lines), Some(&token))
        };
        let protocol = header::SEC_WEBSOCKET_PROTOCOL;
        assert_eq!(claim(&[]), Claim::Owed);
        assert_eq!(claim(&[(protocol.clone(), "breakerbox")]), Claim::Owed);
        let granted = [
            (header::AUTHORIZATION, "Bearer t0ken"),
            (protocol.clone(), "breakerbox, bearer.t0ken"),
        ];
        for line in granted {
            assert_eq!(claim(&[line]), Claim::Granted);
        }
        let wrong = [
            (header::AUTHORIZATION, "Bearer other"),
            (protocol, "bearer.other"),
        ];
        for line in wrong {
            assert_eq!(claim(&[line]), Claim::Wrong);
        }
        assert_eq!(super::claim(&HeaderMap::new(), None), Claim::Granted);
    }
}
