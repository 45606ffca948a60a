//! What an answer, or one event of its stream, proved to be.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::usage::Counts;
use crate::dialect::{Blame, Judged, Kind, NotAnAnswer, Reported, Usage, sse::Event};

/// The parts of a body or an event that are looked at, borrowed: one pass, no tree.
#[derive(Deserialize)]
struct Shape<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    message: Option<&'a RawValue>,
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

impl<'a> Shape<'a> {
    fn read(json: &'a str) -> Option<Self> {
        // A derived shape would take an array for an object.
        json.starts_with('{').then_some(())?;
        serde_json::from_str(json).ok()
    }

    fn is_error(&self) -> bool {
        self.kind == "error" || self.error.is_some()
    }

    fn counts(&self) -> Counts {
        self.usage
            .map_or_else(Counts::default, |raw| Counts::read(raw.get()))
    }
}

/// Judges a whole body with status 200 and returns the usage it tells.
///
/// # Errors
///
/// [`NotAnAnswer`] for a body that must not be passed on as a success.
pub fn answer(body: &[u8]) -> Result<Option<Usage>, NotAnAnswer> {
    let text = whole(body)?;
    let shape = Shape::read(text).ok_or(NotAnAnswer::Malformed)?;
    if shape.is_error() {
        return Err(NotAnAnswer::Error(reported(&shape, text)));
    }
    match shape.content {
        Some(content) if content.get().starts_with('[') => Ok(shape.counts().usage()),
        _ => Err(NotAnAnswer::Malformed),
    }
}

/// Judges a whole body with status 200 that answers `count_tokens`, and returns
/// the count.
///
/// # Errors
///
/// [`NotAnAnswer`] for a body that must not be passed on as a success.
pub(super) fn count(body: &[u8]) -> Result<u64, NotAnAnswer> {
    let text = whole(body)?;
    let shape = Shape::read(text).ok_or(NotAnAnswer::Malformed)?;
    if shape.is_error() {
        return Err(NotAnAnswer::Error(reported(&shape, text)));
    }
    let usage = Counts::read(text).usage().ok_or(NotAnAnswer::Malformed)?;
    Ok(usage.input)
}

fn whole(body: &[u8]) -> Result<&str, NotAnAnswer> {
    let text = body.trim_ascii();
    match text.first() {
        None => Err(NotAnAnswer::Empty),
        Some(b'<') => Err(NotAnAnswer::Html),
        Some(_) => str::from_utf8(text).map_err(|_| NotAnAnswer::Malformed),
    }
}

/// Judges the bytes of one event, apart from its stream.
///
/// Its usage is what this event tells: a `message_delta` may leave out the
/// input that `message_start` told. [`Tally`] knows both.
pub fn event(bytes: &[u8]) -> Judged {
    Tally::default().event(bytes)
}

/// Judges the events of one stream, in order.
///
/// The usage it returns is that of the stream so far, so that the last one
/// counts here as in every dialect.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    counts: Counts,
}

impl Tally {
    /// Judges the bytes of the next event.
    pub fn event(&mut self, bytes: &[u8]) -> Judged {
        let event = Event::parse(bytes);
        let data = event.data.trim_ascii();
        if data.is_empty() || event.name == b"ping" {
            return Kind::Silent.into();
        }
        if data == b"[DONE]" {
            return Kind::Unfinished.into();
        }
        let named_error = event.name == b"error";
        let text = str::from_utf8(data).unwrap_or_default();
        let Some(shape) = Shape::read(text) else {
            return match named_error {
                true => Kind::Error {
                    reported: reported_in(text),
                    in_form: false,
                },
                false => Kind::Malformed,
            }
            .into();
        };
        if named_error || shape.is_error() {
            // Clients go by the event's name; without it they read on.
            let has_body = shape.error.is_some_and(|raw| raw.get().starts_with('{'));
            return Kind::Error {
                reported: reported(&shape, text),
                in_form: named_error && has_body && shape.kind == "error",
            }
            .into();
        }
        match &*shape.kind {
            "ping" => Kind::Silent.into(),
            "message_stop" => Kind::Terminal.into(),
            "message_start" => {
                let message = shape.message.and_then(|raw| Shape::read(raw.get()));
                self.count(message.map(|message| message.counts()))
            }
            "message_delta" => self.count(Some(shape.counts())),
            _ => Kind::Content.into(),
        }
    }

    fn count(&mut self, counts: Option<Counts>) -> Judged {
        self.counts.update(counts.unwrap_or_default());
        Judged {
            usage: self.counts.usage(),
            ..Judged::from(Kind::Content)
        }
    }
}

fn reported(shape: &Shape<'_>, text: &str) -> Reported {
    reported_in(shape.error.map_or(text, RawValue::get))
}

/// Reads an error object, or a text in its place; takes its time.
fn reported_in(json: &str) -> Reported {
    let value: Value = serde_json::from_str(json).unwrap_or_default();
    let message = match &value {
        Value::String(text) => text,
        other => other["message"].as_str().unwrap_or_default(),
    };
    Reported {
        blame: blame(value["type"].as_str().unwrap_or_default()),
        message: message[..message.floor_char_boundary(Reported::MAX_MESSAGE)].to_owned(),
    }
}

/// # Source
///
/// Anthropic, "Errors", error types.
fn blame(kind: &str) -> Blame {
    match kind {
        "rate_limit_error" => Blame::RateLimit,
        "overloaded_error" => Blame::Overload,
        "authentication_error" | "permission_error" | "billing_error" => Blame::Key,
        "invalid_request_error" | "not_found_error" | "request_too_large" => Blame::Client,
        _ => Blame::Server,
    }
}
