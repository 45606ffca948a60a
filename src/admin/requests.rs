//! `/api/requests`: the last requests, with the path each took.

use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{self, Data, Query},
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Admin, answer, error, openapi::Requests, unknown};
use crate::tap::{KEPT, Record};

/// Requests that are shown unless more are asked for.
const SHOWN: usize = 100;

/// Which requests to show.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    /// The model asked for, or the one that answered.
    model: Option<String>,
    /// An endpoint that was asked.
    endpoint: Option<String>,
    /// Whose key it came with.
    client: Option<String>,
    /// A status such as `503`, or a class such as `5xx`.
    status: Option<String>,
    /// At most so many: 100 unless given, 1000 at the most.
    limit: Option<usize>,
}

impl Filter {
    /// Says what is wrong with it, if anything is.
    fn wrong(&self) -> Option<&'static str> {
        let status = self.status.as_deref()?.as_bytes();
        let is_right = match status {
            [b'1'..=b'5', b'x', b'x'] => true,
            [b'1'..=b'5', rest @ ..] => rest.len() == 2 && rest.iter().all(u8::is_ascii_digit),
            _ => false,
        };
        (!is_right).then_some("status: expected a status such as 503, or a class such as 5xx")
    }

    fn takes(&self, record: &Record) -> bool {
        let is =
            |wanted: &Option<String>, found: &Option<String>| wanted.is_none() || wanted == found;
        let asked = |name: &String| record.attempts.iter().any(|it| it.endpoint == *name);
        let status = |wanted: &String| {
            let status = record.status.to_string();
            wanted
                .strip_suffix("xx")
                .map_or(*wanted == status, |class| status.starts_with(class))
        };
        (is(&self.model, &record.model) || is(&self.model, &record.served_model))
            && is(&self.client, &record.client)
            && self.endpoint.as_ref().is_none_or(asked)
            && self.status.as_ref().is_none_or(status)
    }
}

/// Lists the last requests, newest first: every one that did not go smoothly,
/// of the others a sample.
#[utoipa::path(get, path = "/api/requests", params(Filter), responses(
    (status = 200, body = Requests), (status = 400, description = "a filter that there is not")
))]
pub(super) async fn list(admin: Data<Admin>, request: HttpRequest) -> HttpResponse {
    let refuse = |words: &str| error(StatusCode::BAD_REQUEST, "invalid_filter", words);
    let filter = match Query::<Filter>::from_query(request.query_string()) {
        Ok(Query(filter)) => filter,
        Err(wrong) => return refuse(&wrong.to_string()),
    };
    if let Some(words) = filter.wrong() {
        return refuse(words);
    }
    let records = admin.shared.tap.records();
    let wanted = records.iter().filter(|it| filter.takes(it));
    let limit = filter.limit.unwrap_or(SHOWN).min(KEPT);
    answer(&Requests {
        requests: wanted.take(limit).map(|it| Record::clone(it)).collect(),
    })
}

/// Returns one request by its `x-request-id`.
#[utoipa::path(get, path = "/api/requests/{id}", params(("id" = String, Path)), responses(
    (status = 200, body = Record), (status = 404, description = "it is not kept")
))]
pub(super) async fn one(admin: Data<Admin>, id: web::Path<String>) -> HttpResponse {
    let records = admin.shared.tap.records();
    match records.iter().find(|it| it.id == *id) {
        Some(record) => answer(&**record),
        None => unknown("this request is not kept: it was not recorded, or others came after it"),
    }
}
