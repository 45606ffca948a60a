//! Bodies that no provider should get: refused at once, with the field named, and nobody else is asked.

use std::time::Duration;

use breakerbox_actors::clock;
use breakerbox_actors::state::breaker::Phase;
use serde_json::json;

use super::{call, error_of, held, house, steady};
use crate::support::chat::CHAT;
use crate::support::client::Client;
use crate::support::gateway::{House, endpoint};
use crate::support::still::{Still, still};
use crate::support::wait::{DEADLINE, eventually, worked};

/// This is time on a shared machine.
const SOON: Duration = Duration::from_secs(2);
/// What each may cost of a thread's work.
const WORK: Duration = Duration::from_millis(50);
const MIB: usize = 1 << 20;

/// Bodies that are wrong, and the field that is.
fn hostile() -> Vec<(String, Option<&'static str>)> {
    let deep = |open: &str, close: &str| {
        let depth = 10_000;
        format!(
            "{{\"model\":\"m\",\"x\":{}1{}}}",
            open.repeat(depth),
            close.repeat(depth)
        )
    };
    vec![
        (String::from(" "), None),
        ("[]".into(), None),
        ("null".into(), None),
        ("{".into(), None),
        ("{\"model\":\"m\"".into(), None),
        ("{\"model\":\"m\"}x".into(), None),
        ("{\"model\":\"m\"}{\"model\":\"m\"}".into(), None),
        ("{}".into(), Some("model")),
        ("{\"model\":\"\"}".into(), Some("model")),
        ("{\"model\":7}".into(), Some("model")),
        ("{\"model\":[\"m\"]}".into(), Some("model")),
        ("{\"model\":\"m\",\"model\":\"n\"}".into(), Some("model")),
        (
            "{\"model\":\"m\",\"\\u006dodel\":\"n\"}".into(),
            Some("model"),
        ),
        (
            "{\"model\":\"m\",\"stream\":\"yes\"}".into(),
            Some("stream"),
        ),
        ("{\"model\":\"m\",\"x\":1e999}".into(), Some("x")),
        ("{\"model\":\"m\",\"x\":-1e999}".into(), Some("x")),
        ("{\"model\":\"m\",\"x\":\"\\ud800\"}".into(), Some("x")),
        (
            "{\"model\":\"m\",\"x\":\"\\udc00\\ud800\"}".into(),
            Some("x"),
        ),
        ("{\"model\":\"m\",\"x\":NaN}".into(), Some("x")),
        (deep("[", "]"), Some("x")),
        (deep("{\"a\":", "}"), Some("x")),
    ]
}

#[tokio::test]
async fn hostile_json_is_a_400_that_names_the_field() {
    let evil = steady();
    let house = house("bodies", &evil, "");
    for (body, param) in hostile() {
        let start = clock::now();
        let answer = call(&house, "POST", CHAT, &[], &body).await;
        let took = clock::now() - start;
        let shown = &body[..body.len().min(60)];
        let error = error_of(&answer, 400);
        assert_eq!(error["code"], "invalid_request", "{shown}");
        assert_eq!(error["param"].as_str(), param, "{shown}: {error}");
        assert_eq!(error["type"], "invalid_request_error");
        assert!(took < SOON, "{shown}: {took:?}");
    }
    let answer = call(&house, "POST", CHAT, &[], "").await;
    error_of(&answer, 400);
    let mut client = Client::connect(house.addr()).await;
    client
        .request("POST", CHAT, &[], b"{\"model\":\"\xff\"}")
        .await;
    error_of(&client.answer().await, 400);
    assert_eq!(evil.count(), 0);
    let seen = house.seen("bodies").await.view;
    assert_eq!((seen.phase, seen.failure_ratio), (Phase::Closed, None));
}

