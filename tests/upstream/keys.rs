//! 401, 402, 403 or a 400 about credit: that key is out at once, it is told once, and others serve.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use breakerbox::simulator::{Api, Fault, Script, Simulator, Timed};
use breakerbox_actors::{
    clock,
    state::{
        breaker::{Phase, TransitionReason},
        health::Status,
    },
};

use super::scene::{
    Crowd, NO_PINGS, News, alone, always, assert_all_ok, healthy, house, view, well,
};
use crate::support::chat::{error_code, response};
use crate::support::evil::{Act, Evil};
use crate::support::gateway::{House, endpoint};
use crate::support::wait::{DEADLINE, eventually};

fn refusals() -> Vec<(u16, &'static str)> {
    vec![
        (
            401,
            r#"{"error":{"message":"bad key","code":"invalid_api_key"}}"#,
        ),
        (402, r#"{"error":{"message":"pay first"}}"#),
        (
            403,
            r#"{"error":{"type":"permission_error","message":"not yours"}}"#,
        ),
        (
            400,
            r#"{"error":{"message":"x","code":"insufficient_credits"}}"#,
        ),
        (
            400,
            r#"{"error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the API."}}"#,
        ),
    ]
}

fn refusing(status: u16, body: &str) -> Evil {
    always(response(status, &[], body))
}

#[tokio::test]
async fn the_key_is_out_and_others_serve() {
    let _alone = alone().await;
    for (status, body) in refusals() {
        let (locked, open) = (refusing(status, body), healthy(Duration::ZERO));
        let house = house(
            [("locked", locked.base_url()), ("open", open.base_url())],
            &[NO_PINGS],
        );
        let news = News::listen(&house);
        let crowd = Crowd::new(&house);
        let mut shots = Vec::new();
        while locked.count() == 0 {
            assert!(shots.len() < 100, "{status}: never asked");
            shots.push(crowd.shoot().await);
        }
        // Looking at it is to know that the report has come home.
        assert_eq!(view(&house, "locked").await.phase, Phase::Open, "{status}");
        shots.extend(crowd.volley(300, 4).await);
        assert_all_ok(&shots);
        assert_eq!(locked.count(), 1, "{status}: one is enough");
        let view = view(&house, "locked").await;
        assert_eq!(view.phase, Phase::Open, "{status}");
        assert_eq!(view.open_reason, Some(TransitionReason::KeyRejected));
        assert_eq!(news.count("locked", Status::Unhealthy), 1, "{status}");
        assert_eq!(news.count("open", Status::Unhealthy), 0, "{status}");
    }
}

/// With no other endpoint the client learns that it is not its own key, and no customer's request is spent
/// on a key that is known to be wrong.
#[tokio::test]
async fn alone_it_is_our_fault_and_not_tried_again() {
    for (status, body) in refusals() {
        let locked = refusing(status, body);
        let house = house([("locked", locked.base_url())], &[NO_PINGS]);
        let crowd = Crowd::new(&house);
        let first = crowd.shoot().await;
        assert_eq!(first.answer.status(), 502, "{status}");
        assert_eq!(error_code(&first.answer), "upstream_auth_error");
        // Looking at it is to know that the report of the first has come home.
        assert_eq!(view(&house, "locked").await.phase, Phase::Open, "{status}");
        for _ in 0..20 {
            let next = crowd.shoot().await;
            assert_eq!(next.answer.status(), 503, "{status}");
            assert_eq!(error_code(&next.answer), "no_endpoint_available");
        }
        assert_eq!(locked.count(), 1, "{status}");
    }
}

/// A client cannot put an endpoint out of service by what it writes.
#[tokio::test]
async fn a_quoted_phrase_is_no_refusal() {
    let body = r#"{"error":{"type":"invalid_request_error","message":"messages: 'your credit balance is too low, billing, quota'"}}"#;
    let evil = refusing(400, body);
    let house = house([("a", evil.base_url())], &[NO_PINGS]);
    let shot = Crowd::new(&house).shoot().await;
    assert_eq!(shot.answer.status(), 400);
    assert_eq!(view(&house, "a").await.phase, Phase::Closed);
}

/// It may be that of a filter on the way, or about one request: a failure like others.
#[tokio::test]
async fn a_403_that_does_not_speak_of_the_key_is_a_failure_of_the_moment() {
    let cases = [
        ("<html><h1>403 Forbidden</h1></html>", None),
        ("", None),
        ("{}", None),
        (
            r#"{"error":{"message":"Forbidden","status":"PERMISSION_DENIED"}}"#,
            None,
        ),
        (
            r#"{"error":{"message":"no","code":"unsupported_country_region_territory"}}"#,
            Some(TransitionReason::KeyRejected),
        ),
        (
            r#"{"error":{"message":"Your API key was reported as leaked."}}"#,
            Some(TransitionReason::KeyRejected),
        ),
    ];
    for (body, reason) in cases {
        let evil = refusing(403, body);
        let house = house(
            [("a", evil.base_url())],
            &[NO_PINGS, "routing: { max_attempts: 1 }"],
        );
        let shot = Crowd::new(&house).shoot().await;
        assert_eq!(shot.answer.status(), 502, "{body}");
        let view = view(&house, "a").await;
        assert_eq!(view.open_reason, reason, "{body}");
        assert_eq!(
            view.failures_in_a_row,
            u32::from(reason.is_none()),
            "{body}"
        );
        let code = error_code(&shot.answer);
        let expected = match reason {
            Some(_) => "upstream_auth_error",
            None => "upstream_error",
        };
        assert_eq!(code, expected, "{body}");
        assert!(!shot.answer.text().contains("Forbidden"), "{body}");
    }
}

#[tokio::test]
async fn a_reload_of_the_key_alone_lets_it_be_tried_again_at_once() {
    let paid = Arc::new(AtomicBool::new(false));
    let bill = Arc::clone(&paid);
    let evil = Evil::start(move |_, _| match bill.load(Ordering::SeqCst) {
        true => well(Duration::ZERO),
        false => {
            let close = [("connection", "close")];
            vec![Act::Send(response(
                401,
                &close,
                r#"{"error":{"code":"invalid_api_key"}}"#,
            ))]
        }
    });
    let yaml = |key: &str, attempts: u32| {
        let key = format!(", api_key: {key}");
        let endpoint = endpoint("rekeyed", &evil.base_url(), &key);
        format!("endpoints:\n{endpoint}routing: {{ max_attempts: {attempts} }}\n")
    };
    let house = House::start(&yaml("old", 1));
    let crowd = Crowd::new(&house);
    assert_eq!(crowd.shoot().await.answer.status(), 502);
    assert_eq!(
        view(&house, "rekeyed").await.open_reason,
        Some(TransitionReason::KeyRejected)
    );
    paid.store(true, Ordering::SeqCst);
    // A reload that is not about it: the key is as wrong as before.
    house.reload(&yaml("old", 2)).await.expect("reloaded");
    assert_eq!(crowd.shoot().await.answer.status(), 503);
    assert_eq!(evil.count(), 1);
    house.reload(&yaml("new", 2)).await.expect("reloaded");
    // Its actor hears of it by mail, as it does of this question.
    assert_eq!(view(&house, "rekeyed").await.phase, Phase::HalfOpen);
    assert_eq!(crowd.shoot().await.answer.status(), 200);
    let sent = evil.requests().pop().expect("a request");
    assert_eq!(sent.head.header("authorization"), Some("Bearer new"));
}

/// A key that may not list models serves all the same: pings do not take it out.
#[tokio::test]
async fn a_key_that_may_not_list_models_serves() {
    let missing =
        r#"{"error":{"message":"Missing scopes: api.model.read","code":"missing_scope"}}"#;
    for status in [402, 403] {
        let evil = refusing(status, missing);
        let pings = "probe: { interval: 10ms, interval_open: 10ms, timeout: 5s }";
        let house = house([("a", evil.base_url())], &[pings]);
        eventually(DEADLINE, || evil.count() >= 8).await;
        let view = view(&house, "a").await;
        assert_eq!(view.phase, Phase::Closed, "{status}");
    }
}

/// Nor where they are answered 401, and a request fails for another reason.
#[tokio::test]
async fn a_key_that_serves_is_not_out_because_pings_are_told_401() {
    let only = |api, fault: Fault| Timed {
        only: vec![api],
        ..Timed::from(fault)
    };
    let script = |more: Vec<Timed>| Script {
        faults: [vec![only(Api::Models, Fault::Unauthorized)], more].concat(),
        ..Script::default()
    };
    let any = ([127, 0, 0, 1], 0).into();
    let provider = Simulator::start(script(Vec::new()), any).expect("a provider");
    let pings = "probe: { interval: 10ms, interval_open: 10ms, timeout: 5s }";
    let house = house([("a", provider.base_url())], &[pings]);
    let crowd = Crowd::new(&house);
    let pinged = || provider.look(|stats| stats.answered(401));
    // Pings alone take it out before it has served; it is tried all the same.
    let start = clock::now();
    while view(&house, "a").await.phase != Phase::Open {
        assert!(clock::now() - start < DEADLINE, "pings change nothing");
    }
    while !crowd.shoot().await.ok() || view(&house, "a").await.phase != Phase::Closed {
        assert!(clock::now() - start < DEADLINE, "never served");
    }
    let failing = Fault::Status {
        code: 500,
        retry_after: None,
    };
    provider
        .set_script(script(vec![only(Api::Chat, failing)]))
        .expect("a script");
    assert!(!crowd.shoot().await.ok());
    provider.set_script(script(Vec::new())).expect("a script");
    let before = pinged();
    eventually(DEADLINE, || pinged() >= before + 8).await;
    assert_eq!(view(&house, "a").await.phase, Phase::Closed);
    assert!(crowd.shoot().await.ok());
}
