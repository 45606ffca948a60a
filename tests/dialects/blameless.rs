//! What is nobody's failure: answers that only a translation cannot take, and the words of those who refuse.

use serde_json::{Value, json};

use super::{Asks, Says};
use crate::support::chat::{chunk, last_chunk, response, stream_head};
use crate::support::client::{Client, Ending, post};
use crate::support::evil::{Act, Evil};
use crate::support::gateway::House;

/// A gateway whose only endpoint the first failure would take out.
fn house(says: Says, name: &str, evil: &Evil) -> House {
    let endpoint = says.endpoint(name, evil);
    House::start(&format!(
        "endpoints:\n{endpoint}routing: {{ queue: {{ max_wait: 0s }} }}\n\
         breaker: {{ failure_threshold: 1 }}\n"
    ))
}

fn streams(events: Vec<String>) -> Evil {
    Evil::start(move |_, _| {
        let mut acts = vec![Act::Send(stream_head())];
        acts.extend(events.iter().map(|event| Act::Send(chunk(event))));
        acts.extend([Act::Send(last_chunk()), Act::KeepAlive]);
        acts
    })
}

fn answers(status: u16, body: &Value) -> Evil {
    let body = body.to_string();
    Evil::start(move |_, _| vec![Act::Send(response(status, &[], &body)), Act::KeepAlive])
}

async fn last_event(house: &House, asks: Asks) -> Value {
    let mut client = Client::connect(house.addr()).await;
    client.post(asks.path(true), &asks.body(true)).await;
    assert_eq!(client.head().await.status(), 200, "{asks:?}");
    let (events, ending) = client.events().await;
    assert_eq!(ending, Ending::Whole);
    serde_json::from_str(&events.last().expect("events").data).unwrap_or_default()
}

/// A chunk of chat completions whose calls are these.
fn calling(calls: &Value) -> String {
    let chunk = json!({"id": "c", "choices": [{"index": 0, "delta": {"tool_calls": calls}}]});
    format!("data: {chunk}\n\n")
}

fn begun(arguments: &str) -> String {
    calling(&json!([{"index": 0, "id": "c", "function": {"name": "f", "arguments": arguments}}]))
}

#[tokio::test]
async fn a_call_of_more_than_a_mebibyte_reaches_clients_that_have_no_pieces_of_calls() {
    let big = "x".repeat(400_000);
    let mut events = vec![begun("{\"a\":\"")];
    events.extend((0..3).map(|_| calling(&json!([{"index": 0, "function": {"arguments": big}}]))));
    events.push(calling(
        &json!([{"index": 0, "function": {"arguments": "\"}"}}]),
    ));
    events.push(
        "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n"
            .to_owned(),
    );
    events.push("data: [DONE]\n\n".to_owned());
    let evil = streams(events);
    let house = house(Says::OpenAi, "big-calls", &evil);
    let last = last_event(&house, Asks::Content).await;
    assert_eq!(last["candidates"][0]["finishReason"], "STOP", "{last}");
}

#[tokio::test]
async fn what_only_we_cannot_take_opens_no_circuit() {
    let long = format!("data: \"{}", "x".repeat(1 << 20));
    for (name, event, asks) in [
        ("odd-calls", calling(&json!(7)), Asks::Content),
        ("long-event", long.clone(), Asks::Content),
        ("long-same", long, Asks::Chat),
    ] {
        let evil = streams(vec![begun("{"), event, "data: [DONE]\n\n".to_owned()]);
        let house = house(Says::OpenAi, name, &evil);
        for _ in 0..3 {
            let last = last_event(&house, asks).await;
            assert!(last["error"]["message"].is_string(), "{name}: {last}");
        }
        assert_eq!(evil.count(), 3, "{name}");
        assert_eq!(house.outcomes(name, "cancelled").await, 3.0, "{name}");
    }
    // As the first event of all, and as a whole answer.
    let evil = streams(vec![format!("data: \"{}", "x".repeat(1 << 20))]);
    let first = house(Says::OpenAi, "long-first", &evil);
    let odd = json!({"choices": [{"message": {"tool_calls": 7}, "finish_reason": "stop"}]});
    let whole = answers(200, &odd);
    let second = house(Says::OpenAi, "odd-whole", &whole);
    for _ in 0..3 {
        let (path, body) = (Asks::Chat.path(true), Asks::Chat.body(true));
        assert_eq!(post(first.addr(), path, &body).await.status(), 502);
        let (path, body) = (Asks::Messages.path(false), Asks::Messages.body(false));
        assert_eq!(post(second.addr(), path, &body).await.status(), 502);
    }
    assert_eq!((evil.count(), whole.count()), (3, 3));
}

#[tokio::test]
async fn a_refusal_says_who_refused_and_why_in_the_clients_words() {
    let says = json!({"type": "error", "error": {"type": "invalid_request_error",
        "message": "prompt is too long: 9 tokens > 8 maximum"}});
    let evil = answers(400, &says);
    let claude = house(Says::Anthropic, "refuses", &evil);
    let mut body = Asks::Chat.body(false);
    body["seed"] = json!(7);
    let answer = post(claude.addr(), Asks::Chat.path(false), &body).await;
    assert_eq!(answer.status(), 400, "{}", answer.text());
    let error = answer.json()["error"].clone();
    assert_eq!(
        (&error["code"], &error["param"]),
        (&json!("context_length_exceeded"), &json!("messages"))
    );
    for (name, value) in [
        ("x-breakerbox-endpoint", "refuses"),
        ("x-breakerbox-model", "m"),
        ("x-breakerbox-attempts", "1"),
        ("x-breakerbox-warnings", "not carried over: seed"),
    ] {
        assert_eq!(answer.head.header(name), Some(value), "{name}");
    }
    let says = json!({"error": {"message": "Too much.", "code": "context_length_exceeded", "param": "messages"}});
    let evil = answers(400, &says);
    let chat = house(Says::OpenAi, "refuses-too", &evil);
    let answer = post(
        chat.addr(),
        Asks::Messages.path(false),
        &Asks::Messages.body(false),
    )
    .await;
    assert_eq!(
        answer.json()["error"]["message"],
        "prompt is too long: Too much."
    );
}

#[tokio::test]
async fn another_keys_file_takes_no_model_from_others() {
    let message = "You do not have permission to access the File x7 or it may not exist.";
    let says = json!({"error": {"code": 403, "message": message, "status": "PERMISSION_DENIED"}});
    for status in [403, 200] {
        let evil = answers(status, &says);
        let name = format!("foreign-{status}");
        let gemini = house(Says::Gemini, &name, &evil);
        let asked = [Asks::Content, Asks::Chat, Asks::Messages];
        for asks in asked {
            let answer = post(gemini.addr(), asks.path(false), &asks.body(false)).await;
            let error = &answer.json()["error"];
            let told = error["message"].as_str().unwrap_or_default();
            assert!(told.ends_with(message), "{asks:?} {status}: {error}");
            // An error inside a 200 is told as a 400.
            let expected = if status == 200 { 400 } else { 403 };
            assert_eq!(answer.status(), expected, "{asks:?}: {error}");
        }
        assert_eq!(evil.count(), asked.len(), "{status}");
    }
}
