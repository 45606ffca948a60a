//! The Anthropic dialect: its shapes, its errors, its faults.

mod faults;
mod refusals;

use serde_json::{Value, json};

use super::{PIXEL, post_with, start};
use crate::support::client::{Answer, Client, Ending, Event};
use breakerbox::simulator::{Dialect, Running, Script, Tokens};

const PATH: &str = "/v1/messages";
const VERSION: (&str, &str) = ("anthropic-version", "2023-06-01");

fn script() -> Script {
    Script {
        dialect: Dialect::Anthropic,
        tokens: Tokens { min: 10, max: 10 },
        ..Script::default()
    }
}

fn ask(over: Value) -> Value {
    let mut body = json!({"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "hello"}]});
    if let Value::Object(over) = over {
        for (key, value) in over {
            body[key] = value;
        }
    }
    body
}

async fn whole(running: &Running, over: Value) -> Answer {
    let mut client = post_with(running, PATH, &[VERSION], &ask(over)).await;
    client.answer().await
}

async fn streamed(running: &Running, over: Value) -> (Vec<Event>, Ending) {
    let mut body = ask(over);
    body["stream"] = json!(true);
    let mut client = post_with(running, PATH, &[VERSION], &body).await;
    assert_eq!(client.head().await.status(), 200);
    client.events().await
}

fn tools() -> Value {
    let tool = |name: &str| {
        json!({"name": name, "input_schema":
            {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}})
    };
    json!([tool("weather"), tool("news")])
}

#[tokio::test]
async fn a_message_whole_and_streamed_says_the_same() {
    let running = start(Script {
        cached: 0.5,
        ..script()
    });
    let answer = whole(&running, json!({"system": "Be brief, please."})).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert!(answer.head.header("request-id").is_some());
    assert!(answer.head.header("x-request-id").is_none());
    let body = answer.json();
    assert_eq!(
        (&body["type"], &body["role"]),
        (&json!("message"), &json!("assistant"))
    );
    assert_eq!(body["stop_reason"], "end_turn");
    let usage = &body["usage"];
    assert_eq!(usage["output_tokens"], 10);
    // 3 for the request, 4 and 2 for the message, 5 for the system: 14, half of them from the cache.
    assert_eq!(
        (&usage["input_tokens"], &usage["cache_read_input_tokens"]),
        (&json!(7), &json!(7))
    );

    let (events, ending) = streamed(&running, json!({})).await;
    assert_eq!(ending, Ending::Whole);
    for event in &events {
        assert_eq!(event.json()["type"], event.name.as_str());
    }
    let mut names: Vec<&str> = events.iter().map(|event| event.name.as_str()).collect();
    names.dedup();
    let expected = [
        "message_start",
        "content_block_start",
        "ping",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ];
    assert_eq!(names, expected);
    let start = events[0].json();
    assert_eq!(start["message"]["content"], json!([]));
    assert_eq!(start["message"]["usage"]["output_tokens"], 1);
    let end = events[events.len() - 2].json();
    assert_eq!(end["delta"]["stop_reason"], "end_turn");
    assert_eq!(end["usage"]["output_tokens"], 10);
    let texts = events
        .iter()
        .map(|event| event.json()["delta"]["text"].clone());
    let text: String = texts
        .filter_map(|text| text.as_str().map(str::to_owned))
        .collect();
    assert_eq!(text.split(' ').count(), 10, "{text}");
}

#[tokio::test]
async fn tools_are_called_in_pieces_and_several_at_once() {
    let running = start(Script {
        calls: 2,
        ..script()
    });
    let body = whole(&running, json!({"tools": tools()})).await.json();
    assert_eq!(body["stop_reason"], "tool_use");
    let calls = body["content"].as_array().expect("blocks").clone();
    let told: Vec<_> = calls
        .iter()
        .map(|call| (&call["name"], &call["input"]["city"]))
        .collect();
    let city = json!("hello");
    assert_eq!(told, [(&json!("weather"), &city), (&json!("news"), &city)]);
    assert_ne!(calls[0]["id"], calls[1]["id"]);
    let (events, _) = streamed(&running, json!({"tools": tools()})).await;
    for (index, call) in calls.iter().enumerate() {
        let of = events
            .iter()
            .map(Event::json)
            .filter(|data| data["index"] == index);
        let of: Vec<Value> = of.collect();
        let begun = of.iter().find(|data| data["type"] == "content_block_start");
        let begun = &begun.expect("a start")["content_block"];
        assert_eq!(
            (&begun["type"], &begun["name"], &begun["input"]),
            (&json!("tool_use"), &call["name"], &json!({}))
        );
        let pieces: Vec<&str> = of
            .iter()
            .filter_map(|data| data["delta"]["partial_json"].as_str())
            .collect();
        assert!(pieces.len() > 1, "{pieces:?}");
        assert_eq!(pieces.concat(), r#"{"city":"hello"}"#);
    }
    let one = json!({"type": "auto", "disable_parallel_tool_use": true});
    let body = whole(&running, json!({"tools": tools(), "tool_choice": one}))
        .await
        .json();
    assert_eq!(body["content"].as_array().map(Vec::len), Some(1));
    let named = json!({"type": "tool", "name": "news"});
    let body = whole(&running, json!({"tools": tools(), "tool_choice": named}))
        .await
        .json();
    assert_eq!(body["content"][0]["name"], "news");
    // Results end it, and are acknowledged.
    let results: Vec<Value> = calls
        .iter()
        .map(|call| json!({"type": "tool_result", "tool_use_id": call["id"], "content": "rain"}))
        .collect();
    let messages = json!([
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": calls},
        {"role": "user", "content": results},
    ]);
    let body = whole(&running, json!({"tools": tools(), "messages": messages}))
        .await
        .json();
    let text = body["content"][0]["text"].as_str().expect("a text");
    assert!(
        text.starts_with("The tool says: rain. The tool says: rain. "),
        "{text}"
    );
}

#[tokio::test]
async fn thoughts_are_sealed_and_come_back() {
    let running = start(script());
    let thinking = json!({"type": "enabled", "budget_tokens": 1024});
    let over = json!({"thinking": thinking, "max_tokens": 2000, "tools": tools()});
    let body = whole(&running, over.clone()).await.json();
    let content = body["content"].clone();
    assert_eq!(
        (&content[0]["type"], &content[1]["type"]),
        (&json!("thinking"), &json!("tool_use"))
    );
    let (events, _) = streamed(&running, over.clone()).await;
    let deltas: Vec<Value> = events
        .iter()
        .map(|event| event.json()["delta"].clone())
        .collect();
    let sum = |name: &str| -> String {
        deltas
            .iter()
            .filter_map(|delta| delta[name].as_str())
            .collect()
    };
    assert!(!sum("thinking").is_empty());
    assert!(!sum("signature").is_empty());
    let back = |content: &Value| {
        let mut over = over.clone();
        let result =
            json!([{"type": "tool_result", "tool_use_id": content[1]["id"], "content": "rain"}]);
        over["messages"] = json!([{"role": "user", "content": "hello"},
            {"role": "assistant", "content": content}, {"role": "user", "content": result}]);
        over
    };
    assert_eq!(whole(&running, back(&content)).await.status(), 200);
    let mut other = content.clone();
    other[0]["thinking"] = json!("never thought");
    assert_eq!(whole(&running, back(&other)).await.status(), 400);
    let none = json!([{"type": "text", "text": "So."}, content[1]]);
    let answer = whole(&running, back(&none)).await;
    assert!(
        answer.text().contains("Expected `thinking`"),
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn limits_stops_images_and_schemas_are_obeyed() {
    let running = start(script());
    let body = whole(&running, json!({"max_tokens": 3})).await.json();
    assert_eq!(body["stop_reason"], "max_tokens");
    assert_eq!(body["usage"]["output_tokens"], 3);
    let body = whole(&running, json!({"stop_sequences": [" "]})).await;
    assert_eq!(body.status(), 400, "space is no stop text");
    let content = json!([
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
        {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
        {"type": "text", "text": "What is this?"},
    ]);
    let messages = json!([{"role": "user", "content": content}]);
    let body = whole(
        &running,
        json!({"messages": messages.clone(), "stop_sequences": ["example"]}),
    )
    .await
    .json();
    assert_eq!(
        (&body["stop_reason"], &body["stop_sequence"]),
        (&json!("stop_sequence"), &json!("example"))
    );
    let text = body["content"][0]["text"].as_str().expect("a text");
    assert_eq!(
        text,
        "I see image/png of 68 bytes. I see the image at https://"
    );
    let schema = json!({"type": "object", "properties": {"n": {"type": "integer"}}, "additionalProperties": false});
    let config = json!({"format": {"type": "json_schema", "schema": schema}});
    let body = whole(&running, json!({"output_config": config}))
        .await
        .json();
    assert_eq!(body["content"][0]["text"], r#"{"n":7}"#);
    assert!(running.look(|stats| stats.last_body.ends_with(b"}")));
}

async fn get(running: &Running, path: &str) -> Answer {
    let mut client = Client::connect(running.addr()).await;
    client.request("GET", path, &[VERSION], b"").await;
    client.answer().await
}

#[tokio::test]
async fn models_come_in_pages_and_tokens_are_counted() {
    let names = ["a/1", "b", "c"].map(str::to_owned);
    let running = start(Script {
        models: names.into(),
        ..script()
    });
    let first = get(&running, "/v1/models?limit=2").await.json();
    assert_eq!(
        (&first["has_more"], &first["first_id"], &first["last_id"]),
        (&json!(true), &json!("a/1"), &json!("b"))
    );
    let rest = get(&running, "/v1/models?limit=2&after_id=b").await.json();
    assert_eq!(
        (&rest["has_more"], &rest["data"][0]["id"]),
        (&json!(false), &json!("c"))
    );
    let before = get(&running, "/v1/models?limit=1&before_id=c").await.json();
    assert_eq!(
        (&before["has_more"], &before["data"][0]["id"]),
        (&json!(true), &json!("b"))
    );
    assert_eq!(get(&running, "/v1/models?limit=0").await.status(), 400);
    let one = get(&running, "/v1/models/a%2F1").await.json();
    assert_eq!((&one["type"], &one["id"]), (&json!("model"), &json!("a/1")));
    let none = get(&running, "/v1/models/d").await;
    assert_eq!(
        (none.status(), &none.json()["error"]["type"]),
        (404, &json!("not_found_error"))
    );
    let body = json!({"model": "b", "messages": [{"role": "user", "content": "12345678"}]});
    let path = "/v1/messages/count_tokens";
    let counted = post_with(&running, path, &[VERSION], &body)
        .await
        .answer()
        .await;
    assert_eq!(counted.json(), json!({"input_tokens": 9}));
    let mut made = body.clone();
    made["max_tokens"] = json!(9);
    let refused = post_with(&running, path, &[VERSION], &made)
        .await
        .answer()
        .await;
    assert_eq!(refused.status(), 400, "{}", refused.text());
}
