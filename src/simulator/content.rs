//! What an answer says: made-up words, JSON that fits a schema, or calls of the request's tools; and before
//! them, if asked, a thought.

use std::sync::Arc;

use serde_json::{Value, json};

use super::ask::{Ask, Format};
use super::luck::Luck;
use super::script::Script;
use super::tools;

/// Words of a thought.
const THOUGHT: usize = 8;

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

/// Text in the pieces a stream sends, a token each: some that are given, then made-up words.
#[derive(Clone, Debug)]
pub(super) struct Pieces {
    given: Arc<[String]>,
    seed: u64,
    words: usize,
}

impl Pieces {
    fn given(pieces: Vec<String>) -> Self {
        Self {
            given: pieces.into(),
            seed: 0,
            words: 0,
        }
    }

    fn words(seed: u64, words: usize) -> Self {
        Self {
            given: Arc::new([]),
            seed,
            words,
        }
    }

    pub(super) fn count(&self) -> usize {
        self.given.len() + self.words
    }

    /// One piece; past the end: nothing.
    pub(super) fn piece(&self, index: usize) -> String {
        if let Some(given) = self.given.get(index) {
            return given.clone();
        }
        if index >= self.count() {
            return String::new();
        }
        let number = index - self.given.len();
        let word = Luck::of_request(self.seed, number as u64).pick(&WORDS);
        let space = if index == 0 { "" } else { " " };
        format!("{space}{}", word.unwrap_or_default())
    }

    /// All pieces in one.
    pub(super) fn whole(&self) -> String {
        (0..self.count()).map(|index| self.piece(index)).collect()
    }

    /// The first `most` pieces.
    fn cut(self, most: usize) -> Self {
        let given: Vec<String> = self.given.iter().take(most).cloned().collect();
        let words = self.words.min(most - given.len());
        Self {
            given: given.into(),
            words,
            ..self
        }
    }

    /// The text before the first of `stops`, and which it was.
    fn until(&self, stops: &[String]) -> Option<(Self, String)> {
        let whole = self.whole();
        let found = stops.iter().filter(|stop| !stop.is_empty());
        let found = found.filter_map(|stop| Some((whole.find(stop.as_str())?, stop)));
        let (mut left, stop) = found.min_by_key(|(at, _)| *at)?;
        let mut kept = Vec::new();
        for mut piece in (0..self.count()).map(|index| self.piece(index)) {
            piece.truncate(left);
            left -= piece.len();
            if !piece.is_empty() {
                kept.push(piece);
            }
        }
        Some((Self::given(kept), stop.clone()))
    }
}

/// One part of an answer.
#[derive(Clone, Debug)]
pub(super) enum Block {
    Thought(Pieces),
    Text(Pieces),
    Call(Call),
}

/// A call of a tool.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) name: Arc<str>,
    /// Names the call among all: hexadecimal digits.
    pub(super) id: String,
    /// The arguments, as JSON; or the text of a custom tool's call.
    pub(super) arguments: Pieces,
    /// Whether its tool is a custom one.
    pub(super) custom: bool,
}

impl Block {
    pub(super) fn pieces(&self) -> &Pieces {
        match self {
            Self::Thought(pieces) | Self::Text(pieces) => pieces,
            Self::Call(call) => &call.arguments,
        }
    }
}

/// Why an answer ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Done,
    /// The request's limit cut it.
    Limit,
    /// One of the request's stop texts came, and is left out.
    Stop(String),
    /// The tools are to be called first.
    Calls,
}

/// What is said, and why it ends.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// A thought first, if any; then one text, or calls.
    pub(super) blocks: Vec<Block>,
    pub(super) ended: Ended,
    /// 16 hexadecimal digits, fixed by request and seed.
    pub(super) id: String,
    pub(super) prompt_tokens: usize,
    /// Those of the prompt that were read from a cache.
    pub(super) cached_tokens: usize,
}

impl Answer {
    /// The answer to `ask`, which came as `body`.
    pub(super) fn new(script: &Script, body: &[u8], ask: &Ask) -> Self {
        let mut luck = Luck::of_text(script.seed, body);
        let id = format!("{:016x}", luck.next());
        let wanted = luck.between(script.tokens.min, script.tokens.max) as usize;
        let seed = luck.next();
        let mut blocks = Vec::new();
        if ask.thinks {
            blocks.push(Block::Thought(Pieces::words(!seed, THOUGHT)));
        }
        let mut calls = tools::called(ask, script.calls as usize).peekable();
        let ended = if calls.peek().is_none() {
            let (text, ended) = text(ask, seed, wanted);
            blocks.push(Block::Text(text));
            ended
        } else {
            for (number, (tool, pieces)) in calls.enumerate() {
                let more = if number == 0 {
                    String::new()
                } else {
                    format!("{number:02}")
                };
                blocks.push(Block::Call(Call {
                    name: tool.name.as_str().into(),
                    id: format!("{id}{more}"),
                    arguments: Pieces::given(pieces),
                    custom: tool.custom,
                }));
            }
            Ended::Calls
        };
        let cached = ask.prompt_tokens as f64 * script.cached;
        Self {
            blocks,
            ended,
            id,
            prompt_tokens: ask.prompt_tokens,
            cached_tokens: cached as usize,
        }
    }

    /// Tokens of the answer, its thought included.
    pub(super) fn tokens(&self) -> usize {
        let counts = self.blocks.iter().map(|block| block.pieces().count());
        counts.sum()
    }

    /// Tokens of the thought.
    pub(super) fn thought_tokens(&self) -> usize {
        match self.blocks.first() {
            Some(Block::Thought(thought)) => thought.count(),
            _ => 0,
        }
    }

    /// Tokens of prompt and answer.
    pub(super) fn total(&self) -> usize {
        self.prompt_tokens + self.tokens()
    }

    /// The text; empty if tools are called.
    pub(super) fn text(&self) -> String {
        let texts = self.blocks.iter().filter_map(|block| match block {
            Block::Text(text) => Some(text.whole()),
            Block::Thought(_) | Block::Call(_) => None,
        });
        texts.collect()
    }

    /// The calls of tools.
    pub(super) fn calls(&self) -> impl Iterator<Item = &Call> {
        self.blocks.iter().filter_map(|block| match block {
            Block::Call(call) => Some(call),
            Block::Thought(_) | Block::Text(_) => None,
        })
    }
}

/// The text of an answer of `wanted` words, within what the request allows.
fn text(ask: &Ask, seed: u64, wanted: usize) -> (Pieces, Ended) {
    let mut text = match &ask.format {
        Format::Text => {
            let words = Pieces::words(seed, wanted);
            let seen: Vec<String> = ask.seen.iter().map(|seen| format!("{seen} ")).collect();
            Pieces {
                given: seen.into(),
                ..words
            }
        }
        Format::Json => {
            let value = json!({"answer": ask.said, "seen": ask.seen});
            Pieces::given(tools::pieces(&value))
        }
        Format::Schema(schema) => {
            let value: Value = tools::fitting(schema, &ask.said);
            Pieces::given(tools::pieces(&value))
        }
    };
    let thought = if ask.thinks { THOUGHT } else { 0 };
    let allowed = ask.limit.map_or(usize::MAX, |limit| {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        limit.saturating_sub(thought).max(1)
    });
    let mut ended = Ended::Done;
    if text.count() > allowed {
        text = text.cut(allowed);
        ended = Ended::Limit;
    }
    match text.until(&ask.stops) {
        Some((text, stop)) => (text, Ended::Stop(stop)),
        None => (text, ended),
    }
}

#[cfg(test)]
mod tests;
