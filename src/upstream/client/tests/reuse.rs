//! Which connections serve again, and for how long.

use std::cell::Cell;

use crate::upstream::testing::until;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

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

#[actix::test]
async fn idle_connections_are_not_used_again_and_closed() {
    tokio::time::pause();
    let closed = Rc::new(std::cell::Cell::new(0));
    let count = Rc::clone(&closed);
    let server = Server::start(move |_, mut peer| {
        let count = Rc::clone(&count);
        async move {
            while peer.request().await.is_some() {
                peer.ok("ok").await;
            }
            count.set(count.get() + 1);
        }
    })
    .await;
    let (client, origin) = (client(), server.origin());
    let ask = async || {
        let answer = post(&client, &origin, "", PATIENT).await.unwrap();
        let reused = answer.reused;
        text(answer).await.unwrap();
        reused
    };
    assert!(!ask().await);
    tokio::time::sleep(9 * SECOND).await;
    assert!(ask().await);
    tokio::time::sleep(10 * SECOND).await;
    assert!(!ask().await);
    tokio::time::sleep(15 * SECOND).await;
    assert_eq!(client.pool.len(), 0);
    until(|| closed.get() == 2).await;
}

#[actix::test]
async fn old_connections_are_closed_however_busy() {
    tokio::time::pause();
    let server = Server::start(|_, mut peer| async move {
        while peer.request().await.is_some() {
            peer.ok("ok").await;
        }
    })
    .await;
    let client = Client::new(KeepAlive {
        lifetime: 20 * SECOND,
        ..KeepAlive::default()
    });
    let origin = server.origin();
    let mut reused = Vec::new();
    for _ in 0..5 {
        let answer = post(&client, &origin, "", PATIENT).await.unwrap();
        reused.push(answer.reused);
        text(answer).await.unwrap();
        tokio::time::sleep(9 * SECOND).await;
    }
    assert_eq!(reused, [false, true, true, false, true]);

    // Too old when its answer ends: not kept at all.
    let answer = post(&client, &origin, "", PATIENT).await.unwrap();
    tokio::time::sleep(20 * SECOND).await;
    text(answer).await.unwrap();
    assert_eq!(client.pool.len(), 0);
}
