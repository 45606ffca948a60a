//! The client against scripted servers, byte by byte.

mod dns;
mod faults;
mod reuse;
mod stale;
mod time;
mod tls;

use std::cell::RefCell;

use actix_http::header::{CONTENT_TYPE, HeaderValue};
use futures_util::StreamExt as _;

use super::*;
use crate::upstream::{
    BodyError, Framing,
    testing::{PATIENT, Server, origin, post},
};

fn client() -> Client {
    Client::new(KeepAlive::default())
}

/// The answer's body as text, or the label of what went wrong.
async fn text(answer: Answer) -> Result<String, &'static str> {
    let body = answer.body.collect(usize::MAX).await;
    body.map(|body| String::from_utf8(body.to_vec()).unwrap())
        .map_err(|error| error.label())
}

#[actix::test]
async fn a_request_goes_out_whole_and_its_answer_comes_back() {
    let seen = Rc::new(RefCell::new(String::new()));
    let saw = Rc::clone(&seen);
    let server = Server::start(move |_, mut peer| {
        let saw = Rc::clone(&saw);
        async move {
            *saw.borrow_mut() = peer.request().await.unwrap();
            peer.send("HTTP/1.1 201 Made\r\nX-A: 1\r\nContent-Length: 3\r\n\r\nabc")
                .await;
        }
    })
    .await;
    let mut first = Lines::new();
    first.push(&CONTENT_TYPE, &HeaderValue::from_static("application/json"));
    let mut second = Lines::new();
    second.push(&"x-key".parse().unwrap(), &HeaderValue::from_static("k"));
    let call = Call {
        origin: &server.origin(),
        method: Method::POST,
        path: &PathAndQuery::from_static("/v1/chat?api-version=2"),
        headers: &[&first, &second],
        body: Bytes::from_static(b"{\"a\":1}"),
        deadlines: PATIENT,
    };
    let mut answer = client().send(call).await.unwrap();
    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!(answer.headers.text("x-a"), Some("1"));
    assert_eq!(answer.body.framing(), Framing::Length(3));
    assert_eq!(answer.body.whole().unwrap(), "abc");
    assert!(answer.body.next().await.is_none());
    let expected = format!(
        "POST /v1/chat?api-version=2 HTTP/1.1\r\nhost: {}\r\n\
         content-type: application/json\r\nx-key: k\r\ncontent-length: 7\r\n\r\n{{\"a\":1}}",
        server.address
    );
    assert_eq!(*seen.borrow(), expected);
}

#[actix::test]
async fn a_get_carries_no_length_and_an_empty_post_does() {
    let server = Server::start(|_, mut peer| async move {
        while let Some(request) = peer.request().await {
            peer.ok(&request.to_ascii_lowercase()).await;
        }
    })
    .await;
    let (client, origin) = (client(), server.origin());
    let path = PathAndQuery::from_static("/");
    let call = |method| Call {
        origin: &origin,
        method,
        path: &path,
        headers: &[],
        body: Bytes::new(),
        deadlines: PATIENT,
    };
    let got = text(client.send(call(Method::GET)).await.unwrap()).await;
    assert!(!got.unwrap().contains("content-length"));
    let posted = text(client.send(call(Method::POST)).await.unwrap()).await;
    assert!(posted.unwrap().contains("content-length: 0\r\n"));
}

#[actix::test]
async fn a_host_name_is_resolved() {
    let server = Server::saying("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    let named = origin(&format!("http://localhost:{}", server.address.port()));
    let answer = post(&client(), &named, "", PATIENT).await.unwrap();
    assert_eq!(text(answer).await.unwrap(), "ok");
}

#[actix::test]
async fn interim_answers_are_skipped() {
    let server = Server::saying(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n\
         HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    )
    .await;
    let answer = post(&client(), &server.origin(), "x", PATIENT)
        .await
        .unwrap();
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers.get("link"), None);
    assert_eq!(text(answer).await.unwrap(), "ok");
}

