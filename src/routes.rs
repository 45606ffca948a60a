//! The path table of the data plane, on one screen.

pub(crate) mod every;
pub(crate) mod health;
mod models;

use std::rc::Rc;

use actix_web::{
    HttpRequest, HttpResponse, guard,
    http::Method,
    web::{self, Payload, ServiceConfig},
};

use crate::{dialect::Api, error::GatewayError, exchange, worker::Worker};

/// Adds every path of the data plane.
pub(crate) fn table(config: &mut ServiceConfig) {
    for api in Api::ALL {
        let path = format!("/v1{}", api.path());
        let resource = web::resource(path)
            .route(web::post().to(move |request, payload| call(api, request, payload)));
        config.service(resource.default_service(web::to(|| only("POST"))));
    }
    config
        .service(get("/v1/models", read().to(models::list)))
        .service(get("/v1/models/{id:.+}", read().to(models::retrieve)))
        .service(get("/livez", read().to(health::livez)))
        .service(get("/readyz", read().to(health::readyz)))
        .service(get("/", read().to(health::root)))
        .default_service(web::to(|| async {
            HttpResponse::from_error(GatewayError::UnknownPath)
        }));
}

fn get(path: &str, route: actix_web::Route) -> actix_web::Resource {
    web::resource(path)
        .route(route)
        .default_service(web::to(|| only("GET, HEAD")))
}

/// Returns a route that reads: to HEAD the server sends the same without the
/// body.
pub(crate) fn read() -> actix_web::Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

async fn only(allow: &'static str) -> HttpResponse {
    HttpResponse::from_error(GatewayError::MethodNotAllowed { allow })
}

async fn call(api: Api, request: HttpRequest, payload: Payload) -> HttpResponse {
    debug_assert_eq!(request.method(), Method::POST);
    match worker(&request) {
        Some(worker) => exchange::serve(worker.clone(), api, &request, payload).await,
        None => HttpResponse::from_error(GatewayError::Internal),
    }
}

/// Returns the worker that `request` came in on.
pub(crate) fn worker(request: &HttpRequest) -> Option<&Rc<Worker>> {
    request.app_data::<Rc<Worker>>()
}
