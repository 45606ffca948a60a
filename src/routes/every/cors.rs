//! Web pages of other origins, as far as `server.cors` lets them in.
//!
//! *Source*: the Fetch standard, "HTTP extensions: CORS protocol".

use actix_web::{
    HttpResponse,
    dev::ServiceRequest,
    http::{
        Method,
        header::{self, HeaderMap, HeaderValue},
    },
};

use crate::worker::Worker;

/// What a page may send, in lower case, beside what pages may always send.
const ACCEPTED: [&str; 9] = [
    "api-key",
    "authorization",
    "content-type",
    "idempotency-key",
    "user-agent",
    "x-api-key",
    "x-goog-api-client",
    "x-goog-api-key",
    "x-request-id",
];
/// Beginnings of more that it may send.
const ACCEPTED_PREFIXES: [&str; 4] = ["anthropic-", "openai-", "x-breakerbox-", "x-stainless-"];
/// What a page may read, beside what pages may always read.
const EXPOSED: [&str; 5] = [
    "request-id",
    "retry-after",
    "retry-after-ms",
    "x-request-id",
    "x-should-retry",
];
/// Beginnings of more that it may read.
const EXPOSED_PREFIXES: [&str; 3] = ["openai-", "x-breakerbox-", "x-ratelimit-"];

/// A page that calls.
pub(super) struct Page {
    /// What its answers say of who may read them; `None`: not this page.
    allowed: Option<HeaderValue>,
    /// Whether answers differ by origin, which caches have to know.
    varies: bool,
}

/// Returns the page that `request` comes from; `None` when no page may call.
pub(super) fn page(request: &ServiceRequest) -> Option<Page> {
    let worker = request.app_data::<std::rc::Rc<Worker>>()?;
    let generation = worker.shared.generation.load();
    let cors = &generation.config.server.cors;
    if cors.is_off() {
        return None;
    }
    let origin = request.headers().get(header::ORIGIN);
    let origin = origin.filter(|origin| cors.allows(origin.as_bytes()));
    Some(Page {
        allowed: match cors.allows_any() {
            true => origin.map(|_| HeaderValue::from_static("*")),
            false => origin.cloned(),
        },
        varies: !cors.allows_any(),
    })
}

impl Page {
    /// Answers a browser that asks whether the page may call; `None` when
    /// `request` is no such question or the page may not.
    pub(super) fn preflight(&self, request: &ServiceRequest) -> Option<HttpResponse> {
        let headers = request.headers();
        let asks = request.method() == Method::OPTIONS
            && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if !asks || self.allowed.is_none() {
            return None;
        }
        let mut response = HttpResponse::NoContent();
        let wanted = headers.get_all(header::ACCESS_CONTROL_REQUEST_HEADERS);
        let wanted: Vec<_> = wanted
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(|name| name.trim().to_ascii_lowercase())
            .filter(|name| is_among(name, &ACCEPTED, &ACCEPTED_PREFIXES))
            .collect();
        if !wanted.is_empty() {
            response.insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.join(", ")));
        }
        response
            .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST"))
            .insert_header((header::ACCESS_CONTROL_MAX_AGE, "600"));
        Some(response.finish())
    }

    /// Lets the page read an answer with these `headers`.
    pub(super) fn let_read(self, headers: &mut HeaderMap) {
        if self.varies {
            headers.append(header::VARY, HeaderValue::from_static("origin"));
        }
        let Some(allowed) = self.allowed else {
            return;
        };
        let exposed: Vec<_> = headers
            .keys()
            .map(|name| name.as_str())
            .filter(|name| is_among(name, &EXPOSED, &EXPOSED_PREFIXES))
            .collect();
        if let Ok(exposed) = HeaderValue::from_str(&exposed.join(", ")) {
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        }
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    }
}

/// Whether `name` is one of `names` or begins as one of `prefixes`. What has
/// been asked for is sent back, so it has to be a name.
fn is_among(name: &str, names: &[&str], prefixes: &[&str]) -> bool {
    let is_name = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    is_name && (names.contains(&name) || prefixes.iter().any(|prefix| name.starts_with(prefix)))
}
