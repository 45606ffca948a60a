//! The forms an error takes on the wire.

use bytes::Bytes;
use serde::Serialize;

use super::GatewayError;
use crate::dialect::{Api, Dialect, ResponseHead, anthropic, gemini};

#[derive(Serialize)]
struct Body<'a> {
    error: Detail<'a>,
}

#[derive(Serialize)]
struct Detail<'a> {
    message: String,
    r#type: &'a str,
    param: Option<&'a str>,
    code: &'a str,
}

#[derive(Serialize)]
struct Failed<'a> {
    r#type: &'a str,
    sequence_number: u64,
    response: FailedResponse<'a>,
}

#[derive(Serialize)]
struct FailedResponse<'a> {
    id: &'a str,
    object: &'a str,
    created_at: u64,
    status: &'a str,
    error: FailedDetail<'a>,
    incomplete_details: Option<()>,
    model: &'a str,
    output: [(); 0],
    usage: Option<()>,
}

#[derive(Serialize)]
struct FailedDetail<'a> {
    code: &'a str,
    message: String,
}

impl GatewayError {
    /// Returns the body of the answer to a client of `dialect`; a line of text,
    /// so that a terminal shows it as one.
    pub fn body(&self, dialect: Dialect, request_id: &str) -> Bytes {
        let status = self.status_in(dialect).as_u16();
        let mut line = match dialect {
            Dialect::OpenAi => self.openai(),
            Dialect::Anthropic => anthropic::error::body(
                anthropic::error::kind(status),
                &self.in_anthropics_words(),
                Some(request_id).filter(|id| !id.is_empty()),
            ),
            Dialect::Gemini => gemini::error::body(status, &self.to_string(), self.retry_after()),
        };
        line.push(b'\n');
        line.into()
    }

    fn in_anthropics_words(&self) -> String {
        let words = match self {
            Self::Rejected { refusal, .. } => refusal.in_anthropics_words(),
            _ => None,
        };
        words.unwrap_or_else(|| self.to_string())
    }

    fn openai(&self) -> Vec<u8> {
        json(&Body {
            error: Detail {
                message: self.to_string(),
                r#type: self.kind(),
                param: self.param(),
                code: self.code(),
            },
        })
    }

    /// Returns the event that ends a stream of `api` with this error; no
    /// `[DONE]` may follow.
    ///
    /// `head` is the response the stream is about, if it has said so, and
    /// `sequence` the number of this event; both matter to responses only.
    pub fn event(&self, api: Api, head: Option<&ResponseHead>, sequence: u64) -> Bytes {
        let status = self.status_in(api.dialect()).as_u16();
        let mut event = Vec::new();
        match api.dialect() {
            Dialect::Anthropic => {
                let kind = anthropic::error::kind(status);
                anthropic::error::event(&mut event, kind, &self.to_string(), None);
                return event.into();
            }
            Dialect::Gemini => return gemini::error::event(status, &self.to_string()).into(),
            Dialect::OpenAi => {}
        }
        if api == Api::Responses {
            event.extend_from_slice(b"event: response.failed\ndata: ");
            let unknown = ResponseHead::default();
            let head = head.unwrap_or(&unknown);
            event.extend(json(&Failed {
                r#type: "response.failed",
                sequence_number: sequence,
                response: FailedResponse {
                    id: &head.id,
                    object: "response",
                    created_at: head.created_at,
                    status: "failed",
                    error: FailedDetail {
                        code: self.label(),
                        message: self.to_string(),
                    },
                    incomplete_details: None,
                    model: &head.model,
                    output: [],
                    usage: None,
                },
            }));
        } else {
            event.extend_from_slice(b"data: ");
            event.extend(self.openai());
        }
        event.extend_from_slice(b"\n\n");
        event.into()
    }
}

/// Writes JSON. These shapes have no map with odd keys and no fallible
/// `Serialize`, the two ways in which writing to memory can fail.
fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}
