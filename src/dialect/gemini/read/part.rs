//! The parts of a content.

use std::borrow::Cow;

use crate::dialect::{
    gemini::{line::one_line, seal, wire},
    neutral::{Media, Part, Source, Thought, ToolCall},
};

/// The host of files that were uploaded to Google before.
const UPLOADS: &str = "https://generativelanguage.googleapis.com/";

/// Reads a part and appends what it holds, at most two parts: the neutral form
/// has no seal on texts, so that it becomes an empty thought behind the text.
///
/// `id` is the id of a call that has none. A tool's result is not read here.
pub(super) fn read(part: wire::Part<'_>, id: impl FnOnce() -> String, out: &mut Vec<Part>) {
    let mut signature = part.signature.and_then(|wire| seal::read(&wire));
    if let Some(call) = part.call {
        let given = call.id.filter(|id| !id.is_empty());
        let arguments = call.args.map_or("{}", |raw| raw.get());
        out.push(Part::ToolCall(ToolCall {
            id: given.map_or_else(id, |id| id.0.into_owned()),
            name: call.name.0.into_owned(),
            arguments: one_line(arguments).into_owned(),
            signature: signature.take(),
            custom: false,
        }));
    }
    match part.text {
        Some(text) if part.thought && !(text.is_empty() && signature.is_none()) => {
            out.push(Part::Thought(Thought {
                // A thought without text is one that is hidden.
                redacted: text.is_empty(),
                text: text.0.into_owned(),
                signature: signature.take(),
            }));
        }
        Some(text) if !text.is_empty() => out.push(Part::Text(text.0.into_owned())),
        _ => {}
    }
    out.extend(part.media.and_then(media));
    if signature.is_some() {
        out.push(Part::Thought(Thought {
            signature,
            ..Thought::default()
        }));
    }
}

/// Reads an `inlineData` or a `fileData`; `None` if it is neither.
pub(super) fn media(media: wire::Media<'_>) -> Option<Part> {
    let mime = media.mime_type.map(|mime| mime.0.into_owned());
    let source = match (media.data, media.file_uri) {
        (Some(data), _) => Source::Inline {
            mime: mime.clone()?,
            data: standard(data.0),
        },
        (None, Some(uri)) if uri.starts_with(UPLOADS) => Source::Uploaded(uri.0.into_owned()),
        (None, Some(uri)) => Source::Url {
            url: uri.0.into_owned(),
            mime: mime.clone(),
        },
        (None, None) => return None,
    };
    let name = media.display_name.map(|name| name.0.into_owned());
    let detail = None;
    let media = Media {
        source,
        name,
        detail,
    };
    Some(match mime.is_some_and(|mime| mime.starts_with("image/")) {
        true => Part::Image(media),
        false => Part::File(media),
    })
}

/// Returns base64 in the usual alphabet: Google takes that of addresses as well,
/// which google-genai for Python writes, and nobody else does.
fn standard(data: Cow<'_, str>) -> String {
    match data.contains(['-', '_']) {
        true => data.replace('-', "+").replace('_', "/"),
        false => data.into_owned(),
    }
}

/// Appends `part` to an answer. Clients give the chunks of a stream back as so
/// many parts: texts and thoughts in a row become one again.
pub(super) fn join(parts: &mut Vec<Part>, part: Part) {
    match (parts.last_mut(), part) {
        (Some(Part::Text(last)), Part::Text(next)) => last.push_str(&next),
        // One that is nothing but a seal, or seems to be hidden: the end of a
        // thought that was streamed.
        (Some(Part::Thought(last)), Part::Thought(next)) if last.signature.is_none() => {
            last.text.push_str(&next.text);
            last.signature = next.signature;
        }
        (_, part) => parts.push(part),
    }
}
