//! The response object: the whole answer, and what the first and the last
//! events of a stream are about.

use serde::Serialize;

use super::item::Item;
use crate::dialect::{ResponseHead, Usage};

/// All that SDKs want to find. What only repeats the request says the default:
/// it is not known here any more.
#[derive(Serialize)]
pub(super) struct Response<'a> {
    id: &'a str,
    object: &'static str,
    created_at: u64,
    status: &'static str,
    background: bool,
    error: Option<()>,
    incomplete_details: Option<Incomplete>,
    instructions: Option<()>,
    max_output_tokens: Option<()>,
    metadata: Metadata,
    model: &'a str,
    output: &'a [Item],
    parallel_tool_calls: bool,
    previous_response_id: Option<()>,
    reasoning: Reasoning,
    store: bool,
    temperature: Option<()>,
    text: Text,
    tool_choice: &'static str,
    tools: [(); 0],
    top_p: Option<()>,
    truncation: &'static str,
    usage: Option<Counts>,
    user: Option<()>,
}

#[derive(Serialize)]
struct Incomplete {
    reason: &'static str,
}

#[derive(Serialize)]
struct Metadata {}

#[derive(Serialize)]
struct Reasoning {
    effort: Option<()>,
    summary: Option<()>,
}

#[derive(Serialize)]
struct Text {
    format: Format,
}

#[derive(Serialize)]
struct Format {
    r#type: &'static str,
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
    ) -> Self {
        Self {
            id: &head.id,
            object: "response",
            created_at: head.created_at,
            status,
            background: false,
            error: None,
            incomplete_details: reason.map(|reason| Incomplete { reason }),
            instructions: None,
            max_output_tokens: None,
            metadata: Metadata {},
            model: &head.model,
            output,
            parallel_tool_calls: true,
            previous_response_id: None,
            reasoning: Reasoning {
                effort: None,
                summary: None,
            },
            store: false,
            temperature: None,
            text: Text {
                format: Format { r#type: "text" },
            },
            tool_choice: "auto",
            tools: [],
            top_p: None,
            truncation: "disabled",
            usage: usage.map(Counts::from),
            user: None,
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
