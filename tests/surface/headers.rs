//! Which headers cross the gateway, and the ids it gives.

use super::{chat_with, house, steady};
use crate::support::chat::{completion, response};
use crate::support::evil::{Act, Evil};

#[tokio::test]
async fn what_belongs_to_this_hop_or_this_client_stays_here() {
    let evil = steady();
    let house = house("hop", &evil, "clients: [{ name: a, key: canary-client }]\n");
    let stays = [
        ("authorization", "Bearer canary-client"),
        ("cookie", "canary-cookie"),
        ("proxy-authorization", "Basic canary-proxy"),
        ("proxy-connection", "keep-alive"),
        ("keep-alive", "timeout=5"),
        ("te", "trailers"),
        ("trailer", "x-sum"),
        ("upgrade", "h2c"),
        ("http2-settings", "AAMAAABkAAQCAAAAAAIAAAAA"),
        ("connection", "keep-alive, x-hop"),
        ("x-hop", "canary-hop"),
        ("forwarded", "for=canary-address"),
        ("x-forwarded-for", "canary-address"),
        ("x-real-ip", "canary-address"),
        ("openai-organization", "canary-organization"),
        ("accept-encoding", "gzip"),
        ("expect", "x"),
        ("range", "bytes=0-1"),
        ("origin", "https://canary-origin.example"),
        ("x-breakerbox-user", "canary-user"),
    ];
    let goes = [
        ("x-stainless-lang", "python"),
        ("user-agent", "OpenAI/Python 2.0"),
        ("openai-beta", "assistants=v2"),
        ("idempotency-key", "7"),
        ("accept", "application/json"),
    ];
    let answer = chat_with(&house, &[&stays[..], &goes].concat()).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let received = evil.requests().remove(0);
    for (name, value) in goes {
        assert_eq!(received.head.header(name), Some(value));
    }
    for (name, _) in stays.iter().filter(|(name, _)| *name != "authorization") {
        assert_eq!(received.head.header(name), None, "{name}");
    }
    let raw = String::from_utf8_lossy(&received.head.raw).to_lowercase();
    assert_eq!(raw.matches("canary").count(), 1, "{raw}");
    assert_eq!(
        received.head.header("authorization"),
        Some("Bearer canary-provider")
    );
    assert_eq!(raw.matches("authorization").count(), 1, "{raw}");
    let address = evil.addr().to_string();
    assert_eq!(received.head.header("host"), Some(&*address));
}

#[tokio::test]
async fn no_key_of_a_client_ever_goes_up_whatever_header_it_came_in() {
    let evil = steady();
    let house = house(
        "never-up",
        &evil,
        "clients: [{ name: a, key: canary-client }]\n",
    );
    for form in ["authorization", "x-api-key", "api-key", "x-goog-api-key"] {
        let key = if form == "authorization" {
            "Bearer canary-client"
        } else {
            "canary-client"
        };
        // All forms at once, and the one that counts.
        let mut headers = vec![(form, key)];
        let others = ["x-api-key", "api-key", "x-goog-api-key"];
        headers.extend(
            others
                .iter()
                .filter(|it| **it != form)
                .map(|it| (*it, "canary-client")),
        );
        assert_eq!(chat_with(&house, &headers).await.status(), 200, "{form}");
    }
    assert_eq!(evil.count(), 4);
    for received in evil.requests() {
        let raw = String::from_utf8_lossy(&received.head.raw).into_owned();
        assert!(!raw.contains("canary-client"), "{raw}");
    }
}

#[tokio::test]
async fn of_a_providers_headers_only_the_harmless_come_back() {
    let evil = Evil::start(|_, _| {
        let headers = [
            ("set-cookie", "canary=1"),
            ("authorization", "Bearer canary-provider"),
            ("x-api-key", "canary-provider"),
            ("www-authenticate", "canary"),
            ("proxy-authenticate", "canary"),
            ("openai-organization", "canary-account"),
            ("server", "canary"),
            ("via", "canary"),
            ("x-request-id", "canary-request"),
            ("x-breakerbox-endpoint", "canary"),
            ("keep-alive", "timeout=9"),
            ("connection", "keep-alive, openai-hop"),
            ("openai-version", "2020-10-01"),
            ("x-ratelimit-remaining-requests", "99"),
        ];
        let body = completion("hello").to_string();
        vec![Act::Send(response(200, &headers, &body)), Act::KeepAlive]
    });
    let house = house("back", &evil, "");
    let answer = chat_with(&house, &[]).await;
    assert_eq!(answer.status(), 200);
    let raw = String::from_utf8_lossy(&answer.head.raw).to_lowercase();
    assert!(!raw.contains("canary"), "{raw}");
    assert_eq!(answer.head.header("openai-version"), Some("2020-10-01"));
    assert_eq!(
        answer.head.header("x-ratelimit-remaining-requests"),
        Some("99")
    );
    assert_eq!(answer.head.header("x-breakerbox-endpoint"), Some("back"));
}

#[tokio::test]
async fn every_answer_has_a_request_id_and_a_fair_one_of_the_client_is_kept() {
    let evil = steady();
    let house = house("ids", &evil, "");
    let id = async |headers: &[(&str, &str)]| {
        let answer = chat_with(&house, headers).await;
        answer
            .head
            .header("x-request-id")
            .expect("an id")
            .to_owned()
    };
    let (first, second) = (id(&[]).await, id(&[]).await);
    assert!(first.starts_with("req_") && first.len() == 36, "{first}");
    assert_ne!(first, second);
    assert_eq!(
        id(&[("x-request-id", "My-own_1.2:3")]).await,
        "My-own_1.2:3"
    );
    let long = "x".repeat(129);
    for unfair in ["", "a b", "<script>", "a\tb", "é", &long] {
        assert!(
            id(&[("x-request-id", unfair)]).await.starts_with("req_"),
            "{unfair}"
        );
    }
    // Errors, too.
    let answer = super::call(&house, "POST", "/v1/chat/completions", &[], "{}").await;
    assert_eq!(answer.status(), 400);
    assert!(answer.head.header("x-request-id").is_some());
    assert_eq!(answer.head.header("x-breakerbox-attempts"), Some("0"));
}
