//! Every wait has its deadline. The clock is paused: no test waits for real.

use breakerbox_actors::clock;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

const HASTY: Deadlines = Deadlines {
    connect: Duration::from_secs(2),
    first_byte: Duration::from_secs(60),
    idle: Duration::from_secs(30),
    head: None,
    total: None,
};

/// Sends; returns what came and the seconds it took.
async fn timed(server: &Server, body: Bytes, deadlines: Deadlines) -> (&'static str, u64) {
    let started = clock::now();
    let label = match post(&client(), &server.origin(), body, deadlines).await {
        Ok(answer) => match text(answer).await {
            Ok(_) => "ok",
            Err(label) => label,
        },
        Err(error) => error.label(),
    };
    (label, (clock::now() - started).as_secs())
}

async fn silent_after(text: &'static str) -> Server {
    Server::start(move |_, mut peer| async move {
        peer.request().await;
        peer.send(text).await;
        peer.closed().await;
    })
    .await
}

#[actix::test]
async fn silence_before_the_answer_ends_at_the_first_byte_deadline() {
    tokio::time::pause();
    let server = silent_after("").await;
    let ended = timed(&server, Bytes::new(), HASTY).await;
    assert_eq!(ended, ("first_byte_timeout", 60));
}

#[actix::test]
async fn a_head_must_come_whole() {
    tokio::time::pause();
    let server = Server::start(|_, mut peer| async move {
        peer.request().await;
        peer.send("HTTP/1.1 200 OK\r\n").await;
        loop {
            peer.send("A: b\r\n").await;
            tokio::time::sleep(SECOND).await;
        }
    })
    .await;
    let ended = timed(&server, Bytes::new(), HASTY).await;
    assert_eq!(ended, ("first_byte_timeout", 60));
}

#[actix::test]
async fn an_endpoint_that_stops_reading_is_told_apart() {
    tokio::time::pause();
    let server = Server::start(|_, peer| async move {
        std::future::pending::<()>().await;
        drop(peer);
    })
    .await;
    let upload = Bytes::from(vec![b'x'; 32 << 20]);
    assert_eq!(timed(&server, upload, HASTY).await, ("write_timeout", 60));
}

#[actix::test]
async fn a_stalled_body_ends_at_the_idle_deadline() {
    tokio::time::pause();
    let server = silent_after("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc").await;
    let ended = timed(&server, Bytes::new(), HASTY).await;
    assert_eq!(ended, ("idle_timeout", 30));
}

#[actix::test]
async fn a_slow_body_completes() {
    tokio::time::pause();
    let server = Server::start(|_, mut peer| async move {
        peer.request().await;
        peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            .await;
        for _ in 0..48 {
            tokio::time::sleep(25 * SECOND).await;
            peer.send("2\r\nok\r\n").await;
        }
        peer.send("0\r\n\r\n").await;
    })
    .await;
    assert_eq!(timed(&server, Bytes::new(), HASTY).await, ("ok", 1200));
}

#[actix::test]
async fn the_total_deadline_ends_everything() {
    let total = |seconds| Deadlines {
        total: Some(clock::now() + seconds * SECOND),
        ..HASTY
    };
    tokio::time::pause();
    let server = silent_after("").await;
    assert_eq!(
        timed(&server, Bytes::new(), total(5)).await,
        ("deadline", 5)
    );
    let server = silent_after("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc").await;
    assert_eq!(
        timed(&server, Bytes::new(), total(5)).await,
        ("deadline", 5)
    );
    let drip = Server::start(|_, mut peer| async move {
        peer.request().await;
        peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            .await;
        loop {
            peer.send("2\r\nok\r\n").await;
            tokio::time::sleep(SECOND / 10).await;
        }
    })
    .await;
    assert_eq!(timed(&drip, Bytes::new(), total(5)).await, ("deadline", 5));
}

