//! A request as the dialects have understood it: all that decides on an answer.

use base64::Engine as _;
use serde_json::Value;

use super::luck::Luck;
use super::tools::Tool;

/// What is asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Ask {
    pub(super) prompt_tokens: usize,
    /// Most tokens of the answer.
    pub(super) limit: Option<u64>,
    /// Texts that end the answer.
    pub(super) stops: Vec<String>,
    /// What the user said last.
    pub(super) said: String,
    pub(super) tools: Vec<Tool>,
    pub(super) choice: Choice,
    /// Whether only one tool may be called at a time.
    pub(super) single: bool,
    /// Whether the request ends with results of tools.
    pub(super) told: bool,
    /// What the answer is to acknowledge, a sentence each: images seen, results told.
    pub(super) seen: Vec<String>,
    pub(super) format: Format,
    /// Whether the answer is thought over first.
    pub(super) thinks: bool,
}

/// Whether tools are to be called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Choice {
    #[default]
    Auto,
    None,
    Any,
    Named(String),
}

/// The form of a text.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Format {
    #[default]
    Text,
    Json,
    Schema(Value),
}

/// What an answer says of an image given as base64; none if it is not base64.
pub(super) fn image(kind: &str, data: &str) -> Option<String> {
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(data)
        .ok()?;
    Some(format!("I see {kind} of {} bytes.", bytes.len()))
}

/// What an answer says of an image given by its address.
pub(super) fn image_at(address: &str) -> String {
    format!("I see the image at {address}.")
}

/// What an answer says of a tool's result.
pub(super) fn result(content: &str) -> String {
    let start: String = content.chars().take(200).collect();
    format!("The tool says: {start}.")
}

/// Tokens of a message's content, of an input or of a prompt: a token for every four bytes of text, and
/// 85 for what is no text.
pub(super) fn count(content: &Value) -> usize {
    match content {
        Value::String(text) => text.len().div_ceil(4),
        Value::Array(parts) => parts.iter().map(count).sum(),
        Value::Object(part) => {
            let mut inner = ["text", "content", "parts"].iter();
            match inner.find_map(|key| part.get(*key)) {
                Some(inner) => count(inner),
                None => 85,
            }
        }
        // A prompt may be given in tokens.
        Value::Number(_) => 1,
        Value::Null | Value::Bool(_) => 0,
    }
}

/// The texts of a content that may be one text or a list of parts.
pub(super) fn text_of(content: Option<&Value>) -> String {
    match content {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            let texts = parts.iter().filter_map(|part| part.get("text")?.as_str());
            texts.collect::<Vec<_>>().join(" ")
        }
        _ => String::new(),
    }
}

/// The first key of `object` that is not in `known`.
pub(super) fn unknown<'a>(object: &'a Value, known: &[&str]) -> Option<&'a str> {
    let mut keys = object.as_object()?.keys();
    keys.find(|key| !known.contains(&key.as_str()))
        .map(String::as_str)
}

/// Whether `name` is made of letters, digits, `_` and `-`, 1 to `most` of them.
pub(super) fn is_name(name: &str, most: usize) -> bool {
    let fair = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    (1..=most).contains(&name.len()) && name.chars().all(fair)
}

/// A field that is true.
pub(super) fn flag(value: Option<&Value>) -> bool {
    value.and_then(Value::as_bool) == Some(true)
}

/// What a provider puts on a thought or a call, to know it again when the client brings it back.
pub(super) fn seal(text: &str) -> String {
    let mark = Luck::of_text(0, text.as_bytes()).next();
    base64::engine::general_purpose::STANDARD.encode(mark.to_be_bytes())
}
