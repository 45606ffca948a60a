//! A reload in the middle of requests: each goes on by the settings it began with; who is sent on after it
//! goes where the new configuration says.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::{error_of, steady};
use crate::support::chat::{CHAT, ask, good, response};
use crate::support::client::{Client, post};
use crate::support::evil::{Act, Evil};
use crate::support::gateway::{House, endpoint};
use crate::support::wait::{DEADLINE, eventually};

async fn begin(house: &House) -> Client {
    let mut client = Client::connect(house.addr()).await;
    client.post(CHAT, &ask("m", "hello")).await;
    client
}

fn held(go: &Arc<Notify>) -> Evil {
    let go = Arc::clone(go);
    Evil::start(move |_, _| {
        vec![
            Act::WaitFor(Arc::clone(&go)),
            Act::Send(good("hello")),
            Act::KeepAlive,
        ]
    })
}

#[tokio::test]
async fn a_request_under_way_keeps_its_timeouts_and_the_next_has_the_new_ones() {
    let go = Arc::new(Notify::new());
    let (old, new) = (held(&go), Evil::start(|_, _| vec![Act::Blackhole]));
    let yaml = |evil: &Evil, timeout: &str| {
        format!(
            "server: {{ listen: \"127.0.0.1:0\", workers: 1, request_timeout: {timeout} }}\n\
             endpoints:\n{}\
             routing: {{ max_attempts: 1, first_byte_timeout: {timeout} }}\n",
            endpoint("timeouts", &evil.base_url(), "")
        )
    };
    let house = House::start(&yaml(&old, "60s"));
    let mut first = begin(&house).await;
    eventually(DEADLINE, || old.count() == 1).await;
    house.reload(&yaml(&new, "150ms")).await.expect("reloaded");
    let next = post(house.addr(), CHAT, &ask("m", "hello")).await;
    assert_eq!(error_of(&next, 504)["code"], "upstream_timeout");
    // More than the new time has passed, and the first still waits.
    go.notify_one();
    assert_eq!(first.answer().await.status(), 200);
    assert_eq!((old.count(), new.count()), (1, 1));
}

#[tokio::test]
async fn a_request_drawn_after_a_reload_has_the_new_key_and_address() {
    let go = Arc::new(Notify::new());
    let old = held(&go);
    let new = steady();
    let yaml = |evil: &Evil, key: &str| {
        let more = format!(", api_key: {key}, limits: {{ max_in_flight: 1 }}");
        format!(
            "server: {{ listen: \"127.0.0.1:0\", workers: 1 }}\nendpoints:\n{}",
            endpoint("drawn", &evil.base_url(), &more)
        )
    };
    let house = House::start(&yaml(&old, "first"));
    let key = |evil: &Evil, number: usize| {
        let request = &evil.requests()[number];
        request
            .head
            .header("authorization")
            .expect("a key")
            .to_owned()
    };
    let mut first = begin(&house).await;
    eventually(DEADLINE, || old.count() == 1).await;
    // Has come before the reload, and waits for room.
    let mut waits = begin(&house).await;
    eventually(DEADLINE, || house.engine().waiting() == 1).await;
    house.reload(&yaml(&old, "second")).await.expect("reloaded");
    go.notify_one();
    assert_eq!(first.answer().await.status(), 200);
    eventually(DEADLINE, || old.count() == 2).await;
    assert_eq!(
        [key(&old, 0), key(&old, 1)],
        ["Bearer first", "Bearer second"]
    );

    // The same for an address, which makes it another endpoint with room of its own.
    let mut last = begin(&house).await;
    eventually(DEADLINE, || house.engine().waiting() == 1).await;
    house.reload(&yaml(&new, "third")).await.expect("reloaded");
    assert_eq!(last.answer().await.status(), 200);
    assert_eq!(key(&new, 0), "Bearer third");
    go.notify_one();
    assert_eq!(waits.answer().await.status(), 200);
}

#[tokio::test]
async fn renaming_the_only_endpoint_under_load_loses_no_request() {
    const RENAMES: usize = 300;
    let evil = steady();
    let yaml = |number: usize| {
        let endpoint = endpoint(&format!("named-{number}"), &evil.base_url(), "");
        format!("endpoints:\n{endpoint}")
    };
    let house = House::start(&yaml(0));
    let done = Arc::new(AtomicBool::new(false));
    let mut clients = JoinSet::new();
    for _ in 0..8 {
        let (addr, done) = (house.addr(), Arc::clone(&done));
        clients.spawn(async move {
            let mut client = Client::connect(addr).await;
            let mut answers = 0;
            let mut failed = Vec::new();
            while !done.load(Ordering::SeqCst) {
                client.post(CHAT, &ask("m", "hello")).await;
                let answer = client.answer().await;
                answers += 1;
                let attempts = answer.head.header("x-breakerbox-attempts");
                if answer.status() != 200 || attempts != Some("1") {
                    failed.push(format!("{attempts:?} attempts: {}", answer.text()));
                }
            }
            (answers, failed)
        });
    }
    for number in 1..=RENAMES {
        house.reload(&yaml(number)).await.expect("reloaded");
        let before = evil.count();
        eventually(DEADLINE, || evil.count() > before + 2).await;
    }
    done.store(true, Ordering::SeqCst);
    let (answers, failed): (Vec<usize>, Vec<Vec<String>>) =
        clients.join_all().await.into_iter().unzip();
    let failed = failed.concat();
    assert!(
        failed.is_empty(),
        "{} of {answers:?}: {}",
        failed.len(),
        failed[0]
    );
    assert!(answers.iter().sum::<usize>() > 2 * RENAMES, "{answers:?}");
}

#[tokio::test]
async fn a_call_whose_body_comes_while_its_only_endpoint_is_renamed_is_served() {
    let body = r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5]}],"model":"m"}"#;
    let evil = Evil::start(move |_, _| vec![Act::Send(response(200, &[], body)), Act::KeepAlive]);
    let yaml = |name: &str| format!("endpoints:\n{}", endpoint(name, &evil.base_url(), ""));
    let house = House::start(&yaml("was-called"));
    let sent = r#"{"model":"m","input":"hello"}"#;
    let mut client = Client::connect(house.addr()).await;
    let head = format!(
        "POST /v1/embeddings HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        sent.len()
    );
    client.send(head).await;
    // The request has begun: its body is asked for.
    eventually(DEADLINE, || client.waiting() > 0).await;
    for name in ["is-called", "will-be-called"] {
        house.reload(&yaml(name)).await.expect("reloaded");
    }
    client.send(sent).await;
    let answer = client.answer().await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(
        answer.head.header("x-breakerbox-endpoint"),
        Some("will-be-called")
    );
}
