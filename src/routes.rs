//! The path table of the data plane, on one screen.

mod health;
mod models;

use std::rc::Rc;

use actix_web::{
    HttpRequest, HttpResponse,
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
        .service(get("/v1/models", web::get().to(models::list)))
        .service(get("/v1/models/{id:.+}", web::get().to(models::retrieve)))
        .service(get("/livez", web::get().to(health::livez)))
        .service(get("/readyz", web::get().to(health::readyz)))
        .default_service(web::to(|| async {
            HttpResponse::from_error(GatewayError::UnknownPath)
        }));
}

fn get(path: &str, route: actix_web::Route) -> actix_web::Resource {
    web::resource(path)
        .route(route)
        .default_service(web::to(|| only("GET")))
}

async fn only(allow: &'static str) -> HttpResponse {
    HttpResponse::from_error(GatewayError::MethodNotAllowed { allow })
}

async fn call(api: Api, request: HttpRequest, payload: Payload) -> HttpResponse {
    debug_assert_eq!(request.method(), Method::POST);
    match worker(&request) {
        Some(worker) => exchange::serve(worker, api, &request, payload).await,
        None => HttpResponse::from_error(GatewayError::Internal),
    }
}

/// Returns the worker that `request` came in on.
pub(crate) fn worker(request: &HttpRequest) -> Option<Rc<Worker>> {
    request.app_data::<Rc<Worker>>().cloned()
}
