//! Limits of clients: what they may ask for, and when they are told to come back.

use super::{chat_with, error_of, steady};
use crate::support::chat::response;
use crate::support::client::Answer;
use crate::support::evil::{Act, Evil};
use crate::support::gateway::{House, endpoint};

const A: [(&str, &str); 1] = [("x-api-key", "first")];
const B: [(&str, &str); 1] = [("x-api-key", "second")];

/// A configuration whose first client has these keys more; the second is free.
fn yaml(name: &str, evil: &Evil, terms: &str) -> String {
    let endpoint = endpoint(name, &evil.base_url(), "");
    format!(
        "endpoints:\n{endpoint}clients: [{{ name: a, key: first{terms} }}, {{ name: b, key: second }}]\n"
    )
}

/// Checks that `answer` refuses for a limit; returns its message.
fn refused(answer: &Answer, may_retry: bool) -> String {
    let error = error_of(answer, 429);
    assert_eq!(error["code"], "rate_limit_exceeded");
    let wait = answer.head.header("retry-after").expect("when");
    let wait: u64 = wait.parse().expect("seconds");
    assert!((1..=60).contains(&wait), "{wait}");
    let should = answer.head.header("x-should-retry");
    assert_eq!(should, (!may_retry).then_some("false"));
    error["message"].as_str().expect("a message").to_owned()
}

#[tokio::test]
async fn a_client_over_its_limit_is_told_when_to_come_back_and_others_are_not_concerned() {
    let evil = steady();
    let house = House::start(&yaml("limit-rpm", &evil, ", limits: { rpm: 3 }"));
    for _ in 0..3 {
        assert_eq!(chat_with(&house, &A).await.status(), 200);
    }
    for _ in 0..3 {
        let message = refused(&chat_with(&house, &A).await, true);
        assert!(message.contains("3 requests a minute"), "{message}");
        assert_eq!(chat_with(&house, &B).await.status(), 200);
    }
    assert_eq!(evil.count(), 6, "who is refused is not sent on");
}

#[tokio::test]
async fn a_limit_of_the_day_is_not_worth_a_retry() {
    let evil = steady();
    let house = House::start(&yaml("limit-rpd", &evil, ", limits: { rpd: 1 }"));
    assert_eq!(chat_with(&house, &A).await.status(), 200);
    let message = refused(&chat_with(&house, &A).await, false);
    assert!(message.contains("1 requests a day"), "{message}");
}

#[tokio::test]
async fn what_was_used_outlives_a_reload_and_new_limits_act_at_once() {
    let evil = steady();
    let of = |rpm: u32| {
        yaml(
            "limit-reload",
            &evil,
            &format!(", limits: {{ rpm: {rpm} }}"),
        )
    };
    let house = House::start(&of(2));
    for _ in 0..2 {
        assert_eq!(chat_with(&house, &A).await.status(), 200);
    }
    refused(&chat_with(&house, &A).await, true);
    house.reload(&of(3)).await.expect("reloaded");
    assert_eq!(chat_with(&house, &A).await.status(), 200, "one more");
    refused(&chat_with(&house, &A).await, true);
    house.reload(&of(1)).await.expect("reloaded");
    refused(&chat_with(&house, &A).await, true);
    // Not even taking the client away and back makes its use undone.
    let without = of(1).replace("{ name: a, key: first, limits: { rpm: 1 } }, ", "");
    house.reload(&without).await.expect("reloaded");
    error_of(&chat_with(&house, &A).await, 401);
    house.reload(&of(1)).await.expect("reloaded");
    refused(&chat_with(&house, &A).await, true);
    house
        .reload(&yaml("limit-reload", &evil, ""))
        .await
        .expect("reloaded");
    assert_eq!(chat_with(&house, &A).await.status(), 200, "no limit");
}

#[tokio::test]
async fn tokens_are_counted_by_what_was_used() {
    // Each answer says that it has used three tokens; each request is
    // estimated at a good thousand, of which only one fits.
    let evil = steady();
    let house = House::start(&yaml("limit-tpm", &evil, ", limits: { tpm: 1500 }"));
    for _ in 0..10 {
        assert_eq!(chat_with(&house, &A).await.status(), 200);
    }
    // Who fails upstream has used nothing.
    let bad = Evil::start(|_, _| vec![Act::Send(response(500, &[], "{}")), Act::KeepAlive]);
    let terms = ", limits: { tpm: 1500 }";
    let text = yaml("limit-tpm-bad", &bad, terms) + "routing: { max_attempts: 1 }\n";
    let house = House::start(&text);
    for _ in 0..3 {
        error_of(&chat_with(&house, &A).await, 502);
    }
}

#[tokio::test]
async fn an_answer_that_never_said_what_it_used_counts_as_estimated() {
    let evil = Evil::start(|_, _| {
        let body = "{\"choices\":[]}";
        vec![Act::Send(response(200, &[], body)), Act::KeepAlive]
    });
    let house = House::start(&yaml("limit-unsaid", &evil, ", limits: { tpm: 1500 }"));
    assert_eq!(chat_with(&house, &A).await.status(), 200);
    let message = refused(&chat_with(&house, &A).await, true);
    assert!(message.contains("1500 tokens a minute"), "{message}");
}

#[tokio::test]
async fn a_request_that_may_not_be_made_counts_against_nothing() {
    let evil = steady();
    let terms = ", limits: { rpm: 1 }, models: [m, gone]";
    let house = House::start(&yaml("limit-refused", &evil, terms));
    for (headers, status) in [
        (vec![A[0], ("x-breakerbox-priority", "urgent")], 400),
        (vec![A[0], ("x-breakerbox-endpoint", "nowhere")], 400),
        (vec![A[0], ("content-encoding", "gzip")], 415),
    ] {
        assert_eq!(chat_with(&house, &headers).await.status(), status);
    }
    for model in ["other", "gone"] {
        let body = crate::support::chat::ask(model, "hello").to_string();
        let path = crate::support::chat::CHAT;
        let answer = super::call(&house, "POST", path, &A, &body).await;
        assert!(matches!(answer.status(), 403 | 404), "{model}");
    }
    assert_eq!(chat_with(&house, &A).await.status(), 200);
    refused(&chat_with(&house, &A).await, true);
}
