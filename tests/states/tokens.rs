//! What of the minute's tokens a request gives back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::{CLOSE, well};
use crate::support::chat::{CHAT, ask, completion, response};
use crate::support::client::{Answer, Client};
use crate::support::evil::{Act, Evil};
use crate::support::gateway::{House, endpoint};
use crate::support::ports::Refused;
use crate::support::wait::{DEADLINE, eventually};

/// One request that only `name` may serve.
async fn at(house: &House, name: &str) -> Answer {
    let mut client = Client::connect(house.addr()).await;
    let body = ask("m", "hello").to_string();
    let pin = [("x-breakerbox-endpoint", name)];
    client.request("POST", CHAT, &pin, body.as_bytes()).await;
    client.answer().await
}

#[tokio::test]
async fn who_refuses_has_used_none_and_who_breaks_off_may_have_used_all() {
    let error = r#"{"error":{"message":"no"}}"#;
    let always = |status| {
        let acts = vec![Act::Send(response(status, &[CLOSE], error))];
        Evil::start(move |_, _| acts.clone())
    };
    let refused = Refused::new();
    // Each with what of its tokens the endpoint is to have used: some, or none.
    let mut evils: Vec<(String, Evil, bool)> = [400, 404, 413, 422, 429, 401, 500, 503]
        .map(|status| (format!("tokens-{status}"), always(status), false))
        .into();
    evils.extend([
        ("tokens-good".to_owned(), Evil::start(|_, _| well()), true),
        (
            "tokens-cut".to_owned(),
            Evil::start(|_, _| vec![Act::text("HTTP/1.1 200 OK\r\n")]),
            true,
        ),
    ]);
    let limits = ", limits: { tpm: 1000000 }";
    let mut yaml = format!(
        "routing: {{ max_attempts: 1, queue: {{ max_wait: 0s }} }}\nendpoints:\n{}",
        endpoint(
            "tokens-refused",
            &format!("http://{}/v1", refused.addr()),
            limits
        )
    );
    for (name, evil, _) in &evils {
        yaml += &endpoint(name, &evil.base_url(), limits);
    }
    let house = Arc::new(House::start(&yaml));
    let names = evils.iter().map(|(name, _, uses)| (&**name, *uses));
    for (name, uses) in names.chain([("tokens-refused", false)]) {
        let answer = at(&house, name).await;
        let settled = || house.in_flight(name) == 0;
        eventually(DEADLINE, settled).await;
        // Reports of what is no failure come a moment later; the estimate is far above an answer's few tokens.
        let start = breakerbox_actors::clock::now();
        let used = loop {
            let used = house.seen(name).await.view.tpm.used;
            let is_so = if name == "tokens-good" {
                used == 3
            } else {
                (used > 0) == uses
            };
            if is_so || breakerbox_actors::clock::now() - start > DEADLINE {
                break used;
            }
        };
        let told = answer.status();
        match name {
            "tokens-good" => assert_eq!((told, used), (200, 3)),
            _ if uses => assert!(used > 3, "{name}: {told} used {used}"),
            _ => assert_eq!(used, 0, "{name}: {told}"),
        }
        assert_eq!(
            house.seen(name).await.view.rpm.used,
            1,
            "{name}: the request counts"
        );
    }
}

