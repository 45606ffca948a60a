//! What every answer of the data plane has, whatever its path and status: an
//! id, a form that its client can read, and what a browser asks for.

mod cors;

use std::future::{self, Future};

use actix_web::{
    Error,
    body::{BodySize, BoxBody, MessageBody},
    dev::{Service, ServiceRequest, ServiceResponse},
    http::{ConnectionType, Version},
};
use futures_util::future::Either;

use super::is_anthropic;
use crate::request_id;

/// Passes `request` on to `next`, unless it is a browser's question whether it
/// may ask, and completes the answer.
pub(crate) fn answer<S>(
    request: ServiceRequest,
    next: &S,
) -> impl Future<Output = Result<ServiceResponse, Error>> + use<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse, Error = Error>,
{
    let page = cors::page(&request);
    let preflight = page.as_ref().and_then(|page| page.preflight(&request));
    let answering = match preflight {
        Some(response) => Either::Left(future::ready(Ok(request.into_response(response)))),
        None => Either::Right(next.call(request)),
    };
    async move {
        let mut answer = answering.await?;
        identify(&mut answer);
        delimit(&mut answer);
        if let Some(page) = page {
            page.let_read(answer.headers_mut());
        }
        Ok(answer)
    }
}

/// Gives an answer the request's id, unless it has it already; to Anthropic's
/// clients by the name that they know as well.
fn identify(answer: &mut ServiceResponse) {
    let is_anthropic = is_anthropic(answer.request());
    if !is_anthropic && answer.headers().contains_key(&request_id::NAME) {
        return;
    }
    let told = answer.headers().get(&request_id::NAME).cloned();
    let id = told.unwrap_or_else(|| request_id::of(answer.request().headers()));
    if is_anthropic {
        let headers = answer.headers_mut();
        headers.insert(request_id::ANTHROPIC_NAME, id.clone());
    }
    answer.headers_mut().insert(request_id::NAME, id);
}

/// Ends a stream to a client of HTTP/1.0, which knows no chunks, by closing.
fn delimit(answer: &mut ServiceResponse<BoxBody>) {
    let is_stream = answer.response().body().size() == BodySize::Stream;
    if is_stream && answer.request().version() < Version::HTTP_11 {
        let head = answer.response_mut().head_mut();
        head.no_chunking(true);
        head.set_connection_type(ConnectionType::Close);
    }
}
