//! Requests whose end two servers could see in two places: one answer, 400, and the connection is over.

use super::{house, steady};
use crate::support::chat::{CHAT, ask};
use crate::support::client::{Client, Ending};

/// What could hide in a body.
const HIDDEN: &str = "GET /livez HTTP/1.1\r\nhost: x\r\n\r\n";

/// Heads and bodies, the hidden request behind them, as bytes: a NUL is among them.
fn corpus() -> Vec<(&'static str, String)> {
    let post = |headers: &str, body: &str| {
        format!("POST {CHAT} HTTP/1.1\r\nhost: x\r\n{headers}\r\n\r\n{body}")
    };
    let chunked = "0\r\n\r\n";
    vec![
        (
            "both",
            post("content-length: 5\r\ntransfer-encoding: chunked", chunked),
        ),
        (
            "both, turned round",
            post("transfer-encoding: chunked\r\ncontent-length: 5", chunked),
        ),
        (
            "two lengths",
            post("content-length: 0\r\ncontent-length: 5", "hello"),
        ),
        ("two lengths in one", post("content-length: 0, 5", "hello")),
        ("xchunked", post("transfer-encoding: xchunked", chunked)),
        (
            "identity, chunked",
            post("transfer-encoding: identity, chunked", chunked),
        ),
        (
            "chunked, identity",
            post("transfer-encoding: chunked, identity", chunked),
        ),
        (
            "chunked twice",
            post(
                "transfer-encoding: chunked\r\ntransfer-encoding: identity",
                chunked,
            ),
        ),
        ("a signed length", post("content-length: +5", "hello")),
        ("a negative length", post("content-length: -5", "hello")),
        ("a length in hex", post("content-length: 0x5", "hello")),
        (
            "a long length",
            post("content-length: 99999999999999999999999", "hello"),
        ),
        (
            "a space before the colon",
            post("content-length : 5", "hello"),
        ),
        (
            "a space before the name",
            post("a: b\r\n content-length: 5", "hello"),
        ),
        (
            "a folded line",
            post("transfer-encoding:\r\n chunked", chunked),
        ),
        (
            "no host",
            format!("POST {CHAT} HTTP/1.1\r\ncontent-length: 0\r\n\r\n"),
        ),
        ("two hosts", post("host: y\r\ncontent-length: 0", "")),
        (
            "no chunk size",
            post("transfer-encoding: chunked", "\r\nhello\r\n0\r\n\r\n"),
        ),
        (
            "a bad chunk size",
            post("transfer-encoding: chunked", "5x\r\nhello\r\n0\r\n\r\n"),
        ),
        (
            "a signed chunk size",
            post("transfer-encoding: chunked", "+5\r\nhello\r\n0\r\n\r\n"),
        ),
        (
            "a long chunk size",
            post(
                "transfer-encoding: chunked",
                "fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
            ),
        ),
        (
            "a line feed in a chunk's extension",
            post("transfer-encoding: chunked", "5;a\nb\r\nhello\r\n0\r\n\r\n"),
        ),
        (
            "a chunk longer than it says",
            post("transfer-encoding: chunked", "3\r\nhello\r\n0\r\n\r\n"),
        ),
        ("a NUL in a value", post("a: b\0c\r\ncontent-length: 0", "")),
        (
            "a bare CR in a value",
            post("a: b\rcontent-length: 5", "hello"),
        ),
        (
            "a bare CR in a name",
            post("a\rb: c\r\ncontent-length: 0", ""),
        ),
    ]
}

#[tokio::test]
async fn each_gets_one_answer_and_nothing_hidden_is_answered() {
    let evil = steady();
    let house = house("smuggling", &evil, "");
    for (what, request) in corpus() {
        let mut client = Client::connect(house.addr()).await;
        client.send(format!("{request}{HIDDEN}")).await;
        let answer = client.answer().await;
        assert_eq!(answer.status(), 400, "{what}");
        let next = client.try_head().await;
        assert!(
            matches!(next, Err(Ending::Closed | Ending::Reset)),
            "{what}: a second answer: {next:?}"
        );
    }
    assert_eq!(evil.count(), 0);
}

#[tokio::test]
async fn honest_requests_one_behind_the_other_get_their_answers_in_order() {
    let evil = steady();
    let house = house("pipeline", &evil, "");
    let body = ask("m", "hello").to_string();
    let plain = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let chunked = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n{:x};ext=1\r\n{body}\r\n0\r\n\r\n",
        body.len()
    );
    let mut client = Client::connect(house.addr()).await;
    client.send(format!("{plain}{chunked}{HIDDEN}")).await;
    for _ in 0..2 {
        let answer = client.answer().await;
        assert_eq!(answer.status(), 200);
        assert!(answer.text().contains("chatcmpl"));
    }
    assert_eq!(client.answer().await.text(), "ok\n");
    let requests = evil.requests();
    assert_eq!(requests.len(), 2);
    assert!(requests.iter().all(|it| it.body == body.as_bytes()));
    // Framed anew, never as the client framed it.
    assert!(
        requests
            .iter()
            .all(|it| it.head.header("transfer-encoding").is_none())
    );
}
