//! Content length too short, close in mid-chunk, close-delimited body, HTML or an error in a 200: never passed
//! as success. Beside a good endpoint nobody notices.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use super::scene::{Crowd, MODEL, NO_BREAKER, NO_PINGS, healthy, house};
use crate::support::chat::{
    self, ask, ask_stream, chunk, completion, delta, ending, is_done, last_chunk, stream_head,
    text_of_stream,
};
use crate::support::client::{Client, Ending};
use crate::support::evil::{Act, Evil};

const JSON: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
const SSE: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n";
const HTML: &str = "<html><body>502 Bad Gateway</body></html>";
const ERROR: &str = r#"{"error":{"message":"upstream overloaded","type":"server_error"}}"#;

/// A response with a wrong or right length.
fn sized(head: &str, length: usize, body: &str) -> Bytes {
    Bytes::from(format!("{head}content-length: {length}\r\n\r\n{body}"))
}

fn chunked(head: &str, parts: &[&[u8]]) -> Bytes {
    let mut bytes = format!("{head}transfer-encoding: chunked\r\n\r\n").into_bytes();
    for part in parts {
        bytes.extend_from_slice(part);
    }
    bytes.into()
}

/// Answers that are none, to a request for a whole answer.
fn whole() -> Vec<(&'static str, Bytes)> {
    let body = completion("hello").to_string();
    let (half, all) = (&body[..body.len() / 2], body.len());
    let html = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n";
    let until_close = format!("{JSON}connection: close\r\n\r\n{body}");
    let encoded = format!("{JSON}content-encoding: gzip\r\n");
    vec![
        ("a length too short", sized(JSON, all / 2, &body)),
        ("less than its length", sized(JSON, all, half)),
        ("nothing", sized(JSON, 0, "")),
        (
            "half a body that claims to be whole",
            sized(JSON, half.len(), half),
        ),
        (
            "a close in mid-chunk",
            chunked(JSON, &[format!("{all:x}\r\n{half}").as_bytes()]),
        ),
        ("a close between chunks", chunked(JSON, &[&chunk(&body)])),
        (
            "a broken chunk",
            chunked(JSON, &[&chunk(half), b"zz\r\nrest\r\n0\r\n\r\n"]),
        ),
        ("a body until the close", until_close.into()),
        ("a page", sized(html, HTML.len(), HTML)),
        (
            "a page that claims to be JSON",
            sized(JSON, HTML.len(), HTML),
        ),
        ("an error", sized(JSON, ERROR.len(), ERROR)),
        ("an unknown encoding", sized(&encoded, all, &body)),
        (
            "a 204",
            Bytes::from_static(b"HTTP/1.1 204 No Content\r\n\r\n"),
        ),
        (
            "part of it",
            sized(&JSON.replace("200 OK", "206 Partial Content"), all, &body),
        ),
        (
            "no head",
            Bytes::from_static(b"HTTP/1.1 200 OK\r\ncontent-le"),
        ),
        (
            "no HTTP",
            Bytes::from_static(b"220 smtp.example.com ESMTP\r\n\r\n"),
        ),
    ]
}

/// The same for a stream, up to its first event.
fn streams() -> Vec<(&'static str, Bytes)> {
    let first = delta("hello");
    let half = &first[..first.len() / 2];
    let error = format!("data: {ERROR}\n\n");
    vec![
        ("nothing", chunked(SSE, &[&last_chunk()])),
        ("a close before the first event", chunked(SSE, &[])),
        ("a close in the first event", chunked(SSE, &[&chunk(half)])),
        (
            "an end in the first event",
            chunked(SSE, &[&chunk(half), &last_chunk()]),
        ),
        ("a page", chunked(SSE, &[&chunk(HTML), &last_chunk()])),
        (
            "an error event",
            chunked(SSE, &[&chunk(&error), &last_chunk()]),
        ),
        ("an error as JSON", sized(JSON, ERROR.len(), ERROR)),
        (
            "only its end",
            chunked(SSE, &[&chunk("data: [DONE]\n\n"), &last_chunk()]),
        ),
        (
            "a body until the close",
            format!("{SSE}connection: close\r\n\r\n{first}{}", ending()).into(),
        ),
    ]
}

fn evil(bytes: &Bytes) -> Evil {
    let bytes = bytes.clone();
    Evil::start(move |_, _| vec![Act::Send(bytes.clone())])
}

async fn send(house: &crate::support::gateway::House, body: &Value) -> Client {
    let mut client = Client::connect(house.addr()).await;
    client.post(chat::CHAT, body).await;
    client
}

