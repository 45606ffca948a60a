//! `GET /livez` and `/readyz`, on both planes: whether to restart us, whether to
//! send traffic.

use actix_web::{HttpRequest, HttpResponse};

use super::worker;
use crate::worker::Shared;

/// Says that the process answers.
#[utoipa::path(get, path = "/livez", responses((status = 200, content_type = "text/plain", body = String)))]
pub(crate) async fn livez() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("ok\n")
}

/// Says whether traffic is welcome; see [`ready`].
pub(super) async fn readyz(request: HttpRequest) -> HttpResponse {
    ready(worker(&request).map(|worker| &worker.shared))
}

/// Says whether traffic is welcome: a configuration is in force and the
/// gateway is not going down. Upstream health plays no part: with every
/// provider down, restarting or avoiding us would help nobody.
pub(crate) fn ready(shared: Option<&Shared>) -> HttpResponse {
    let (mut response, text) = match shared {
        Some(shared) if !shared.is_closing() => (HttpResponse::Ok(), "ok\n"),
        _ => (HttpResponse::ServiceUnavailable(), "draining\n"),
    };
    response.content_type("text/plain").body(text)
}

/// Says to whom has come here by hand where to go.
pub(super) async fn root() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain")
        .body("Breakerbox: the OpenAI API is at /v1\n")
}
