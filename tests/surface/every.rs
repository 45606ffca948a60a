//! What every answer has, whatever its path and status: an id, a form its client can read, a fair wait.

use std::time::Duration;

use super::{call, chat_with, house, steady};
use crate::support::chat::{
    CHAT, ask, ask_stream, chunk, delta, ending, last_chunk, response, stream_head,
};
use crate::support::client::{Answer, Client, Ending};
use crate::support::evil::{Act, Evil};
use crate::support::gateway::House;

#[tokio::test]
async fn every_answer_has_an_id() {
    let evil = steady();
    let house = house("ids-everywhere", &evil, "");
    for (method, path, status) in [
        ("GET", "/", 200),
        ("GET", "/livez", 200),
        ("GET", "/readyz", 200),
        ("GET", "/v1/models", 200),
        ("GET", "/v1/models/m", 200),
        ("GET", "/v1/models/none", 404),
        ("GET", "/none", 404),
        ("GET", CHAT, 405),
        ("POST", CHAT, 400),
    ] {
        let own = [("x-request-id", "my-own")];
        let answer = call(&house, method, path, &own, "").await;
        assert_eq!(answer.status(), status, "{method} {path}");
        assert_eq!(
            answer.head.header("x-request-id"),
            Some("my-own"),
            "{method} {path}"
        );
        let answer = call(&house, method, path, &[], "").await;
        let id = answer.head.header("x-request-id").expect("an id");
        assert!(
            id.starts_with("req_") && id.len() == 36,
            "{method} {path}: {id}"
        );
    }
}

#[tokio::test]
async fn what_we_write_ourselves_is_a_line_of_text() {
    let evil = steady();
    let house = house("lines", &evil, "");
    for path in [
        "/",
        "/livez",
        "/readyz",
        "/v1/models",
        "/v1/models/m",
        "/v1/models/none",
        "/none",
        CHAT,
    ] {
        let answer = call(&house, "GET", path, &[], "").await;
        assert!(answer.text().ends_with('\n'), "{path}: {}", answer.text());
    }
}

/// A chat in HTTP/1.0, with the connection's option if any.
async fn in_1_0(house: &House, body: &serde_json::Value, connection: &str) -> Answer {
    let mut client = Client::connect(house.addr()).await;
    let body = body.to_string();
    let length = body.len();
    client
        .send(format!(
            "POST {CHAT} HTTP/1.0\r\n{connection}content-length: {length}\r\n\r\n{body}"
        ))
        .await;
    client.answer().await
}

#[tokio::test]
async fn a_client_of_http_1_0_gets_a_stream_that_ends_by_closing() {
    let streams = Evil::start(|_, _| {
        vec![
            Act::Send(stream_head()),
            Act::Send(chunk(&(delta("hello") + &ending()))),
            Act::Send(last_chunk()),
            Act::KeepAlive,
        ]
    });
    let (stream, whole) = (house("stream-1-0", &streams, ""), steady());
    let whole = house("whole-1-0", &whole, "");
    for connection in ["", "connection: keep-alive\r\n"] {
        let answer = in_1_0(&stream, &ask_stream("m", "hello"), connection).await;
        assert_eq!(answer.status(), 200);
        for name in ["transfer-encoding", "content-length"] {
            assert_eq!(answer.head.header(name), None, "{name}");
        }
        // Until the connection is closed, and without the marks of chunks.
        assert_eq!(answer.ending, Ending::Whole);
        let text = answer.text();
        assert!(
            text.starts_with("data: {") && text.ends_with("data: [DONE]\n\n"),
            "{text}"
        );
        let answer = in_1_0(&whole, &ask("m", "hello"), connection).await;
        assert!(answer.head.header("content-length").is_some() && answer.json().is_object());
    }
}

#[tokio::test]
async fn nobody_is_told_to_wait_for_more_than_a_minute() {
    let far = httpdate(Duration::from_secs(3600));
    let near = httpdate(Duration::from_secs(30));
    let cases = [
        ("retry-after", "3600".to_owned(), "60"),
        ("retry-after", "60".to_owned(), "60"),
        ("retry-after", "1.5".to_owned(), "1.5"),
        ("retry-after", far, "60"),
        ("retry-after", near.clone(), &*near),
        ("retry-after", "soon".to_owned(), "soon"),
        ("retry-after-ms", "120000".to_owned(), "60000"),
        ("retry-after-ms", "1500".to_owned(), "1500"),
    ];
    for (name, said, expected) in cases {
        let evil = Evil::start(move |_, _| {
            let body = r#"{"error":{"message":"no","code":"invalid_value"}}"#;
            vec![Act::Send(response(422, &[(name, &said)], body))]
        });
        let house = house("a-minute", &evil, "");
        let answer = chat_with(&house, &[]).await;
        assert_eq!(answer.status(), 422);
        assert_eq!(answer.head.header(name), Some(expected));
    }
}

/// The date so far from now.
fn httpdate(from_now: Duration) -> String {
    httpdate::fmt_http_date(breakerbox::wall::now() + from_now)
}
