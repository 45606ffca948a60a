//! A content block, of a request or of an answer.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::value::RawValue;

use crate::dialect::neutral::{self, Feature, Lost, Media, Stop, Thought, seal::UNSEALED};

/// The images that Anthropic takes.
///
/// # Source
///
/// Anthropic, "Vision", "Supported formats".
const IMAGES: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Block<'a> {
    Text {
        text: &'a str,
    },
    Image {
        source: Source<'a>,
    },
    Document {
        source: Source<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        title: Option<&'a str>,
    },
    ToolUse {
        id: Cow<'a, str>,
        name: &'a str,
        input: Input<'a>,
    },
    ToolResult {
        tool_use_id: Cow<'a, str>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        content: Vec<Block<'a>>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        is_error: bool,
    },
    Thinking {
        thinking: &'a str,
        signature: &'a str,
    },
    RedactedThinking {
        data: Cow<'a, str>,
    },
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Source<'a> {
    Base64 {
        media_type: &'a str,
        data: &'a str,
    },
    Url {
        url: &'a str,
    },
    Text {
        media_type: &'static str,
        data: String,
    },
}

/// The input of a call, which must be an object.
#[derive(Debug)]
pub(super) enum Input<'a> {
    Empty,
    Object(&'a RawValue),
    /// What the model wrote is none; goes in as `{"arguments": "…"}`.
    Odd(&'a str),
}

impl<'a> Input<'a> {
    pub(super) fn of(arguments: &'a str) -> Self {
        if arguments.trim_ascii().is_empty() {
            return Self::Empty;
        }
        match serde_json::from_str::<&RawValue>(arguments) {
            Ok(raw) if raw.get().starts_with('{') => Self::Object(raw),
            Ok(_) | Err(_) => Self::Odd(arguments),
        }
    }
}

impl Serialize for Input<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Empty => serializer.serialize_map(Some(0))?.end(),
            Self::Object(raw) => raw.serialize(serializer),
            Self::Odd(text) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("arguments", text)?;
                map.end()
            }
        }
    }
}

impl<'a> Block<'a> {
    /// Returns the text, if it says anything: a block must.
    pub(super) fn text(text: &'a str) -> Option<Self> {
        (!text.trim().is_empty()).then_some(Self::Text { text })
    }

    pub(super) fn thought(thought: &'a Thought) -> Self {
        let signature = thought.signature.as_deref().unwrap_or(UNSEALED);
        match thought.redacted {
            true => Self::RedactedThinking {
                data: Cow::Borrowed(signature),
            },
            false => Self::Thinking {
                thinking: &thought.text,
                signature,
            },
        }
    }

    /// Returns an image, or a document, as far as there are such.
    ///
    /// # Source
    ///
    /// Anthropic, "PDF support" and "Files API": documents are PDFs or plain
    /// text, of which only PDFs may be elsewhere.
    pub(super) fn media(media: &'a Media, image: bool, lost: &mut Lost) -> Option<Self> {
        if media.detail.is_some() {
            lost.feature(Feature::ImageDetail);
        }
        let is_image = |mime: &str| image || mime.starts_with("image/");
        let source = match &media.source {
            // Another provider's file: its id means nothing here.
            neutral::Source::Uploaded(_) => Err(Feature::UploadedFile),
            neutral::Source::Url { url, mime } => {
                let mime = mime.as_deref().unwrap_or_default();
                match url.starts_with("https://") || url.starts_with("http://") {
                    true if is_image(mime) => Ok((Source::Url { url }, true)),
                    true if matches!(mime, "" | "application/pdf") => {
                        Ok((Source::Url { url }, false))
                    }
                    _ if is_image(mime) => Err(Feature::ImageUrl),
                    _ => Err(Feature::File),
                }
            }
            neutral::Source::Inline { mime, data } => {
                let mime = match mime.as_str() {
                    "image/jpg" => "image/jpeg",
                    mime => mime,
                };
                let inline = Source::Base64 {
                    media_type: mime,
                    data,
                };
                match mime {
                    mime if is_image(mime) && !IMAGES.contains(&mime) => Err(Feature::File),
                    mime if is_image(mime) => Ok((inline, true)),
                    "application/pdf" => Ok((inline, false)),
                    mime if mime.starts_with("text/") || mime == "application/json" => {
                        plain(data).map(|source| (source, false))
                    }
                    _ => Err(Feature::File),
                }
            }
        };
        match source {
            Ok((source, true)) => {
                if media.name.is_some() {
                    lost.field("image.name");
                }
                Some(Self::Image { source })
            }
            Ok((source, false)) => Some(Self::Document {
                source,
                title: media.name.as_deref(),
            }),
            Err(feature) => {
                lost.feature(feature);
                None
            }
        }
    }
}

fn plain<'a>(data: &str) -> Result<Source<'a>, Feature> {
    let bytes = STANDARD.decode(data).map_err(|_| Feature::File)?;
    Ok(Source::Text {
        media_type: "text/plain",
        data: String::from_utf8(bytes).map_err(|_| Feature::File)?,
    })
}

/// Returns why an answer ended, as this dialect sees it: a model that says why
/// it would not answer has ended by its refusal.
pub(super) fn told(stop: &Stop, refuses: bool) -> &Stop {
    match stop {
        Stop::End if refuses => &Stop::Filter,
        stop => stop,
    }
}

/// Returns `stop_reason` and `stop_sequence`.
pub(super) fn stop(stop: &Stop) -> (&'static str, Option<&str>) {
    match stop {
        Stop::End => ("end_turn", None),
        Stop::Length => ("max_tokens", None),
        Stop::ToolCalls => ("tool_use", None),
        Stop::Sequence(text) => ("stop_sequence", text.as_deref()),
        Stop::Filter => ("refusal", None),
    }
}
