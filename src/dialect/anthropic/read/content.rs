//! The content of a turn: a string, or blocks.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::fields::{Fields, Node};
use crate::dialect::{
    neutral::{Lost, Media, Part, Source, Thought, ToolCall, ToolResult, seal},
    request::BadRequest,
};

/// The most blocks that have content of their own, one in another.
const MAX_DEPTH: u8 = 2;

/// Reads `content` and appends its parts; `place` is what lost fields are named after.
pub(super) fn parts(
    content: &Node<'_, '_>,
    place: &str,
    out: &mut Vec<Part>,
    lost: &mut Lost,
) -> Result<(), BadRequest> {
    within(content, place, 0, out, lost)
}

/// Reads the content of `depth` blocks that have content of their own. Each
/// level is read over again, so that they are few: a result with a document in it.
fn within(
    content: &Node<'_, '_>,
    place: &str,
    depth: u8,
    out: &mut Vec<Part>,
    lost: &mut Lost,
) -> Result<(), BadRequest> {
    if depth > MAX_DEPTH {
        return Err(content.wrong("content without so many blocks in blocks"));
    }
    if content.is_string() {
        push_text(content.string()?, out);
        return Ok(());
    }
    if !content.json().starts_with('[') {
        return Err(content.wrong("a string or an array of content blocks"));
    }
    content.each(|block| part(&block, place, depth, out, lost))
}

fn push_text(text: String, out: &mut Vec<Part>) {
    if !text.is_empty() {
        out.push(Part::Text(text));
    }
}

fn part(
    block: &Node<'_, '_>,
    place: &str,
    depth: u8,
    out: &mut Vec<Part>,
    lost: &mut Lost,
) -> Result<(), BadRequest> {
    let fields = block.object()?;
    let kind = fields.need("type")?.string()?;
    let known: &[&str] = match kind.as_str() {
        "text" => {
            push_text(fields.need("text")?.string()?, out);
            &["type", "text"]
        }
        "image" => {
            media(&fields, None, place, depth, out, lost)?;
            &["type", "source"]
        }
        "document" => {
            let title = fields.get("title").map(|it| it.string()).transpose()?;
            media(&fields, Some(title), place, depth, out, lost)?;
            &["type", "source", "title"]
        }
        "tool_use" => {
            let input = fields.need("input")?;
            input.object()?;
            out.push(Part::ToolCall(ToolCall {
                id: id(&fields, "id")?,
                name: fields.need("name")?.string()?,
                arguments: input.json().to_owned(),
                signature: None,
                custom: false,
            }));
            // Who called is said of the provider's own tools only.
            &["type", "id", "name", "input", "caller"]
        }
        "tool_result" => {
            let mut content = Vec::new();
            if let Some(node) = fields.get("content") {
                within(&node, place, depth + 1, &mut content, lost)?;
            }
            let is_error = fields.get("is_error").map(|it| it.flag()).transpose()?;
            out.push(Part::ToolResult(ToolResult {
                id: id(&fields, "tool_use_id")?,
                name: None,
                content,
                is_error: is_error.unwrap_or_default(),
            }));
            &["type", "tool_use_id", "content", "is_error"]
        }
        "thinking" => {
            let signature = fields.get("signature").map(|it| it.string()).transpose()?;
            out.push(Part::Thought(Thought {
                text: fields.need("thinking")?.string()?,
                signature: signature.and_then(seal::of_messages),
                redacted: false,
            }));
            &["type", "thinking", "signature"]
        }
        "redacted_thinking" => {
            out.push(Part::Thought(Thought {
                text: String::new(),
                signature: Some(fields.need("data")?.string()?),
                redacted: true,
            }));
            &["type", "data"]
        }
        other => {
            lost.field(&format!("{place}.{other}"));
            return Ok(());
        }
    };
    fields.others(known, place, lost);
    Ok(())
}

/// Reads an id, which must not be empty.
fn id(fields: &Fields<'_, '_>, name: &str) -> Result<String, BadRequest> {
    let node = fields.need(name)?;
    let id = node.string()?;
    match id.is_empty() {
        true => Err(node.wrong("an id")),
        false => Ok(id),
    }
}

/// Reads the `source` of an image, or of a document with its `title`.
fn media(
    block: &Fields<'_, '_>,
    document: Option<Option<String>>,
    place: &str,
    depth: u8,
    out: &mut Vec<Part>,
    lost: &mut Lost,
) -> Result<(), BadRequest> {
    let node = block.need("source")?;
    let fields = node.object()?;
    let kind = fields.need("type")?.string()?;
    let text = |name| fields.need(name)?.string();
    let source = match kind.as_str() {
        "base64" => Source::Inline {
            mime: text("media_type")?,
            data: text("data")?,
        },
        "url" => Source::Url {
            url: text("url")?,
            // Only PDFs may be elsewhere.
            mime: document.is_some().then(|| "application/pdf".to_owned()),
        },
        "file" => Source::Uploaded(text("file_id")?),
        "text" if document.is_some() => Source::Inline {
            mime: "text/plain".to_owned(),
            data: STANDARD.encode(text("data")?),
        },
        // A document that is made of blocks is said as these.
        "content" if document.is_some() => {
            if document.flatten().is_some() {
                lost.field(&format!("{place}.title"));
            }
            let content = fields.need("content")?;
            return within(&content, place, depth + 1, out, lost);
        }
        _ => {
            return Err(node.wrong("a source of type base64, url or file, or of a document's"));
        }
    };
    let known = ["type", "media_type", "data", "url", "file_id"];
    fields.others(&known, place, lost);
    out.push(match document {
        None => Part::Image(Media {
            source,
            name: None,
            detail: None,
        }),
        Some(name) => Part::File(Media {
            source,
            name,
            detail: None,
        }),
    });
    Ok(())
}
