//! `/api/status` and what an operator does to an endpoint.

use super::{call, done, shown};
use crate::support::chat::{CHAT, ask, good, response};
use crate::support::client::post;
use crate::support::evil::{Act, Evil};
use crate::support::gateway::{House, endpoint};
use crate::support::wait::DEADLINE;
use breakerbox_actors::clock;

fn failing() -> Evil {
    let secret = "{\"error\":{\"message\":\"no, canary-provider is out\"}}";
    Evil::start(move |_, _| vec![Act::Send(response(500, &[("connection", "close")], secret))])
}

fn house(name: &str, evil: &Evil, more: &str) -> House {
    let keys =
        ", api_key: canary-provider, breaker: { failure_threshold: 2 }, limits: { rpm: 100 }";
    House::start(&format!(
        "endpoints:\n{}{more}",
        endpoint(name, &evil.base_url(), keys)
    ))
}

/// The endpoint `name` once it is in `status`.
async fn until(house: &House, name: &str, status: &str) -> serde_json::Value {
    let start = clock::now();
    loop {
        let seen = shown(house, &format!("/api/endpoints/{name}")).await["endpoints"][0].clone();
        if seen["status"] == status {
            return seen;
        }
        assert!(clock::now() - start < DEADLINE, "not {status}: {seen}");
    }
}

#[tokio::test]
async fn it_shows_why_an_endpoint_is_out_and_what_was_counted() {
    let evil = failing();
    let house = house("why", &evil, "routing: { max_attempts: 1 }\n");
    let fresh = shown(&house, "/api/status").await;
    assert_eq!(fresh["generation"], 1);
    assert_eq!(fresh["reload"]["source"], "start");
    assert_eq!(fresh["traffic"]["p95_ms"], serde_json::Value::Null);
    assert_eq!(fresh["endpoints"][0]["status"], "unknown");
    assert_eq!(fresh["endpoints"][0]["share"], 1.0);
    for _ in 0..2 {
        post(house.addr(), CHAT, &ask("m", "hello")).await;
    }
    let out = until(&house, "why", "unhealthy").await;
    assert_eq!(out["breaker"]["state"], "open");
    assert_eq!(out["breaker"]["cause"], "failures");
    assert!(out["breaker"]["open_until"].is_string());
    let reason = out["reason"].as_str().expect("a reason");
    assert!(
        reason.starts_with("2 failures in a row (failure_threshold): circuit open, next trial in "),
        "{reason}"
    );
    assert_eq!(out["last_error"]["outcome"], "status");
    let message = out["last_error"]["message"].as_str().expect("a message");
    assert_eq!(message, "answered 500 Internal Server Error");
    assert_eq!(out["windows"][0]["used"], 2);
    let status = shown(&house, "/api/status").await;
    let changes: Vec<_> = status["events"]
        .as_array()
        .expect("events")
        .iter()
        .map(|it| it["to"].clone())
        .collect();
    assert_eq!(changes.last().expect("a change"), "unhealthy");
    let alerts = status["alerts"].as_array().expect("alerts");
    assert_eq!(alerts.len(), 1, "one incident: {alerts:?}");
    let alert = &alerts[0];
    assert_eq!(
        (&alert["kind"], &alert["severity"]),
        (&"endpoint_down".into(), &"critical".into())
    );
    assert_eq!(alert["evidence"]["failure_threshold"], 2);
    assert!(alert["retry_at"].is_string() && alert["resolved_at"].is_null());
    assert_eq!(status["traffic"]["error_ratio"], 1.0);
    let names: Vec<_> = status["actors"]
        .as_array()
        .expect("actors")
        .iter()
        .map(|it| it["actor"].clone())
        .collect();
    for kind in ["endpoint", "router", "prober", "guardian"] {
        assert!(names.iter().any(|it| it == kind), "{kind} in {names:?}");
    }
}

#[tokio::test]
async fn a_rejected_key_is_its_own_alert_and_never_shown() {
    let words = "{\"error\":{\"message\":\"no such key: canary-provider\"}}";
    let evil = Evil::start(move |_, _| vec![Act::Send(response(401, &[], words))]);
    let house = house("rejected", &evil, "");
    post(house.addr(), CHAT, &ask("m", "hello")).await;
    let out = until(&house, "rejected", "unhealthy").await;
    assert_eq!(out["breaker"]["cause"], "key_rejected");
    let status = shown(&house, "/api/status").await;
    assert_eq!(status["alerts"][0]["kind"], "key_rejected");
    let message = &status["endpoints"][0]["last_error"]["message"];
    let message = message.as_str().expect("a message");
    assert!(message.contains("no such key: ***"), "{message}");
    for path in ["/api/status", "/api/alerts"] {
        let text = shown(&house, path).await.to_string();
        assert!(!text.contains("canary"), "{path}: {text}");
    }
}

#[tokio::test]
async fn an_operator_resets_drains_and_enables_an_endpoint() {
    let evil = failing();
    let house = house("levers", &evil, "routing: { max_attempts: 1 }\n");
    for _ in 0..2 {
        post(house.addr(), CHAT, &ask("m", "hello")).await;
    }
    until(&house, "levers", "unhealthy").await;
    let reset = done(&house, "/api/endpoints/levers/reset", "").await;
    assert_eq!(reset["endpoints"][0]["breaker"]["state"], "closed");
    let drained = done(&house, "/api/endpoints/levers/drain", "").await;
    assert_eq!(drained["endpoints"][0]["status"], "disabled");
    assert_eq!(drained["endpoints"][0]["drained"], true);
    assert_eq!(
        post(house.addr(), CHAT, &ask("m", "hello")).await.status(),
        503
    );
    let enabled = done(&house, "/api/endpoints/levers/enable", "").await;
    assert_eq!(enabled["endpoints"][0]["drained"], false);
    let probed = done(&house, "/api/endpoints/levers/probe", "").await;
    assert_eq!(
        (&probed["checked"], &probed["message"]),
        (
            &0.into(),
            &"levers was not asked: its probe is of kind none".into()
        )
    );
    for lever in ["drain", "enable", "reset", "probe"] {
        let answer = call(
            &house,
            "POST",
            &format!("/api/endpoints/nobody/{lever}"),
            &[],
            "",
        )
        .await;
        assert_eq!(answer.status(), 404);
        assert_eq!(answer.json()["error"]["code"], "not_found");
    }
    assert_eq!(
        call(&house, "GET", "/api/endpoints/levers/drain", &[], "")
            .await
            .status(),
        405
    );
}

#[tokio::test]
async fn a_probe_is_over_when_it_is_answered() {
    let evil = Evil::start(|_, _| vec![Act::Send(good("pong")), Act::KeepAlive]);
    let yaml = format!(
        "endpoints: [{{ name: pinged, provider: openai-compatible, base_url: \"{}\", models: [m] }}]\n",
        evil.base_url()
    );
    let house = House::start(&yaml);
    let before = evil.count();
    let probed = done(&house, "/api/endpoints/pinged/probe", "").await;
    assert_eq!(probed["checked"], 1);
    assert_eq!(probed["message"], "pinged was asked by a ping");
    assert_eq!(probed["endpoints"][0]["fallbacks"], serde_json::json!([]));
    assert!(evil.count() > before.saturating_sub(1) && evil.count() > 0);
}
