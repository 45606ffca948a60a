//! Messages.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::{
    Edit, Mark,
    edit::{list, member, object, says},
    thought,
};
use crate::dialect::{
    neutral::{Feature, Lost, seal},
    openai::chat::write::Variant,
};

static GEMINIS: Mark = Mark(LazyLock::new(|| Finder::new("\"gemini:")));
static UNSEALED: Mark = Mark(LazyLock::new(|| Finder::new("\"breakerbox:unsealed\"")));
static RESULT: Mark = Mark(LazyLock::new(|| Finder::new("\"tool_use_id\"")));
static ENABLED: Mark = Mark(LazyLock::new(|| Finder::new("\"enabled\"")));

/// How the ids of Anthropic's calls begin.
const CALL: &[u8] = b"\"toolu_";

pub(super) fn suspects(body: &[u8], _: Variant) -> bool {
    UNSEALED.is_in(body) || GEMINIS.is_in(body) || ENABLED.is_in(body) && answers_another(body)
}

/// Tells whether the last result is of a call that another provider made, who
/// need not have thought before it.
fn answers_another(body: &[u8]) -> bool {
    // Looked for from the front, which is faster by far, even if it is at the end.
    let last = RESULT.values(body).last();
    last.is_some_and(|id| !id.starts_with(CALL))
}

/// Leaves out thoughts that Anthropic has not sealed. Where it would want the
/// thought before the calls whose results come now, it is not to think.
pub(super) fn clean(body: &str, _: Variant, lost: &mut Lost) -> Edit {
    let message = |lost: &mut Lost, raw: &str| {
        let mut is_silent = false;
        let edit = object(raw, |name, raw| {
            if name != "content" {
                return Edit::Keep;
            }
            let edit = list(raw, |block| match is_foreign(block) {
                true => thought(lost),
                false => Edit::Keep,
            });
            is_silent = edit.empties();
            edit
        });
        // No message may be empty.
        if is_silent { Edit::Drop } else { edit }
    };
    let Some(told) = member(body, "messages") else {
        return Edit::Keep;
    };
    let mut edit = list(told, |raw| message(lost, raw));
    let told = match &edit {
        Edit::Put(edited) => edited,
        Edit::Keep | Edit::Drop => told,
    };
    let thinks = member(body, "thinking").is_some_and(|it| says(it, "type", "enabled"));
    let is_stopped = thinks && answers_another(body.as_bytes()) && is_thoughtless_loop(told);
    object(body, |name, raw| match name {
        "messages" => std::mem::replace(&mut edit, Edit::Keep),
        "thinking" if is_stopped => {
            lost.feature(Feature::Reasoning);
            Edit::Drop
        }
        // Refused where there is no thinking.
        "context_management" if is_stopped => object(raw, |_, edits| {
            list(edits, |it| {
                match says(it, "type", "clear_thinking_20251015") {
                    true => Edit::Drop,
                    false => Edit::Keep,
                }
            })
        }),
        _ => Edit::Keep,
    })
}

fn is_foreign(block: &str) -> bool {
    let is_ours = |name: &str| {
        let seal = member(block, name).and_then(|it| it.strip_prefix('"')?.strip_suffix('"'));
        seal.is_some_and(|seal| !seal::is_anthropics(seal))
    };
    match member(block, "type") {
        Some(r#""thinking""#) => is_ours("signature"),
        Some(r#""redacted_thinking""#) => is_ours("data"),
        _ => false,
    }
}

/// Tells whether the calls whose results come last were made without a thought.
///
/// # Source
///
/// Anthropic, "Extended thinking", "Preserving thinking blocks".
fn is_thoughtless_loop(messages: &str) -> bool {
    let messages = entries(messages);
    let [.., made, answered] = messages.as_slice() else {
        return false;
    };
    let has_result = blocks(answered)
        .iter()
        .any(|block| says(block, "type", "tool_result"));
    let blocks = blocks(made);
    let thinks = blocks.first().is_some_and(|block| {
        says(block, "type", "thinking") || says(block, "type", "redacted_thinking")
    });
    has_result && !thinks
}

fn blocks(message: &str) -> Vec<&str> {
    member(message, "content").map(entries).unwrap_or_default()
}

fn entries(raw: &str) -> Vec<&str> {
    let list: Vec<&serde_json::value::RawValue> = serde_json::from_str(raw).unwrap_or_default();
    list.into_iter().map(|it| it.get()).collect()
}
