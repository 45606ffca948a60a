//! Whether a provider's bytes with status 200 are an answer.
//!
//! # How a stream ends
//!
//! This dialect has no event that ends a stream: a chunk says why an answer
//! ended, and chunks may follow it, as a rule with the usage alone.
//! [`Kind::MayEnd`] therefore means that from here on the end of the body is
//! the end of a whole answer, not that the end is here. The relay passes the
//! chunk on as it stands and goes on reading until the body ends; if the
//! connection breaks instead, the answer is whole all the same. A later chunk
//! may be [`Kind::Content`] again, which takes nothing back.

#[cfg(test)]
mod tests;

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::wire::{self, Feedback};
use crate::dialect::{Blame, Judged, Kind, NotAnAnswer, Reported, Usage, forbidden, sse::Event};

/// What is looked at of an answer or a chunk.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Shape<'a> {
    candidates: Option<Vec<Candidate>>,
    #[serde(borrow)]
    prompt_feedback: Option<Feedback<'a>>,
    #[serde(borrow)]
    usage_metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Candidate {
    finish_reason: Option<serde::de::IgnoredAny>,
    index: Option<u32>,
}

impl<'a> Shape<'a> {
    fn read(json: &'a str) -> Option<Self> {
        // `Option` takes any struct for present, an array included.
        let shape = || serde_json::from_str(json).ok();
        json.starts_with('{').then(shape).flatten()
    }

    fn candidates(&self) -> &[Candidate] {
        self.candidates.as_deref().unwrap_or_default()
    }

    fn is_blocked(&self) -> bool {
        let feedback = self.prompt_feedback.as_ref();
        feedback.is_some_and(|feedback| feedback.block_reason.is_some())
    }

    fn usage(&self) -> Option<Usage> {
        self.usage_metadata.and_then(wire::usage)
    }
}

/// Judges a whole body with status 200 and returns the usage it tells.
///
/// # Errors
///
/// [`NotAnAnswer`] for a body that must not be passed on as a success: among
/// others one with a candidate that does not say why it ended, or without a
/// candidate although the prompt was not refused.
pub fn answer(body: &[u8]) -> Result<Option<Usage>, NotAnAnswer> {
    let text = body.trim_ascii();
    match text.first() {
        None => return Err(NotAnAnswer::Empty),
        Some(b'<') => return Err(NotAnAnswer::Html),
        Some(_) => {}
    }
    let text = str::from_utf8(text).map_err(|_| NotAnAnswer::Malformed)?;
    let shape = Shape::read(text).ok_or(NotAnAnswer::Malformed)?;
    if let Some(error) = shape.error {
        return Err(NotAnAnswer::Error(reported(error.get())));
    }
    let ended = |candidate: &Candidate| candidate.finish_reason.is_some();
    match shape.candidates() {
        [] if shape.is_blocked() => Ok(shape.usage()),
        [] => Err(NotAnAnswer::Malformed),
        some if some.iter().all(ended) => Ok(shape.usage()),
        _ => Err(NotAnAnswer::Malformed),
    }
}

/// Judges one event of a stream of one answer; [`Stream`] judges those of several.
pub fn event(bytes: &[u8]) -> Judged {
    Stream::default().event(bytes)
}

/// Judges the events of a stream: it is whole once each candidate that was
/// seen has said why it ended.
#[derive(Debug, Default)]
pub struct Stream {
    /// The candidates seen and those that ended, a bit each.
    seen: u64,
    ended: u64,
}

impl Stream {
    /// Judges the bytes of the next event.
    pub fn event(&mut self, bytes: &[u8]) -> Judged {
        let event = Event::parse(bytes);
        let data = event.data.trim_ascii();
        if data.is_empty() {
            return Kind::Silent.into();
        }
        // Some proxies end every stream as OpenAI does.
        if data == b"[DONE]" {
            return Kind::Unfinished.into();
        }
        let text = str::from_utf8(data).unwrap_or_default();
        let Some(shape) = Shape::read(text) else {
            return Kind::Malformed.into();
        };
        if let Some(error) = shape.error {
            return Kind::Error {
                reported: reported(error.get()),
                in_form: error.get().starts_with('{'),
            }
            .into();
        }
        for candidate in shape.candidates() {
            let bit = 1_u64
                .checked_shl(candidate.index.unwrap_or_default())
                .unwrap_or_default();
            self.seen |= bit;
            if candidate.finish_reason.is_some() {
                self.ended |= bit;
            }
        }
        if shape.is_blocked() && shape.candidates().is_empty() {
            self.seen |= 1;
            self.ended |= 1;
        }
        let kind = match self.seen != 0 && self.seen == self.ended {
            true => Kind::MayEnd,
            false => Kind::Content,
        };
        Judged {
            usage: shape.usage(),
            ..Judged::from(kind)
        }
    }
}

/// Reads an error's body, `{"error": {…}}` or an array of one such, whatever
/// the status it came with; `None` for anything else.
pub fn error(body: &[u8]) -> Option<Reported> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let value = value.get(0).unwrap_or(&value);
    Some(reported_of(value.get("error")?))
}

/// Reads the value of `error`; takes its time.
fn reported(json: &str) -> Reported {
    reported_of(&serde_json::from_str(json).unwrap_or_default())
}

fn reported_of(error: &Value) -> Reported {
    let message = match error {
        Value::String(text) => text,
        other => other["message"].as_str().unwrap_or_default(),
    };
    Reported {
        blame: blame(error, message),
        message: message[..message.floor_char_boundary(Reported::MAX_MESSAGE)].to_owned(),
    }
}

/// Judges by `status`, then by `code`; a key that does not fit is an invalid
/// argument here, told by its reason.
///
/// # Source
///
/// Google, `google.rpc.Code` and `google.rpc.ErrorInfo`, "Gemini API
/// troubleshooting".
fn blame(error: &Value, message: &str) -> Blame {
    let is_key = |detail: &Value| {
        let reason = detail["reason"].as_str().unwrap_or_default();
        reason.starts_with("API_KEY_")
    };
    let details = error["details"].as_array();
    if details.is_some_and(|details| details.iter().any(is_key)) || message.starts_with("API key ")
    {
        return Blame::Key;
    }
    let status = error["status"].as_str().unwrap_or_default();
    match status {
        "RESOURCE_EXHAUSTED" => Blame::RateLimit,
        "UNAVAILABLE" => Blame::Overload,
        "UNAUTHENTICATED" => Blame::Key,
        "PERMISSION_DENIED" => forbidden::blame(error).unwrap_or(Blame::Server),
        "INVALID_ARGUMENT" | "NOT_FOUND" | "FAILED_PRECONDITION" | "OUT_OF_RANGE" => Blame::Client,
        "" => match error["code"].as_u64() {
            Some(429) => Blame::RateLimit,
            Some(503) => Blame::Overload,
            Some(401 | 402) => Blame::Key,
            Some(403) => forbidden::blame(error).unwrap_or(Blame::Server),
            Some(400 | 404 | 413 | 422) => Blame::Client,
            _ => Blame::Server,
        },
        _ => Blame::Server,
    }
}
