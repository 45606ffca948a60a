//! Chat completions and responses.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::{
    Edit, Mark,
    edit::{list, member, object},
    thought,
};
use crate::dialect::{
    neutral::{Lost, seal},
    openai::{
        chat::write::Variant,
        responses::{OPENAIS_OWN, REDACTED, THOUGHT_ID},
    },
};

static REASONING: Mark = Mark(LazyLock::new(|| Finder::new("\"reasoning_content\"")));
static EXTRA: Mark = Mark(LazyLock::new(|| Finder::new("\"extra_content\"")));
static ENCRYPTED: Mark = Mark(LazyLock::new(|| Finder::new("\"encrypted_content\"")));
static ID: Mark = Mark(LazyLock::new(|| Finder::new(THOUGHT_ID)));

/// OpenAI refuses both fields; other servers of this dialect are where they come from.
pub(super) fn chat_suspects(body: &[u8], variant: Variant) -> bool {
    variant == Variant::OpenAi && (REASONING.is_in(body) || EXTRA.is_in(body))
}

/// Leaves thoughts and Gemini's seals out of the messages.
pub(super) fn chat(body: &str, _: Variant, lost: &mut Lost) -> Edit {
    let call = |lost: &mut Lost, raw: &str| {
        object(raw, |name, _| match name {
            "extra_content" => thought(lost),
            _ => Edit::Keep,
        })
    };
    let message = |lost: &mut Lost, raw: &str| {
        object(raw, |name, raw| match name {
            "reasoning_content" => thought(lost),
            "tool_calls" => list(raw, |raw| call(lost, raw)),
            _ => Edit::Keep,
        })
    };
    object(body, |name, raw| match name {
        "messages" => list(raw, |raw| message(lost, raw)),
        _ => Edit::Keep,
    })
}

pub(super) fn responses_suspects(body: &[u8], variant: Variant) -> bool {
    ID.is_in(body)
        || ENCRYPTED
            .values(body)
            .any(|value| is_foreign(value, variant))
}

/// Tells whether an `encrypted_content` that begins so, quotes included, is
/// another's. Who else has responses may seal as it likes.
fn is_foreign(value: &[u8], variant: Variant) -> bool {
    let Some(seal) = value.strip_prefix(b"\"") else {
        return false;
    };
    let is_ours =
        seal.starts_with(REDACTED.as_bytes()) || seal.starts_with(seal::GEMINI.as_bytes());
    is_ours || variant == Variant::OpenAi && !seal.starts_with(OPENAIS_OWN.as_bytes())
}

/// Leaves thoughts out that are not the provider's own, and references to them.
pub(super) fn responses(body: &str, variant: Variant, lost: &mut Lost) -> Edit {
    let is_written_here = |item: &str| {
        let id = member(item, "id");
        id.is_some_and(|id| id.trim_start_matches('"').starts_with(THOUGHT_ID))
    };
    let is_sealed_elsewhere = |item: &str| {
        let sealed = member(item, "encrypted_content");
        sealed.is_some_and(|seal| is_foreign(seal.as_bytes(), variant))
    };
    let goes = |item: &str| match member(item, "type") {
        Some(r#""reasoning""#) => is_sealed_elsewhere(item) || is_written_here(item),
        Some(r#""item_reference""#) => is_written_here(item),
        // A reference may leave its type out, and so may a message.
        None => member(item, "role").is_none() && is_written_here(item),
        Some(_) => false,
    };
    object(body, |name, raw| match name {
        "input" => list(raw, |item| match goes(item) {
            true => thought(lost),
            false => Edit::Keep,
        }),
        _ => Edit::Keep,
    })
}
