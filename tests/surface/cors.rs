//! Web pages of other origins: none may call unless the file says so.

use super::{call, steady};
use crate::support::chat::{CHAT, ask, response};
use crate::support::client::Answer;
use crate::support::evil::{Act, Evil};
use crate::support::gateway::{House, endpoint};

const CLIENTS: &str = "clients: [{ name: a, key: right }]\n";

fn yaml(name: &str, evil: &Evil, cors: &str) -> String {
    let endpoint = endpoint(name, &evil.base_url(), "");
    format!(
        "server: {{ listen: \"127.0.0.1:0\", workers: 2, cors: {cors} }}\n{CLIENTS}endpoints:\n{endpoint}"
    )
}

/// What a browser asks before a page of `origin` may send a chat.
async fn preflight(house: &House, origin: &str, wants: &str) -> Answer {
    let headers = [
        ("origin", origin),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", wants),
    ];
    call(house, "OPTIONS", CHAT, &headers, "").await
}

async fn chat(house: &House, origin: &str) -> Answer {
    let headers = [("origin", origin), ("authorization", "Bearer right")];
    call(
        house,
        "POST",
        CHAT,
        &headers,
        &ask("m", "hello").to_string(),
    )
    .await
}

/// The names of an answer's CORS headers.
fn told(answer: &Answer) -> Vec<&str> {
    let names = answer.head.headers.iter().map(|(name, _)| name.as_str());
    names
        .filter(|name| name.starts_with("access-control-"))
        .collect()
}

#[tokio::test]
async fn no_page_may_call_by_default() {
    let evil = steady();
    let house = super::house("cors-off", &evil, CLIENTS);
    let asked = preflight(&house, "https://app.example", "authorization").await;
    assert_eq!((asked.status(), told(&asked)), (405, vec![]));
    let answer = chat(&house, "https://app.example").await;
    assert_eq!((answer.status(), told(&answer)), (200, vec![]));
    assert_eq!(answer.head.header("vary"), None);
}

#[tokio::test]
async fn a_page_of_a_listed_origin_may_call_and_read() {
    let evil = Evil::start(|_, _| {
        let headers = [
            ("x-ratelimit-remaining-requests", "9"),
            ("set-cookie", "a=b"),
        ];
        let body = crate::support::chat::completion("hello").to_string();
        vec![Act::Send(response(200, &headers, &body)), Act::KeepAlive]
    });
    let origins = "[\"https://App.example:443\", \"http://localhost:3000\"]";
    let house = House::start(&yaml("cors-on", &evil, origins));
    for origin in ["https://app.example", "http://localhost:3000"] {
        let wants = "Authorization, content-type,x-stainless-lang , anthropic-version, openai-beta, x-api-key";
        let asked = preflight(&house, origin, wants).await;
        assert_eq!((asked.status(), asked.body.len()), (204, 0));
        let header = |name| asked.head.header(name);
        assert_eq!(header("access-control-allow-origin"), Some(origin));
        assert_eq!(
            header("access-control-allow-methods"),
            Some("GET, HEAD, POST")
        );
        assert_eq!(
            header("access-control-allow-headers"),
            Some(
                "authorization, content-type, x-stainless-lang, anthropic-version, openai-beta, x-api-key"
            )
        );
        assert_eq!(header("vary"), Some("origin"));
        assert!(header("x-request-id").is_some());

        let answer = chat(&house, origin).await;
        assert_eq!(answer.status(), 200);
        let header = |name| answer.head.header(name);
        assert_eq!(header("access-control-allow-origin"), Some(origin));
        assert_eq!(header("access-control-allow-credentials"), None);
        let exposed = header("access-control-expose-headers").expect("a list");
        for name in [
            "x-request-id",
            "x-ratelimit-remaining-requests",
            "x-breakerbox-endpoint",
        ] {
            assert!(exposed.contains(name), "{name}: {exposed}");
        }
    }
    // Errors can be read, too: else a page knows only that something failed.
    let refused = call(
        &house,
        "GET",
        "/none",
        &[("origin", "https://app.example")],
        "",
    )
    .await;
    assert_eq!(refused.status(), 404);
    assert_eq!(
        refused.head.header("access-control-allow-origin"),
        Some("https://app.example")
    );
}

