//! Which connections serve again, and what happens when one has died.

use std::cell::Cell;

use crate::upstream::testing::{Peer, until};

use super::*;

#[actix::test]
async fn a_finished_body_frees_its_connection() {
    let server = Server::start(|_, mut peer| async move {
        for answer in [
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            "HTTP/1.1 204 No Content\r\n\r\n",
            "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
        ] {
            peer.request().await;
            peer.send(answer).await;
        }
    })
    .await;
    let (client, origin) = (client(), server.origin());
    let mut reused = Vec::new();
    for _ in 0..6 {
        let answer = post(&client, &origin, "x", PATIENT).await.unwrap();
        reused.push(answer.reused);
        text(answer).await.unwrap();
    }
    assert_eq!(reused, [false, true, true, true, true, false]);
    assert_eq!(server.accepted(), 2);
}

#[actix::test]
async fn the_last_byte_of_a_known_length_frees_it_without_another_poll() {
    let server = Server::saying("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    let client = client();
    let mut answer = post(&client, &server.origin(), "", PATIENT).await.unwrap();
    assert_eq!(client.pool.len(), 0);
    answer.body.next().await.unwrap().unwrap();
    assert_eq!(client.pool.len(), 1);
}

#[actix::test]
async fn the_newest_connection_serves_first() {
    let server = Server::start(|number, mut peer| async move {
        while peer.request().await.is_some() {
            peer.ok(&number.to_string()).await;
        }
    })
    .await;
    let (client, origin) = (client(), server.origin());
    let first = post(&client, &origin, "", PATIENT).await.unwrap();
    let second = post(&client, &origin, "", PATIENT).await.unwrap();
    assert_eq!(text(first).await.unwrap(), "0");
    assert_eq!(text(second).await.unwrap(), "1");
    for _ in 0..3 {
        let answer = post(&client, &origin, "", PATIENT).await.unwrap();
        assert_eq!(text(answer).await.unwrap(), "1");
    }
}

#[actix::test]
async fn dropping_a_body_closes_its_connection_at_once() {
    let closed = Rc::new(Cell::new(false));
    let seen = Rc::clone(&closed);
    let server = Server::start(move |_, mut peer| {
        let seen = Rc::clone(&seen);
        async move {
            peer.request().await;
            peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n")
                .await;
            peer.closed().await;
            seen.set(true);
        }
    })
    .await;
    let client = client();
    let mut answer = post(&client, &server.origin(), "", PATIENT).await.unwrap();
    answer.body.next().await.unwrap().unwrap();
    drop(answer);
    until(|| closed.get()).await;
    assert_eq!(client.pool.len(), 0);
}

#[actix::test]
async fn dropping_a_send_closes_its_connection_at_once() {
    let events = Rc::new(RefCell::new(Vec::new()));
    let log = Rc::clone(&events);
    let server = Server::start(move |_, mut peer| {
        let log = Rc::clone(&log);
        async move {
            peer.request().await;
            log.borrow_mut().push("asked");
            peer.closed().await;
            log.borrow_mut().push("closed");
        }
    })
    .await;
    let client = client();
    let sending = actix_rt::spawn({
        let (client, origin) = (client.clone(), server.origin());
        async move { post(&client, &origin, "", PATIENT).await.map(drop) }
    });
    until(|| events.borrow().len() == 1).await;
    sending.abort();
    until(|| events.borrow().len() == 2).await;
    assert_eq!(*events.borrow(), ["asked", "closed"]);
}

/// Serves one request on each connection and ends the connection as soon as
/// the second arrives.
async fn closes_on_reuse(end: impl Fn(usize, Peer) + 'static) -> (Server, Rc<Cell<usize>>) {
    let served = Rc::new(Cell::new(0));
    let count = Rc::clone(&served);
    let end = Rc::new(end);
    let server = Server::start(move |number, mut peer| {
        let (count, end) = (Rc::clone(&count), Rc::clone(&end));
        async move {
            if peer.request().await.is_some() {
                count.set(count.get() + 1);
                peer.ok("ok").await;
                let _ = peer.socket.readable().await;
                end(number, peer);
            }
        }
    })
    .await;
    (server, served)
}

#[actix::test]
async fn connections_closed_at_the_moment_of_reuse_cost_nothing() {
    // Unread bytes turn the close into a RST; reading them first makes it a FIN.
    let (server, served) = closes_on_reuse(|number, peer| {
        if number % 2 == 0 {
            let _ = peer.socket.try_read(&mut [0; 4096]);
        }
    })
    .await;
    let (client, origin) = (client(), server.origin());
    for round in 0..200 {
        let answer = post(&client, &origin, "x", PATIENT).await;
        let answer = answer.unwrap_or_else(|error| panic!("round {round}: {error}"));
        assert_eq!(text(answer).await.unwrap(), "ok");
    }
    assert_eq!(served.get(), 200);
    assert_eq!(server.accepted(), 200);
}

#[actix::test]
async fn an_upload_cut_on_reuse_is_sent_again() {
    let (server, served) = closes_on_reuse(|_, _| ()).await;
    let (client, origin) = (client(), server.origin());
    for _ in 0..2 {
        let body = vec![b'x'; 4 << 20];
        let answer = post(&client, &origin, body, PATIENT).await.unwrap();
        assert_eq!(text(answer).await.unwrap(), "ok");
    }
    assert_eq!(served.get(), 2);
}

#[actix::test]
async fn nothing_is_sent_again_after_a_byte_of_an_answer() {
    for beginning in ["H", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 200 OK\r\nA"] {
        let asked = Rc::new(Cell::new(0));
        let count = Rc::clone(&asked);
        let server = Server::start(move |_, mut peer| {
            let count = Rc::clone(&count);
            async move {
                peer.request().await;
                peer.ok("ok").await;
                peer.request().await;
                count.set(count.get() + 1);
                peer.send(beginning).await;
            }
        })
        .await;
        let (client, origin) = (client(), server.origin());
        text(post(&client, &origin, "", PATIENT).await.unwrap())
            .await
            .unwrap();
        let failed = post(&client, &origin, "", PATIENT).await;
        assert!(failed.is_err(), "{beginning}");
        assert_eq!((asked.get(), server.accepted()), (1, 1), "{beginning}");
    }
}

#[actix::test]
async fn a_second_loss_is_not_retried() {
    let server = Server::start(|number, mut peer| async move {
        peer.request().await;
        if number == 0 {
            peer.ok("ok").await;
            peer.request().await;
        }
    })
    .await;
    let (client, origin) = (client(), server.origin());
    text(post(&client, &origin, "", PATIENT).await.unwrap())
        .await
        .unwrap();
    let failed = post(&client, &origin, "", PATIENT).await;
    assert_eq!(failed.unwrap_err().label(), "closed");
    assert_eq!(server.accepted(), 2);
}

#[actix::test]
async fn a_connection_that_spoke_unasked_is_not_used_again() {
    let said = Rc::new(Cell::new(false));
    let answered = Rc::new(tokio::sync::Notify::new());
    let (say, after) = (Rc::clone(&said), Rc::clone(&answered));
    let server = Server::start(move |_, mut peer| {
        let (say, after) = (Rc::clone(&say), Rc::clone(&after));
        async move {
            peer.request().await;
            peer.ok("ok").await;
            after.notified().await;
            let farewell = "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n";
            peer.send(farewell).await;
            say.set(true);
            peer.closed().await;
        }
    })
    .await;
    let (client, origin) = (client(), server.origin());
    let answer = post(&client, &origin, "", PATIENT).await.unwrap();
    text(answer).await.unwrap();
    assert_eq!(client.pool.len(), 1);
    answered.notify_one();
    until(|| said.get()).await;
    // A turn of the driver, to learn of the bytes that are there.
    tokio::time::sleep(Duration::ZERO).await;
    let answer = post(&client, &origin, "", PATIENT).await.unwrap();
    assert_eq!((answer.status, answer.reused), (StatusCode::OK, false));
}

#[actix::test]
async fn one_dead_connection_discredits_the_older_ones() {
    let (server, _) = closes_on_reuse(|_, _| ()).await;
    let (client, origin) = (client(), server.origin());
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(post(&client, &origin, "", PATIENT).await.unwrap());
    }
    for answer in answers {
        text(answer).await.unwrap();
    }
    assert_eq!(client.pool.len(), 3);
    let answer = post(&client, &origin, "", PATIENT).await.unwrap();
    assert!(!answer.reused);
    text(answer).await.unwrap();
    assert_eq!(client.pool.len(), 1);
}

