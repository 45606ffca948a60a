//! OpenAI's dialect in earnest: what OpenAI refuses and many a server lets pass; and its several calls.

use serde_json::{Value, json};

use super::{PIXEL, start};
use crate::support::chat::{self, CHAT, ask, ask_stream};
use crate::support::client::{Client, Event, post};
use breakerbox::simulator::{Running, Script, Tokens};

fn script(strict: bool) -> Script {
    Script {
        strict,
        calls: 2,
        tokens: Tokens { min: 10, max: 10 },
        ..Script::default()
    }
}

fn with(over: Value) -> Value {
    let mut body = ask("m", "hello");
    if let Value::Object(over) = over {
        for (key, value) in over {
            body[key] = value;
        }
    }
    body
}

fn tools() -> Value {
    let tool = |name: &str| {
        json!({"type": "function", "function": {"name": name, "parameters":
            {"type": "object", "properties": {"city": {"type": "string"}}}}})
    };
    json!([tool("weather"), tool("news")])
}

async fn status(running: &Running, path: &str, body: &Value) -> (u16, String) {
    let answer = post(running.addr(), path, body).await;
    (answer.status(), answer.text())
}

fn call(id: &str) -> Value {
    json!({"role": "assistant", "content": null, "tool_calls":
        [{"id": id, "type": "function", "function": {"name": "weather", "arguments": "{}"}}]})
}

fn told(id: &str) -> Value {
    json!({"role": "tool", "tool_call_id": id, "content": "rain"})
}

