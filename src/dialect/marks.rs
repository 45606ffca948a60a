//! What the gateway has put into a conversation, taken out again for a provider
//! of the client's own dialect.
//!
//! Clients give back what they were told. Of an answer that came from another
//! dialect's provider that is a thought without a seal, another's seal, or a
//! field that clients know and the provider does not: it would refuse this
//! request and every later one of the conversation. Where nothing of the sort
//! is found, which a few searches of the body tell, nothing is read or changed.

mod anthropic;
mod edit;
mod gemini;
mod openai;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use bytes::Bytes;
use memchr::memmem::Finder;

use super::{
    Api,
    neutral::{Feature, Lost},
    openai::chat::write::Variant,
};
use edit::Edit;

/// Returns `body`, a call of `api`, as its own dialect's provider takes it; what
/// that costs the conversation is added to `lost`. `variant` matters to OpenAI's
/// dialect only: servers compatible with it know fields that OpenAI refuses.
///
/// All that need not change is the client's, byte for byte; where nothing need
/// change, the very same buffer comes back.
pub fn taken_out(body: Bytes, api: Api, variant: Variant, lost: &mut Lost) -> Bytes {
    let (suspects, clean): (Suspects, Clean) = match api {
        Api::ChatCompletions => (openai::chat_suspects, openai::chat),
        Api::Responses => (openai::responses_suspects, openai::responses),
        Api::Messages | Api::CountMessageTokens => (anthropic::suspects, anthropic::clean),
        Api::GenerateContent | Api::CountContentTokens => (gemini::suspects, gemini::clean),
        Api::Completions | Api::Embeddings => return body,
    };
    if !suspects(&body, variant) {
        return body;
    }
    let Ok(json) = str::from_utf8(&body) else {
        return body;
    };
    match clean(json, variant, lost) {
        Edit::Put(edited) => edited.into(),
        Edit::Keep | Edit::Drop => body,
    }
}

/// Tells whether a body may have marks.
type Suspects = fn(&[u8], Variant) -> bool;

/// Takes out of a body what its provider does not know.
type Clean = fn(&str, Variant, &mut Lost) -> Edit;

/// Looks for one member's name, or another text.
struct Mark(LazyLock<Finder<'static>>);

impl Mark {
    fn is_in(&self, body: &[u8]) -> bool {
        self.0.find(body).is_some()
    }

    /// Returns what is behind the colon of each member of this name, quotes included.
    fn values<'a>(&'a self, body: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let ends = self.0.find_iter(body).map(|at| at + self.0.needle().len());
        ends.filter_map(|end| value(&body[end..]))
    }
}

/// Returns what follows the colon behind a name.
fn value(rest: &[u8]) -> Option<&[u8]> {
    let rest = rest.trim_ascii_start().strip_prefix(b":")?;
    Some(rest.trim_ascii_start())
}

/// Takes out, as something that is part of a thought.
fn thought(lost: &mut Lost) -> Edit {
    lost.feature(Feature::Thought);
    Edit::Drop
}
