//! The admin address: metrics and health. Never on the data port.

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{Data, ServiceConfig},
};

use crate::{
    metrics::Exposition,
    routes::{self, health},
    worker::Shared,
};

/// What the admin address answers from.
pub(crate) struct Admin {
    pub(crate) shared: Shared,
    /// `None` where another recorder was installed before ours, as in tests.
    pub(crate) exposition: Option<Exposition>,
}

/// Adds every path of the admin address.
pub(crate) fn table(config: &mut ServiceConfig) {
    config
        .route("/metrics", routes::read().to(metrics))
        .route("/livez", routes::read().to(health::livez))
        .route("/readyz", routes::read().to(readyz));
}

async fn metrics(request: HttpRequest, admin: Data<Arc<Admin>>) -> HttpResponse {
    if !admin.lets_in(&request) {
        return HttpResponse::Unauthorized()
            .insert_header((header::WWW_AUTHENTICATE, "Bearer"))
            .content_type("text/plain")
            .body("the admin token is missing or wrong: send `Authorization: Bearer TOKEN`\n");
    }
    let Some(exposition) = &admin.exposition else {
        return HttpResponse::ServiceUnavailable()
            .content_type("text/plain")
            .body("metrics are recorded elsewhere in this process\n");
    };
    let generation = admin.shared.generation.load();
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(exposition.render(&admin.shared.engine, &generation))
}

async fn readyz(admin: Data<Arc<Admin>>) -> HttpResponse {
    health::ready(Some(&admin.shared))
}

impl Admin {
    fn lets_in(&self, request: &HttpRequest) -> bool {
        let generation = self.shared.generation.load();
        let Some(token) = &generation.config.admin.token else {
            return true;
        };
        request
            .headers()
            .get(header::AUTHORIZATION)
            .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "))
            .is_some_and(|sent| token.matches(sent))
    }
}
