//! Gemini's contents.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::{
    Edit, Mark,
    edit::{list, member, object, says},
    thought,
};
use crate::dialect::{
    gemini::seal::{FOREIGN, NONE},
    neutral::Lost,
    openai::chat::write::Variant,
};

static MARK: Mark = Mark(LazyLock::new(|| Finder::new(FOREIGN)));

pub(super) fn suspects(body: &[u8], _: Variant) -> bool {
    MARK.is_in(body)
}

/// Puts the stand-in in the place of what is no seal of Gemini's: on a call it
/// must have one. Thoughts stay without.
pub(super) fn clean(body: &str, _: Variant, lost: &mut Lost) -> Edit {
    object(body, |name, raw| match name {
        "contents" => contents(raw, lost),
        "generateContentRequest" | "generate_content_request" => {
            object(raw, |name, raw| match name {
                "contents" => contents(raw, lost),
                _ => Edit::Keep,
            })
        }
        _ => Edit::Keep,
    })
}

fn contents(raw: &str, lost: &mut Lost) -> Edit {
    list(raw, |content| {
        let mut is_silent = false;
        let edit = object(content, |name, raw| {
            if name != "parts" {
                return Edit::Keep;
            }
            let edit = list(raw, |raw| part(raw, lost));
            is_silent = edit.empties();
            edit
        });
        if is_silent { Edit::Drop } else { edit }
    })
}

fn part(raw: &str, lost: &mut Lost) -> Edit {
    let calls = ["functionCall", "function_call"];
    let is_call = calls.iter().any(|name| member(raw, name).is_some());
    let edit = object(raw, |name, seal| match name {
        "thoughtSignature" | "thought_signature" if is_foreign(seal) => match is_call {
            true => Edit::Put(format!("\"{NONE}\"")),
            false => thought(lost),
        },
        _ => Edit::Keep,
    });
    match edit {
        // Nothing but a seal.
        Edit::Put(rest) if !is_call && says(&rest, "text", "") => Edit::Drop,
        edit => edit,
    }
}

fn is_foreign(seal: &str) -> bool {
    let seal = seal.strip_prefix('"');
    seal.is_some_and(|seal| seal.starts_with(FOREIGN))
}
