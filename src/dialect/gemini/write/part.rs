//! The parts of a content.

use std::borrow::Cow;

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::value::RawValue;

use crate::dialect::{
    gemini::{line::one_line, seal, wire::Fields},
    neutral::{self, Source, Thought, ToolCall},
};

/// A `Part`.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Part<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) thought: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) inline_data: Option<Blob<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file_data: Option<FileData<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) function_call: Option<Call<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) function_response: Option<Response<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thought_signature: Option<Cow<'a, str>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Blob<'a> {
    mime_type: &'a str,
    data: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FileData<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    mime_type: Option<&'a str>,
    file_uri: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct Call<'a> {
    id: &'a str,
    name: &'a str,
    args: Args<'a>,
}

#[derive(Debug, Serialize)]
pub(super) struct Response<'a> {
    pub(super) id: &'a str,
    pub(super) name: &'a str,
    pub(super) response: Outcome,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) parts: Vec<Part<'a>>,
}

impl<'a> Part<'a> {
    pub(super) fn text(text: &'a str) -> Self {
        Self {
            text: Some(text),
            ..Self::default()
        }
    }

    /// Writes a thought. One without text is hidden, if it is a thought at
    /// all; else it is the seal of what is before it.
    pub(super) fn thought(thought: &'a Thought, seal: Option<Cow<'a, str>>) -> Self {
        Self {
            thought: thought.redacted || !thought.text.is_empty(),
            thought_signature: seal,
            ..Self::text(&thought.text)
        }
    }

    pub(super) fn call(call: &'a ToolCall, seal: Option<Cow<'a, str>>) -> Self {
        Self {
            function_call: Some(Call {
                id: &call.id,
                name: &call.name,
                args: Args(&call.arguments),
            }),
            thought_signature: seal,
            ..Self::default()
        }
    }

    pub(super) fn response(response: Response<'a>) -> Self {
        Self {
            function_response: Some(response),
            ..Self::default()
        }
    }

    /// Writes an image or a file, without its name, which only Vertex takes;
    /// none if another provider has it.
    pub(super) fn media(media: &'a neutral::Media, image: bool) -> Option<Self> {
        let (mime_type, file_uri) = match &media.source {
            Source::Inline { mime, data } => {
                return Some(Self {
                    inline_data: Some(Blob {
                        mime_type: mime,
                        data,
                    }),
                    ..Self::default()
                });
            }
            Source::Url { url, mime } => (
                mime.as_deref().or_else(|| mime_of(url, image)),
                url.as_str(),
            ),
            Source::Uploaded(uri) if uri.starts_with("https://") => (None, uri.as_str()),
            Source::Uploaded(_) => return None,
        };
        Some(Self {
            file_data: Some(FileData {
                mime_type,
                file_uri,
            }),
            ..Self::default()
        })
    }

    /// Writes the parts of an answer for a client.
    pub(super) fn answer(parts: &'a [neutral::Part]) -> Vec<Self> {
        let is_call = |part: &neutral::Part| matches!(part, neutral::Part::ToolCall(_));
        let first = parts.iter().position(is_call);
        let parts = parts.iter().enumerate();
        parts
            .filter_map(|(at, part)| Self::answered(part, Some(at) == first))
            .collect()
    }

    /// None for what is no part of an answer.
    fn answered(part: &'a neutral::Part, is_first_call: bool) -> Option<Self> {
        Some(match part {
            neutral::Part::Text(text) | neutral::Part::Refusal(text) => Self::text(text),
            neutral::Part::Image(media) => Self::media(media, true)?,
            neutral::Part::File(media) => Self::media(media, false)?,
            neutral::Part::Thought(thought) => {
                let seal = thought.signature.as_deref().map(seal::for_client);
                Self::thought(thought, seal)
            }
            neutral::Part::ToolCall(call) => {
                let seal = seal::of_call(call.signature.as_deref(), is_first_call);
                Self::call(call, seal)
            }
            neutral::Part::ToolResult(_) => return None,
        })
    }
}

/// Returns the media type an address ends on. An image is taken for a JPEG:
/// Google wants a type and looks at the bytes itself.
fn mime_of(url: &str, image: bool) -> Option<&'static str> {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let (_, ending) = path.rsplit_once('.').unwrap_or_default();
    Some(match ending.to_ascii_lowercase().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "heic" => "image/heic",
        "heif" => "image/heif",
        _ if image => "image/jpeg",
        "pdf" => "application/pdf",
        "txt" => "text/plain",
        "mp3" => "audio/mp3",
        "wav" => "audio/wav",
        "mp4" => "video/mp4",
        _ => return None,
    })
}

/// A call's arguments, which must be an object here. Where the model wrote
/// something else, they are one entry `invalid_arguments` with its text: a
/// tool must not run as if it had been called without arguments.
#[derive(Debug)]
pub(super) struct Args<'a>(&'a str);

impl Serialize for Args<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let line = one_line(self.0);
        match serde_json::from_str::<&RawValue>(&line) {
            Ok(raw) if raw.get().starts_with('{') => raw.serialize(serializer),
            _ if line.trim_ascii().is_empty() => serializer.serialize_map(Some(0))?.end(),
            _ => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("invalid_arguments", self.0)?;
                map.end()
            }
        }
    }
}

/// What a tool returned, which must be an object here: itself if it is one, or
/// one entry `result`; one entry `error` if the tool failed.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) text: String,
    pub(super) is_error: bool,
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: Option<&RawValue> = serde_json::from_str(&self.text).ok();
        let raw = raw.filter(|raw| raw.get().starts_with(['{', '[']));
        let name = if self.is_error { "error" } else { "result" };
        let stands_alone =
            |raw: &&RawValue| raw.get().starts_with('{') && !looks_wrapped(raw.get());
        if let Some(raw) = raw.filter(stands_alone).filter(|_| !self.is_error) {
            return raw.serialize(serializer);
        }
        let mut map = serializer.serialize_map(Some(1))?;
        match raw {
            Some(raw) => map.serialize_entry(name, raw)?,
            None => map.serialize_entry(name, &self.text)?,
        }
        map.end()
    }
}

/// Tells whether an object would be read as one that was wrapped.
fn looks_wrapped(json: &str) -> bool {
    let fields = Fields::read(json).unwrap_or_default();
    matches!(fields.0.as_slice(), [(name, _)] if matches!(&**name, "output" | "result" | "error"))
}
