//! What the dialects say to one another.

mod custom;
mod drawn;
mod exchange;
mod fuzz;
mod hostile;
mod mapping;
mod namespaces;
mod pairs;
mod readers;
mod results;
mod seals;
mod tiers;
mod unsaid;

use std::collections::BTreeSet;

use super::{
    anthropic, gemini,
    neutral::{Conversation, Lost, Reply},
    openai::{
        chat::{self, write::Variant},
        responses,
    },
    *,
};

/// The dialects of providers, each of which has clients as well.
const PROVIDERS: [Api; 3] = [Api::ChatCompletions, Api::Messages, Api::GenerateContent];

/// The dialects of clients.
const CLIENTS: [Api; 4] = [
    Api::ChatCompletions,
    Api::Responses,
    Api::Messages,
    Api::GenerateContent,
];

/// The names of what was lost.
fn names(lost: &Lost) -> BTreeSet<String> {
    let line = lost.to_string();
    let names = line.strip_prefix("not carried over: ").unwrap_or_default();
    let names = names.split(", ").filter(|name| !name.is_empty());
    names.map(str::to_owned).collect()
}

fn write_request(to: Api, asked: &Conversation, model: &str, lost: &mut Lost) -> Vec<u8> {
    match to.dialect() {
        Dialect::OpenAi => chat::write::request(asked, model, Variant::Compatible, lost),
        Dialect::Anthropic => anthropic::write::request(asked, model, lost),
        Dialect::Gemini => gemini::write::request(asked, model, lost),
    }
}

/// Returns the whole answer `body` of `sent` as a client of `asked` gets it.
fn answered(sent: Api, asked: Api, body: &[u8]) -> Vec<u8> {
    translate::answer(
        sent,
        asked,
        &answer_context::AnswerContext::default(),
        body,
        "",
        9,
    )
    .unwrap()
}

fn read_request(from: Api, body: &[u8], stream: bool, lost: &mut Lost) -> Conversation {
    let asked = match (from, from.dialect()) {
        (Api::Responses, _) => responses::read::request(body, lost),
        (_, Dialect::OpenAi) => chat::read::request(body, lost),
        (_, Dialect::Anthropic) => anthropic::read::request(body, lost),
        (_, Dialect::Gemini) => gemini::read::request(body, stream, lost),
    };
    asked.unwrap_or_else(|wrong| panic!("{wrong:?}: {}", String::from_utf8_lossy(body)))
}

fn write_reply(to: Api, reply: &Reply) -> Vec<u8> {
    match to.dialect() {
        Dialect::OpenAi => chat::write::reply(reply, false, 9),
        Dialect::Anthropic => anthropic::write::reply(reply, 9),
        Dialect::Gemini => gemini::write::reply(reply, 9),
    }
}
