//! The support itself: a tool that lies makes every test beside it worthless.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;

use super::chat::{self, CHAT, ask, chunk, delta, ending, good, last_chunk, stream_head};
use super::client::{Client, Ending, post};
use super::evil::{Act, Evil};
use super::ports::{Refused, Unreachable};
use super::wait::{DEADLINE, eventually};

fn bytes(size: usize) -> Bytes {
    Bytes::from(vec![b'x'; size])
}

#[tokio::test]
async fn evil_answers_and_keeps_connections_alive() {
    let evil =
        Evil::start(|_, request| vec![Act::Send(good(&request.to_string())), Act::KeepAlive]);
    let mut client = Client::connect(evil.addr()).await;
    for expected in ["0", "1", "2"] {
        client.post(CHAT, &ask("m", "hello")).await;
        assert_eq!(chat::text_of(&client.answer().await), expected);
    }
    assert!(evil.base_url().ends_with("/v1"));
    let requests = evil.requests();
    assert_eq!(requests.len(), 3);
    assert_eq!(requests[2].head.start, "POST /v1/chat/completions HTTP/1.1");
    assert_eq!(requests[2].body, ask("m", "hello").to_string().as_bytes());
    assert_eq!((requests[2].connection, requests[2].number), (0, 2));
    assert!(requests[2].head.raw.ends_with(b"\r\n\r\n"));
    assert!(requests[0].at <= requests[1].at);
    assert_eq!(evil.links().len(), 1);
}

#[tokio::test]
async fn evil_reads_a_chunked_request_cut_anywhere() {
    let evil = Evil::start(|_, _| vec![Act::Send(good("")), Act::KeepAlive]);
    let mut client = Client::connect(evil.addr()).await;
    let request =
        "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    for byte in request.as_bytes() {
        client.send([*byte]).await;
    }
    assert_eq!(client.answer().await.status(), 200);
    assert_eq!(evil.requests()[0].body, b"abcde");
}

#[tokio::test]
async fn the_client_tells_ends_apart() {
    let evil = Evil::start(|connection, _| {
        let long = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc";
        let open = "HTTP/1.1 200 OK\r\n\r\nabc";
        match connection {
            0 => vec![Act::text(long), Act::Fin],
            // The reset must not overtake the bytes.
            1 => vec![
                Act::text(long),
                Act::Wait(Duration::from_millis(50)),
                Act::Rst,
            ],
            2 => vec![Act::Send(stream_head()), Act::Send(chunk("abc"))],
            3 => vec![Act::text(open)],
            _ => vec![
                Act::Send(stream_head()),
                Act::Send(chunk("abc")),
                Act::Send(last_chunk()),
            ],
        }
    });
    let endings = [
        Ending::Closed,
        Ending::Reset,
        Ending::Closed,
        Ending::Whole,
        Ending::Whole,
    ];
    for expected in endings {
        let answer = post(evil.addr(), CHAT, &ask("m", "")).await;
        assert_eq!((answer.ending, answer.body), (expected, b"abc".to_vec()));
    }
}

#[tokio::test]
async fn the_client_reads_events_with_their_times() {
    let go = Arc::new(Notify::new());
    let gate = Arc::clone(&go);
    let evil = Evil::start(move |_, _| {
        vec![
            Act::Send(stream_head()),
            Act::Send(chunk(&delta("Hel"))),
            Act::WaitFor(Arc::clone(&gate)),
            Act::Send(chunk(&delta("lo"))),
            Act::Send(chunk(&format!("event: named\n{}", ending()))),
            Act::Send(last_chunk()),
        ]
    });
    let mut client = Client::connect(evil.addr()).await;
    client.post(CHAT, &chat::ask_stream("m", "hello")).await;
    assert_eq!(client.head().await.status(), 200);
    let first = client.event().await.expect("open").expect("an event");
    assert_eq!(first.json()["choices"][0]["delta"]["content"], "Hel");
    go.notify_one();
    let (mut events, end) = client.events().await;
    assert_eq!(end, Ending::Whole);
    assert!(first.at < events[0].at);
    assert_eq!(events[1].name, "named");
    assert!(chat::is_done(&events));
    events.insert(0, first);
    assert_eq!(chat::text_of_stream(&events), "Hello");
}

