//! A reload in the middle of requests: each goes on by the settings it began with; who is sent on after it
//! goes where the new configuration says.

use std::sync::Arc;

use tokio::sync::Notify;

use super::{error_of, steady};
use crate::support::chat::{CHAT, ask, good};
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
