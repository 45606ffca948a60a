//! `check --online`: what it finds behind a good file, and how long it takes to say so.

use std::time::Duration;

use breakerbox::simulator::{Running, Script, Simulator};
use breakerbox_actors::clock;
use serde_json::Value;

use super::{BAD, file};
use crate::support::chat::response;
use crate::support::evil::{Act, Evil};
use crate::support::ports::{ANY, Refused, Unreachable};
use crate::support::process::{Ended, run};

/// A provider that knows two models and takes one key.
fn provider() -> Running {
    let script = Script {
        models: vec!["gpt-4.1".to_owned(), "mini".to_owned()],
        api_keys: vec!["right".to_owned()],
        ..Script::default()
    };
    Simulator::start(script, ANY).expect("a provider")
}

/// One line of `endpoints`.
fn endpoint(name: &str, url: &str, more: &str) -> String {
    format!("  - {{ name: {name}, provider: openai-compatible, base_url: \"{url}\", {more} }}\n")
}

async fn check(endpoints: &[String], format: &str) -> Ended {
    let text = format!(
        "probe: {{ timeout: 500ms }}\nendpoints:\n{}",
        endpoints.concat()
    );
    let (_folder, path) = file(&text);
    run(&["check", "--online", "--format", format, &path]).await
}

/// What is found for machines, when there is but one endpoint.
async fn found(endpoint: String) -> (Option<i32>, Value) {
    let ended = check(&[endpoint], "json").await;
    let value: Value = serde_json::from_str(&ended.out).expect("JSON");
    assert_eq!(value["ok"], ended.code == Some(0), "{value}");
    (ended.code, value["online"][0].clone())
}

#[tokio::test]
async fn good_endpoints_are_good() {
    let provider = provider();
    let url = provider.base_url();
    let ended = check(
        &[
            endpoint("list", &url, "api_key: right, models: [gpt-4.1, mini]"),
            endpoint(
                "chat",
                &url,
                "api_key: right, models: [mini], probe: { kind: chat }",
            ),
        ],
        "text",
    )
    .await;
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{ended:?}");
    let lines: Vec<_> = ended.out.lines().collect();
    assert!(lines[0].ends_with("good: 2 endpoints, 2 models, 0 clients"));
    assert!(
        lines[1].starts_with("  list  good  key accepted, lists 2 of 2 models, "),
        "{}",
        lines[1]
    );
    assert!(lines[1].ends_with(" ms") && lines.len() == 3, "{lines:?}");
    assert!(lines[2].starts_with("  chat  good  key accepted, lists 1 of 1 models, "));

    let (code, found) = found(endpoint("one", &url, "api_key: right, models: [mini]")).await;
    assert_eq!(code, Some(0), "{found}");
    assert_eq!(found["endpoint"], "one");
    assert_eq!(
        (&found["reachable"], &found["key"]),
        (&true.into(), &"accepted".into())
    );
    assert_eq!(found["models_listed"], serde_json::json!(["mini"]));
    assert_eq!(found["models_missing"], serde_json::json!([]));
    assert!(found["latency_ms"].is_u64() && found["problem"].is_null());
}

#[tokio::test]
async fn each_thing_that_is_wrong_is_named() {
    let provider = provider();
    let url = provider.base_url();
    let rejected = "it rejects the key (401)";
    for more in [
        "api_key: wrong, models: [mini]",
        "models: [mini]",
        "api_key: wrong, models: [mini], probe: { kind: chat }",
        "api_key: wrong, models: [mini], probe: { kind: none }",
    ] {
        let (code, found) = found(endpoint("key", &url, more)).await;
        assert_eq!(code, Some(1), "{more}");
        assert_eq!(
            (&found["key"], &found["problem"]),
            (&"rejected".into(), &rejected.into())
        );
        assert_eq!(found["reachable"], true);
    }
    let (code, missing) = found(endpoint("model", &url, "api_key: right, models: [minni]")).await;
    assert_eq!((code, &missing["key"]), (Some(1), &"accepted".into()));
    assert_eq!(missing["models_missing"], serde_json::json!(["minni"]));

    // The mistake that everybody makes once.
    let root = url.trim_end_matches("/v1");
    let (code, path) = found(endpoint("path", root, "api_key: right, models: [mini]")).await;
    assert_eq!(code, Some(1));
    let problem = path["problem"].as_str().expect("a problem");
    assert!(problem.contains("usually ends in /v1"), "{problem}");

    let refused = Refused::new();
    let nowhere = format!("http://{}/v1", refused.addr());
    let (code, gone) = found(endpoint("gone", &nowhere, "models: [mini]")).await;
    assert_eq!((code, &gone["reachable"]), (Some(1), &false.into()));
    let problem = gone["problem"].as_str().expect("a problem");
    assert!(problem.contains("cannot connect"), "{problem}");
    assert_eq!(
        (&gone["key"], &gone["latency_ms"]),
        (&"none".into(), &Value::Null)
    );

    let failing = Evil::start(|_, _| vec![Act::Send(response(503, &[], "{}"))]);
    let (code, failing) = found(endpoint("503", &failing.base_url(), "models: [mini]")).await;
    assert_eq!(
        (code, &failing["problem"]),
        (Some(1), &"it answers 503".into())
    );
}

