//! Tools whose names the client's dialect takes and the provider's does not.

use serde_json::{Value, json};

use super::{Act, Evil, Says, chunk, house, last_chunk, response, stream_head};
use crate::support::client::{Client, Ending, post};

/// What Anthropic would refuse.
const NAME: &str = "files.read";
const PATH: &str = "/v1beta/models/m:generateContent";
const STREAM_PATH: &str = "/v1beta/models/m:streamGenerateContent?alt=sse";

fn body() -> Value {
    let tool = json!({"name": NAME, "parametersJsonSchema": {"type": "object", "properties": {}}});
    let call = json!({"functionCall": {"name": NAME, "args": {}}});
    // gemini-cli makes up an id where a call has none, and says it here only.
    let result = json!({"functionResponse": {"id": "files.read-170-abc", "name": NAME, "response": {"output": "1"}}});
    json!({"tools": [{"functionDeclarations": [tool]}], "contents": [
        {"role": "user", "parts": [{"text": "hello"}]},
        {"role": "model", "parts": [call]},
        {"role": "user", "parts": [result]}]})
}

/// Returns the name by which the provider is told of the tool.
async fn name_there() -> String {
    let evil = Says::Anthropic.answers("hello");
    let house = house(Says::Anthropic, "told", &evil);
    let answer = post(house.addr(), PATH, &body()).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(answer.head.header("x-breakerbox-warnings"), None);
    let asked = evil.requests().pop().expect("a request");
    let asked: Value = serde_json::from_slice(&asked.body).expect("JSON");
    let name = asked["tools"][0]["name"].as_str().expect("a name");
    assert!(!name.contains('.'), "{name}");
    let called = &asked["messages"][1]["content"][0]["name"];
    assert_eq!(called, name, "{asked}");
    let id = &asked["messages"][1]["content"][0]["id"];
    let answered = &asked["messages"][2]["content"][0]["tool_use_id"];
    assert_eq!(answered, id, "{asked}");
    name.to_owned()
}

#[tokio::test]
async fn a_tool_has_its_own_name_here_and_one_that_is_taken_there() {
    let call =
        json!({"type": "tool_use", "id": "toolu_1", "name": name_there().await, "input": {}});
    let usage = json!({"input_tokens": 7, "output_tokens": 2});

    let whole = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "x", "content": [call],
        "stop_reason": "tool_use", "stop_sequence": null, "usage": usage})
    .to_string();
    let evil = Evil::start(move |_, _| vec![Act::Send(response(200, &[], &whole)), Act::KeepAlive]);
    let answer = post(house(Says::Anthropic, "whole", &evil).addr(), PATH, &body()).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let part = &answer.json()["candidates"][0]["content"]["parts"][0];
    assert_eq!(part["functionCall"]["name"], NAME);

    let message = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "x", "content": [],
        "usage": usage});
    let events = [
        json!({"type": "message_start", "message": message}),
        json!({"type": "content_block_start", "index": 0, "content_block": call}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": usage}),
        json!({"type": "message_stop"}),
    ];
    let events = events.map(|it| format!("data: {it}\n\n")).concat();
    let evil = Evil::start(move |_, _| {
        let acts = [stream_head(), chunk(&events), last_chunk()].map(Act::Send);
        acts.into_iter().chain([Act::KeepAlive]).collect()
    });
    let house = house(Says::Anthropic, "streamed", &evil);
    let mut client = Client::connect(house.addr()).await;
    client.post(STREAM_PATH, &body()).await;
    assert_eq!(client.head().await.status(), 200);
    let (events, ending) = client.events().await;
    assert_eq!(ending, Ending::Whole);
    let name = events.iter().find_map(|event| {
        let part = &event.json()["candidates"][0]["content"]["parts"][0];
        part["functionCall"]["name"].as_str().map(str::to_owned)
    });
    assert_eq!(name.as_deref(), Some(NAME));
}
