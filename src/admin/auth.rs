//! Who may ask: decided here for every path, before it is looked up.
//!
//! With a token, whoever sends it. Without one the address is loopback; then
//! whoever is on this machine, but no web page: neither one of another origin
//! nor one whose name was made to point at us (DNS rebinding).

use std::net::IpAddr;

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

use breakerbox_actors::clock;

use super::{Admin, error};
use crate::{config::Secret, guesses::Judged};

/// The subprotocol that carries the token where headers cannot be set.
const BEARER: &str = "bearer.";

/// Lets a request through to its path, or refuses it.
pub(crate) async fn check(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let refused = match request.app_data::<Data<Admin>>() {
        Some(admin) => refuse(&request, admin),
        None => Some(HttpResponse::InternalServerError().finish()),
    };
    match refused {
        Some(response) => Ok(request.into_response(response)),
        None => Ok(next.call(request).await?.map_into_boxed_body()),
    }
}

fn refuse(request: &ServiceRequest, admin: &Admin) -> Option<HttpResponse> {
    let (path, headers) = (request.path(), request.headers());
    let token = admin.token();
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
    let token = token.filter(|_| !open)?;
    let Some(sent) = bearer(headers) else {
        return Some(denied());
    };
    let peer = request.peer_addr().map(|it| it.ip());
    judge(admin, peer, sent, &token)
}

/// Refuses a token that is wrong, or that came after too many wrong ones from
/// the same address.
pub(super) fn judge(
    admin: &Admin,
    peer: Option<IpAddr>,
    sent: &[u8],
    token: &Secret,
) -> Option<HttpResponse> {
    let judged = admin
        .guesses
        .judge(peer, clock::now(), || token.matches(sent));
    match judged {
        Judged::Right => None,
        Judged::Wrong => Some(denied()),
        Judged::Later(wait) => {
            let words = "too many wrong admin tokens came from this address: wait";
            let code = "too_many_guesses";
            let mut response = error(StatusCode::TOO_MANY_REQUESTS, code, words);
            let seconds = HeaderValue::from(wait.as_secs_f64().ceil() as u64);
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
            Some(response)
        }
    }
}

/// Asks for the token.
fn denied() -> HttpResponse {
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

/// Returns the token that `headers` carry as `Authorization`.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked(7)?;
    // The scheme in any case, as RFC 9110 section 11.1 has it.
    scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
}

/// Returns the token of a socket's head: `Authorization`, or the subprotocol
/// `bearer.TOKEN`, as browsers cannot set the former. Without one it has to
/// send the token as its first frame.
pub(super) fn brought(headers: &HeaderMap) -> Option<&[u8]> {
    let offered = || protocols(headers).find_map(|it| it.strip_prefix(BEARER));
    bearer(headers).or_else(|| offered().map(str::as_bytes))
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
    fn a_socket_may_bring_its_token_in_its_head_in_two_ways() {
        let brought = |lines: &[(header::HeaderName, &'static str)]| {
            let headers = headers(lines);
            brought(&headers).map(|it| String::from_utf8_lossy(it).into_owned())
        };
        let protocol = header::SEC_WEBSOCKET_PROTOCOL;
        for none in [
            &[][..],
            &[(protocol.clone(), "breakerbox")],
            &[(header::AUTHORIZATION, "Basic dDo=")],
            &[(header::AUTHORIZATION, "bearer")],
        ] {
            assert_eq!(brought(none), None);
        }
        for line in [
            (header::AUTHORIZATION, "Bearer t0ken"),
            (header::AUTHORIZATION, "bearer t0ken"),
            (header::AUTHORIZATION, "BEARER t0ken"),
            (protocol, "breakerbox, bearer.t0ken"),
        ] {
            assert_eq!(brought(&[line]).as_deref(), Some("t0ken"));
        }
    }
}
