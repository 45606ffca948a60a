//! The admin token: what it lets in, for how long, and what guessing it comes to.

use std::time::Duration;

use breakerbox_actors::{clock, messages::Chaos};
use serde_json::json;

use super::call;
use crate::support::chat::good;
use crate::support::evil::{Act, Evil};
use crate::support::gateway::{House, endpoint};
use crate::support::socket::Socket;
use crate::support::wait::DEADLINE;

const AUTHORIZATION: &str = "authorization: Bearer first-token";

fn yaml(name: &str, evil: &Evil, token: &str, more: &str) -> String {
    let endpoint = endpoint(name, &evil.base_url(), more);
    format!("admin: {{ listen: \"127.0.0.1:0\", token: {token} }}\nendpoints:\n{endpoint}")
}

fn steady() -> Evil {
    Evil::start(|_, _| vec![Act::Send(good("hello")), Act::KeepAlive])
}

#[tokio::test]
async fn a_new_token_closes_the_sockets_that_the_old_one_let_in() {
    let evil = steady();
    let house = House::start(&yaml("rotates", &evil, "first-token", ""));
    let protocol = "sec-websocket-protocol: breakerbox, bearer.first-token";
    let mut sockets = Vec::new();
    for line in [&[AUTHORIZATION][..], &[protocol], &[]] {
        let (status, mut socket) = Socket::ask(house.admin(), line).await;
        assert_eq!(status, 101);
        if line.is_empty() {
            let action = json!({ "action": "auth", "token": "first-token" });
            socket.send(&action).await;
        }
        socket.hears("init").await;
        sockets.push(socket);
    }
    let other = yaml("rotates", &evil, "first-token", ", weight: 2");
    house.reload(&other).await.expect("reloaded");
    for socket in &mut sockets {
        socket.hears("config_reload").await;
        socket.hears("health_update").await;
    }
    let other = yaml("rotates", &evil, "second-token", ", weight: 2");
    house.reload(&other).await.expect("reloaded");
    for socket in &mut sockets {
        let (code, why) = socket.close().await.expect("a reason");
        assert_eq!((code, &*why), (1008, "the admin token has changed"));
    }
    assert_eq!(Socket::ask(house.admin(), &[AUTHORIZATION]).await.0, 401);
    let new = ["authorization: Bearer second-token"];
    let (_, mut socket) = Socket::ask(house.admin(), &new).await;
    socket.hears("init").await;
}

/// From the instant that the new token is in force, however long the rest of the reload takes.
#[tokio::test]
async fn a_socket_of_the_old_token_does_not_outlive_it() {
    let evil = steady();
    let house = House::start(&yaml("outlives", &evil, "first-token", ""));
    let (_, mut socket) = Socket::ask(house.admin(), &[AUTHORIZATION]).await;
    socket.hears("init").await;
    let block = Chaos::Block(Duration::from_secs(4));
    // In the guardian's mailbox from here on: what the reload tells it comes behind.
    let busy = house.engine().guardian().send(block);
    let other = yaml("outlives", &evil, "second-token", "");
    let reload = house.reload(&other);
    let closed = async {
        let (_, why) = socket.close().await.expect("a reason");
        let status = call(
            &house,
            "GET",
            "/api/status",
            &[("authorization", "Bearer second-token")],
            "",
        );
        (why, status.await.json()["reload"]["generation"].clone())
    };
    let (reloaded, (why, told)) = tokio::join!(reload, closed);
    reloaded.expect("reloaded");
    assert_eq!((&*why, told), ("the admin token has changed", json!(1)));
    busy.await.expect("handled");
}

#[tokio::test]
async fn who_has_shown_no_token_takes_no_place_of_those_who_have() {
    let evil = steady();
    let house = House::start(&yaml("strangers", &evil, "first-token", ""));
    let mut strangers = Vec::new();
    for _ in 0..80 {
        strangers.push(Socket::ask(house.admin(), &[]).await);
    }
    let full = strangers.iter().filter(|(status, _)| *status == 503);
    assert!(full.count() >= 60, "they are bounded");
    let mut inside = Vec::new();
    for _ in 0..64 {
        let (status, mut socket) = Socket::ask(house.admin(), &[AUTHORIZATION]).await;
        assert_eq!(status, 101, "{} are in", inside.len());
        socket.hears("init").await;
        inside.push(socket);
    }
    assert_eq!(Socket::ask(house.admin(), &[AUTHORIZATION]).await.0, 503);
    let right = [("authorization", "Bearer first-token")];
    let full = call(&house, "GET", "/ws", &right, "").await;
    assert_eq!(
        (full.status(), full.head.header("retry-after")),
        (503, Some("1"))
    );
    // Nor do they keep their place before the door.
    let (_, first) = &mut strangers[0];
    assert_eq!(first.close().await.map(|it| it.0), Some(1008));
}

#[tokio::test]
async fn guessing_has_to_wait_and_is_counted() {
    let evil = steady();
    let house = House::start(&yaml("guessed", &evil, "first-token", ""));
    let right = [("authorization", "Bearer first-token")];
    let wrong = [("authorization", "Bearer other")];
    let ask = async |headers| call(&house, "GET", "/api/status", headers, "").await;
    for _ in 0..20 {
        // No token is no guess: the page asks that way.
        assert_eq!(ask(&[]).await.status(), 401);
    }
    assert_eq!(ask(&right).await.status(), 200);
    let (mut looked_at, mut door_is_shut) = (0, false);
    for _ in 0..200 {
        match ask(&wrong).await.status() {
            401 => looked_at += 1,
            status => {
                assert_eq!(status, 429);
                if !door_is_shut {
                    let socket = Socket::ask(house.admin(), &[AUTHORIZATION]).await;
                    door_is_shut = socket.0 == 429;
                }
            }
        }
    }
    assert!(door_is_shut, "sockets wait, too");
    // Ten, and one more each second.
    assert!((10..=60).contains(&looked_at), "{looked_at}");
    let start = clock::now();
    let mut waited = false;
    loop {
        assert!(clock::now() - start < DEADLINE, "it waited: {waited}");
        if !waited {
            // Takes what came back since the last one.
            ask(&wrong).await;
        }
        let answer = ask(&right).await;
        if answer.status() == 200 {
            if waited {
                break;
            }
            continue;
        }
        waited = true;
        assert_eq!(answer.status(), 429);
        assert_eq!(answer.json()["error"]["code"], "too_many_guesses");
        assert_eq!(answer.head.header("retry-after"), Some("1"));
        let socket = Socket::ask(house.admin(), &[AUTHORIZATION]).await;
        assert!([101, 429].contains(&socket.0), "{}", socket.0);
    }
    let metrics = call(&house, "GET", "/metrics", &right, "").await.text();
    let told = metrics.lines().filter(|line| {
        line.starts_with("breakerbox_credentials_refused_total{plane=\"admin\"")
            && !line.ends_with(" 0")
    });
    assert_eq!(told.count(), 2, "wrong and throttled");
}
