//! What the fuzz target and the unit test over its corpus hold translations
//! against: whatever comes in, what goes out is of its dialect and can be read.

use super::dialect::{
    Api, Dialect, EventJudge, Kind,
    answer_context::AnswerContext,
    judge_answer,
    openai::chat::write::Variant,
    request::{InPath, Peek, peek, peek_at},
    sse::Splitter,
    translate::{self, Asked, Translation},
};
use bytes::Bytes;
use serde_json::Value;

const PROVIDERS: [Api; 3] = [Api::ChatCompletions, Api::Messages, Api::GenerateContent];
const CLIENTS: [Api; 4] = [
    Api::ChatCompletions,
    Api::Responses,
    Api::Messages,
    Api::GenerateContent,
];
/// Models that are told different things, and one whose name says nothing.
const MODELS: [&str; 8] = [
    "m",
    "gpt-4o",
    "o3",
    "gpt-5.2",
    "claude-sonnet-4-5",
    "claude-opus-4-7",
    "gemini-2.5-pro",
    "gemini-3-pro",
];

type Checked = Result<(), String>;

/// Reads `input` as a request, as a whole answer and as a stream of every
/// dialect, says it in every other one, and tells what is wrong with that.
pub(crate) fn check(input: &[u8]) -> Checked {
    for asked in CLIENTS {
        request(asked, input)?;
        for sent in PROVIDERS.into_iter().filter(|sent| *sent != asked) {
            answer(sent, asked, input)?;
            stream(sent, asked, input)?;
        }
    }
    Ok(())
}

fn peeked(api: Api, body: &[u8]) -> Option<Peek> {
    let body = Bytes::copy_from_slice(body);
    let path = InPath {
        model: "m".to_owned(),
        stream: false,
    };
    match api.dialect() {
        Dialect::Gemini => peek_at(&body, api, path).ok(),
        Dialect::OpenAi | Dialect::Anthropic => peek(&body, api).ok(),
    }
}

fn request(from: Api, input: &[u8]) -> Checked {
    let Some(read) = peeked(from, input).and_then(|it| Asked::read(&it).ok()) else {
        return Ok(());
    };
    for to in PROVIDERS.into_iter().filter(|to| *to != from) {
        for model in MODELS {
            for variant in [Variant::OpenAi, Variant::Compatible] {
                let body = read.write(to, variant, model).body;
                let again = peeked(to, &body).and_then(|it| Asked::read(&it).ok());
                if again.is_none() {
                    return wrong("a request", from, to, &body);
                }
            }
        }
    }
    Ok(())
}

fn wrong(what: &str, from: Api, to: Api, out: &[u8]) -> Checked {
    let out = String::from_utf8_lossy(out);
    Err(format!("{what} of {from:?} is none of {to:?}: {out}"))
}

/// A provider's dialect that is not `api`'s.
fn other(api: Api) -> Api {
    match api {
        Api::Messages => Api::ChatCompletions,
        _ => Api::Messages,
    }
}

fn answer(sent: Api, asked: Api, input: &[u8]) -> Checked {
    let context = AnswerContext::default();
    if judge_answer(sent, input).is_err() {
        return Ok(());
    }
    let Ok(out) = translate::answer(sent, asked, &context, input, "", 9) else {
        return Ok(());
    };
    let is_good = judge_answer(asked, &out).is_ok();
    // Nobody reads responses here.
    let is_read = || {
        asked == Api::Responses
            || translate::answer(asked, other(asked), &context, &out, "", 9).is_ok()
    };
    match is_good && is_read() {
        true => Ok(()),
        false => wrong("an answer", sent, asked, &out),
    }
}

/// The events of `stream`.
fn events(stream: &[u8]) -> Vec<Bytes> {
    let (mut splitter, mut ends) = (Splitter::default(), Vec::new());
    let block = splitter.push(&Bytes::copy_from_slice(stream), &mut ends);
    let mut from = 0;
    let events = ends
        .iter()
        .map(|&end| block.slice(std::mem::replace(&mut from, end)..end));
    events.collect()
}

/// Translates as the relay does; returns whether the answer was told to its end.
fn told(sent: Api, asked: Api, input: &[u8], out: &mut Vec<u8>) -> bool {
    let mut judge = EventJudge::new(sent);
    let mut translation = Translation::new(sent, asked, true, 9);
    let mut may_end = false;
    for event in events(input) {
        let kind = judge.event(&event).kind;
        match kind {
            Kind::Silent => continue,
            Kind::Content | Kind::UsageOnly | Kind::MayEnd | Kind::Terminal => {}
            Kind::Unfinished | Kind::Malformed | Kind::Error { .. } => return false,
        }
        if translation.event(&event, out).is_err() {
            return false;
        }
        may_end = kind == Kind::MayEnd;
        if kind == Kind::Terminal {
            return translation.finish(out).is_ok();
        }
    }
    may_end && translation.finish(out).is_ok()
}

fn stream(sent: Api, asked: Api, input: &[u8]) -> Checked {
    let mut out = Vec::new();
    let is_whole = told(sent, asked, input, &mut out);
    let mut judge = EventJudge::new(asked);
    let mut last = Kind::Silent;
    let mut length = 0;
    for event in events(&out) {
        length += event.len();
        let judged = judge.event(&event);
        let data = event
            .split(|byte| *byte == b'\n')
            .find_map(|it| it.strip_prefix(b"data: "));
        let is_json = data
            .is_some_and(|data| data == b"[DONE]" || serde_json::from_slice::<Value>(data).is_ok());
        let is_good = !matches!(
            judged.kind,
            Kind::Malformed | Kind::Error { .. } | Kind::Unfinished
        );
        if !is_json || !is_good {
            return wrong("an event", sent, asked, &event);
        }
        last = judged.kind;
    }
    if length != out.len() {
        return wrong("half an event", sent, asked, &out);
    }
    let has_ended = matches!(last, Kind::Terminal | Kind::MayEnd);
    if is_whole && !has_ended {
        return wrong("the end", sent, asked, &out);
    }
    if is_whole && asked != Api::Responses && !told(asked, other(asked), &out, &mut Vec::new()) {
        return wrong("a stream", sent, asked, &out);
    }
    Ok(())
}
