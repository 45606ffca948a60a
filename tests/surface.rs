//! What clients meet: paths, keys, bodies, headers, waiting, going down, reloading.

use serde_json::Value;

use crate::support::chat::{CHAT, ask, good};
use crate::support::client::{Answer, Client};
use crate::support::evil::{Act, Evil};
use crate::support::gateway::{House, endpoint};

mod bodies;
mod cors;
mod drain;
mod every;
mod headers;
mod keys;
mod queue;
mod reload;
mod routes;
mod secrets;
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

/// One request on a connection of its own.
async fn call(
    house: &House,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut client = Client::connect(house.addr()).await;
    client.request(method, path, headers, body.as_bytes()).await;
    client.answer().await
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
