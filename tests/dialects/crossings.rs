//! Every client's dialect by every provider's.

use serde_json::{Value, json};

use super::{Asks, CLIENTS, PROVIDERS, Says, house, stream};
use crate::support::client::post;

/// Where each provider's request has the system prompt, and the text.
fn heard(says: Says, body: &Value) -> (&Value, &Value) {
    match says {
        Says::OpenAi => (
            &body["messages"][0]["content"],
            &body["messages"][1]["content"],
        ),
        Says::Anthropic => (&body["system"], &body["messages"][0]["content"]),
        Says::Gemini => (
            &body["systemInstruction"]["parts"][0]["text"],
            &body["contents"][0]["parts"][0]["text"],
        ),
    }
}

/// The text of a string or of a list with one part.
fn text(value: &Value) -> &str {
    let text = value.as_str().or_else(|| value[0]["text"].as_str());
    text.unwrap_or_else(|| panic!("no text: {value}"))
}

#[tokio::test]
async fn every_client_is_answered_by_every_provider() {
    for says in PROVIDERS {
        let evil = says.answers("Grüße 👋");
        let house = house(says, &format!("whole-{}", says.provider()), &evil);
        for asks in CLIENTS {
            let answer = post(house.addr(), asks.path(false), &asks.body(false)).await;
            assert_eq!(
                asks.told(&answer),
                ("Grüße 👋".to_owned(), 7, 2),
                "{asks:?} {says:?}"
            );
            assert_eq!(
                answer.head.header("x-breakerbox-warnings"),
                None,
                "{asks:?} {says:?}"
            );
            let asked = evil.requests().pop().expect("a request");
            let body: Value = serde_json::from_slice(&asked.body).expect("JSON");
            let (system, user) = heard(says, &body);
            assert_eq!((text(system), text(user)), ("be kind", "hello"));
        }
    }
}

#[tokio::test]
async fn every_client_is_streamed_to_by_every_provider() {
    for says in PROVIDERS {
        let evil = says.streams(&["Gr", "üße ", "👋"]);
        let house = house(says, &format!("stream-{}", says.provider()), &evil);
        for asks in CLIENTS {
            let (head, events) = stream(&house, asks).await;
            let kind = head.header("content-type").unwrap_or_default();
            assert!(kind.starts_with("text/event-stream"), "{kind}");
            assert_eq!(asks.streamed(&events), "Grüße 👋", "{asks:?} {says:?}");
        }
    }
}

#[tokio::test]
async fn a_stream_to_geminis_clients_is_an_array_unless_they_ask_for_events() {
    for says in PROVIDERS {
        let evil = says.streams(&["one ", "two"]);
        let house = house(says, &format!("array-{}", says.provider()), &evil);
        let path = "/v1beta/models/m:streamGenerateContent";
        let answer = post(house.addr(), path, &Asks::Content.body(true)).await;
        let kind = answer.head.header("content-type").unwrap_or_default();
        assert!(kind.starts_with("application/json"), "{kind}");
        let chunks: Vec<Value> = serde_json::from_slice(&answer.body).expect("an array");
        let text = |chunk: &Value| {
            let text = chunk["candidates"][0]["content"]["parts"][0]["text"].as_str();
            text.unwrap_or_default().to_owned()
        };
        assert_eq!(chunks.iter().map(text).collect::<String>(), "one two");
    }
}

#[tokio::test]
async fn tokens_are_counted_by_whoever_can() {
    let anthropic = r#"{"input_tokens": 42}"#;
    let gemini = r#"{"totalTokens": 42, "promptTokensDetails": []}"#;
    for (says, told) in [
        (Says::OpenAi, None),
        (Says::Anthropic, Some(anthropic)),
        (Says::Gemini, Some(gemini)),
    ] {
        let body = told.unwrap_or("{}");
        let evil = super::Evil::start(move |_, _| {
            let answer = super::response(200, &[], body);
            vec![super::Act::Send(answer), super::Act::KeepAlive]
        });
        let house = house(says, &format!("counts-{}", says.provider()), &evil);
        let hello = json!({"model": "m", "messages": [{"role": "user", "content": "hello"}]});
        let messages = post(house.addr(), "/v1/messages/count_tokens", &hello).await;
        let content = json!({"contents": [{"role": "user", "parts": [{"text": "hello"}]}]});
        let content = post(house.addr(), "/v1beta/models/m:countTokens", &content).await;
        for (answer, name) in [(messages, "input_tokens"), (content, "totalTokens")] {
            assert_eq!(answer.status(), 200, "{}", answer.text());
            let tokens = answer.json()[name].as_u64().expect("a count");
            let warnings = answer.head.header("x-breakerbox-warnings");
            match told {
                Some(_) => assert_eq!((tokens, warnings), (42, None)),
                // Nobody there can count: an estimate, and called one.
                None => {
                    assert!(tokens > 0);
                    assert_eq!(warnings, Some("estimated"));
                }
            }
        }
        assert_eq!(evil.count(), if told.is_some() { 2 } else { 0 });
    }
}

/// The id of an answer, or of what the events of a stream say.
fn id(asks: Asks, said: &Value) -> Option<String> {
    let id = match asks {
        Asks::Content => &said["responseId"],
        Asks::Messages => said.pointer("/message/id").unwrap_or(&said["id"]),
        Asks::Responses => said.pointer("/response/id").unwrap_or(&said["id"]),
        Asks::Chat => &said["id"],
    };
    id.as_str().map(str::to_owned)
}

#[tokio::test]
async fn every_answer_has_an_id_of_its_own_that_its_client_knows() {
    let mut whole = Says::Gemini.whole("hi");
    whole
        .as_object_mut()
        .expect("an object")
        .remove("responseId");
    let answer = super::response(200, &[], &whole.to_string());
    let event = super::chunk(&format!("data: {whole}\r\n\r\n"));
    let streamed = [super::stream_head(), event, super::last_chunk()];
    let plays = |acts: Vec<bytes::Bytes>| {
        super::Evil::start(move |_, _| {
            let acts = acts.iter().cloned().map(super::Act::Send);
            acts.chain([super::Act::KeepAlive]).collect()
        })
    };
    let (whole, streamed) = (plays(vec![answer]), plays(streamed.into()));
    let whole = house(Says::Gemini, "nameless", &whole);
    let streamed = house(Says::Gemini, "nameless-stream", &streamed);
    for (asks, mark) in [
        (Asks::Chat, "chatcmpl-"),
        (Asks::Responses, "resp_"),
        (Asks::Messages, "msg_"),
    ] {
        let mut ids = std::collections::HashSet::new();
        for _ in 0..2 {
            let answer = post(whole.addr(), asks.path(false), &asks.body(false)).await;
            ids.extend(id(asks, &answer.json()));
            let (_, events) = stream(&streamed, asks).await;
            let first = events.iter().find_map(|event| {
                let event = serde_json::from_str(&event.data);
                id(asks, &event.unwrap_or_default())
            });
            ids.extend(first);
        }
        assert_eq!(ids.len(), 4, "{asks:?}: {ids:?}");
        assert!(ids.iter().all(|id| id.starts_with(mark)), "{ids:?}");
    }
}