#[tokio::test]
async fn a_byte_above_32_mib_is_a_413_before_it_is_sent_and_while_it_is() {
    let evil = steady();
    let house = house("large", &evil, "");
    let start = clock::now();
    // Announced: refused without waiting for a byte of it.
    let mut client = Client::connect(house.addr()).await;
    let length = 32 * MIB + 1;
    client
        .send(format!(
            "POST {CHAT} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n"
        ))
        .await;
    assert_eq!(
        error_of(&client.answer().await, 413)["code"],
        "body_too_large"
    );
    assert!(clock::now() - start < SOON);

    // Not announced: refused as soon as it is known.
    let mut client = Client::connect(house.addr()).await;
    client
        .send(format!(
            "POST {CHAT} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
        ))
        .await;
    let mut chunk = format!("{MIB:x}\r\n").into_bytes();
    chunk.extend(vec![b' '; MIB]);
    chunk.extend(b"\r\n");
    for _ in 0..32 {
        client.send(&chunk).await;
    }
    client.send("1\r\n{\r\n0\r\n\r\n").await;
    assert_eq!(
        error_of(&client.answer().await, 413)["code"],
        "body_too_large"
    );
    assert_eq!(evil.count(), 0);

    // And one of the very size goes.
    let mut body = b"{\"model\":\"m\"".to_vec();
    body.resize(32 * MIB - 1, b' ');
    body.push(b'}');
    let mut client = Client::connect(house.addr()).await;
    client.request("POST", CHAT, &[], &body).await;
    assert_eq!(client.answer().await.status(), 200);
    assert_eq!(evil.requests()[0].body.len(), 32 * MIB);
}

#[tokio::test]
async fn an_encoded_body_is_a_415() {
    let evil = steady();
    let house = house("encoded", &evil, "");
    for encoding in [
        "gzip",
        "GZIP",
        "deflate",
        "br",
        "zstd",
        "identity, gzip",
        "x",
    ] {
        let encoded = [("content-encoding", encoding)];
        let answer = call(&house, "POST", CHAT, &encoded, "{\"model\":\"m\"}").await;
        let error = error_of(&answer, 415);
        assert_eq!(error["code"], "unsupported_encoding", "{encoding}");
    }
    assert_eq!(evil.count(), 0);
    let plain = [("content-encoding", "identity")];
    let answer = call(&house, "POST", CHAT, &plain, "{\"model\":\"m\"}").await;
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn max_body_is_what_the_configuration_says() {
    let evil = steady();
    let small = "server: { listen: \"127.0.0.1:0\", max_body: 1KiB }\n";
    let house = house("small", &evil, small);
    let body = |size: usize| format!("{{\"model\":\"m\"{}}}", " ".repeat(size - 13));
    assert_eq!(
        call(&house, "POST", CHAT, &[], &body(1_024)).await.status(),
        200
    );
    error_of(&call(&house, "POST", CHAT, &[], &body(1_025)).await, 413);
}

#[tokio::test]
async fn an_image_takes_no_more_of_a_token_limit_than_images_cost() {
    let (evil, go) = held();
    let endpoint = endpoint("images", &evil.base_url(), ", limits: { tpm: 5000 }");
    let house = House::start(&format!(
        "endpoints:\n{endpoint}routing: {{ queue: {{ max_wait: 0s }} }}\n"
    ));
    let url = format!("data:image/png;base64,{}", "iVBORw0K".repeat(100_000));
    let image = json!([{ "type": "image_url", "image_url": { "url": url } }]);
    let body = json!({ "model": "m", "messages": [{ "role": "user", "content": image }] });
    let mut clients = Vec::new();
    // As text, one of them would take all of the limit.
    for asked in 1..=2 {
        let mut client = Client::connect(house.addr()).await;
        client.post(CHAT, &body).await;
        clients.push(client);
        eventually(DEADLINE, || evil.count() == asked).await;
    }
    let answers = async {
        for mut client in clients {
            assert_eq!(client.answer().await.status(), 200);
        }
    };
    // Again and again: who has been counted may not wait yet.
    let let_go = async {
        loop {
            go.notify_waiters();
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = answers => {}
        () = let_go => {}
    }
}

/// All on one thread, which works for nothing else: the least of three, since the machine's interrupts are charged to
/// whoever runs.
#[test]
fn hostile_json_costs_little() {
    still(async {
        let evil = steady();
        let endpoint = endpoint("bodies-work", &evil.base_url(), "");
        let gateway = Still::start(&format!("endpoints:\n{endpoint}")).await;
        let nested = format!("{{\"model\":\"m\",\"x\":{}", "[".repeat(MIB));
        let keys = format!("{{{}\"model\":\"m\"}}", "\"model\":1,".repeat(MIB / 128));
        let bodies = hostile().into_iter().map(|(body, _)| body);
        for body in bodies.chain([nested, keys]) {
            let mut works = Vec::new();
            for _ in 0..3 {
                let before = worked();
                let answer = gateway.post_text(CHAT, body.clone()).await;
                works.push(worked() - before);
                assert_eq!(answer.status, 400, "{}", &body[..body.len().min(60)]);
            }
            let least = works.iter().min().expect("three");
            assert!(*least <= WORK, "{works:?}: {}", &body[..body.len().min(60)]);
        }
        assert_eq!(evil.count(), 0);
    });
}
