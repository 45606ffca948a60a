//! What clients meet: paths, keys, bodies, headers, waiting, going down, reloading.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::Notify;

use crate::support::chat::{CHAT, ask, good};
use crate::support::client::{self, Answer};
use crate::support::evil::{Act, Evil};
use crate::support::gateway::{House, endpoint};
use crate::support::still::Reading;

mod answers;
mod auto;
mod bodies;
mod cors;
mod descriptors;
mod drain;
mod every;
mod generations;
mod headers;
mod keys;
mod limits;
mod log;
mod money;
mod overhead;
mod queue;
mod quoted;
mod reload;
mod routes;
mod secrets;
mod slow;
mod smuggling;
mod wishes;

/// A gateway in front of `evil` alone; `more` are further sections.
fn house(name: &str, evil: &Evil, more: &str) -> House {
    let endpoint = endpoint(name, &evil.base_url(), ", api_key: canary-provider");
    House::start(&format!("endpoints:\n{endpoint}{more}"))
}

/// An upstream that answers well.
fn steady() -> Evil {
    Evil::start(|_, _| vec![Act::Send(good("hello")), Act::KeepAlive])
}

/// An upstream that answers well each time it is told to.
fn held() -> (Evil, Arc<Notify>) {
    let go = Arc::new(Notify::new());
    let held = Arc::clone(&go);
    let evil = Evil::start(move |_, _| {
        let wait = Act::WaitFor(Arc::clone(&held));
        vec![wait, Act::Send(good("hello")), Act::KeepAlive]
    });
    (evil, go)
}

/// One request on a connection of its own.
async fn call(
    house: &House,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    client::call(house.addr(), method, path, headers, body).await
}

/// A chat with further headers.
async fn chat_with(house: &House, headers: &[(&str, &str)]) -> Answer {
    call(house, "POST", CHAT, headers, &ask("m", "hello").to_string()).await
}

/// The error of an answer, which has all of its four fields.
fn error_of(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status(), status, "{}", answer.text());
    let kind = answer.head.header("content-type");
    assert!(kind.is_some_and(|it| it.starts_with("application/json")));
    let error = answer.json()["error"].clone();
    for field in ["message", "type", "param", "code"] {
        assert!(error.get(field).is_some(), "no {field} in {error}");
    }
    error
}

/// The error of an answer of a gateway without sockets.
async fn error_in(mut answer: Reading, status: u16) -> Value {
    let text = answer.rest().await;
    assert_eq!(answer.status, status, "{text}");
    let body: Value = serde_json::from_str(&text).expect("JSON");
    body["error"].clone()
}