#[actix::test]
async fn redirects_are_not_followed() {
    let server = Server::saying(
        "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    )
    .await;
    let answer = post(&client(), &server.origin(), "x", PATIENT)
        .await
        .unwrap();
    assert_eq!(answer.status, StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(server.accepted(), 1);
}

#[actix::test]
async fn chunks_come_out_one_by_one() {
    let server = Server::saying(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    )
    .await;
    let mut answer = post(&client(), &server.origin(), "x", PATIENT)
        .await
        .unwrap();
    assert_eq!(answer.body.framing(), Framing::Chunked);
    assert!(answer.body.whole().is_none());
    assert_eq!(answer.body.next().await.unwrap().unwrap(), "abc");
    assert_eq!(answer.body.next().await.unwrap().unwrap(), "de");
    assert!(answer.body.next().await.is_none());
    assert!(answer.body.next().await.is_none());
}

#[actix::test]
async fn long_bodies_pass_in_both_directions() {
    let server = Server::start(|_, mut peer| async move {
        while let Some(request) = peer.request().await {
            let body = request.split_once("\r\n\r\n").unwrap().1;
            peer.ok(body).await;
        }
    })
    .await;
    let (client, origin) = (client(), server.origin());
    for length in [0, 1, 4096, 4097, 9_000, 1 << 20] {
        let sent = "0123456789abcdef".repeat(length / 16 + 1)[..length].to_owned();
        let answer = post(&client, &origin, sent.clone(), PATIENT).await.unwrap();
        assert_eq!(answer.reused, length > 0);
        assert!(text(answer).await.unwrap() == sent, "{length} bytes");
    }
    assert_eq!(server.accepted(), 1);
}

#[actix::test]
async fn a_body_is_collected_up_to_its_limit() {
    let sized = Server::saying("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd").await;
    let chunked = Server::saying(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n",
    )
    .await;
    for server in [sized, chunked] {
        let answer = post(&client(), &server.origin(), "", PATIENT)
            .await
            .unwrap();
        assert_eq!(answer.body.collect(4).await.unwrap(), "abcd");
        let answer = post(&client(), &server.origin(), "", PATIENT)
            .await
            .unwrap();
        let refused = answer.body.collect(3).await;
        assert!(matches!(refused, Err(BodyError::TooLarge { limit: 3 })));
    }
}

#[actix::test]
async fn peeking_loses_nothing() {
    let sized = "HTTP/1.1 400 Bad\r\nContent-Length: 4\r\n\r\nabcd";
    let chunked =
        "HTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n";
    for whole in [sized, chunked] {
        let server = Server::saying(whole).await;
        let ask = async || {
            post(&client(), &server.origin(), "", PATIENT)
                .await
                .unwrap()
        };
        for (limit, seen) in [(9, "abcd"), (4, "abcd"), (0, "")] {
            let mut answer = ask().await;
            assert_eq!(answer.body.peek(limit).await, seen);
            assert_eq!(answer.body.peek(limit).await, seen);
            assert_eq!(text(answer).await.unwrap(), "abcd");
        }
        let mut answer = ask().await;
        answer.body.peek(9).await;
        assert_eq!(answer.body.whole().unwrap(), "abcd");
        assert!(answer.body.next().await.is_none());
        let mut answer = ask().await;
        assert!(answer.body.peek(1).await.starts_with(b"ab"));
        assert_eq!(text(answer).await.unwrap(), "abcd");
    }
    let cut = Server::saying("HTTP/1.1 400 Bad\r\nContent-Length: 9\r\n\r\nabcd").await;
    let mut answer = post(&client(), &cut.origin(), "", PATIENT).await.unwrap();
    assert!(answer.body.failure().is_none());
    assert_eq!(answer.body.peek(9).await, "abcd");
    assert_eq!(answer.body.failure().unwrap().label(), "truncated_body");
    assert!(answer.body.whole().is_none());
    assert_eq!(answer.body.next().await.unwrap().unwrap(), "abcd");
    assert_eq!(text(answer).await, Err("truncated_body"));
}

#[test]
fn numbers_are_written_in_decimal() {
    for number in [0, 7, 10, 4096, usize::MAX] {
        let mut text = Vec::new();
        put_number(&mut |part| text.extend_from_slice(part), number);
        assert_eq!(text, number.to_string().into_bytes());
    }
}
