//! Kept connections that died while nobody looked.

use std::cell::Cell;

use crate::upstream::testing::{Peer, until};

use super::*;

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
async fn a_kept_connection_lost_late_was_not_stale() {
    tokio::time::pause();
    for (wait, accepted) in [(1, 2), (3, 1)] {
        let server = Server::start(move |number, mut peer| async move {
            peer.request().await;
            peer.ok("ok").await;
            peer.request().await;
            if number == 0 {
                tokio::time::sleep(Duration::from_secs(wait)).await;
            }
        })
        .await;
        let (client, origin) = (client(), server.origin());
        for round in 0..2 {
            let answer = post(&client, &origin, "", PATIENT).await;
            match (round, accepted, answer) {
                (1, 1, lost) => assert_eq!(lost.unwrap_err().label(), "closed"),
                (_, _, answer) => drop(text(answer.unwrap()).await.unwrap()),
            }
        }
        assert_eq!(server.accepted(), accepted, "{wait} s");
    }
}
