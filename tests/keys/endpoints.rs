//! Where requests go and with what, at first and after a reload.

use serde_json::{Value, json};

use crate::support::chat::{CHAT, ask, good, response, text_of};
use crate::support::client::{Answer, post};
use crate::support::evil::{Act, Evil, Received};
use crate::support::gateway::House;

fn steady() -> Evil {
    Evil::start(|_, _| vec![Act::Send(good("hello")), Act::KeepAlive])
}

/// One endpoint with these keys, `URL` in them being that of `evil`.
fn yaml(evil: &Evil, keys: &str) -> String {
    let keys = keys.replace("URL", &evil.base_url());
    format!("endpoints: [{{ {keys}, probe: {{ kind: none }} }}]\n")
}

async fn chat(house: &House, model: &str) -> Answer {
    post(house.addr(), CHAT, &ask(model, "hello")).await
}

/// What `evil` is asked by a chat about `m`, which it answers.
async fn asked(house: &House, evil: &Evil) -> Received {
    let before = evil.count();
    let answer = chat(house, "m").await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(evil.count(), before + 1);
    evil.requests().pop().expect("a request")
}

const PLAIN: &str = "provider: openai-compatible, base_url: \"URL\"";
const AZURE: &str = "provider: azure-openai, base_url: \"URL\", api_key: k, models: [m]";

#[tokio::test]
pub(super) async fn name() {
    let evil = steady();
    let yaml = |name: &str| yaml(&evil, &format!("name: {name}, {PLAIN}, models: [m]"));
    let house = House::start(&yaml("one"));
    let served = async || {
        let answer = chat(&house, "m").await;
        answer
            .head
            .header("x-breakerbox-endpoint")
            .map(str::to_owned)
    };
    assert_eq!(served().await.as_deref(), Some("one"));
    house.reload(&yaml("two")).await.expect("reloaded");
    assert_eq!(served().await.as_deref(), Some("two"));
}

#[tokio::test]
pub(super) async fn provider() {
    let evil = steady();
    let keys = |provider: &str| {
        let azure = if provider == "azure-openai" {
            ", api_version: \"1\""
        } else {
            ""
        };
        let keys =
            format!("name: a, provider: {provider}, base_url: \"URL\", api_key: k, models: [m]");
        yaml(&evil, &(keys + azure))
    };
    let house = House::start(&keys("openai"));
    for provider in ["openai", "azure-openai", "openai-compatible"] {
        house.reload(&keys(provider)).await.expect("reloaded");
        let head = asked(&house, &evil).await.head;
        let azure = provider == "azure-openai";
        assert_eq!(
            head.start.contains("/openai/deployments/m/chat/"),
            azure,
            "{}",
            head.start
        );
        assert_eq!(head.header("api-key"), azure.then_some("k"));
        assert_eq!(head.header("authorization"), (!azure).then_some("Bearer k"));
    }
    let claude = r#"{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"hello"}],
        "stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}"#;
    let gemini = r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"hello"}]},"finishReason":"STOP","index":0}],
        "usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":1,"totalTokenCount":2},"modelVersion":"m","responseId":"r"}"#;
    for (provider, answer, path, key) in [
        ("anthropic", claude, "/v1/messages ", "x-api-key"),
        (
            "gemini",
            gemini,
            "/v1/models/m:generateContent ",
            "x-goog-api-key",
        ),
    ] {
        let says = move |_, _| vec![Act::Send(response(200, &[], answer)), Act::KeepAlive];
        let evil = Evil::start(says);
        let keys =
            format!("name: a, provider: {provider}, base_url: \"URL\", api_key: k, models: [m]");
        house.reload(&yaml(&evil, &keys)).await.expect("reloaded");
        let before = text_of(&chat(&house, "m").await);
        assert_eq!(before, "hello");
        let head = evil.requests().pop().expect("a request").head;
        assert!(head.start.contains(path), "{}", head.start);
        assert_eq!(head.header(key), Some("k"));
        assert_eq!(head.header("authorization"), None);
    }
}

#[tokio::test]
pub(super) async fn responses() {
    let evil = steady();
    let keys = |how: &str| {
        format!(
            "name: a, provider: openai-compatible, base_url: \"URL\", models: [m], responses: {how}"
        )
    };
    let house = House::start(&yaml(&evil, &keys("chat")));
    let request = json!({"model": "m", "input": "hello"});
    let asked = async |path: &str| {
        let answer = post(house.addr(), "/v1/responses", &request).await;
        let head = evil.requests().pop().expect("a request").head;
        assert!(head.start.contains(path), "{}", head.start);
        answer
    };
    let answer = asked("/v1/chat/completions").await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(answer.json()["output"][0]["content"][0]["text"], "hello");
    house
        .reload(&yaml(&evil, &keys("native")))
        .await
        .expect("reloaded");
    // As it is, though what it says is no response.
    let answer = asked("/v1/responses").await;
    assert!(answer.json().get("choices").is_some(), "{}", answer.text());
}

