//! What one event of a stream means.

#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::de::IgnoredAny;

use super::shape::{self, Shape};
use crate::dialect::{Api, Judged, Kind, sse::Event};

/// Judges the bytes of one event of a stream of `api`.
///
/// Every event's JSON is checked to be whole, without building anything of it:
/// a broken chunk crashes clients, and the check is a fraction of what passing
/// the chunk costs.
pub fn judge(api: Api, bytes: &[u8]) -> Judged {
    let event = Event::parse(bytes);
    let data = event.data.trim_ascii();
    if data.is_empty() {
        return Kind::Silent.into();
    }
    if data == b"[DONE]" {
        return match api {
            Api::Responses => Kind::Unfinished,
            _ => Kind::Terminal,
        }
        .into();
    }
    let named_error = event.name == b"error";
    let text = str::from_utf8(data).unwrap_or_default();
    if api != Api::Responses && !named_error && is_plain(text) {
        return Kind::Content.into();
    }
    let Some(shape) = Shape::read(text) else {
        return match named_error {
            true => foreign_error(text),
            false => Kind::Malformed,
        }
        .into();
    };
    if api == Api::Responses {
        return judge_response(&shape, text, named_error);
    }
    if let Some(error) = shape.error() {
        return Kind::Error {
            reported: shape::reported(error),
            in_form: error.starts_with('{'),
        }
        .into();
    }
    if named_error || shape.is_error() {
        return foreign_error(text).into();
    }
    let only_usage = shape.usage.is_some() && !shape.has_choices();
    Judged {
        usage: shape.usage(),
        ..Judged::from(if only_usage {
            Kind::UsageOnly
        } else {
            Kind::Content
        })
    }
}

/// Tells whether a chunk is whole JSON that names no error and tells no usage:
/// all but one or two of a stream. A shortcut; what it does not take, [`Shape`] reads.
///
/// Within a JSON string a quote has a backslash before it, so that what is
/// looked for cannot be part of the answer's text.
fn is_plain(json: &str) -> bool {
    static ERROR: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"error\""));
    static USAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"usage\""));
    let bytes = json.as_bytes();
    let tells_usage = USAGE.find_iter(bytes).any(|at| {
        let value = bytes[at + USAGE.needle().len()..].trim_ascii_start();
        let value = value.strip_prefix(b":").unwrap_or(value);
        !value.trim_ascii_start().starts_with(b"null")
    });
    bytes.starts_with(b"{")
        && !tells_usage
        && ERROR.find(bytes).is_none()
        && serde_json::from_str::<IgnoredAny>(json).is_ok()
}

fn judge_response(shape: &Shape<'_>, text: &str, named_error: bool) -> Judged {
    let inner = |of: &Shape<'_>| of.response.and_then(Shape::read).and_then(|r| r.usage());
    let sequence = shape.sequence_number.and_then(|raw| raw.parse().ok());
    let mut judged = Judged {
        sequence,
        ..Judged::from(Kind::Content)
    };
    match shape.kind.unwrap_or_default().trim_matches('"') {
        "response.created" => {
            let head = shape
                .response
                .and_then(|raw| serde_json::from_str(raw).ok());
            judged.created = head.map(Box::new);
        }
        "response.completed" | "response.incomplete" => {
            judged.kind = Kind::Terminal;
            judged.usage = inner(shape);
        }
        "keepalive" => judged.kind = Kind::Silent,
        "response.failed" => {
            judged.usage = inner(shape);
            let response = shape.response.and_then(Shape::read);
            let error = response.and_then(|response| response.error());
            judged.kind = Kind::Error {
                reported: shape::reported(error.unwrap_or_default()),
                in_form: true,
            };
        }
        _ => {
            if let Some(error) = shape.error() {
                judged.kind = foreign_error(error);
            } else if named_error || shape.is_error() {
                judged.kind = foreign_error(text);
            }
        }
    }
    judged
}

/// An error in a form that clients of the dialect do not end the stream for.
fn foreign_error(json: &str) -> Kind {
    Kind::Error {
        reported: shape::reported(json),
        in_form: false,
    }
}
