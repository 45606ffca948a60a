//! `GET /openapi.json`: this API for machines, from its own types.

use actix_web::HttpResponse;
use utoipa::{
    Modify, OpenApi, ToSchema,
    openapi::{
        Content, OpenApi as Told, Ref, RefOr, Response, SecurityRequirement,
        path::{Operation, PathItem},
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use super::{actors, alerts, answer, config, endpoints, explain, requests, status, ws};
use crate::routes::health;

/// What the token is called in the document.
const TOKEN: &str = "token";

/// The admin API of Breakerbox.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Breakerbox admin API",
        description = "What runs, why, and the levers. Send the admin \
        token, if the gateway has one, as `Authorization: Bearer TOKEN`. \
        Errors are `{\"error\": {\"code\", \"message\"}}`."
    ),
    paths(
        health::livez,
        super::readyz,
        super::metrics,
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
        document,
        ws::connect,
    ),
    components(schemas(super::Failure)),
    modifiers(&Common)
)]
pub(super) struct Document;

/// Adds what all paths have in common: the token, and how they refuse.
struct Common;

impl Modify for Common {
    fn modify(&self, told: &mut Told) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
        let components = told.components.get_or_insert_default();
        components.add_security_scheme(TOKEN, SecurityScheme::Http(scheme.build()));
        let none: [&str; 0] = [];
        // A gateway without a token asks for none.
        let token = SecurityRequirement::new(TOKEN, none);
        told.security = Some(vec![token, SecurityRequirement::default()]);
        for (path, item) in &mut told.paths.paths {
            let PathItem { get, post, .. } = item;
            for (verb, operation) in [("get", get), ("post", post)] {
                if let Some(operation) = operation {
                    complete(operation, verb, path);
                }
            }
        }
    }
}

fn complete(operation: &mut Operation, verb: &str, path: &str) {
    // The functions' names, which are the default, are not unique.
    let name = path.replace(|it: char| !it.is_ascii_alphanumeric(), "_");
    operation.operation_id = Some(format!("{verb}{name}"));
    if matches!(path, "/livez" | "/readyz") {
        operation.security = Some(Vec::new());
        return;
    }
    let all = &mut operation.responses.responses;
    for (status, words) in [
        ("401", "the token is missing or wrong"),
        (
            "403",
            "a web page of another origin, or a host that is not this machine",
        ),
        ("429", "too many wrong tokens came from this address: wait"),
    ] {
        let response = || RefOr::T(Response::new(words));
        all.entry(status.to_owned()).or_insert_with(response);
    }
    let refused = all
        .iter_mut()
        .filter(|(status, _)| status.starts_with(['4', '5']));
    for (_, response) in refused {
        if let RefOr::T(response) = response
            && response.content.is_empty()
        {
            let content = Content::new(Some(Ref::from_schema_name("Failure")));
            let json = "application/json".to_owned();
            response.content.insert(json, RefOr::T(content));
        }
    }
}

/// A list, under its name.
macro_rules! list {
    ($($(#[$doc:meta])* $name:ident { $field:ident: $of:ty })+) => {
        $(
            $(#[$doc])*
            #[derive(Debug, serde::Serialize, ToSchema)]
            pub(crate) struct $name {
                pub(in crate::admin) $field: Vec<$of>,
            }
        )+
    };
}

list! {
    /// Targets of the gateway.
    Endpoints { endpoints: endpoints::Endpoint }
    /// All actors.
    Actors { actors: actors::Actor }
    /// Alerts, newest first.
    AlertList { alerts: alerts::Alert }
    /// Configurations, newest first.
    History { history: config::Past }
    /// Requests, newest first.
    Requests { requests: crate::tap::Record }
}

/// Returns this document.
#[utoipa::path(get, path = "/openapi.json", responses((status = 200, body = Object)))]
pub(super) async fn document() -> HttpResponse {
    answer(&Document::openapi())
}