#[tokio::test]
async fn none_of_them_is_a_success() {
    let cases = whole().into_iter().map(|case| (ask(MODEL, "hi"), case));
    let streams = streams()
        .into_iter()
        .map(|case| (ask_stream(MODEL, "hi"), case));
    for (request, (what, bytes)) in cases.chain(streams) {
        let bad = evil(&bytes);
        let house = house(
            [("bad", bad.base_url())],
            &[NO_PINGS, "routing: { max_attempts: 1 }"],
        );
        let answer = send(&house, &request).await.answer().await;
        assert_eq!(answer.status(), 502, "{what}: {}", answer.text());
        assert_eq!(chat::error_code(&answer), "upstream_error", "{what}");
        assert_eq!(bad.count(), 1, "{what}");
    }
}

/// Pinned to nobody and with a breaker that never opens, so that the bad one is drawn first sooner or later.
/// "Malformed" alone would leave an operator to guess.
#[tokio::test]
async fn who_sends_no_answer_is_told_why_it_is_none() {
    let words = [
        ("nothing", "(empty)"),
        ("half a body that claims to be whole", "(not_json)"),
        ("a body until the close", "(body_without_length)"),
        ("a page", "(html)"),
        ("a page that claims to be JSON", "(html)"),
        ("an error", "(error_event)"),
        ("an unknown encoding", "(encoded_body)"),
        ("a 204", "(no_whole_body)"),
        ("part of it", "(no_whole_body)"),
    ];
    let mut found = 0;
    for (what, bytes) in whole() {
        let Some((_, word)) = words.iter().find(|(it, _)| *it == what) else {
            continue;
        };
        found += 1;
        let bad = evil(&bytes);
        let house = house(
            [("bad", bad.base_url())],
            &[NO_PINGS, "routing: { max_attempts: 1 }"],
        );
        let shot = Crowd::new(&house).shoot().await;
        let text = shot.answer.text();
        assert!(text.contains(word), "{what}: {text}");
    }
    assert_eq!(found, words.len());
    // A stream that breaks before its first event is told in the same words.
    for (what, bytes) in streams() {
        if !what.starts_with("a close") {
            continue;
        }
        let bad = evil(&[&bytes[..], b"9\r\nhal"].concat().into());
        let house = house(
            [("bad", bad.base_url())],
            &[NO_PINGS, "routing: { max_attempts: 1 }"],
        );
        let mut client = send(&house, &ask_stream(MODEL, "hi")).await;
        let text = client.answer().await.text();
        assert!(text.contains("(truncated_body)"), "{what}: {text}");
    }
}

#[tokio::test]
async fn beside_a_good_one_nobody_notices() {
    for (what, bytes) in whole() {
        let (bad, good) = (evil(&bytes), healthy(Duration::ZERO));
        let house = house(
            [("bad", bad.base_url()), ("good", good.base_url())],
            &[NO_PINGS, NO_BREAKER],
        );
        let crowd = Crowd::new(&house);
        for _ in 0..200 {
            let shot = crowd.shoot().await;
            assert!(shot.ok(), "{what}: {}", shot.answer.text());
            assert_eq!(chat::text_of(&shot.answer), "hello", "{what}");
            if shot.attempts() > 1 {
                break;
            }
        }
        assert!(bad.count() > 0, "{what}: never asked");
    }
}

#[tokio::test]
async fn beside_a_good_one_no_stream_notices() {
    for (what, bytes) in streams() {
        let bad = evil(&bytes);
        let good = Evil::start(|_, _| {
            vec![
                Act::Send(stream_head()),
                Act::Send(chunk(&delta("hello"))),
                Act::Send(chunk(&ending())),
                Act::Send(last_chunk()),
                Act::KeepAlive,
            ]
        });
        let house = house(
            [("bad", bad.base_url()), ("good", good.base_url())],
            &[NO_PINGS, NO_BREAKER],
        );
        for _ in 0..200 {
            let mut client = send(&house, &ask_stream(MODEL, "hi")).await;
            let head = client.head().await;
            assert_eq!(head.status(), 200, "{what}");
            let (events, end) = client.events().await;
            assert_eq!(end, Ending::Whole, "{what}");
            assert_eq!(text_of_stream(&events), "hello", "{what}");
            assert!(is_done(&events), "{what}");
            if head.header("x-breakerbox-attempts") != Some("1") {
                break;
            }
        }
        assert!(bad.count() > 0, "{what}: never asked");
    }
}
