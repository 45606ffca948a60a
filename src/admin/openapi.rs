//! `GET /openapi.json`: this API for machines, from its own types.

use actix_web::HttpResponse;
use utoipa::OpenApi;

use super::{actors, alerts, answer, config, endpoints, explain, requests, status};

/// The admin API of Breakerbox.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Breakerbox admin API",
        description = "What runs, why, and the levers. Send the admin \
        token as `Authorization: Bearer TOKEN`. Errors are `{\"error\": {\"code\", \"message\"}}`."
    ),
    paths(
        status::status,
        endpoints::list,
        endpoints::one,
        endpoints::drain,
        endpoints::enable,
        endpoints::reset,
        endpoints::probe,
        actors::list,
        alerts::list,
        config::effective,
        config::diff,
        config::history,
        config::roll_back,
        config::reload,
        config::check,
        requests::list,
        requests::one,
        explain::explain,
    )
)]
pub(super) struct Document;

pub(super) async fn document() -> HttpResponse {
    answer(&Document::openapi())
}
