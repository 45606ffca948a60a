//! The Gemini dialect: its shapes, its errors, its faults.

mod faults;
mod refusals;

use serde_json::{Value, json};

use super::{PIXEL, get, post_with, start};
use crate::support::client::{Answer, Ending, Event};
use breakerbox::simulator::{Dialect, Running, Script, Tokens};

fn script() -> Script {
    Script {
        dialect: Dialect::Gemini,
        tokens: Tokens { min: 10, max: 10 },
        ..Script::default()
    }
}

fn path(model: &str, method: &str) -> String {
    format!("/v1beta/models/{model}:{method}")
}

fn ask(over: &Value) -> Value {
    let mut body = json!({"contents": [{"role": "user", "parts": [{"text": "hello"}]}]});
    for (key, value) in over.as_object().expect("an object") {
        body[key] = value.clone();
    }
    body
}

async fn whole_of(running: &Running, model: &str, over: &Value) -> Answer {
    let path = path(model, "generateContent");
    let mut client = post_with(running, &path, &[], &ask(over)).await;
    client.answer().await
}

async fn whole(running: &Running, over: Value) -> Answer {
    whole_of(running, "m", &over).await
}

async fn streamed(running: &Running, over: Value) -> (Vec<Event>, Ending) {
    let path = path("m", "streamGenerateContent?alt=sse");
    let mut client = post_with(running, &path, &[], &ask(&over)).await;
    let head = client.head().await;
    assert_eq!(head.status(), 200);
    let kind = head.header("content-type").unwrap_or_default();
    assert!(kind.starts_with("text/event-stream"), "{kind}");
    client.events().await
}

async fn array(running: &Running, over: Value) -> Answer {
    let path = path("m", "streamGenerateContent");
    let mut client = post_with(running, &path, &[], &ask(&over)).await;
    client.answer().await
}

fn text_of(chunks: &[Value]) -> String {
    let parts = chunks.iter().flat_map(|chunk| {
        let parts = chunk["candidates"][0]["content"]["parts"].as_array();
        parts.cloned().unwrap_or_default()
    });
    parts
        .filter(|part| part["thought"] != true)
        .filter_map(|part| part["text"].as_str().map(str::to_owned))
        .collect()
}

fn tools() -> Value {
    let tool = |name: &str| {
        json!({"name": name, "parameters":
            {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}, "required": ["city"]}})
    };
    json!([{"functionDeclarations": [tool("weather"), tool("news")]}])
}

#[tokio::test]
async fn an_answer_whole_in_events_and_in_an_array_says_the_same() {
    let running = start(Script {
        cached: 0.5,
        ..script()
    });
    let system = json!({"system_instruction": {"parts": [{"text": "Be brief, please."}]}});
    let body = whole(&running, system.clone()).await.json();
    let candidate = &body["candidates"][0];
    assert_eq!(
        (&candidate["finishReason"], &candidate["content"]["role"]),
        (&json!("STOP"), &json!("model"))
    );
    let usage = &body["usageMetadata"];
    assert_eq!(
        (&usage["promptTokenCount"], &usage["candidatesTokenCount"]),
        (&json!(14), &json!(10))
    );
    assert_eq!(
        (&usage["totalTokenCount"], &usage["cachedContentTokenCount"]),
        (&json!(24), &json!(7))
    );
    let text = text_of(std::slice::from_ref(&body));
    assert_eq!(text.split(' ').count(), 10);

    let (events, ending) = streamed(&running, system.clone()).await;
    assert_eq!((events.len(), ending), (10, Ending::Whole));
    let chunks: Vec<Value> = events.iter().map(Event::json).collect();
    assert_eq!(text_of(&chunks), text);
    let reasons = chunks
        .iter()
        .map(|chunk| &chunk["candidates"][0]["finishReason"]);
    let reasons: Vec<bool> = reasons.map(|reason| !reason.is_null()).collect();
    assert_eq!(reasons.iter().position(|told| *told), Some(9));
    assert_eq!(chunks[9]["usageMetadata"], *usage);

    let answer = array(&running, system).await;
    assert!(
        answer
            .head
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("application/json"))
    );
    assert_eq!(answer.json(), json!(chunks));
}

#[tokio::test]
async fn functions_are_called_several_at_once_and_answered() {
    let running = start(Script {
        calls: 2,
        ..script()
    });
    let body = whole(&running, json!({"tools": tools()})).await.json();
    let candidate = &body["candidates"][0];
    assert_eq!(candidate["finishReason"], "STOP");
    let parts = candidate["content"]["parts"].clone();
    let expected = json!([{"functionCall": {"name": "weather", "args": {"city": "hello"}}},
        {"functionCall": {"name": "news", "args": {"city": "hello"}}}]);
    assert_eq!(parts, expected);
    let (events, _) = streamed(&running, json!({"tools": tools()})).await;
    assert_eq!(events.len(), 2);
    let config = |mode: &str, names: &[&str]| {
        json!({"tools": tools(), "toolConfig": {"functionCallingConfig":
            {"mode": mode, "allowedFunctionNames": names}}})
    };
    let named = whole(&running, config("ANY", &["news"])).await.json();
    let parts_of = |body: &Value| body["candidates"][0]["content"]["parts"].clone();
    assert_eq!(parts_of(&named)[0]["functionCall"]["name"], "news");
    let never = whole(&running, config("NONE", &[])).await.json();
    assert!(parts_of(&never)[0]["text"].is_string());
    let told =
        |name: &str| json!({"functionResponse": {"name": name, "response": {"result": "rain"}}});
    let contents = json!([
        {"role": "user", "parts": [{"text": "hello"}]},
        {"role": "model", "parts": parts},
        {"role": "user", "parts": [told("weather"), told("news")]},
    ]);
    let body = whole(&running, json!({"tools": tools(), "contents": contents}))
        .await
        .json();
    let text = text_of(&[body]);
    assert!(
        text.starts_with("The tool says: rain. The tool says: rain. "),
        "{text}"
    );
}