#[tokio::test]
async fn a_server_without_a_list_is_good_if_the_file_says_so() {
    let evil = Evil::start(|_, _| vec![Act::Send(response(404, &[], "{}"))]);
    let url = evil.base_url();
    let (code, found) = found(endpoint("a", &url, "models: [m], probe: { kind: none }")).await;
    assert_eq!((code, &found["models_listed"]), (Some(0), &Value::Null));
}

#[tokio::test]
async fn names_as_gemini_and_ollama_list_them_are_found() {
    let list =
        r#"{"data":[{"id":"models/gemini-2.5-pro"},{"id":"llama3.2:latest"},{"id":"qwen3:8b"}]}"#;
    let evil = Evil::start(move |_, _| vec![Act::Send(response(200, &[], list))]);
    let models = "models: [gemini-2.5-pro, llama3.2, qwen3]";
    let (code, found) = found(endpoint("a", &evil.base_url(), models)).await;
    assert_eq!(code, Some(1));
    assert_eq!(found["models_missing"], serde_json::json!(["qwen3"]));
}

#[tokio::test]
async fn all_are_asked_at_the_same_time_and_none_waited_for_for_long() {
    let full = Unreachable::new();
    let silent = Evil::start(|_, _| vec![Act::Blackhole]);
    let provider = provider();
    let mut endpoints = vec![endpoint(
        "good",
        &provider.base_url(),
        "api_key: right, models: [mini]",
    )];
    for number in 0..10 {
        let url = format!("http://{}/v1", full.addr());
        endpoints.push(endpoint(&format!("full{number}"), &url, "models: [mini]"));
        endpoints.push(endpoint(
            &format!("silent{number}"),
            &silent.base_url(),
            "models: [mini]",
        ));
    }
    let start = clock::now();
    let ended = check(&endpoints, "text").await;
    let took = clock::now() - start;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(ended.out.matches("FAILS").count(), 20, "{}", ended.out);
    // On a machine that is busy enough a silent one may not even be connected to in time.
    let times = ["FAILS  no answer within 500ms", "timed out"];
    let late: usize = times.iter().map(|it| ended.out.matches(it).count()).sum();
    assert!(late >= 10, "{}", ended.out);
    assert!(
        ended.out.contains("  good     good  key accepted"),
        "{}",
        ended.out
    );
    // One after the other they would take ten seconds.
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[tokio::test]
async fn a_bad_file_is_not_asked_about() {
    let (_folder, path) = file(BAD);
    let ended = run(&["check", "--online", &path]).await;
    assert_eq!(ended.code, Some(78));
    assert!(ended.out.contains("2 problems") && !ended.out.contains("FAILS"));
}

#[tokio::test]
async fn lists_of_other_dialects_are_read_whole() {
    let claude = r#"{"data":[{"type":"model","id":"claude-sonnet-4-20250514","display_name":"Claude","created_at":"2025-05-14T00:00:00Z"}],"has_more":false}"#;
    let gemini = r#"{"models":[{"name":"models/gemini-2.5-flash","displayName":"Gemini"}]}"#;
    for (provider, list, query, models) in [
        (
            "anthropic",
            claude,
            "/v1/models?limit=1000 ",
            "claude-sonnet-4",
        ),
        (
            "gemini",
            gemini,
            "/v1/models?pageSize=1000 ",
            "gemini-2.5-flash",
        ),
    ] {
        let evil = Evil::start(move |_, _| vec![Act::Send(response(200, &[], list))]);
        let endpoint = endpoint(
            "one",
            &evil.base_url(),
            &format!("api_key: k, models: [{models}]"),
        )
        .replace("openai-compatible", provider);
        let (code, found) = found(endpoint).await;
        assert_eq!(code, Some(0), "{found}");
        assert_eq!(found["models_listed"], serde_json::json!([models]));
        let asked = evil.requests().pop().expect("a request").head.start;
        assert!(asked.contains(query), "{asked}");
    }
}