#[tokio::test]
async fn evil_sees_the_client_leave() {
    for reset in [false, true] {
        let evil = Evil::start(|_, _| vec![Act::Send(stream_head()), Act::Blackhole]);
        let mut client = Client::connect(evil.addr()).await;
        client.post(CHAT, &ask("m", "")).await;
        client.head().await;
        let link = evil.links()[0].clone();
        assert!(!link.over && link.closed_by_client.is_none());
        if reset {
            client.reset();
        } else {
            drop(client);
        }
        eventually(DEADLINE, || evil.links()[0].over).await;
        let closed = evil.links()[0].closed_by_client;
        assert!(closed.expect("the client closed") >= link.opened);
    }
}

#[tokio::test]
async fn evil_speaks_first_and_closes_idle_connections() {
    let evil = Evil::start(|connection, _| match connection {
        0 => vec![Act::text("HTTP/1.1 408 Early\r\n\r\n"), Act::ReadRequest],
        1 => vec![Act::Rst, Act::ReadRequest],
        _ => vec![
            Act::Send(good("")),
            Act::IdleClose(Duration::from_millis(30)),
        ],
    });
    let mut early = Client::connect(evil.addr()).await;
    assert_eq!(early.head().await.status(), 408);
    assert_eq!(evil.count(), 0);
    match Client::try_connect(evil.addr()).await {
        Ok(mut reset) => assert_eq!(reset.try_head().await.map(drop), Err(Ending::Reset)),
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
    }
    let mut idle = Client::connect(evil.addr()).await;
    idle.post(CHAT, &ask("m", "")).await;
    idle.answer().await;
    idle.post(CHAT, &ask("m", "")).await;
    idle.answer().await;
    assert_eq!(idle.end().await, Ending::Closed);
    assert_eq!(evil.count(), 2);
    assert!(evil.links()[2].closed_by_client.is_none());
}

#[tokio::test]
async fn a_narrow_upstream_feels_a_slow_reader() {
    const SIZE: usize = 64 << 20;
    let evil = Evil::narrow(|_, _| {
        vec![
            Act::text(&format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {SIZE}\r\n\r\n"
            )),
            Act::Send(bytes(SIZE)),
        ]
    });
    let mut client = Client::connect(evil.addr()).await;
    client.post(CHAT, &ask("m", "")).await;
    client.head().await;
    // Read a little, then nothing: what the kernel takes meanwhile is bounded.
    let (mut last, mut still) = (0, 0);
    eventually(DEADLINE, || {
        let sent = evil.links()[0].sent;
        still = if sent == last { still + 1 } else { 0 };
        last = sent;
        still == 100
    })
    .await;
    assert!(evil.links()[0].sent < SIZE / 2, "{}", evil.links()[0].sent);
    assert!(!evil.links()[0].over);
}

#[tokio::test]
async fn nobody_answers_where_nobody_should() {
    let refused = Refused::new();
    let error = Client::try_connect(refused.addr()).await.err();
    let error = error.expect("refused").kind();
    assert_eq!(error, std::io::ErrorKind::ConnectionRefused);
    let unreachable = Unreachable::new();
    let connect = tokio::net::TcpStream::connect(unreachable.addr());
    let tried = tokio::time::timeout(Duration::from_millis(300), connect).await;
    assert!(tried.is_err(), "neither made nor refused: {tried:?}");
}

#[tokio::test]
#[should_panic(expected = "not within 20ms")]
async fn waiting_has_an_end() {
    eventually(Duration::from_millis(20), || false).await;
}