#[actix::test]
async fn the_total_deadline_ends_a_body_that_never_pauses() {
    tokio::time::pause();
    let server = Server::start(|_, mut peer| async move {
        peer.request().await;
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 33554432\r\n\r\n")
            .await;
        peer.send(&"x".repeat(32 << 20)).await;
    })
    .await;
    let deadlines = Deadlines {
        total: Some(clock::now() + 5 * SECOND),
        ..HASTY
    };
    let mut answer = post(&client(), &server.origin(), "", deadlines)
        .await
        .unwrap();
    let started = clock::now();
    let ended = loop {
        match answer.body.next().await.unwrap() {
            Ok(_) => tokio::time::sleep(SECOND).await,
            Err(error) => break error.label(),
        }
    };
    assert_eq!((ended, (clock::now() - started).as_secs()), ("deadline", 5));
}

#[actix::test]
async fn a_kept_connection_keeps_no_old_deadline_and_no_second_chance() {
    tokio::time::pause();
    let server = Server::start(|_, mut peer| async move {
        peer.request().await;
        // Long enough that the client waits and arms its timer.
        tokio::time::sleep(SECOND).await;
        peer.ok("ok").await;
        peer.closed().await;
    })
    .await;
    let total = |seconds| Deadlines {
        total: Some(clock::now() + seconds * SECOND),
        ..HASTY
    };
    let soon = |_| Deadlines {
        first_byte: SECOND,
        ..HASTY
    };
    let late: [(&str, &dyn Fn(u32) -> Deadlines); 2] =
        [("deadline", &total), ("first_byte_timeout", &soon)];
    for (round, (label, deadlines)) in late.into_iter().enumerate() {
        let (client, origin) = (client(), server.origin());
        let answer = post(&client, &origin, "", HASTY).await.unwrap();
        text(answer).await.unwrap();
        let started = clock::now();
        let failed = post(&client, &origin, "", deadlines(1)).await;
        assert_eq!(failed.unwrap_err().label(), label);
        assert_eq!((clock::now() - started).as_secs(), 1, "{label}");
        assert_eq!(server.accepted(), round + 1, "{label}");
    }
}

#[actix::test]
async fn a_slow_reader_does_not_make_its_endpoint_idle() {
    tokio::time::pause();
    let server = Server::start(|_, mut peer| async move {
        peer.request().await;
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
            .await;
        tokio::time::sleep(110 * SECOND).await;
        peer.send("cd").await;
        peer.closed().await;
    })
    .await;
    let mut answer = post(&client(), &server.origin(), "", HASTY).await.unwrap();
    assert_eq!(answer.body.next().await.unwrap().unwrap(), "ab");
    tokio::time::sleep(100 * SECOND).await;
    assert_eq!(answer.body.next().await.unwrap().unwrap(), "cd");
}

#[actix::test]
async fn a_handshake_that_never_ends_is_a_connect_timeout() {
    let server = Server::start(|_, mut peer| async move { peer.closed().await }).await;
    tokio::time::pause();
    let started = clock::now();
    let silent = origin(&format!("https://{}", server.address));
    let late = post(&client(), &silent, "", HASTY).await.unwrap_err();
    assert!(matches!(
        late,
        SendError::ConnectTimeout(crate::upstream::ConnectStep::Tls)
    ));
    assert_eq!((clock::now() - started).as_secs(), 2);
}

#[actix::test]
async fn a_connection_that_is_never_accepted_is_a_connect_timeout() {
    // A listener that accepts nobody drops what does not fit its queue.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let any: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
    socket.bind(&any.into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let full = origin(&format!("http://{address}"));
    tokio::time::pause();
    let mut held = Vec::new();
    let late = loop {
        assert!(held.len() < 8, "the queue never fills");
        let dial = crate::upstream::connect::connect(&full, clock::now() + 2 * SECOND);
        match dial.await {
            Ok(connected) => held.push(connected),
            Err(late) => break late,
        }
    };
    assert!(
        ["connect", "connect_timeout"].contains(&late.label()),
        "{late}"
    );
}
