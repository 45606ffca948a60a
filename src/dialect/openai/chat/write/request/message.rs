//! A turn as messages.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Serialize;

use super::{Feature, Lost, Part, Variant};
use crate::dialect::{
    neutral::{Detail, Media, NOTHING, Source, Thought, ToolResult, ids},
    openai::{
        chat::write::{Call, Extra},
        turns::data_url,
    },
};

/// The images that OpenAI takes.
///
/// # Source
///
/// OpenAI, "Images and vision", "Image input requirements".
const IMAGES: [&str; 5] = [
    "image/png",
    "image/jpeg",
    "image/jpg",
    "image/gif",
    "image/webp",
];

/// Who is to look at what is no text.
#[derive(Clone, Copy)]
pub(super) struct Reader {
    pub(super) variant: Variant,
    /// It listens to sound.
    pub(super) hears: bool,
    /// It calls custom tools.
    pub(super) knows_custom: bool,
}

impl Reader {
    /// Compatible servers are sent whatever there is, since nobody knows what
    /// they take.
    fn is_openai(self) -> bool {
        self.variant == Variant::OpenAi
    }
}

#[derive(Serialize)]
pub(super) struct Message<'a> {
    role: &'static str,
    /// `null` in an assistant's message that has something else.
    content: Option<Content<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Call<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<Cow<'a, str>>,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Content<'a> {
    Text(Cow<'a, str>),
    Pieces(Vec<Piece<'a>>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Piece<'a> {
    Text { text: Cow<'a, str> },
    ImageUrl { image_url: Url<'a> },
    InputAudio { input_audio: Audio<'a> },
    File { file: File<'a> },
}

#[derive(Serialize)]
pub(super) struct Url<'a> {
    url: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'static str>,
}

#[derive(Serialize)]
pub(super) struct Audio<'a> {
    data: &'a str,
    format: &'static str,
}

#[derive(Serialize)]
pub(super) struct File<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    file_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filename: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_data: Option<String>,
}

fn message<'a>(role: &'static str, content: Option<Content<'a>>) -> Message<'a> {
    Message {
        role,
        content,
        refusal: None,
        reasoning_content: None,
        tool_calls: Vec::new(),
        tool_call_id: None,
    }
}

/// Stands in for a conversation of which nothing is left.
pub(super) fn nothing() -> Message<'static> {
    message("user", Some(Content::Text(Cow::Borrowed(NOTHING))))
}

/// Joins texts. Only a user's content goes out in parts: many compatible
/// servers take nothing but a text from anyone else.
fn joined<'a>(texts: &[&'a str], between: &str) -> Option<Cow<'a, str>> {
    match texts {
        [] => None,
        [text] => Some(Cow::Borrowed(text)),
        texts => Some(Cow::Owned(texts.join(between))),
    }
}

/// Writes instructions, and `more` of our own, as one message.
pub(super) fn instructions<'a>(
    parts: &'a [Part],
    more: Option<&'static str>,
    lost: &mut Lost,
    messages: &mut Vec<Message<'a>>,
) {
    let mut texts = Vec::new();
    for part in parts {
        match part {
            Part::Text(text) => texts.push(text.as_str()),
            _ => lost.field("system.content"),
        }
    }
    texts.extend(more);
    let text = joined(&texts, "\n\n").map(Content::Text);
    messages.extend(text.map(|text| message("system", Some(text))));
}

/// Writes a user's turn: one message for each result, which the dialect wants
/// right behind the calls, then one for the rest. What tools returned is text;
/// an image among it goes with the rest.
pub(super) fn user<'a>(
    parts: &'a [Part],
    reader: Reader,
    lost: &mut Lost,
    messages: &mut Vec<Message<'a>>,
) {
    let mut pieces = Vec::new();
    for part in parts {
        if let Part::ToolResult(returned) = part {
            messages.push(result(returned, reader, lost, &mut pieces));
        }
    }
    for part in parts {
        match part {
            Part::Text(text) => pieces.push(Piece::Text {
                text: Cow::Borrowed(text),
            }),
            Part::Image(media) => pieces.extend(image(media, reader, lost)),
            Part::File(media) => pieces.extend(file(media, reader, lost)),
            Part::ToolResult(_) => {}
            Part::ToolCall(_) | Part::Thought(_) | Part::Refusal(_) => {
                lost.field("user.content");
            }
        }
    }
    let content = match pieces.as_mut_slice() {
        [] => return,
        [Piece::Text { text }] => Content::Text(std::mem::take(text)),
        _ => Content::Pieces(pieces),
    };
    messages.push(message("user", Some(content)));
}

fn result<'a>(
    result: &'a ToolResult,
    reader: Reader,
    lost: &mut Lost,
    rest: &mut Vec<Piece<'a>>,
) -> Message<'a> {
    if result.is_error {
        lost.feature(Feature::ToolResultError);
    }
    let mut texts = Vec::new();
    for part in &result.content {
        match part {
            Part::Text(text) => texts.push(text.as_str()),
            Part::Image(media) => {
                lost.feature(Feature::ToolResultImage);
                rest.extend(image(media, reader, lost));
            }
            Part::File(media) => {
                lost.feature(Feature::File);
                rest.extend(file(media, reader, lost));
            }
            _ => lost.field("tool_result.content"),
        }
    }
    let text = joined(&texts, "\n").unwrap_or_default();
    Message {
        tool_call_id: Some(id(&result.id, reader)),
        ..message("tool", Some(Content::Text(text)))
    }
}

/// The longest id of a call that OpenAI takes, in bytes.
///
/// # Source
///
/// BerriAI/litellm, issue 17343.
const LONGEST_ID: usize = 40;