#[tokio::test]
async fn gemini_3_wants_its_seals_back() {
    let running = start(script());
    let body = whole_of(&running, "gemini-3-pro", &json!({"tools": tools()}))
        .await
        .json();
    let part = body["candidates"][0]["content"]["parts"][0].clone();
    assert!(
        part["functionCall"]["id"].is_string() && part["thoughtSignature"].is_string(),
        "{part}"
    );
    let back = |part: Value| {
        let response =
            json!({"functionResponse": {"name": "weather", "response": {"result": "rain"}}});
        json!({"tools": tools(), "contents": [
            {"role": "user", "parts": [{"text": "hello"}]},
            {"role": "model", "parts": [part]},
            {"role": "user", "parts": [response]}]})
    };
    let send = async |part: Value| whole_of(&running, "gemini-3-pro", &back(part)).await;
    assert_eq!(send(part.clone()).await.status(), 200);
    let mut foreign = part.clone();
    foreign["thoughtSignature"] = json!("skip_thought_signature_validator");
    assert_eq!(send(foreign).await.status(), 200);
    let mut bare = part.clone();
    bare.as_object_mut()
        .expect("a part")
        .remove("thoughtSignature");
    let answer = send(bare.clone()).await;
    assert!(
        answer.text().contains("missing a thought_signature"),
        "{}",
        answer.text()
    );
    assert_eq!(
        whole(&running, back(bare)).await.status(),
        200,
        "other models do not ask"
    );
    let mut changed = part;
    changed["functionCall"]["args"]["city"] = json!("Oslo");
    assert_eq!(send(changed).await.status(), 400);
}

#[tokio::test]
async fn thoughts_limits_stops_images_and_schemas_are_obeyed() {
    let running = start(script());
    let config = |config: Value| json!({"generationConfig": config});
    let hidden = whole(
        &running,
        config(json!({"thinkingConfig": {"thinkingBudget": 100}})),
    )
    .await
    .json();
    assert_eq!(hidden["usageMetadata"]["thoughtsTokenCount"], 8);
    assert_eq!(hidden["usageMetadata"]["candidatesTokenCount"], 10);
    assert_eq!(
        hidden["candidates"][0]["content"]["parts"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    let shown = config(json!({"thinkingConfig": {"includeThoughts": true}}));
    let body = whole(&running, shown.clone()).await.json();
    assert_eq!(
        body["candidates"][0]["content"]["parts"][0]["thought"],
        true
    );
    let (events, _) = streamed(&running, shown).await;
    assert_eq!(events.len(), 18);
    let short = whole(&running, config(json!({"maxOutputTokens": 3})))
        .await
        .json();
    assert_eq!(short["candidates"][0]["finishReason"], "MAX_TOKENS");
    let contents = json!([{"role": "user", "parts": [
        {"inlineData": {"mimeType": "image/png", "data": PIXEL}},
        {"fileData": {"mimeType": "image/png", "fileUri": "https://example.com/a.png"}},
        {"text": "What is this?"}]}]);
    let over = json!({"contents": contents, "generationConfig": {"stopSequences": ["example"]}});
    let text = text_of(&[whole(&running, over).await.json()]);
    assert_eq!(
        text,
        "I see image/png of 68 bytes. I see the image at https://"
    );
    for name in ["responseSchema", "response_json_schema"] {
        let mut made = config(json!({"responseMimeType": "application/json"}));
        made["generationConfig"][name] =
            json!({"type": "object", "properties": {"n": {"type": "integer"}}});
        assert_eq!(text_of(&[whole(&running, made).await.json()]), r#"{"n":7}"#);
    }
}

#[tokio::test]
async fn models_come_in_pages_and_tokens_are_counted() {
    let names = ["a", "b", "c"].map(str::to_owned);
    let running = start(Script {
        models: names.into(),
        ..script()
    });
    let list = async |query: &str| {
        get(running.addr(), &format!("/v1beta/models?{query}"))
            .await
            .json()
    };
    let first = list("pageSize=2").await;
    assert_eq!(
        (&first["models"][0]["name"], &first["nextPageToken"]),
        (&json!("models/a"), &json!("2"))
    );
    let rest = list("pageSize=2&pageToken=2").await;
    assert_eq!(
        (&rest["models"][0]["name"], &rest["nextPageToken"]),
        (&json!("models/c"), &Value::Null)
    );
    let one = get(running.addr(), "/v1beta/models/b").await.json();
    assert_eq!(one["name"], "models/b");
    let none = get(running.addr(), "/v1beta/models/d").await;
    assert_eq!(
        (none.status(), &none.json()["error"]["status"]),
        (404, &json!("NOT_FOUND"))
    );
    let contents = json!([{"role": "user", "parts": [{"text": "12345678"}]}]);
    let inner = json!({"model": "models/b", "contents": contents, "systemInstruction": {"parts": [{"text": "1234"}]}});
    for (body, expected) in [
        (json!({"contents": contents}), 9),
        (json!({"generateContentRequest": inner}), 10),
    ] {
        let answer = post_with(&running, &path("b", "countTokens"), &[], &body)
            .await
            .answer()
            .await;
        assert_eq!(answer.json()["totalTokens"], expected, "{}", answer.text());
    }
}
