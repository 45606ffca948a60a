//! What an answer says: made-up words, or a call of one of the request's tools.

use std::sync::Arc;

use serde_json::Value;

use super::super::luck::Luck;
use super::super::script::Script;
use super::tools::ToolCall;

/// Plain and less plain words: a stream must survive characters of every width.
const WORDS: [&str; 40] = [
    "the",
    "a",
    "circuit",
    "opens",
    "and",
    "closes",
    "while",
    "the",
    "gateway",
    "keeps",
    "answering",
    "because",
    "another",
    "provider",
    "is",
    "awake",
    "so",
    "nobody",
    "waits",
    "for",
    "long",
    "in",
    "practice",
    "each",
    "request",
    "finds",
    "its",
    "way",
    "naïve",
    "façade",
    "Straße",
    "日本語",
    "поток",
    "γειά",
    "🙂",
    "👩‍🔬",
    "\"quoted\"",
    "tab\tnext",
    "then,",
    "done.",
];

/// The content of an answer, in the pieces a stream sends.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// So many words, each a token.
    Words { seed: u64, count: usize },
    /// A call of a tool; its arguments come in pieces, each a token.
    Call(Arc<ToolCall>),
}

/// Content, and why it ends.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) content: Content,
    /// Whether the request's limit cut it.
    pub(super) cut: bool,
    /// 16 hexadecimal digits, fixed by request and seed.
    pub(super) id: String,
    pub(super) prompt_tokens: usize,
}

impl Answer {
    /// The answer to a request with this `body`, of at most `limit` tokens.
    pub(super) fn new(
        script: &Script,
        body: &[u8],
        limit: Option<u64>,
        prompt_tokens: usize,
        call: Option<ToolCall>,
    ) -> Self {
        let mut luck = Luck::of_text(script.seed, body);
        let id = format!("{:016x}", luck.next());
        let wanted = luck.between(script.tokens.min, script.tokens.max) as usize;
        let allowed = limit.map_or(usize::MAX, |limit| {
            usize::try_from(limit).unwrap_or(usize::MAX).max(1)
        });
        let cut = call.is_none() && wanted > allowed;
        let content = match call {
            Some(call) => Content::Call(Arc::new(call)),
            None => Content::Words {
                seed: luck.next(),
                count: wanted.min(allowed),
            },
        };
        Self {
            content,
            cut,
            id,
            prompt_tokens,
        }
    }

    /// Tokens of the answer, and pieces of its stream.
    pub(super) fn tokens(&self) -> usize {
        match &self.content {
            Content::Words { count, .. } => *count,
            Content::Call(call) => call.pieces.len(),
        }
    }

    /// Tokens of prompt and answer.
    pub(super) fn total(&self) -> usize {
        self.prompt_tokens + self.tokens()
    }

    /// One piece; past the end: nothing.
    pub(super) fn piece(&self, index: usize) -> String {
        match &self.content {
            Content::Words { seed, count } if index < *count => {
                let word = Luck::of_request(*seed, index as u64).pick(&WORDS);
                let space = if index == 0 { "" } else { " " };
                format!("{space}{}", word.unwrap_or_default())
            }
            Content::Words { .. } => String::new(),
            Content::Call(call) => call.pieces.get(index).cloned().unwrap_or_default(),
        }
    }

    /// All pieces in one.
    pub(super) fn whole(&self) -> String {
        (0..self.tokens()).map(|index| self.piece(index)).collect()
    }

    /// The call, if the answer is one.
    pub(super) fn call(&self) -> Option<&ToolCall> {
        match &self.content {
            Content::Call(call) => Some(call),
            Content::Words { .. } => None,
        }
    }
}

/// Tokens of a message's content, of an input or of a prompt: a token for every four bytes of text, and
/// 85 for what is no text.
pub(super) fn count(content: &Value) -> usize {
    match content {
        Value::String(text) => text.len().div_ceil(4),
        Value::Array(parts) => parts.iter().map(count).sum(),
        Value::Object(part) => match part.get("text").or_else(|| part.get("content")) {
            Some(inner) => count(inner),
            None => 85,
        },
        // A prompt may be given in tokens.
        Value::Number(_) => 1,
        Value::Null | Value::Bool(_) => 0,
    }
}
