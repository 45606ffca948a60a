//! The path table of the data plane, on one screen.

pub(crate) mod every;
pub(crate) mod health;
mod models;

use std::rc::Rc;

use actix_web::{
    HttpRequest, HttpResponse, Resource, Route, guard,
    http::{Method, header::HeaderName},
    web::{self, Payload, ServiceConfig},
};

use crate::{
    dialect::{Api, Dialect, gemini, request::InPath},
    error::GatewayError,
    exchange::{self, Called},
    request_id,
    upstream::headers::ANTHROPIC_VERSION,
    worker::Worker,
};

/// Headers that Google's clients send: google-genai lists models at `/v1/models`,
/// as OpenAI's and Anthropic's do.
const GOOGLE: [HeaderName; 2] = [
    HeaderName::from_static("x-goog-api-key"),
    HeaderName::from_static("x-goog-api-client"),
];

/// Adds every path of the data plane.
pub(crate) fn table(config: &mut ServiceConfig) {
    for api in Api::ALL
        .into_iter()
        .filter(|api| api.dialect() != Dialect::Gemini)
    {
        let path = format!("/v1{}", api.path());
        let resource = web::resource(path)
            .route(web::post().to(move |request, payload| call(api.into(), request, payload)));
        config.service(resource.default_service(web::to(|request| only("POST", request))));
    }
    config
        .service(get("/v1/models", read().to(models::list)))
        .service(model("/v1/models/{id:.+}"))
        .service(get("/v1beta/models", read().to(models::list)))
        .service(model("/v1beta/models/{id:.+}"))
        .service(get("/livez", read().to(health::livez)))
        .service(get("/readyz", read().to(health::readyz)))
        .service(get("/", read().to(health::root)))
        .default_service(web::to(unknown));
}

/// What is below `/models`: a model to read, or a call of Gemini's to it.
fn model(path: &str) -> Resource {
    web::resource(path)
        .route(read().to(models::retrieve))
        .route(web::post().to(to_model))
        .default_service(web::to(|request| only("GET, HEAD", request)))
}

fn get(path: &str, route: Route) -> Resource {
    web::resource(path)
        .route(route)
        .default_service(web::to(|request| only("GET, HEAD", request)))
}

/// Returns a route that reads: to HEAD the server sends the same without the
/// body.
pub(crate) fn read() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

async fn only(allow: &'static str, request: HttpRequest) -> HttpResponse {
    refuse(&request, &GatewayError::MethodNotAllowed { allow })
}

async fn unknown(request: HttpRequest) -> HttpResponse {
    refuse(&request, &GatewayError::UnknownPath)
}

/// Answers with an error in the dialect that the path, or a header that only
/// one dialect has, is of.
fn refuse(request: &HttpRequest, error: &GatewayError) -> HttpResponse {
    let id = request_id::of(request.headers());
    let mut answer = error.answer(dialect(request), id.to_str().unwrap_or_default());
    answer.headers_mut().insert(request_id::NAME, id);
    answer
}

/// Returns the dialect that a request outside the calls is of.
fn dialect(request: &HttpRequest) -> Dialect {
    let headers = request.headers();
    let is_gemini = || GOOGLE.iter().any(|name| headers.contains_key(name));
    if is_anthropic(request) {
        Dialect::Anthropic
    } else if request.path().starts_with("/v1beta/") || is_gemini() {
        Dialect::Gemini
    } else {
        Dialect::OpenAi
    }
}

fn is_anthropic(request: &HttpRequest) -> bool {
    request.path().starts_with("/v1/messages") || request.headers().contains_key(ANTHROPIC_VERSION)
}

async fn call(called: Called, request: HttpRequest, payload: Payload) -> HttpResponse {
    debug_assert_eq!(request.method(), Method::POST);
    match worker(&request) {
        Some(worker) => exchange::serve(worker.clone(), called, &request, payload).await,
        None => refuse(&request, &GatewayError::Internal),
    }
}

/// Serves a call whose path names model and method.
async fn to_model(request: HttpRequest, payload: Payload) -> HttpResponse {
    let Some(target) = gemini::path::parse(request.uri().path()) else {
        // A call that Gemini has and we have not is no method of the model's page.
        let is_call = request.path().starts_with("/v1beta/") && request.path().contains(':');
        return match is_call {
            true => unknown(request).await,
            false => only("GET, HEAD", request).await,
        };
    };
    let api = match target.method {
        gemini::path::Method::CountTokens => Api::CountContentTokens,
        gemini::path::Method::Generate | gemini::path::Method::Stream => Api::GenerateContent,
    };
    let stream = target.method == gemini::path::Method::Stream;
    let events = request.query_string().split('&').any(|it| it == "alt=sse");
    let called = Called {
        api,
        path: Some(InPath {
            model: target.model,
            stream,
        }),
        in_array: stream && !events,
    };
    call(called, request, payload).await
}

/// Returns the worker that `request` came in on.
pub(crate) fn worker(request: &HttpRequest) -> Option<&Rc<Worker>> {
    request.app_data::<Rc<Worker>>()
}
