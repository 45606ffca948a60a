//! What a client may ask for in a header, and what it is told: deadline, endpoint, fallback.

use std::time::Duration;

use breakerbox_actors::clock;

use super::{chat_with, error_of, house, steady};
use crate::support::chat::{CHAT, ask, response};
use crate::support::client::post;
use crate::support::evil::{Act, Evil};
use crate::support::gateway::{House, endpoint};
use crate::support::wait::{DEADLINE, eventually};

#[tokio::test]
async fn a_deadline_ends_the_request_and_is_no_failure_of_the_endpoint() {
    let evil = Evil::start(|_, _| vec![Act::Blackhole]);
    let house = house("deadline", &evil, "");
    let start = clock::now();
    let answer = chat_with(&house, &[("x-breakerbox-deadline-ms", "300")]).await;
    let took = clock::now() - start;
    let error = error_of(&answer, 504);
    assert_eq!(error["code"], "upstream_timeout");
    let message = error["message"].as_str().expect("a message");
    assert!(message.contains("deadline (deadline)"), "who: {message}");
    assert!(
        took >= Duration::from_millis(300) && took < Duration::from_secs(3),
        "{took:?}"
    );
    eventually(DEADLINE, || evil.links()[0].over).await;
    let view = house.seen("deadline").await.view;
    assert_eq!(view.failure_ratio, None);
    // But that it takes longer than that is known from now on.
    assert!(view.latency >= Some(Duration::from_millis(300)));
    assert_eq!(house.outcomes("deadline", "cancelled").await, 1.0);
    for wrong in ["soon", "-1", "0", "1.5", ""] {
        let answer = chat_with(&house, &[("x-breakerbox-deadline-ms", wrong)]).await;
        let error = error_of(&answer, 400);
        assert_eq!(error["param"], "x-breakerbox-deadline-ms", "{wrong}");
    }
    assert_eq!(evil.count(), 1);
}

#[tokio::test]
async fn a_pinned_request_goes_to_its_endpoint_or_nowhere() {
    let [one, two] = [
        steady(),
        Evil::start(|_, _| vec![Act::Send(response(500, &[], "{}")), Act::KeepAlive]),
    ];
    let yaml = format!(
        "endpoints:\n{}{}",
        endpoint("pin-one", &one.base_url(), ""),
        endpoint("pin-two", &two.base_url(), "")
    );
    let house = House::start(&(yaml + "routing: { max_attempts: 1 }\n"));
    for _ in 0..8 {
        let answer = chat_with(&house, &[("x-breakerbox-endpoint", "pin-one")]).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.head.header("x-breakerbox-endpoint"), Some("pin-one"));
    }
    assert_eq!((one.count(), two.count()), (8, 0));
    let answer = chat_with(&house, &[("x-breakerbox-endpoint", "pin-two")]).await;
    assert_eq!(error_of(&answer, 502)["code"], "upstream_error");
    assert_eq!((one.count(), two.count()), (8, 1), "never another one");
    let answer = chat_with(&house, &[("x-breakerbox-endpoint", "pin-three")]).await;
    assert_eq!(error_of(&answer, 400)["param"], "x-breakerbox-endpoint");
    assert_eq!(one.count() + two.count(), 9);
}

#[tokio::test]
async fn an_answer_of_a_fallback_says_so() {
    let bad = Evil::start(|_, _| vec![Act::Send(response(500, &[], "{}")), Act::KeepAlive]);
    let good = steady();
    let other = endpoint("fallback-good", &good.base_url(), "").replace("[m]", "[other]");
    let yaml = format!(
        "endpoints:\n{}{other}models: [{{ name: m, fallbacks: [other] }}]\n",
        endpoint("fallback-bad", &bad.base_url(), "")
    );
    let house = House::start(&yaml);
    let answer = post(house.addr(), CHAT, &ask("m", "hello")).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let header = |name| answer.head.header(name);
    assert_eq!(header("x-breakerbox-fallback"), Some("m>other"));
    assert_eq!(header("x-breakerbox-model"), Some("other"));
    assert_eq!(header("x-breakerbox-endpoint"), Some("fallback-good"));
    assert_eq!(header("x-breakerbox-attempts"), Some("2"));
    let sent: serde_json::Value = serde_json::from_slice(&good.requests()[0].body).expect("JSON");
    assert_eq!(sent["model"], "other");
    // Asked for by its own name, it is none.
    let answer = post(house.addr(), CHAT, &ask("other", "hello")).await;
    assert_eq!(answer.head.header("x-breakerbox-fallback"), None);
}
