//! Going down: readiness fails at once, streams finish in the grace, the rest ends with an error event.

use std::sync::Arc;
use std::time::Duration;

use breakerbox_actors::clock;
use tokio::sync::Notify;

use super::house;
use crate::support::chat::{
    CHAT, ask, ask_stream, chunk, delta, ending, good, is_done, last_chunk, stream_head,
};
use crate::support::client::{Client, Ending, get};
use crate::support::evil::{Act, Evil};
use crate::support::gateway::House;
use crate::support::wait::{DEADLINE, eventually};

fn server(grace: &str) -> String {
    format!("server: {{ listen: \"127.0.0.1:0\", workers: 2, shutdown_grace: {grace} }}\n")
}

async fn begin(house: &House) -> Client {
    let mut client = Client::connect(house.addr()).await;
    client.post(CHAT, &ask_stream("m", "hello")).await;
    assert_eq!(client.head().await.status(), 200);
    client.event().await.expect("a stream").expect("an event");
    client
}

#[tokio::test]
async fn within_the_grace_streams_and_answers_finish() {
    let go = Arc::new(Notify::new());
    let held = Arc::clone(&go);
    let evil = Evil::start(move |connection, _| {
        let wait = Act::WaitFor(Arc::clone(&held));
        match connection {
            0 => vec![
                Act::Send(stream_head()),
                Act::Send(chunk(&delta("hel"))),
                wait,
                Act::Send(chunk(&(delta("lo") + &ending()))),
                Act::Send(last_chunk()),
            ],
            _ => vec![wait, Act::Send(good("hello"))],
        }
    });
    let house = Arc::new(house("drain-grace", &evil, &server("20s")));
    let mut idle = Client::connect(house.addr()).await;
    idle.request("GET", "/readyz", &[], b"").await;
    assert_eq!(idle.answer().await.status(), 200);
    let mut stream = begin(&house).await;
    let mut whole = Client::connect(house.addr()).await;
    whole.post(CHAT, &ask("m", "hello")).await;
    eventually(DEADLINE, || evil.count() == 2).await;

    let drained = tokio::spawn({
        let house = Arc::clone(&house);
        async move { house.drain().await }
    });
    let start = clock::now();
    while get(house.admin(), "/readyz").await.status() != 503 {
        assert!(clock::now() - start < Duration::from_secs(2), "still ready");
    }
    assert_eq!(get(house.admin(), "/livez").await.status(), 200);
    assert!(!drained.is_finished(), "requests are under way");
    go.notify_waiters();
    let (events, ending) = stream.events().await;
    assert!(is_done(&events), "{events:?}");
    assert_eq!(ending, Ending::Whole);
    assert_eq!(whole.answer().await.status(), 200);
    drained.await.expect("drained");
    assert!(
        clock::now() - start < Duration::from_secs(10),
        "nobody was waited for in vain"
    );
    assert!(tokio::net::TcpStream::connect(house.addr()).await.is_err());
}

#[tokio::test]
async fn after_the_grace_a_stream_ends_with_an_error_event_and_blames_nobody() {
    let evil = Evil::start(|_, _| {
        vec![
            Act::Send(stream_head()),
            Act::Send(chunk(&delta("hel"))),
            Act::Blackhole,
        ]
    });
    let house = Arc::new(house("drain-over", &evil, &server("500ms")));
    let engine = house.engine().clone();
    let mut stream = begin(&house).await;
    let drained = tokio::spawn({
        let house = Arc::clone(&house);
        async move { house.drain().await }
    });
    let (events, ending) = stream.events().await;
    assert_eq!(ending, Ending::Whole, "the body ends as it should");
    let [error] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(error.json()["error"]["code"], "shutting_down");
    drained.await.expect("drained");
    eventually(DEADLINE, || evil.links()[0].over).await;
    let seen = engine
        .observe(&crate::support::gateway::target("drain-over"))
        .await;
    if let Some(seen) = seen {
        assert_eq!(seen.view.failure_ratio, None);
    }
}

#[tokio::test]
async fn a_stream_that_never_pauses_ends_with_the_grace_too() {
    let evil = Evil::start(|_, _| {
        let mut acts = vec![Act::Send(stream_head())];
        for _ in 0..2_000 {
            acts.push(Act::Send(chunk(&delta("and on "))));
            acts.push(Act::Wait(Duration::from_millis(3)));
        }
        acts
    });
    let house = Arc::new(house("drain-flow", &evil, &server("300ms")));
    let mut stream = begin(&house).await;
    let start = clock::now();
    let drained = tokio::spawn({
        let house = Arc::clone(&house);
        async move { house.drain().await }
    });
    let (events, ending) = stream.events().await;
    let took = clock::now() - start;
    assert_eq!(ending, Ending::Whole, "{:?}", events.last());
    let last = events.last().expect("events");
    assert!(last.data.contains("shutting_down"), "{last:?}");
    assert!(took < Duration::from_secs(4), "{took:?}");
    drained.await.expect("drained");
}
