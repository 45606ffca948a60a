//! `GET /livez` and `/readyz`: whether to restart us, whether to send traffic.

use actix_web::{HttpRequest, HttpResponse};

use super::worker;

/// Says that the process answers.
pub(super) async fn livez() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("ok\n")
}

/// Says whether traffic is welcome: a configuration is in force and the
/// gateway is not going down. Upstream health plays no part: with every
/// provider down, restarting or avoiding us would help nobody.
pub(super) async fn readyz(request: HttpRequest) -> HttpResponse {
    match worker(&request) {
        Some(worker) if !worker.shared.is_closing() => {
            HttpResponse::Ok().content_type("text/plain").body("ok\n")
        }
        _ => HttpResponse::ServiceUnavailable()
            .content_type("text/plain")
            .body("draining\n"),
    }
}
