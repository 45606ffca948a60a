//! Every API in its shapes: whole and streamed, OpenAI's and Azure's.

use base64::Engine as _;
use serde_json::{Value, json};

use super::{get, get_with, start};
use crate::support::chat::{self, CHAT, ask, ask_stream};
use crate::support::client::{Client, Ending, Event, post};
use breakerbox::simulator::{Running, Script, Tokens};

fn provider() -> Running {
    start(Script {
        tokens: Tokens { min: 30, max: 30 },
        ..Script::default()
    })
}

async fn stream(running: &Running, path: &str, body: &Value) -> Vec<Event> {
    let mut client = Client::connect(running.addr()).await;
    client.post(path, body).await;
    let head = client.head().await;
    let kind = head.header("content-type").unwrap_or_default();
    assert!(kind.starts_with("text/event-stream"), "{kind}");
    let (events, ending) = client.events().await;
    assert_eq!(ending, Ending::Whole);
    events
}

#[tokio::test]
async fn chat_whole() {
    let running = provider();
    let answer = post(running.addr(), CHAT, &ask("m", "hello")).await;
    assert!(answer.head.header("x-request-id").is_some());
    let body = answer.json();
    assert_eq!(body["object"], "chat.completion");
    assert_eq!(body["model"], "m");
    assert_eq!(body["choices"][0]["finish_reason"], "stop");
    let usage = &body["usage"];
    assert_eq!(usage["completion_tokens"], 30);
    let sum = usage["prompt_tokens"].as_u64().map(|prompt| prompt + 30);
    assert_eq!(usage["total_tokens"].as_u64(), sum);
}

#[tokio::test]
async fn chat_streamed_says_the_same_and_tells_usage_if_asked() {
    let running = provider();
    let events = stream(&running, CHAT, &ask_stream("m", "hello")).await;
    assert!(chat::is_done(&events));
    assert_eq!(events.len(), 1 + 30 + 1 + 1);
    assert!(events.iter().all(|event| !event.data.contains("usage")));
    let mut asking = ask_stream("m", "hello");
    asking["stream_options"] = json!({"include_usage": true});
    let events = stream(&running, CHAT, &asking).await;
    let usage = events[events.len() - 2].json();
    assert_eq!(usage["choices"], json!([]));
    assert_eq!(usage["usage"]["completion_tokens"], 30);
    assert_eq!(events[0].json()["usage"], Value::Null);
    let reason = events[events.len() - 3].json();
    assert_eq!(reason["choices"][0]["finish_reason"], "stop");
    let text = chat::text_of_stream(&events);
    assert_eq!(text.split(' ').count(), 30, "{text}");
}

fn with_tools(mut request: Value) -> Value {
    request["tools"] = json!([{"type": "function", "function": {"name": "weather", "parameters":
        {"type": "object", "properties": {"city": {"type": "string"}}}}}]);
    request
}