#[tokio::test]
async fn chat_is_refused_only_in_earnest() {
    let (lax, strict) = (start(script(false)), start(script(true)));
    let user = json!({"role": "user", "content": "hello"});
    let turns = |turns: &[Value]| json!({"messages": turns});
    let image = |url: &str| {
        turns(&[
            json!({"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}),
        ])
    };
    let format = |format: Value| json!({"response_format": format});
    let open = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    for (over, expected) in [
        (
            json!({"system": "be"}),
            "Unrecognized request argument supplied: system",
        ),
        (json!({"stop_sequences": []}), "stop_sequences"),
        (
            json!({"max_tokens": 5, "max_completion_tokens": 5}),
            "same time",
        ),
        (json!({"temperature": 3}), "temperature"),
        (json!({"stop": ["a", "b", "c", "d", "e"]}), "at most 4"),
        (
            json!({"stream_options": {"include_usage": true}}),
            "only allowed when 'stream'",
        ),
        (json!({"tools": []}), "minimum length 1"),
        (
            json!({"tools": [{"name": "x", "input_schema": {}}]}),
            "tools[0].type",
        ),
        (
            json!({"tools": [{"type": "function", "function": {"name": "a b"}}]}),
            "tools[0].function.name",
        ),
        (
            json!({"tool_choice": "required"}),
            "only allowed when 'tools'",
        ),
        (
            json!({"tools": tools(), "tool_choice": {"type": "function", "function": {"name": "x"}}}),
            "no function named 'x'",
        ),
        (format(json!({"type": "json_object"})), "the word 'json'"),
        (
            format(json!({"type": "json_schema", "json_schema": {"schema": open}})),
            "json_schema.name",
        ),
        (
            format(
                json!({"type": "json_schema", "json_schema": {"name": "n", "strict": true, "schema": open}}),
            ),
            "additionalProperties",
        ),
        (
            format(
                json!({"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "array"}}}),
            ),
            "must be a JSON Schema of",
        ),
        (
            turns(&[json!({"role": "model", "content": "x"})]),
            "Supported values",
        ),
        (
            turns(&[json!({"role": "user", "content": null})]),
            "expected a string",
        ),
        (
            turns(&[json!({"role": "user", "content": [{"type": "tool_result"}]})]),
            "'tool_result'",
        ),
        (
            turns(&[json!({"role": "user", "content": "x", "cache_control": {}})]),
            "cache_control",
        ),
        (image("data:image/png;base64,***"), "Invalid image data"),
        (
            turns(&[json!({"role": "user", "content": [
                {"type": "image_url", "image_url": {"url": "https://a.example/b.png", "detail": "huge"}}]})]),
            "'detail'",
        ),
        (image("data:image/bmp;base64,aGk="), "Invalid image data"),
        (
            turns(
                &[json!({"role": "user", "content": [{"type": "file", "file":
                {"filename": "a", "file_data": "data:text/csv;base64,aGk="}}]})],
            ),
            "application/pdf",
        ),
        (
            turns(&[
                json!({"role": "user", "content": [{"type": "input_audio", "input_audio":
                {"data": "aGk=", "format": "mp3"}}]}),
            ]),
            "does not support audio",
        ),
        (
            json!({"model": "o3", "tools": tools(), "parallel_tool_calls": false}),
            "'parallel_tool_calls' is not supported",
        ),
        (json!({"reasoning_effort": "huge"}), "reasoning_effort"),
        (json!({"verbosity": "chatty"}), "verbosity"),
        (
            json!({"logprobs": true, "top_logprobs": 21}),
            "from 0 to 20",
        ),
        (json!({"top_logprobs": 2}), "only allowed when 'logprobs'"),
        (
            json!({"tools": tools(), "tool_choice": {"type": "allowed_tools", "allowed_tools":
                {"mode": "auto", "tools": [{"type": "function", "function": {"name": "x"}}]}}}),
            "an allowed tool was not",
        ),
        (
            turns(&[user.clone(), call("a")]),
            "must be followed by tool messages",
        ),
        (
            turns(&[user.clone(), call("a"), user.clone()]),
            "must be followed by tool messages",
        ),
        (
            turns(&[user.clone(), call("a"), told("b")]),
            "preceeding message",
        ),
        (turns(&[user.clone(), told("a")]), "preceeding message"),
        (
            turns(&[user.clone(), call(&"x".repeat(41)), told(&"x".repeat(41))]),
            "at most 40",
        ),
    ] {
        let body = with(over);
        let (code, text) = status(&strict, CHAT, &body).await;
        assert_eq!(code, 400, "{body}");
        assert!(text.contains(expected), "{text} / {expected}");
        assert_eq!(status(&lax, CHAT, &body).await.0, 200, "{body}");
    }
    let good = json!({"messages": [{"role": "developer", "content": "be"}, user, call("a"), told("a")],
        "tools": tools(), "temperature": 2, "stop": ["zzz"], "response_format": {"type": "text"}});
    let answer = post(strict.addr(), CHAT, &with(good)).await;
    assert!(chat::text_of(&answer).starts_with("The tool says: rain. "));
    let seen = post(
        strict.addr(),
        CHAT,
        &with(image(&format!("data:image/png;base64,{PIXEL}"))),
    )
    .await;
    assert!(chat::text_of(&seen).starts_with("I see image/png of 68 bytes. "));
}

#[tokio::test]
async fn responses_are_refused_only_in_earnest() {
    let (lax, strict) = (start(script(false)), start(script(true)));
    let path = "/v1/responses";
    let message =
        |role: &str, kind: &str| json!([{"role": role, "content": [{"type": kind, "text": "x"}]}]);
    let call =
        json!({"type": "function_call", "call_id": "c", "name": "weather", "arguments": "{}"});
    let told = json!({"type": "function_call_output", "call_id": "c", "output": "rain"});
    for (key, value, expected) in [
        (
            "messages",
            json!([]),
            "Unrecognized request argument supplied: messages",
        ),
        ("input", message("user", "text"), "'text' is no part"),
        (
            "input",
            message("assistant", "input_text"),
            "'input_text' is no part",
        ),
        ("input", message("tool", "input_text"), "its role"),
        ("input", json!([call]), "No tool output found"),
        ("input", json!([told]), "No tool call found"),
        (
            "input",
            json!([{"type": "reasoning", "summary": []}]),
            "a thought has",
        ),
        (
            "input",
            json!([{"type": "reasoning", "summary": [], "encrypted_content": "another's"}]),
            "could not be verified",
        ),
    ] {
        let mut body = json!({"model": "m", "input": "hello"});
        body[key] = value;
        let (code, text) = status(&strict, path, &body).await;
        assert_eq!(code, 400, "{body}");
        assert!(text.contains(expected), "{text} / {expected}");
        assert_eq!(status(&lax, path, &body).await.0, 200, "{body}");
    }
    let body = json!({"model": "m", "input": [call, told]});
    assert_eq!(status(&strict, path, &body).await.0, 200);
    // What it may have given itself can be referred to, and nothing else.
    for (id, expected) in [
        ("rs_1", 200),
        ("msg_1", 200),
        ("rs_other_1", 404),
        ("x", 404),
    ] {
        for item in [
            json!({"id": id}),
            json!({"id": id, "type": "item_reference"}),
        ] {
            let body = json!({"model": "m", "input": [{"role": "user", "content": "hi"}, item]});
            let (code, text) = status(&strict, path, &body).await;
            assert_eq!(code, expected, "{body}: {text}");
            assert_eq!(text.contains("not found"), expected == 404, "{text}");
        }
    }
}

#[tokio::test]
async fn a_thought_is_sealed_if_the_client_keeps_the_conversation() {
    let running = start(script(true));
    let mut body =
        json!({"model": "m", "input": "hello", "reasoning": {"effort": "low"}, "store": false});
    let thought = async |body: &Value| {
        let answer = post(running.addr(), "/v1/responses", body).await.json();
        answer["output"][0].clone()
    };
    assert!(thought(&body).await["encrypted_content"].is_null());
    body["include"] = json!(["reasoning.encrypted_content"]);
    let mut sealed = thought(&body).await;
    assert!(sealed["encrypted_content"].is_string(), "{sealed}");
    sealed.as_object_mut().expect("an item").remove("id");
    body["input"] = json!([sealed, {"role": "user", "content": "more"}]);
    assert_eq!(status(&running, "/v1/responses", &body).await.0, 200);
}

#[tokio::test]
async fn several_calls_and_thoughts_are_told_apart() {
    let running = start(script(true));
    let body = with(json!({"tools": tools(), "reasoning_effort": "low"}));
    let answer = post(running.addr(), CHAT, &body).await.json();
    let calls = answer["choices"][0]["message"]["tool_calls"].clone();
    assert_eq!(calls.as_array().map(Vec::len), Some(2));
    assert_eq!(
        answer["usage"]["completion_tokens_details"]["reasoning_tokens"],
        8
    );
    let mut asking = ask_stream("m", "hello");
    asking["tools"] = tools();
    asking["parallel_tool_calls"] = json!(true);
    let events = stream(&running, CHAT, &asking).await;
    for number in 0..2 {
        let pieces = events.iter().filter_map(|event| {
            let chunk: Value = serde_json::from_str(&event.data).ok()?;
            let call = chunk["choices"][0]["delta"]["tool_calls"][0].clone();
            (call["index"] == number).then_some(call)
        });
        let pieces: Vec<Value> = pieces.collect();
        assert_eq!(
            pieces[0]["function"]["name"],
            calls[number]["function"]["name"]
        );
        let arguments = pieces
            .iter()
            .filter_map(|call| call["function"]["arguments"].as_str());
        assert_eq!(arguments.collect::<String>(), r#"{"city":"hello"}"#);
    }
    asking["parallel_tool_calls"] = json!(false);
    let events = stream(&running, CHAT, &asking).await;
    assert!(
        events
            .iter()
            .all(|event| !event.data.contains("\"index\":1"))
    );
}

#[tokio::test]
async fn responses_tell_a_thought_and_calls_item_by_item() {
    let running = start(script(true));
    let tool = |name: &str| json!({"type": "function", "name": name, "parameters": {"type": "object", "properties": {}}});
    let body = json!({"model": "m", "input": "hello", "stream": true, "tools": [tool("weather"), tool("news")],
        "reasoning": {"effort": "low", "summary": "auto"}});
    let events = stream(&running, "/v1/responses", &body).await;
    let last = events.last().expect("events").json();
    let kinds = last["response"]["output"]
        .as_array()
        .expect("items")
        .clone();
    let kinds: Vec<&str> = kinds
        .iter()
        .filter_map(|item| item["type"].as_str())
        .collect();
    assert_eq!(kinds, ["reasoning", "function_call", "function_call"]);
    let mut names: Vec<String> = events.iter().map(|event| event.name.clone()).collect();
    names.dedup();
    let summary = ["part.added", "text.delta", "text.done", "part.done"];
    let summary = summary.map(|name| format!("response.reasoning_summary_{name}"));
    assert_eq!(names[3..7], summary);
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event.json()["sequence_number"], number);
    }
}

async fn stream(running: &Running, path: &str, body: &Value) -> Vec<Event> {
    let mut client = Client::connect(running.addr()).await;
    client.post(path, body).await;
    assert_eq!(client.head().await.status(), 200);
    client.events().await.0
}
