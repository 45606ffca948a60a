//! How likely tokens were, as chat completions and responses say it alike.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::dialect::neutral::{Likely, Logprob};

#[derive(Deserialize)]
struct Said<'a> {
    #[serde(default, borrow)]
    content: Option<Vec<Token<'a>>>,
}

#[derive(Deserialize, Serialize)]
pub(super) struct Token<'a> {
    #[serde(borrow)]
    token: Cow<'a, str>,
    logprob: f64,
    bytes: Option<Cow<'a, [u8]>>,
    /// Of the token that was chosen only.
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    top_logprobs: Option<Vec<Token<'a>>>,
}

/// Reads the `logprobs` of a choice; what cannot be read is no reason to fail
/// an answer.
pub(super) fn read(raw: Option<&RawValue>) -> Vec<Logprob> {
    let said = raw.and_then(|raw| serde_json::from_str(raw.get()).ok());
    let tokens = said.and_then(|said: Said<'_>| said.content);
    let read = |mut token: Token<'_>| {
        let top = token.top_logprobs.take().unwrap_or_default();
        Logprob {
            chosen: likely(token),
            top: top.into_iter().map(likely).collect(),
        }
    };
    tokens.into_iter().flatten().map(read).collect()
}

fn likely(token: Token<'_>) -> Likely {
    Likely {
        token: token.token.into_owned(),
        logprob: token.logprob,
        bytes: token.bytes.map(Cow::into_owned),
    }
}

/// Writes tokens. A provider that does not say the bytes of one said its text,
/// and clients of responses want to find some: `fill` puts those of the text there.
pub(super) fn written<'a>(tokens: &'a [Logprob], fill: bool) -> Vec<Token<'a>> {
    let written = |of: &'a Logprob| Token {
        top_logprobs: Some(of.top.iter().map(|it| token(it, fill)).collect()),
        ..token(&of.chosen, fill)
    };
    tokens.iter().map(written).collect()
}

fn token(of: &Likely, fill: bool) -> Token<'_> {
    let filled = fill.then_some(of.token.as_bytes());
    Token {
        token: Cow::Borrowed(&of.token),
        logprob: of.logprob,
        bytes: of.bytes.as_deref().or(filled).map(Cow::Borrowed),
        top_logprobs: None,
    }
}