#[actix::test]
async fn memory_of_a_long_body_is_given_back() {
    let server = Server::start(|_, mut peer| async move {
        peer.request().await;
        peer.ok(&"x".repeat(1 << 20)).await;
        peer.closed().await;
    })
    .await;
    let client = client();
    let body = vec![b'x'; 1 << 20];
    let answer = post(&client, &server.origin(), body, PATIENT)
        .await
        .unwrap();
    text(answer).await.unwrap();
    assert_eq!(client.pool.len(), 1);
    assert!(client.pool.memory() < 16 << 10);
}

#[actix::test]
async fn bytes_after_the_answer_spoil_the_connection() {
    let server = Server::saying("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200").await;
    let client = client();
    let answer = post(&client, &server.origin(), "", PATIENT).await.unwrap();
    assert_eq!(text(answer).await.unwrap(), "ok");
    assert_eq!(client.pool.len(), 0);
}

#[actix::test]
async fn no_more_connections_are_kept_than_allowed() {
    let server = Server::start(|_, mut peer| async move {
        while peer.request().await.is_some() {
            peer.ok("ok").await;
        }
    })
    .await;
    let client = Client::new(KeepAlive {
        connections: 2,
        ..KeepAlive::default()
    });
    let origin = server.origin();
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(post(&client, &origin, "", PATIENT).await.unwrap());
    }
    for answer in answers {
        text(answer).await.unwrap();
    }
    assert_eq!(client.pool.len(), 2);
}