#[tokio::test]
pub(super) async fn base_url() {
    let (one, two) = (steady(), steady());
    let keys = format!("name: a, {PLAIN}, models: [m]");
    let house = House::start(&yaml(&one, &keys));
    asked(&house, &one).await;
    house.reload(&yaml(&two, &keys)).await.expect("reloaded");
    asked(&house, &two).await;
    let elsewhere = keys.replace("URL", &two.base_url().replace("/v1", "/else/where"));
    house
        .reload(&yaml(&two, &elsewhere))
        .await
        .expect("reloaded");
    let line = asked(&house, &two).await.head.start;
    assert_eq!(line, "POST /else/where/chat/completions HTTP/1.1");
    assert_eq!(one.count(), 1);
}

#[tokio::test]
pub(super) async fn api_key() {
    let evil = steady();
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, format!("{name}\n")).expect("written");
        format!("api_key_file: \"{}\"", path.display())
    };
    let yaml = |key: &str| yaml(&evil, &format!("name: a, {PLAIN}, models: [m], {key}"));
    let house = House::start(&yaml("api_key: first"));
    for (key, sent) in [
        ("api_key: first".to_owned(), "first"),
        ("api_key: second".to_owned(), "second"),
        (file("third"), "third"),
        (file("fourth"), "fourth"),
    ] {
        house.reload(&yaml(&key)).await.expect("reloaded");
        let head = asked(&house, &evil).await.head;
        assert_eq!(
            head.header("authorization"),
            Some(&*format!("Bearer {sent}"))
        );
    }
}

#[tokio::test]
pub(super) async fn api_version() {
    let evil = steady();
    let yaml = |version: &str| yaml(&evil, &format!("name: a, {AZURE}, api_version: {version}"));
    let house = House::start(&yaml("2024-10-21"));
    for version in ["2024-10-21", "2025-01-01-preview"] {
        house.reload(&yaml(version)).await.expect("reloaded");
        let line = asked(&house, &evil).await.head.start;
        assert!(line.contains(&format!("?api-version={version} ")), "{line}");
    }
}

#[tokio::test]
pub(super) async fn models() {
    let evil = steady();
    let yaml = |models: &str| yaml(&evil, &format!("name: a, {PLAIN}, models: [{models}]"));
    let house = House::start(&yaml("m"));
    for (models, m, n) in [
        ("m", 200, 404),
        ("n", 404, 200),
        ("{ name: m }, n", 200, 200),
        ("{ name: n }", 404, 200),
    ] {
        house.reload(&yaml(models)).await.expect("reloaded");
        let served = (
            chat(&house, "m").await.status(),
            chat(&house, "n").await.status(),
        );
        assert_eq!(served, (m, n), "{models}");
    }
}

#[tokio::test]
pub(super) async fn upstream() {
    let evil = steady();
    let yaml = |name: &str| {
        yaml(
            &evil,
            &format!("name: a, {PLAIN}, models: [{{ name: m, upstream: {name} }}]"),
        )
    };
    let house = House::start(&yaml("one"));
    for name in ["one", "two"] {
        house.reload(&yaml(name)).await.expect("reloaded");
        let body: Value = serde_json::from_slice(&asked(&house, &evil).await.body).expect("JSON");
        assert_eq!(body["model"], name);
    }
}

#[tokio::test]
pub(super) async fn weight() {
    let (one, two) = (steady(), steady());
    let yaml = |heavy: &str| {
        let endpoint = |name: &str, evil: &Evil| {
            let weight = if name == heavy { "1000" } else { "0.001" };
            let base = evil.base_url();
            format!(
                "  - {{ name: {name}, provider: openai-compatible, base_url: \"{base}\", models: [m], \
                 weight: {weight}, probe: {{ kind: none }} }}\n"
            )
        };
        format!(
            "endpoints:\n{}{}",
            endpoint("one", &one),
            endpoint("two", &two)
        )
    };
    let house = House::start(&yaml("one"));
    // The other has one chance in a million, or if it is a thousand times as fast, in a thousand.
    for (heavy, counts) in [("one", (20, 0)), ("two", (20, 20))] {
        house.reload(&yaml(heavy)).await.expect("reloaded");
        for _ in 0..20 {
            assert_eq!(chat(&house, "m").await.status(), 200);
        }
        assert_eq!((one.count(), two.count()), counts, "{heavy}");
    }
}