#[tokio::test]
async fn chat_calls_tools_until_it_has_a_result() {
    let running = provider();
    let body = post(running.addr(), CHAT, &with_tools(ask("m", "Oslo")))
        .await
        .json();
    let call = &body["choices"][0]["message"]["tool_calls"][0];
    assert_eq!(body["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(call["function"]["name"], "weather");
    assert_eq!(call["function"]["arguments"], r#"{"city":"Oslo"}"#);
    let events = stream(&running, CHAT, &with_tools(ask_stream("m", "Oslo"))).await;
    let calls = events.iter().filter_map(|event| {
        let chunk: Value = serde_json::from_str(&event.data).ok()?;
        Some(chunk["choices"][0]["delta"]["tool_calls"][0].clone())
    });
    let calls: Vec<Value> = calls.filter(|call| !call.is_null()).collect();
    assert_eq!(calls[0]["function"]["name"], "weather");
    assert!(calls[0]["id"].is_string());
    let pieces = calls
        .iter()
        .filter_map(|call| call["function"]["arguments"].as_str());
    assert_eq!(pieces.collect::<String>(), r#"{"city":"Oslo"}"#);
    let mut told = with_tools(ask("m", "Oslo"));
    let result = json!({"role": "tool", "tool_call_id": "x", "content": "rain"});
    told["messages"]
        .as_array_mut()
        .expect("messages")
        .push(result);
    assert!(!chat::text_of(&post(running.addr(), CHAT, &told).await).is_empty());
}

#[tokio::test]
async fn responses_come_in_the_order_that_codex_expects() {
    let running = provider();
    let mut request = json!({"model": "m", "input": "hello"});
    let whole = post(running.addr(), "/v1/responses", &request).await.json();
    assert_eq!(
        (&whole["object"], &whole["status"]),
        (&json!("response"), &json!("completed"))
    );
    assert_eq!(whole["usage"]["output_tokens"], 30);
    request["stream"] = json!(true);
    let events = stream(&running, "/v1/responses", &request).await;
    for (number, event) in events.iter().enumerate() {
        let data = event.json();
        assert_eq!(data["type"], event.name.as_str());
        assert_eq!(data["sequence_number"], number);
    }
    let mut names: Vec<&str> = events.iter().map(|event| event.name.as_str()).collect();
    names.dedup();
    let expected = [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ];
    assert_eq!(names, expected);
    let deltas = events.iter().map(|event| event.json()["delta"].clone());
    let text: String = deltas
        .filter_map(|delta| delta.as_str().map(str::to_owned))
        .collect();
    let last = events.last().expect("events").json();
    assert_eq!(last["response"]["output"][0]["content"][0]["text"], text);
    assert_eq!(last["response"]["usage"]["output_tokens"], 30);
    request["max_output_tokens"] = json!(5);
    let events = stream(&running, "/v1/responses", &request).await;
    let last = events.last().expect("events");
    assert_eq!(last.name, "response.incomplete");
    assert_eq!(
        last.json()["response"]["incomplete_details"]["reason"],
        "max_output_tokens"
    );
}

#[tokio::test]
async fn responses_call_functions() {
    let running = provider();
    let request = json!({"model": "m", "input": "Oslo", "stream": true, "tools": [
        {"type": "function", "name": "weather", "parameters": {"properties": {"city": {"type": "string"}}}}]});
    let events = stream(&running, "/v1/responses", &request).await;
    let mut names: Vec<&str> = events.iter().map(|event| event.name.as_str()).collect();
    names.dedup();
    let expected = [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.completed",
    ];
    assert_eq!(names, expected);
    let last = events.last().expect("events").json();
    let item = &last["response"]["output"][0];
    assert_eq!(
        (&item["type"], &item["name"]),
        (&json!("function_call"), &json!("weather"))
    );
    assert_eq!(item["arguments"], r#"{"city":"Oslo"}"#);
}

#[tokio::test]
async fn completions_whole_and_streamed() {
    let running = provider();
    let mut request = json!({"model": "m", "prompt": "Once"});
    let whole = post(running.addr(), "/v1/completions", &request)
        .await
        .json();
    assert_eq!(whole["object"], "text_completion");
    assert_eq!(whole["usage"]["completion_tokens"], 30);
    request["stream"] = json!(true);
    request["stream_options"] = json!({"include_usage": true});
    let events = stream(&running, "/v1/completions", &request).await;
    assert!(chat::is_done(&events));
    assert_eq!(events.len(), 30 + 3);
    assert_eq!(events[31].json()["usage"]["completion_tokens"], 30);
    assert_eq!(events[30].json()["choices"][0]["finish_reason"], "stop");
}

#[tokio::test]
async fn embeddings_in_floats_and_in_base64() {
    let running = provider();
    let mut request = json!({"model": "m", "input": ["one", "two"], "dimensions": 8});
    let floats = post(running.addr(), "/v1/embeddings", &request)
        .await
        .json();
    assert_eq!(floats["data"].as_array().map(Vec::len), Some(2));
    let vector = floats["data"][1]["embedding"].as_array().expect("a vector");
    let length: f64 = vector
        .iter()
        .filter_map(Value::as_f64)
        .map(|part| part * part)
        .sum();
    assert_eq!(vector.len(), 8);
    assert!((length - 1.0).abs() < 1e-4, "{length}");
    assert_ne!(
        floats["data"][0]["embedding"],
        floats["data"][1]["embedding"]
    );
    assert_eq!(floats["usage"]["total_tokens"], 2);
    request["encoding_format"] = json!("base64");
    let packed = post(running.addr(), "/v1/embeddings", &request)
        .await
        .json();
    let text = packed["data"][1]["embedding"].as_str().expect("a text");
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(text)
        .expect("base64");
    let first = bytes[..4]
        .try_into()
        .map(f32::from_le_bytes)
        .expect("a float");
    assert!((f64::from(first) - vector[0].as_f64().expect("a float")).abs() < 1e-6);
    assert_eq!(bytes.len(), 32);
    let tokens = json!({"model": "m", "input": [1, 2, 3]});
    let one = post(running.addr(), "/v1/embeddings", &tokens).await.json();
    assert_eq!(one["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(one["usage"]["total_tokens"], 3);
}

#[tokio::test]
async fn azure_takes_the_model_from_the_path_and_wants_a_version() {
    let running = start(Script {
        models: vec!["gpt".to_owned()],
        ..Script::default()
    });
    let path = "/openai/deployments/gpt/chat/completions?api-version=2024-10-21";
    let mut request = ask_stream("ignored", "hello");
    request.as_object_mut().expect("an object").remove("model");
    let events = stream(&running, path, &request).await;
    let first = events[0].json();
    assert_eq!(first["choices"], json!([]));
    assert!(first["prompt_filter_results"].is_array());
    assert_eq!(events[1].json()["model"], "gpt");
    let bare = post(
        running.addr(),
        "/openai/deployments/gpt/chat/completions",
        &request,
    )
    .await;
    assert_eq!(bare.status(), 404);
    let other = path.replace("gpt", "other");
    assert_eq!(post(running.addr(), &other, &request).await.status(), 404);
    let models = "/openai/models?api-version=2024-10-21";
    let list = get_with(&running, models, ("api-key", "any")).await.json();
    assert_eq!(list["data"][0]["id"], "gpt");
    let next = post(
        running.addr(),
        "/openai/v1/chat/completions",
        &ask("gpt", ""),
    )
    .await;
    assert_eq!(next.status(), 200);
}

#[tokio::test]
async fn an_open_provider_lists_a_model_and_answers_head() {
    let running = provider();
    let list = get(running.addr(), "/v1/models").await.json();
    assert_eq!(list["data"][0]["id"], "simulated");
    let mut client = Client::connect(running.addr()).await;
    client.request("HEAD", "/v1/models", &[], b"").await;
    let head = client.head().await;
    assert_eq!(head.status(), 200);
    let mut client = Client::connect(running.addr()).await;
    let expecting = [("expect", "100-continue")];
    let body = ask("m", "hello").to_string();
    client
        .request("POST", CHAT, &expecting, body.as_bytes())
        .await;
    assert_eq!(client.answer().await.status(), 200);
}
