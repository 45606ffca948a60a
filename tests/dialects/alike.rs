//! A client of OpenAI's cannot tell by the form of an answer that another provider has stepped in, whatever the first
//! one died of.

use std::collections::{BTreeMap, BTreeSet};

use breakerbox::simulator::{Dialect, Running, Script, Simulator};
use serde_json::{Value, json};

use super::{Asks, Says};
use crate::support::chat::{response, stream_head};
use crate::support::client::{Answer, Client, Ending, Event, post};
use crate::support::evil::{Act, Evil};
use crate::support::gateway::House;
use crate::support::ports::{ANY, Refused};

/// Names the machines at OpenAI; who serves the same API elsewhere need not send it.
const OWN: &str = "system_fingerprint";

/// Adds every path in `value`, with the kinds of values it has; a number of a list counts for all of them.
fn note(value: &Value, path: &str, form: &mut Form) {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    };
    form.entry(path.to_owned()).or_default().insert(kind);
    match value {
        Value::Array(items) => items
            .iter()
            .for_each(|it| note(it, &format!("{path}[]"), form)),
        Value::Object(fields) => fields
            .iter()
            .filter(|(key, _)| key.as_str() != OWN)
            .for_each(|(key, it)| note(it, &format!("{path}.{key}"), form)),
        _ => {}
    }
}

type Form = BTreeMap<String, BTreeSet<&'static str>>;

/// The form of these values together. What is only ever null is to a client as what is not there.
fn form<'a>(values: impl IntoIterator<Item = &'a Value>) -> Form {
    let mut form = Form::new();
    values.into_iter().for_each(|it| note(it, "", &mut form));
    form.retain(|_, kinds| *kinds != BTreeSet::from(["null"]));
    form
}

/// The form of an answer, and what in it is a fixed word.
fn whole_form(answer: &Answer) -> (Form, Vec<Value>) {
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let body = answer.json();
    let choice = &body["choices"][0];
    let words = [
        &body["object"],
        &choice["index"],
        &choice["finish_reason"],
        &choice["message"]["role"],
    ];
    (form([&body]), words.map(Clone::clone).into())
}

/// The form of all events of a stream together, and the fixed words in their order, each once.
fn stream_form(events: &[Event]) -> (Form, Vec<Value>) {
    let (last, chunks) = events.split_last().expect("events");
    assert_eq!(last.data, "[DONE]");
    assert!(events.iter().all(|event| event.name.is_empty()));
    let chunks: Vec<Value> = chunks.iter().map(Event::json).collect();
    let ids: BTreeSet<_> = chunks.iter().map(|it| it["id"].as_str()).collect();
    assert_eq!(ids.len(), 1, "one answer: {ids:?}");
    let word = |chunk: &Value| {
        let choice = &chunk["choices"][0];
        json!([
            chunk["object"],
            choice["delta"]["role"],
            choice["finish_reason"],
            chunk["usage"].is_object()
        ])
    };
    let mut words: Vec<_> = chunks.iter().map(word).collect();
    words.dedup();
    (form(&chunks), words)
}

/// A simulated provider of this dialect, and its line of `endpoints`.
pub(super) fn simulated(says: Says, name: &str, model: &str) -> (Running, String) {
    let script = Script {
        dialect: match says {
            Says::OpenAi => Dialect::Openai,
            Says::Anthropic => Dialect::Anthropic,
            Says::Gemini => Dialect::Gemini,
        },
        ..Script::default()
    };
    let provider = Simulator::start(script, ANY).expect("a provider");
    let line = format!(
        "  - {{ name: {name}, provider: {}, base_url: \"{}\", api_key: k, models: [{model}], \
         probe: {{ kind: none }} }}\n",
        says.provider(),
        provider.base_url()
    );
    (provider, line)
}

/// How the first endpoint dies of every request.
#[derive(Clone, Copy, Debug)]
enum Death {
    Refusal,
    Status,
    Stall,
    ErrorInside,
}

const DEATHS: [Death; 4] = [
    Death::Refusal,
    Death::Status,
    Death::Stall,
    Death::ErrorInside,
];

fn dies(death: Death, streams: bool) -> Evil {
    let error = "{\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\",\"param\":null,\"code\":null}}";
    Evil::start(move |_, _| match (death, streams) {
        (Death::Refusal, _) => unreachable!("nobody is there"),
        (Death::Status, _) => vec![Act::Send(response(500, &[], error))],
        (Death::Stall, false) => vec![Act::Blackhole],
        (Death::Stall, true) => vec![Act::Send(stream_head()), Act::Blackhole],
        (Death::ErrorInside, false) => vec![Act::Send(response(200, &[], error))],
        (Death::ErrorInside, true) => {
            let event = crate::support::chat::chunk(&format!("data: {error}\n\n"));
            let acts = [stream_head(), event, crate::support::chat::last_chunk()];
            acts.map(Act::Send).into()
        }
    })
}

#[tokio::test]
async fn an_answer_of_the_fallback_has_the_form_of_openais_own() {
    let (_provider, line) = simulated(Says::OpenAi, "own", "m");
    let own = House::start(&format!("endpoints:\n{line}"));
    let ask_stream = async |house: &House| {
        let mut body = Asks::Chat.body(true);
        body["stream_options"] = json!({"include_usage": true});
        let mut client = Client::connect(house.addr()).await;
        client.post(Asks::Chat.path(true), &body).await;
        let head = client.head().await;
        let (events, ending) = client.events().await;
        assert_eq!((head.status(), ending), (200, Ending::Whole));
        (head, events)
    };
    let ask_whole = async |house: &House| {
        let body = Asks::Chat.body(false);
        post(house.addr(), Asks::Chat.path(false), &body).await
    };
    let whole = whole_form(&ask_whole(&own).await);
    let streamed = stream_form(&ask_stream(&own).await.1);
    let gone = Refused::new();
    for says in [Says::Anthropic, Says::Gemini] {
        let (_provider, second) = simulated(says, "second", "n");
        for death in DEATHS {
            for streams in [false, true] {
                let evil = dies(death, streams);
                let base = match death {
                    Death::Refusal => format!("http://{}/v1", gone.addr()),
                    _ => evil.base_url(),
                };
                let first = format!(
                    "  - {{ name: first, provider: openai, base_url: \"{base}\", api_key: k, models: [m], \
                     probe: {{ kind: none }} }}\n"
                );
                let house = House::start(&format!(
                    "endpoints:\n{first}{second}models: [{{ name: m, fallbacks: [n] }}]\n\
                     routing: {{ first_byte_timeout: 300ms }}\n"
                ));
                let what = format!("{says:?} after {death:?}, streamed: {streams}");
                let (head, form) = match streams {
                    false => {
                        let answer = ask_whole(&house).await;
                        let form = whole_form(&answer);
                        (answer.head, form)
                    }
                    true => {
                        let (head, events) = ask_stream(&house).await;
                        (head, stream_form(&events))
                    }
                };
                assert_eq!(
                    head.header("x-breakerbox-endpoint"),
                    Some("second"),
                    "{what}"
                );
                let expected = if streams { &streamed } else { &whole };
                assert_eq!(form, *expected, "{what}");
            }
        }
    }
}
