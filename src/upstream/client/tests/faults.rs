//! Endpoints that break the connection, the protocol or off.

use crate::upstream::testing::until;

use super::*;

async fn failure(server: &Server) -> SendError {
    post(&client(), &server.origin(), "x", PATIENT)
        .await
        .unwrap_err()
}

/// What a body says when the server answers with `answer` and closes.
async fn body(answer: &'static str) -> Result<String, &'static str> {
    let server = Server::saying(answer).await;
    text(
        post(&client(), &server.origin(), "x", PATIENT)
            .await
            .unwrap(),
    )
    .await
}

#[actix::test]
async fn truncation_is_always_an_error() {
    let truncated = Err("truncated_body");
    assert_eq!(
        body("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc").await,
        truncated
    );
    assert_eq!(
        body("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n").await,
        truncated
    );
    let chunked = |rest: &str| {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        body(String::leak(head.to_owned() + rest))
    };
    assert_eq!(chunked("3\r\nabc\r\n").await, truncated);
    assert_eq!(chunked("9\r\nabc").await, truncated);
    assert_eq!(chunked("3\r\nabc\r\n0\r\n").await, truncated);
    assert_eq!(chunked("").await, truncated);
}

#[actix::test]
async fn bad_chunks_are_an_error() {
    let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n";
    assert_eq!(body(answer).await, Err("malformed_body"));
}

#[actix::test]
async fn a_close_delimited_body_is_flagged() {
    for version in ["1.0", "1.1"] {
        let answer = format!("HTTP/{version} 200 OK\r\nContent-Type: a/b\r\n\r\nabc");
        let server = Server::saying(String::leak(answer)).await;
        let answer = post(&client(), &server.origin(), "x", PATIENT)
            .await
            .unwrap();
        assert_eq!(answer.body.framing(), Framing::UntilClose);
        assert_eq!(text(answer).await.unwrap(), "abc");
    }
}

#[actix::test]
async fn a_reset_within_the_body_is_an_error() {
    let server = Server::start(|_, mut peer| async move {
        peer.request().await;
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
            .await;
        // The client says that it has read the head before we cut.
        peer.request().await;
        peer.reset();
    })
    .await;
    let mut answer = post(&client(), &server.origin(), "x", PATIENT)
        .await
        .unwrap();
    assert_eq!(answer.body.next().await.unwrap().unwrap(), "abc");
    drop(answer);

    let server = Server::start(|_, mut peer| async move {
        peer.request().await;
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
            .await;
        peer.reset();
    })
    .await;
    match post(&client(), &server.origin(), "x", PATIENT).await {
        Ok(answer) => assert_eq!(text(answer).await, Err("reset_body")),
        Err(error) => panic!("{error}"),
    }
}

#[actix::test]
async fn no_answer_is_told_from_a_broken_one() {
    assert_eq!(failure(&Server::saying("").await).await.label(), "closed");
    let cut = Server::saying("HTTP/1.1 200 OK\r\nConte").await;
    assert_eq!(failure(&cut).await.label(), "truncated_head");
    for nonsense in [
        "SSH-2.0-x\r\n\r\n",
        "<html>\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
    ] {
        let server = Server::saying(nonsense).await;
        assert_eq!(
            failure(&server).await.label(),
            "malformed_head",
            "{nonsense}"
        );
    }
    let hints = String::leak("HTTP/1.1 103 Early Hints\r\n\r\n".repeat(17));
    assert_eq!(
        failure(&Server::saying(hints).await).await.label(),
        "malformed_head"
    );
    let long = String::leak(format!("HTTP/1.1 200 OK\r\nA: {}", "a".repeat(70_000)));
    assert_eq!(
        failure(&Server::saying(long).await).await.label(),
        "malformed_head"
    );
}

#[actix::test]
async fn a_reset_instead_of_an_answer_is_told_and_not_retried() {
    let server = Server::start(|_, mut peer| async move {
        peer.request().await;
        peer.reset();
    })
    .await;
    assert_eq!(failure(&server).await.label(), "reset");
    assert_eq!(server.accepted(), 1);
}

#[actix::test]
async fn a_refused_connection_is_told() {
    let server = Server::saying("").await;
    let address = server.address;
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    assert_ne!(address, nobody);
    let refused = post(&client(), &origin(&format!("http://{nobody}")), "", PATIENT).await;
    assert_eq!(refused.unwrap_err().label(), "connect");
}

#[actix::test]
async fn an_unknown_host_is_told() {
    let nowhere = origin("http://no-such-host.invalid");
    let lost = post(&client(), &nowhere, "", PATIENT).await;
    assert_eq!(lost.unwrap_err().label(), "dns");
}

const REFUSAL: &str = "HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nlarge";

/// More than every buffer between two loopback sockets can hold.
fn large_upload() -> Bytes {
    vec![b'x'; 32 << 20].into()
}

#[actix::test]
async fn a_refusal_during_the_upload_is_read() {
    for how in ["wait", "close", "reset"] {
        let server = Server::start(move |_, mut peer| async move {
            peer.send(REFUSAL).await;
            match how {
                "wait" => {
                    let mut byte = [0];
                    let _ = peer.socket.peek(&mut byte).await;
                    std::future::pending::<()>().await;
                }
                "close" => {}
                _ => peer.reset(),
            }
        })
        .await;
        let client = client();
        let answer = post(&client, &server.origin(), large_upload(), PATIENT).await;
        let answer = answer.unwrap_or_else(|error| panic!("{how}: {error}"));
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "{how}");
        assert_eq!(text(answer).await.unwrap(), "large", "{how}");
        assert_eq!(
            client.pool.len(),
            0,
            "half a request is still in that connection"
        );
    }
}