/// What a request without `max_tokens` reserves is what its endpoint usually answers, not a fixed number.
#[tokio::test]
async fn an_answer_without_a_bound_reserves_what_is_usual() {
    const LONG: u64 = 3_000;
    let asked = AtomicUsize::new(0);
    let evil = Evil::start(move |_, _| {
        if asked.fetch_add(1, Ordering::SeqCst) > 0 {
            return vec![Act::Blackhole];
        }
        let mut answer = completion("hello");
        answer["usage"]["completion_tokens"] = LONG.into();
        vec![Act::Send(response(200, &[CLOSE], &answer.to_string()))]
    });
    let limits = ", limits: { tpm: 1000000 }";
    let endpoint = endpoint("long", &evil.base_url(), limits);
    let house = House::start(&format!("endpoints:\n{endpoint}"));
    assert_eq!(at(&house, "long").await.status(), 200);
    let used = async || house.seen("long").await.view.tpm.used;
    let start = breakerbox_actors::clock::now();
    while used().await != LONG + 1 {
        assert!(breakerbox_actors::clock::now() - start < DEADLINE);
    }
    let mut client = Client::connect(house.addr()).await;
    let body = ask("m", "hello").to_string();
    client.request("POST", CHAT, &[], body.as_bytes()).await;
    eventually(DEADLINE, || evil.count() == 2).await;
    let reserved = used().await - (LONG + 1);
    assert!((LONG..LONG + 100).contains(&reserved), "{reserved}");
}

/// What cannot be said in an endpoint's dialect is not sent to it and uses none of its tokens.
#[tokio::test]
async fn what_is_not_sent_has_used_none() {
    let evil = Evil::start(|_, _| well());
    let other = endpoint("unsent", &evil.base_url(), ", limits: { tpm: 1000000 }");
    let other = other.replace("openai-compatible", "anthropic, api_key: k");
    let house = House::start(&format!("endpoints:\n{other}"));
    let mut wrong = ask("m", "hello");
    wrong["messages"][0]["role"] = "narrator".into();
    let mut client = Client::connect(house.addr()).await;
    let body = wrong.to_string();
    client.request("POST", CHAT, &[], body.as_bytes()).await;
    assert_eq!(client.answer().await.status(), 400);
    assert_eq!(evil.count(), 0, "nothing was sent");
    let start = breakerbox_actors::clock::now();
    loop {
        let seen = house.seen("unsent").await.view;
        if (seen.rpm.used, seen.tpm.used) == (1, 0) {
            break;
        }
        let waited = breakerbox_actors::clock::now() - start;
        assert!(waited < DEADLINE, "{:?} {:?}", seen.rpm, seen.tpm);
    }
}

/// Of a burst that reserves more than a minute has, and uses little of it, each waits for what the others leave. A
/// client that has a limit of its own is not made to wait; but it is told to come back soon.
#[tokio::test]
async fn a_burst_that_reserves_too_much_is_served_by_what_comes_back() {
    let (go, held) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
    let (gate, is_held) = (go.clone(), held.clone());
    let evil = Evil::start(move |_, _| {
        let wait = match is_held.load(Ordering::SeqCst) {
            true => Act::WaitFor(gate.clone()),
            false => Act::Wait(Duration::from_millis(50)),
        };
        [vec![wait], well()].concat()
    });
    let endpoint = endpoint("burst", &evil.base_url(), ", limits: { tpm: 5000 }");
    let clients =
        "{ name: free, key: free }, { name: limited, key: limited, limits: { tpm: 3500 } }";
    let house = House::start(&format!("endpoints:\n{endpoint}clients: [{clients}]\n"));
    let addr = house.addr();
    let one = move |key: &'static str| async move {
        let mut body = ask("m", "hello");
        body["max_tokens"] = 1_500.into();
        let key = [("x-api-key", key)];
        let mut client = Client::connect(addr).await;
        let body = body.to_string();
        client.request("POST", CHAT, &key, body.as_bytes()).await;
        client.answer().await
    };
    let many = |count, key| -> JoinSet<_> { (0..count).map(|_| one(key)).collect() };
    for answer in many(20, "free").join_all().await {
        assert_eq!(answer.status(), 200, "{}", answer.text());
    }
    held.store(true, Ordering::SeqCst);
    let before = evil.count();
    let two = many(2, "limited");
    eventually(DEADLINE, || evil.count() == before + 2).await;
    for answer in many(18, "limited").join_all().await {
        assert_eq!(answer.status(), 429);
        assert_eq!(answer.head.header("retry-after"), Some("1"));
    }
    go.notify_one();
    go.notify_one();
    for answer in two.join_all().await {
        assert_eq!(answer.status(), 200, "{}", answer.text());
    }
}
