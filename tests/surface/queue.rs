//! Waiting for a rate-limited endpoint rather than being refused; refused where waiting would not help.

use std::time::Duration;

use breakerbox_actors::clock;

use super::{error_of, held};
use crate::support::chat::{CHAT, ask, good, response};
use crate::support::client::{Client, post};
use crate::support::evil::{Act, Evil};
use crate::support::gateway::{House, endpoint};
use crate::support::wait::{DEADLINE, eventually};

/// One worker: each has a queue of its own.
fn house(name: &str, evil: &Evil, limits: &str, queue: &str) -> House {
    let limits = format!(", limits: {{ {limits} }}");
    let endpoint = endpoint(name, &evil.base_url(), &limits);
    House::start(&format!(
        "server: {{ listen: \"127.0.0.1:0\", workers: 1 }}\n\
         endpoints:\n{endpoint}routing: {{ queue: {{ {queue} }} }}\n"
    ))
}

async fn begin(house: &House) -> Client {
    let mut client = Client::connect(house.addr()).await;
    client.post(CHAT, &ask("m", "hello")).await;
    client
}

#[tokio::test]
async fn a_request_waits_out_a_short_cooldown_and_succeeds() {
    let evil = Evil::start(|connection, _| match connection {
        0 => vec![Act::Send(response(429, &[("retry-after-ms", "700")], "{}"))],
        _ => vec![Act::Send(good("hello")), Act::KeepAlive],
    });
    let house = house("waits", &evil, "rpm: 1000", "max_wait: 5s");
    let start = clock::now();
    assert_eq!(
        post(house.addr(), CHAT, &ask("m", "hello")).await.status(),
        429
    );
    // Whoever asks before the actor has heard of it is still let through.
    assert!(house.seen("waits").await.view.cooldown_until.is_some());
    let answer = post(house.addr(), CHAT, &ask("m", "hello")).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let took = clock::now() - start;
    assert!(
        took >= Duration::from_millis(690),
        "{took:?}: before its time"
    );
    assert!(took < Duration::from_secs(5), "{took:?}");
    let [first, second] = &evil.requests()[..] else {
        panic!("{} requests", evil.count());
    };
    assert!(second.at - first.at >= Duration::from_millis(690));
}

#[tokio::test]
async fn requests_wait_for_room_and_go_in_order() {
    let (evil, go) = held();
    let house = house("room", &evil, "max_in_flight: 1", "max_wait: 8s");
    let mut clients = vec![begin(&house).await];
    eventually(DEADLINE, || evil.count() == 1).await;
    for waiting in 1..=3 {
        clients.push(begin(&house).await);
        eventually(DEADLINE, || house.engine().waiting() == waiting).await;
    }
    for (number, mut client) in clients.into_iter().enumerate() {
        assert_eq!(evil.count(), number + 1, "one at a time");
        go.notify_one();
        assert_eq!(client.answer().await.status(), 200);
        let next = (number + 2).min(4);
        eventually(DEADLINE, || evil.count() == next).await;
    }
    assert_eq!(house.engine().waiting(), 0);
}

#[tokio::test]
async fn who_would_wait_too_long_is_refused_at_once_with_the_time_to_come_back() {
    let evil = Evil::start(|_, _| vec![Act::Send(good("hello")), Act::KeepAlive]);
    let house = house("too-long", &evil, "rpm: 2", "max_wait: 5s");
    for _ in 0..2 {
        assert_eq!(
            post(house.addr(), CHAT, &ask("m", "hello")).await.status(),
            200
        );
    }
    let start = clock::now();
    let answer = post(house.addr(), CHAT, &ask("m", "hello")).await;
    let took = clock::now() - start;
    assert!(took < Duration::from_secs(3), "{took:?}: not at once");
    assert_eq!(error_of(&answer, 429)["code"], "upstream_rate_limited");
    let seconds = answer.head.header("retry-after").expect("a time");
    let seconds: u64 = seconds.parse().expect("seconds");
    assert!((50..=60).contains(&seconds), "{seconds}");
    assert_eq!(evil.count(), 2);
}

#[tokio::test]
async fn a_full_queue_refuses_and_a_client_that_leaves_makes_room() {
    let (evil, go) = held();
    let queue = "max_wait: 8s, max_length: 1";
    let house = house("full", &evil, "max_in_flight: 1", queue);
    let mut first = begin(&house).await;
    eventually(DEADLINE, || evil.count() == 1).await;
    let waits = begin(&house).await;
    eventually(DEADLINE, || house.engine().waiting() == 1).await;
    let refused = post(house.addr(), CHAT, &ask("m", "hello")).await;
    assert_eq!(error_of(&refused, 503)["code"], "overloaded");
    assert!(refused.head.header("retry-after").is_some());
    drop(waits);
    // Refused until the gateway has seen that the other has left; then this one waits.
    let mut next = loop {
        let mut next = begin(&house).await;
        let refused = tokio::time::timeout(Duration::from_millis(100), next.head()).await;
        match refused {
            Ok(head) => assert_eq!(head.status(), 503),
            Err(_) => break next,
        }
    };
    go.notify_one();
    assert_eq!(first.answer().await.status(), 200);
    eventually(DEADLINE, || evil.count() == 2).await;
    go.notify_one();
    assert_eq!(next.answer().await.status(), 200);
    assert_eq!(evil.count(), 2, "who left was not served");
}