/// Returns an id that `reader` takes: ids of vLLM and of others are longer.
fn id(id: &str, reader: Reader) -> Cow<'_, str> {
    if !reader.is_openai() || id.len() <= LONGEST_ID {
        return Cow::Borrowed(id);
    }
    let kept = id.floor_char_boundary(LONGEST_ID - ids::MARK);
    Cow::Owned(ids::in_place_of(id, &id[..kept]))
}

/// Writes what the model said as one message.
pub(super) fn assistant<'a>(
    parts: &'a [Part],
    reader: Reader,
    lost: &mut Lost,
    messages: &mut Vec<Message<'a>>,
) {
    let (mut thoughts, mut texts, mut refusals) = (Vec::new(), Vec::new(), Vec::new());
    let mut calls = Vec::new();
    let mut hidden = false;
    for part in parts {
        match part {
            Part::Text(text) => texts.push(text.as_str()),
            Part::Refusal(text) => refusals.push(text.as_str()),
            Part::Thought(Thought { text, .. }) if text.is_empty() => hidden = true,
            Part::Thought(thought) => thoughts.push(thought.text.as_str()),
            Part::ToolCall(call) => {
                let extra_content = match reader.variant {
                    Variant::OpenAi => None,
                    Variant::Compatible => Extra::of(call.signature.as_deref()),
                };
                hidden |= call.signature.is_some() && extra_content.is_none();
                let id = id(&call.id, reader);
                calls.push(Call::of(call, id, reader.knows_custom, extra_content));
            }
            Part::Image(_) | Part::File(_) | Part::ToolResult(_) => {
                lost.field("assistant.content");
            }
        }
    }
    // Thoughts of earlier turns nobody asks for, and strict servers refuse them.
    let is_asked_for = !reader.is_openai() && !calls.is_empty();
    if hidden || (!thoughts.is_empty() && !is_asked_for) {
        lost.feature(Feature::Thought);
    }
    let text = joined(&texts, "");
    let refusal = joined(&refusals, "");
    if text.is_none() && refusal.is_none() && calls.is_empty() {
        return;
    }
    messages.push(Message {
        refusal,
        reasoning_content: joined(&thoughts, "\n").filter(|_| is_asked_for),
        tool_calls: calls,
        ..message("assistant", text.map(Content::Text))
    });
}

fn image<'a>(media: &'a Media, reader: Reader, lost: &mut Lost) -> Option<Piece<'a>> {
    let url = match &media.source {
        Source::Url { url, .. } if reader.is_openai() && !url.starts_with("http") => {
            lost.feature(Feature::ImageUrl);
            return None;
        }
        Source::Url { url, .. } => Cow::Borrowed(url.as_str()),
        Source::Inline { mime, .. } if reader.is_openai() && !IMAGES.contains(&mime.as_str()) => {
            lost.feature(Feature::File);
            return None;
        }
        Source::Inline { mime, data } => Cow::Owned(data_url(mime, data)),
        Source::Uploaded(_) => {
            lost.feature(Feature::UploadedFile);
            return None;
        }
    };
    let detail = media.detail.map(|detail| match detail {
        Detail::Low => "low",
        Detail::High => "high",
    });
    Some(Piece::ImageUrl {
        image_url: Url { url, detail },
    })
}

/// # Source
///
/// OpenAI, "File inputs": chat takes PDFs only, and answers 400 to anything else
/// ("Expected a base64-encoded data URL with an application/pdf MIME type": vercel/ai,
/// issue 7266).
fn file<'a>(media: &'a Media, reader: Reader, lost: &mut Lost) -> Option<Piece<'a>> {
    let file = File {
        file_id: None,
        filename: media.name.as_deref(),
        file_data: None,
    };
    match &media.source {
        Source::Inline { mime, data } => {
            let sound = match mime.as_str() {
                "audio/wav" | "audio/x-wav" => Some("wav"),
                "audio/mpeg" | "audio/mp3" => Some("mp3"),
                _ => None,
            };
            let piece = match (mime.as_str(), sound) {
                (_, Some(format)) => {
                    (reader.hears || !reader.is_openai()).then(|| audio(data, format))
                }
                (mime, None) if mime == "application/pdf" || !reader.is_openai() => {
                    Some(Piece::File {
                        file: File {
                            // The dialect demands one.
                            filename: file.filename.or(Some("file")),
                            file_data: Some(data_url(mime, data)),
                            ..file
                        },
                    })
                }
                (mime, None) if mime.starts_with("image/") => return image(media, reader, lost),
                (mime, None) if mime.starts_with("text/") || mime == "application/json" => {
                    plain(data)
                }
                _ => None,
            };
            if piece.is_none() {
                lost.feature(Feature::File);
            }
            piece
        }
        // Gemini's files have addresses, under which nobody else finds them.
        Source::Uploaded(id) if id.contains("://") => {
            lost.feature(Feature::UploadedFile);
            None
        }
        Source::Uploaded(id) => Some(Piece::File {
            file: File {
                file_id: Some(id),
                ..file
            },
        }),
        Source::Url { .. } => {
            lost.feature(Feature::File);
            None
        }
    }
}

fn plain(data: &str) -> Option<Piece<'static>> {
    let text = String::from_utf8(STANDARD.decode(data).ok()?).ok()?;
    Some(Piece::Text {
        text: Cow::Owned(text),
    })
}

fn audio<'a>(data: &'a str, format: &'static str) -> Piece<'a> {
    Piece::InputAudio {
        input_audio: Audio { data, format },
    }
}
