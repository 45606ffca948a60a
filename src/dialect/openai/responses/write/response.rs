//! The response object: the whole answer, and what the first and the last
//! events of a stream are about.

use serde::Serialize;

use super::item::Item;
use crate::dialect::{
    ResponseHead, Tier, Usage,
    openai::responses::echo::{Echo, Repeated},
};

/// All that SDKs want to find.
#[derive(Serialize)]
pub(super) struct Response<'a> {
    id: &'a str,
    object: &'static str,
    created_at: u64,
    status: &'static str,
    background: bool,
    error: Option<()>,
    incomplete_details: Option<Incomplete>,
    model: &'a str,
    output: &'a [Item],
    previous_response_id: Option<()>,
    store: bool,
    truncation: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<Tier>,
    usage: Option<Counts>,
    #[serde(flatten)]
    asked: Repeated<'a>,
}

#[derive(Serialize)]
struct Incomplete {
    reason: &'static str,
}

#[derive(Serialize)]
struct Counts {
    input_tokens: u64,
    input_tokens_details: InputDetails,
    output_tokens: u64,
    output_tokens_details: OutputDetails,
    total_tokens: u64,
}

#[derive(Serialize)]
struct InputDetails {
    cached_tokens: u64,
}

#[derive(Serialize)]
struct OutputDetails {
    reasoning_tokens: u64,
}

impl From<Usage> for Counts {
    fn from(usage: Usage) -> Self {
        Self {
            input_tokens: usage.input,
            input_tokens_details: InputDetails {
                cached_tokens: usage.cached,
            },
            output_tokens: usage.output,
            output_tokens_details: OutputDetails {
                reasoning_tokens: usage.reasoning,
            },
            total_tokens: usage.total(),
        }
    }
}

impl<'a> Response<'a> {
    /// A response with `status`, because of `reason` if it is incomplete.
    pub(super) fn new(
        head: &'a ResponseHead,
        (status, reason): (&'static str, Option<&'static str>),
        output: &'a [Item],
        usage: Option<Usage>,
        echo: &'a Echo,
    ) -> Self {
        Self {
            id: &head.id,
            object: "response",
            created_at: head.created_at,
            status,
            background: false,
            error: None,
            incomplete_details: reason.map(|reason| Incomplete { reason }),
            model: &head.model,
            output,
            previous_response_id: None,
            store: false,
            truncation: "disabled",
            service_tier: usage.and_then(|it| it.tier),
            usage: usage.map(Counts::from),
            asked: echo.repeated(),
        }
    }
}

/// Returns the response's id; clients need one.
pub(super) fn id(id: &str, now: u64) -> String {
    match id {
        "" => format!("resp_{now}"),
        id if id.starts_with("resp_") => id.to_owned(),
        id => format!("resp_{id}"),
    }
}

/// Returns what the ids of a response's items are made from.
pub(super) fn stem(id: &str) -> &str {
    id.strip_prefix("resp_").unwrap_or(id)
}