#[actix::test]
async fn an_upload_cut_without_a_word_is_a_write_error() {
    let server = Server::start(|_, mut peer| async move {
        let mut some = [0; 1024];
        let _ = tokio::io::AsyncReadExt::read(&mut peer.socket, &mut some).await;
        peer.reset();
    })
    .await;
    let lost = post(&client(), &server.origin(), large_upload(), PATIENT).await;
    let label = lost.unwrap_err().label();
    assert!(["write", "reset"].contains(&label), "{label}");
}

#[actix::test]
async fn an_early_answer_lets_the_upload_go_on() {
    let server = Server::start(|_, mut peer| async move {
        peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            .await;
        let request = peer.request().await.unwrap();
        let line = format!("{:08}", request.len());
        peer.send(&format!("8\r\n{line}\r\n0\r\n\r\n")).await;
        peer.closed().await;
    })
    .await;
    let client = client();
    let answer = post(&client, &server.origin(), large_upload(), PATIENT).await;
    let length: usize = text(answer.unwrap()).await.unwrap().parse().unwrap();
    assert!(length > 32 << 20);
    assert_eq!(client.pool.len(), 1, "both sides are done with it");
}

#[actix::test]
async fn an_unread_body_holds_the_endpoint_back() {
    let written = Rc::new(std::cell::Cell::new(0));
    let count = Rc::clone(&written);
    let server = Server::start(move |_, mut peer| {
        let count = Rc::clone(&count);
        async move {
            peer.request().await;
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n")
                .await;
            let piece = vec![b'x'; 1 << 16];
            while count.get() < 64 << 20 {
                let sent = tokio::io::AsyncWriteExt::write(&mut peer.socket, &piece).await;
                count.set(count.get() + sent.unwrap());
            }
        }
    })
    .await;
    let mut answer = post(&client(), &server.origin(), "x", PATIENT)
        .await
        .unwrap();
    answer.body.next().await.unwrap().unwrap();
    // The server writes until the kernel's buffers are full; we take nothing.
    let mut last = usize::MAX;
    while last != written.get() {
        last = written.get();
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
    }
    assert!(last < 32 << 20, "{last} bytes were taken");
    let mut read = 0;
    while let Some(part) = answer.body.next().await {
        let part = part.unwrap();
        assert!(part.len() <= 128 << 10, "{} bytes were held", part.len());
        read += part.len();
    }
    assert!(read > 60 << 20);
    until(|| written.get() >= 64 << 20).await;
}
