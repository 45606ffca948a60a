//! What Anthropic refuses: each is a translation gone wrong.

use std::time::Duration;

use serde_json::{Value, json};

use super::{PATH, VERSION, ask, script, tools, whole};
use crate::simulator::{PIXEL, post_with, start};
use breakerbox::simulator::{Limits, Running, Script};

async fn refusal(running: &Running, over: Value) -> String {
    let told = over.to_string();
    let answer = whole(running, over).await;
    assert_eq!(answer.status(), 400, "{told}: {}", answer.text());
    let body = answer.json();
    assert_eq!(
        (&body["type"], &body["error"]["type"]),
        (&json!("error"), &json!("invalid_request_error"))
    );
    assert_eq!(
        body["request_id"].as_str(),
        answer.head.header("request-id")
    );
    body["error"]["message"]
        .as_str()
        .expect("a message")
        .to_owned()
}

fn turns(list: &[(&str, Value)]) -> Value {
    let turns = list
        .iter()
        .map(|(role, content)| json!({"role": role, "content": content}));
    json!({"messages": turns.collect::<Vec<_>>(), "tools": tools()})
}

fn call(id: &str) -> Value {
    json!([{"type": "tool_use", "id": id, "name": "weather", "input": {}}])
}

fn result(id: &str) -> Value {
    json!([{"type": "tool_result", "tool_use_id": id, "content": "rain"}])
}

