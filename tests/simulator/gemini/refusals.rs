//! What Gemini refuses: each is a translation gone wrong.

use serde_json::{Value, json};

use super::{ask, path, script, tools, whole};
use crate::simulator::{post_with, start};
use breakerbox::simulator::{Limits, Running, Script};

async fn refusal(running: &Running, over: Value) -> String {
    let told = over.to_string();
    let answer = whole(running, over).await;
    assert_eq!(answer.status(), 400, "{told}: {}", answer.text());
    let body = answer.json();
    assert_eq!(
        (&body["error"]["code"], &body["error"]["status"]),
        (&json!(400), &json!("INVALID_ARGUMENT"))
    );
    body["error"]["message"]
        .as_str()
        .expect("a message")
        .to_owned()
}

fn turns(list: &[(&str, Value)]) -> Value {
    let turns = list
        .iter()
        .map(|(role, part)| json!({"role": role, "parts": [part]}));
    json!({"contents": turns.collect::<Vec<_>>(), "tools": tools()})
}

#[tokio::test]
async fn wrong_fields_are_named() {
    let running = start(script());
    let config = |config: Value| json!({"generationConfig": config});
    let schema = |parameters: Value| json!({"tools": [{"functionDeclarations": [{"name": "f", "parameters": parameters}]}]});
    for (over, expected) in [
        (json!({"messages": []}), "Unknown name \"messages\""),
        (json!({"stream": true}), "Unknown name \"stream\""),
        (json!({"contents": []}), "contents is not specified"),
        (json!({"model": "models/other"}), "model of the body"),
        (json!({"systemInstruction": "Be."}), "parts"),
        (
            config(json!({"max_tokens": 5})),
            "\"max_tokens\" at 'generation_config'",
        ),
        (config(json!({"temperature": 3})), "temperature"),
        (config(json!({"maxOutputTokens": 0})), "maxOutputTokens"),
        (
            config(json!({"stopSequences": ["a", "b", "c", "d", "e", "f"]})),
            "stop_sequences",
        ),
        (
            config(
                json!({"responseSchema": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}}),
            ),
            "response_mime_type",
        ),
        (
            config(json!({"thinkingConfig": {"thinkingBudget": 1, "thinkingLevel": "LOW"}})),
            "only one of",
        ),
        (
            json!({"tools": tools(), "generationConfig": {"responseMimeType": "application/json"}}),
            "is unsupported",
        ),
        (
            schema(
                json!({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": false}),
            ),
            "\"additionalProperties\" at 'tools[0].function_declarations[0].parameters'",
        ),
        (
            schema(json!({"type": "object", "properties": {"a": {"$ref": "#/x"}}})),
            "\"$ref\" at",
        ),
        (
            schema(json!({"type": "object", "properties": {}})),
            "should be non-empty",
        ),
        (
            schema(json!({"type": "object", "properties": {"a": {"type": ["string", "null"]}}})),
            "Type",
        ),
        (
            schema(json!({"type": "object", "properties": {"a": {"type": "array"}}})),
            "items: missing field",
        ),
        (
            schema(
                json!({"type": "object", "properties": {"a": {"type": "string", "format": "uri"}}}),
            ),
            "'enum' and 'date-time'",
        ),
        (
            schema(
                json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["b"]}),
            ),
            "property is not defined",
        ),
        (
            json!({"tools": [{"functionDeclarations": [{"name": "a b"}]}]}),
            "Invalid function name",
        ),
        (
            json!({"tools": [{"type": "function"}]}),
            "Unknown name \"type\"",
        ),
        (
            json!({"tools": tools(), "toolConfig": {"functionCallingConfig": {"mode": "required"}}}),
            "Invalid value",
        ),
        (
            json!({"tools": tools(), "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["x"]}}}),
            "not declared",
        ),
        (
            json!({"tools": tools(), "toolConfig": {"functionCallingConfig": {"mode": "AUTO", "allowedFunctionNames": ["news"]}}}),
            "must be ANY",
        ),
        (
            json!({"generationConfig": {"responseLogprobs": true, "logprobs": 21}}),
            "[0, 20]",
        ),
        (json!({"generationConfig": {"logprobs": 2}}), "[0, 20]"),
    ] {
        let told = refusal(&running, over).await;
        assert!(told.contains(expected), "{told} / {expected}");
    }
}

#[tokio::test]
async fn turns_out_of_order_are_refused() {
    let running = start(script());
    let user = || ("user", json!({"text": "hello"}));
    let call = |name: &str| ("model", json!({"functionCall": {"name": name, "args": {}}}));
    let told = |name: &str| {
        (
            "user",
            json!({"functionResponse": {"name": name, "response": {}}}),
        )
    };
    let comes_after = "response turn comes immediately";
    for (list, expected) in [
        (
            vec![("assistant", json!({"text": "hi"})), user()],
            "valid role",
        ),
        (
            vec![("system", json!({"text": "hi"})), user()],
            "valid role",
        ),
        (vec![("user", json!({}))], "oneof field 'data'"),
        (
            vec![("user", json!({"type": "text", "text": "hi"}))],
            "Unknown name \"type\"",
        ),
        (
            vec![(
                "user",
                json!({"inlineData": {"mimeType": "image/png", "data": "data:image/png"}}),
            )],
            "Base64",
        ),
        (vec![user(), call("weather")], comes_after),
        (vec![user(), call("weather"), user()], comes_after),
        (
            vec![call("weather"), told("weather")],
            "immediately after a user turn",
        ),
        (vec![told("weather")], "number of function response parts"),
        (
            vec![user(), call("weather"), told("news")],
            "named as their calls",
        ),
        (
            vec![
                user(),
                ("user", json!({"functionCall": {"name": "a", "args": {}}})),
            ],
            "function_call",
        ),
        (
            vec![
                user(),
                (
                    "model",
                    json!({"functionCall": {"name": "a", "args": "{}"}}),
                ),
            ],
            "function_call",
        ),
        (
            vec![
                user(),
                call("weather"),
                (
                    "user",
                    json!({"functionResponse": {"name": "weather", "response": "rain"}}),
                ),
            ],
            "Struct",
        ),
    ] {
        let told = refusal(&running, turns(&list)).await;
        assert!(told.contains(expected), "{told} / {expected}");
    }
    let good = [
        user(),
        call("weather"),
        ("function", told("weather").1),
        ("model", json!({"text": "so"})),
        user(),
    ];
    assert_eq!(whole(&running, turns(&good)).await.status(), 200);
}

#[tokio::test]
async fn keys_and_limits_are_kept() {
    let running = start(Script {
        api_keys: vec!["right".to_owned()],
        limits: Limits {
            rpm: Some(2),
            ..Limits::default()
        },
        ..script()
    });
    let send = async |query: &str, headers: &[(&str, &str)]| {
        let path = path("m", "generateContent") + query;
        post_with(&running, &path, headers, &ask(&json!({})))
            .await
            .answer()
            .await
    };
    let wrong = send("", &[("x-goog-api-key", "wrong")]).await;
    assert_eq!(
        (
            wrong.status(),
            &wrong.json()["error"]["details"][0]["reason"]
        ),
        (400, &json!("API_KEY_INVALID"))
    );
    let none = send("", &[("authorization", "Bearer right")]).await;
    assert_eq!(
        (none.status(), &none.json()["error"]["status"]),
        (403, &json!("PERMISSION_DENIED"))
    );
    assert_eq!(send("", &[("x-goog-api-key", "right")]).await.status(), 200);
    assert_eq!(send("?key=right", &[]).await.status(), 200);
    let full = send("?key=right", &[]).await;
    assert_eq!(
        (full.status(), &full.json()["error"]["status"]),
        (429, &json!("RESOURCE_EXHAUSTED"))
    );
    assert!(full.head.header("retry-after").is_none());
    let details = full.json()["error"]["details"].clone();
    let delay = details[1]["retryDelay"].as_str().expect("a delay");
    assert_eq!(
        details[1]["@type"],
        "type.googleapis.com/google.rpc.RetryInfo"
    );
    let seconds: f64 = delay.trim_end_matches('s').parse().expect("seconds");
    assert!((1.0..=60.0).contains(&seconds), "{delay}");
    let path = path("m", "streamGenerateContent?key=right");
    let array = post_with(&running, &path, &[], &ask(&json!({})))
        .await
        .answer()
        .await;
    assert_eq!(
        (array.status(), &array.json()[0]["error"]["code"]),
        (429, &json!(429))
    );
}
