//! An answer of generateContent, whole and as a stream.

use serde_json::{Value, json};

use super::super::ask::seal;
use super::super::content::{Answer, Block, Ended};
use super::super::likely::likely;
use super::super::plan::Plan;
use super::super::reply::{Events, Reply, SSE};
use super::broken;

/// An answer, and what of it is shown.
pub(super) struct Made {
    pub(super) model: String,
    pub(super) answer: Answer,
    /// Whether thoughts are shown.
    pub(super) shows: bool,
    /// Whether calls carry an id and a seal, which must come back.
    pub(super) seals: bool,
    /// How many others are told in the place of each token, if any.
    pub(super) logprobs: Option<u64>,
}

impl Made {
    /// The parts of a block: a whole one, or a piece of a text. Calls come in one piece always.
    fn part(&self, at: usize, piece: Option<usize>) -> Value {
        let block = &self.answer.blocks[at];
        let pieces = block.pieces();
        let text = piece.map_or_else(|| pieces.whole(), |piece| pieces.piece(piece));
        match block {
            Block::Thought(_) => json!({"text": text, "thought": true}),
            Block::Text(_) => json!({"text": text}),
            Block::Call(call) => {
                let args = call.arguments.whole();
                let value: Value = serde_json::from_str(&args).unwrap_or_else(|_| json!({}));
                let mut part = json!({"functionCall": {"name": &*call.name, "args": value}});
                if self.seals {
                    part["functionCall"]["id"] = json!(call.id);
                    // Of several calls at once, the first is sealed for all.
                    let first = self.answer.calls().next();
                    if first.is_some_and(|first| first.id == call.id) {
                        part["thoughtSignature"] = json!(sealed(&call.name, &value));
                    }
                }
                part
            }
        }
    }

    fn is_shown(&self, block: &Block) -> bool {
        self.shows || !matches!(block, Block::Thought(_))
    }

    fn usage(&self) -> Value {
        let answer = &self.answer;
        let (prompt, thoughts) = (answer.prompt_tokens, answer.thought_tokens());
        let mut usage = json!({
            "promptTokenCount": prompt,
            "candidatesTokenCount": answer.tokens() - thoughts,
            "totalTokenCount": answer.total(),
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": prompt}],
        });
        if thoughts > 0 {
            usage["thoughtsTokenCount"] = json!(thoughts);
        }
        if answer.cached_tokens > 0 {
            usage["cachedContentTokenCount"] = json!(answer.cached_tokens);
        }
        usage
    }

    fn chunk(&self, parts: &[Value], last: bool, usage: bool) -> Value {
        let mut candidate = json!({"content": {"role": "model", "parts": parts}, "index": 0});
        let texts = parts.iter().filter(|part| part.get("thought").is_none());
        let texts: Vec<&str> = texts.filter_map(|part| part["text"].as_str()).collect();
        if let Some(others) = self.logprobs.filter(|_| !texts.is_empty()) {
            candidate["logprobsResult"] = told(&texts, others);
        }
        if last {
            candidate["finishReason"] = match self.answer.ended {
                Ended::Limit => json!("MAX_TOKENS"),
                Ended::Done | Ended::Stop(_) | Ended::Calls => json!("STOP"),
            };
        }
        let mut chunk = json!({
            "candidates": [candidate],
            "modelVersion": self.model,
            "responseId": self.answer.id,
        });
        if usage {
            chunk["usageMetadata"] = self.usage();
        }
        chunk
    }
}

/// How likely texts were, each taken for one token.
fn told(texts: &[&str], others: u64) -> Value {
    let candidate = |(token, logprob): &(String, f64)| json!({"token": token, "tokenId": 7, "logProbability": logprob});
    let all: Vec<_> = texts.iter().map(|text| likely(text, others)).collect();
    let chosen: Vec<Value> = all.iter().map(|of| candidate(&of[0])).collect();
    let top = |of: &Vec<(String, f64)>| {
        let top: Vec<Value> = of.iter().take(others as usize).map(candidate).collect();
        json!({"candidates": top})
    };
    let tops: Vec<Value> = all.iter().map(top).collect();
    json!({"chosenCandidates": chosen, "topCandidates": tops})
}

/// The seal of a call.
pub(super) fn sealed(name: &str, args: &Value) -> String {
    seal(&format!("{name}{args}"))
}

pub(super) fn whole(made: &Made, usage: bool) -> Reply {
    let blocks = made.answer.blocks.iter().enumerate();
    let shown = blocks.filter(|(_, block)| made.is_shown(block));
    let parts: Vec<Value> = shown.map(|(at, _)| made.part(at, None)).collect();
    let chunk = made.chunk(&parts, true, usage);
    Reply::json(200, &chunk, made.answer.tokens())
}

fn plan(made: &Made) -> Plan<usize> {
    let mut plan = Plan::new();
    for (at, block) in made.answer.blocks.iter().enumerate() {
        let pieces = match block {
            Block::Call(_) => 1,
            // An answer has a chunk even when there is nothing to say.
            Block::Text(text) => text.count().max(1),
            Block::Thought(thought) => thought.count(),
        };
        plan.push(at, if made.is_shown(block) { pieces } else { 0 });
    }
    plan
}

/// A stream of chunks: as events, or as the items of one array.
pub(super) fn stream(made: Made, usage: bool, sse: bool) -> Reply {
    let plan = plan(&made);
    let count = plan.count();
    let framed = move |index: usize, chunk: &Value, last: bool| match sse {
        true => format!("data: {chunk}\r\n\r\n"),
        false => {
            let before = if index == 0 { "[" } else { ",\r\n" };
            let after = if last { "]\n" } else { "\n" };
            format!("{before}{chunk}{after}")
        }
    };
    let event = move |index: usize| {
        let last = index + 1 == count;
        let (at, place) = plan.at(index).unwrap_or((0, 0));
        let piece = match made.answer.blocks[at] {
            Block::Call(_) => None,
            Block::Thought(_) | Block::Text(_) => Some(place),
        };
        // Google tells usage with every chunk.
        framed(
            index,
            &made.chunk(&[made.part(at, piece)], last, usage),
            last,
        )
    };
    Reply::events(Events {
        count,
        kind: if sse {
            SSE
        } else {
            "application/json; charset=UTF-8"
        },
        first_token: 0,
        tokens: count,
        event: Box::new(event),
        error: Box::new(move |index| framed(index, &broken(), true)),
    })
}