#[tokio::test]
async fn a_page_may_use_the_sdk_of_any_dialect() {
    let evil = steady();
    let house = House::start(&yaml("cors-dialects", &evil, "[\"https://app.example\"]"));
    let anthropic =
        "x-api-key, anthropic-version, anthropic-beta, anthropic-dangerous-direct-browser-access";
    for (path, wants) in [
        (CHAT, "authorization, openai-organization"),
        ("/v1/responses", "authorization, content-type"),
        ("/v1/messages", anthropic),
        ("/v1/messages/count_tokens", anthropic),
        (
            "/v1beta/models/m:generateContent",
            "x-goog-api-key, x-goog-api-client, user-agent",
        ),
        (
            "/v1beta/models/m:streamGenerateContent?alt=sse",
            "x-goog-api-key, content-type",
        ),
    ] {
        let headers = [
            ("origin", "https://app.example"),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", wants),
        ];
        let asked = call(&house, "OPTIONS", path, &headers, "").await;
        let header = |name| asked.head.header(name);
        assert_eq!(asked.status(), 204, "{path}");
        assert_eq!(
            header("access-control-allow-headers"),
            Some(wants),
            "{path}"
        );
        let origin = header("access-control-allow-origin");
        assert_eq!(origin, Some("https://app.example"), "{path}");
    }
    assert_eq!(evil.count(), 0);
}

#[tokio::test]
async fn no_other_page_and_no_other_header() {
    let evil = steady();
    let house = House::start(&yaml("cors-others", &evil, "[\"https://app.example\"]"));
    for origin in [
        "https://evil.example",
        "https://app.example.evil",
        "http://app.example",
        "https://app.example:8443",
        "null",
        "",
    ] {
        let asked = preflight(&house, origin, "authorization").await;
        assert_eq!((asked.status(), told(&asked)), (405, vec![]), "{origin}");
        assert_eq!(
            told(&chat(&house, origin).await),
            Vec::<&str>::new(),
            "{origin}"
        );
    }
    let asked = preflight(
        &house,
        "https://app.example",
        "authorization, cookie, x-forwarded-for, x-a b",
    )
    .await;
    assert_eq!(
        asked.head.header("access-control-allow-headers"),
        Some("authorization")
    );
    // Who may call still needs a key.
    let answer = call(
        &house,
        "POST",
        CHAT,
        &[("origin", "https://app.example")],
        "{}",
    )
    .await;
    assert_eq!(answer.status(), 401);
    // No question of a browser: a method like any other.
    let plain = call(
        &house,
        "OPTIONS",
        CHAT,
        &[("origin", "https://app.example")],
        "",
    )
    .await;
    assert_eq!(plain.status(), 405);
}

#[tokio::test]
async fn a_reload_lets_pages_in_and_out() {
    let evil = steady();
    let house = House::start(&yaml("cors-reload", &evil, "[]"));
    let asks = async || preflight(&house, "https://app.example", "").await.status();
    assert_eq!(asks().await, 405);
    let changes = house.reload(&yaml("cors-reload", &evil, "[\"*\"]")).await;
    assert_eq!(
        changes.expect("reloaded")[0].to_string(),
        "server.cors: none → *"
    );
    assert_eq!(asks().await, 204);
    let answer = chat(&house, "https://any.example").await;
    assert_eq!(answer.head.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.head.header("vary"), None);
    let changes = house.reload(&yaml("cors-reload", &evil, "[]")).await;
    changes.expect("reloaded");
    assert_eq!(asks().await, 405);
}