#[tokio::test]
async fn wrong_fields_are_named() {
    let running = start(script());
    let schema = json!({"type": "object", "properties": {}});
    let image = |source: Value| turns(&[("user", json!([{"type": "image", "source": source}]))]);
    let format = |schema: Value| json!({"output_config": {"format": {"type": "json_schema", "schema": schema}}});
    for (over, expected) in [
        (
            json!({"response_format": {}}),
            "response_format: Extra inputs",
        ),
        (json!({"n": 1}), "n: Extra inputs"),
        (json!({"mcp_servers": []}), "mcp_servers: Extra inputs"),
        (json!({"max_tokens": 0}), "max_tokens: "),
        (json!({"temperature": 1.5}), "temperature: range"),
        (
            json!({"system": [{"type": "text", "text": ""}]}),
            "system: text content",
        ),
        (json!({"stop_sequences": ["\n"]}), "stop_sequences: "),
        (
            json!({"tools": [{"name": "a b", "input_schema": schema}]}),
            "tools.0.custom.name",
        ),
        (
            json!({"tools": [{"name": "a", "parameters": schema}]}),
            "tools.0.custom.parameters: Extra",
        ),
        (
            json!({"tools": [{"name": "a"}]}),
            "tools.0.custom.input_schema: Field required",
        ),
        (
            json!({"tools": [{"name": "a", "input_schema": {}}]}),
            "input_schema.type",
        ),
        (
            json!({"tool_choice": {"type": "auto"}}),
            "tool_choice: may only",
        ),
        (
            json!({"tools": tools(), "tool_choice": "auto"}),
            "tool_choice: Input",
        ),
        (
            json!({"tools": tools(), "tool_choice": {"type": "tool", "name": "x"}}),
            "'x' not found",
        ),
        (
            json!({"thinking": {"type": "enabled", "budget_tokens": 10}}),
            "budget_tokens",
        ),
        (
            json!({"thinking": {"type": "enabled", "budget_tokens": 2000}}),
            "`max_tokens` must be",
        ),
        (
            json!({"thinking": {"type": "adaptive"}, "temperature": 0.5}),
            "`temperature`",
        ),
        (
            json!({"thinking": {"type": "adaptive"}, "tools": tools(), "tool_choice": {"type": "any"}}),
            "forces tool use",
        ),
        (
            json!({"output_config": {"format": {"type": "json_schema", "schema": schema}}}),
            "additionalProperties",
        ),
        (
            format(json!({"type": "integer", "minimum": 0})),
            "For 'integer' type, property 'minimum' is not supported",
        ),
        (
            format(json!({"type": "array", "minItems": 2})),
            "'minItems'",
        ),
        (
            format(json!({"type": "object", "additionalProperties": false,
                "properties": {"next": {"$ref": "#"}}})),
            "Recursive schemas",
        ),
        (
            format(json!({"oneOf": []})),
            "Schema type 'oneOf' is not supported",
        ),
        (
            format(json!({"type": "object", "additionalProperties": false,
                "properties": {"a": {"not": {"type": "null"}}}})),
            "property 'not' is not supported",
        ),
        (format(json!({"enum": [{"a": 1}]})), "Complex types"),
        (
            format(json!({"type": ["string", "null"], "enum": ["a", null]})),
            "does not match declared type",
        ),
        (
            format(json!({"anyOf": [{"type": "string", "format": "uri-template"}]})),
            "String format",
        ),
        (
            format(json!({"type": "string", "pattern": "(?=a)"})),
            "Invalid regex",
        ),
        (format(json!({"$ref": "https://x/y"})), "External"),
        (
            format(json!({"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"type": "null"}}})),
            "'allOf' with '$ref'",
        ),
        (
            json!({"model": "claude-sonnet-4-0", "output_config": {"format": {"type": "json_schema",
                "schema": {"type": "object", "additionalProperties": false}}}}),
            "does not support output format",
        ),
        (
            json!({"output_config": {"effort": "huge"}}),
            "output_config.effort",
        ),
        (
            json!({"model": "claude-opus-4-6", "output_config": {"effort": "xhigh"}}),
            "not supported by this model",
        ),
        (
            json!({"metadata": {"user_id": "ada@example.com"}}),
            "appears to contain an email address",
        ),
        (
            image(json!({"type": "base64", "media_type": "image/bmp", "data": PIXEL})),
            "media_type",
        ),
        (
            image(json!({"type": "base64", "media_type": "image/png", "data": "data:x"})),
            "invalid image",
        ),
        (
            image(json!({"type": "image_url", "url": "https://x"})),
            "invalid image",
        ),
    ] {
        let told = refusal(&running, over).await;
        assert!(told.contains(expected), "{told} / {expected}");
    }
}

#[tokio::test]
async fn turns_out_of_order_are_refused() {
    let running = start(script());
    let user = || ("user", json!("hello"));
    let own = |content: Value| ("assistant", content);
    let mut both = result("t1").as_array().expect("blocks").clone();
    both.insert(0, json!({"type": "text", "text": "first"}));
    for (list, expected) in [
        (vec![], "at least one message"),
        (vec![own(json!("hi")), user()], "first message must use"),
        (
            vec![("system", json!("be")), user()],
            "Unexpected role \"system\"",
        ),
        (vec![("tool", json!("x"))], "Unexpected role \"tool\""),
        (vec![("user", json!(""))], "non-empty content"),
        (vec![("user", json!([]))], "non-empty content"),
        (
            vec![("user", json!([{"type": "text", "text": " "}]))],
            "non-whitespace",
        ),
        (vec![user(), own(json!("so "))], "trailing whitespace"),
        (
            vec![(
                "user",
                json!([{"type": "image_url", "image_url": {"url": "https://x"}}]),
            )],
            "'image_url' is not allowed",
        ),
        (vec![user(), own(call("t1"))], "without `tool_result`"),
        (
            vec![user(), own(call("t1")), user()],
            "without `tool_result`",
        ),
        (
            vec![user(), own(call("t1")), ("user", result("t2"))],
            "unexpected `tool_use_id`",
        ),
        (vec![("user", result("t1"))], "unexpected `tool_use_id`"),
        (
            vec![user(), own(call("t 1")), ("user", result("t 1"))],
            "should match pattern",
        ),
        (
            vec![user(), own(call("t1")), ("user", json!(both))],
            "must come first",
        ),
        (
            vec![
                user(),
                own(json!([{"type": "tool_use", "id": "t", "name": "n", "input": "{}"}])),
            ],
            "valid dictionary",
        ),
    ] {
        let told = refusal(&running, turns(&list)).await;
        assert!(told.contains(expected), "{told} / {expected}");
    }
    let good = [
        user(),
        own(call("t1")),
        own(call("t2")),
        (
            "user",
            json!([result("t1")[0], result("t2")[0], {"type": "text", "text": "so?"}]),
        ),
    ];
    assert_eq!(whole(&running, turns(&good)).await.status(), 200);
}

#[tokio::test]
async fn keys_versions_and_limits_are_kept() {
    let running = start(Script {
        api_keys: vec!["right".to_owned()],
        limits: Limits {
            rpm: Some(1),
            ..Limits::default()
        },
        ..script()
    });
    let send = async |headers: &[(&str, &str)]| {
        let mut client = post_with(&running, PATH, headers, &ask(json!({}))).await;
        client.answer().await
    };
    for wrong in [("x-api-key", "wrong"), ("x-goog-api-key", "right")] {
        let answer = send(&[VERSION, wrong]).await;
        assert_eq!(
            (answer.status(), &answer.json()["error"]["type"]),
            (401, &json!("authentication_error"))
        );
    }
    let bare = send(&[("x-api-key", "right")]).await;
    assert!(
        bare.text()
            .contains("anthropic-version: header is required")
    );
    for (version, code) in [("2023-06-01", 200), ("2026-10-21", 400)] {
        let running = start(script());
        let headers = [("anthropic-version", version)];
        let body = ask(json!({"temperature": 1}));
        let answer = post_with(&running, PATH, &headers, &body)
            .await
            .answer()
            .await;
        assert_eq!(answer.status(), code, "{version}: {}", answer.text());
        let bare = post_with(&running, PATH, &headers, &ask(json!({})))
            .await
            .answer()
            .await;
        assert_eq!(bare.status(), 200, "{version}");
    }
    let old = send(&[("x-api-key", "right"), ("anthropic-version", "2019")]).await;
    assert_eq!(old.status(), 400);
    let good = send(&[VERSION, ("authorization", "Bearer right")]).await;
    assert_eq!(good.status(), 200);
    assert_eq!(
        good.head.header("anthropic-ratelimit-requests-limit"),
        Some("1")
    );
    assert_eq!(
        good.head.header("anthropic-ratelimit-requests-remaining"),
        Some("0")
    );
    let reset = good
        .head
        .header("anthropic-ratelimit-requests-reset")
        .expect("a date");
    let reset = humantime::parse_rfc3339(reset).expect("RFC 3339");
    let ahead = reset
        .duration_since(breakerbox::wall::now())
        .expect("in the future");
    assert!(ahead > Duration::from_secs(50), "{ahead:?}");
    let full = send(&[VERSION, ("x-api-key", "right")]).await;
    assert_eq!(
        (full.status(), &full.json()["error"]["type"]),
        (429, &json!("rate_limit_error"))
    );
    let wait = full
        .head
        .header("retry-after")
        .and_then(|it| it.parse::<u64>().ok());
    assert!((1..=60).contains(&wait.expect("retry-after")));
}
