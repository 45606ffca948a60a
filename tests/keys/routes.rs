//! Which models serve `auto`, at first and after a reload.

use crate::support::chat::{CHAT, ask, good};
use crate::support::client::Client;
use crate::support::evil::{Act, Evil};
use crate::support::gateway::House;

/// Who serves a request with this header, under each of two first routes in turn; a second route gives all
/// others to `rest`.
async fn served(header: (&str, &str), routes: [&str; 2]) -> [String; 2] {
    let evil = Evil::start(|_, _| vec![Act::Send(good("hello")), Act::KeepAlive]);
    let yaml = |route: &str| {
        format!(
            "endpoints: [{{ name: a, provider: openai-compatible, base_url: \"{}\", \
             models: [one, two, rest], probe: {{ kind: none }} }}]\n\
             routes: [{{ {route} }}, {{ models: [rest] }}]\n",
            evil.base_url()
        )
    };
    let house = House::start(&yaml(routes[0]));
    let serves = async || {
        let mut client = Client::connect(house.addr()).await;
        let body = ask("auto", "hello").to_string();
        client
            .request("POST", CHAT, &[header], body.as_bytes())
            .await;
        let answer = client.answer().await;
        let model = answer.head.header("x-breakerbox-model");
        model
            .unwrap_or_else(|| panic!("{}", answer.text()))
            .to_owned()
    };
    let first = serves().await;
    house.reload(&yaml(routes[1])).await.expect("reloaded");
    [first, serves().await]
}

#[tokio::test]
pub(super) async fn task() {
    let routes = ["task: code, models: [one]", "task: prose, models: [one]"];
    let code = served(("x-breakerbox-task", "code"), routes).await;
    assert_eq!(code, ["one", "rest"]);
    let prose = served(("x-breakerbox-task", "prose"), routes).await;
    assert_eq!(prose, ["rest", "one"]);
}

#[tokio::test]
pub(super) async fn priority() {
    let routes = [
        "priority: high, models: [one]",
        "priority: fast, models: [one]",
    ];
    let high = served(("x-breakerbox-priority", "high"), routes).await;
    assert_eq!(high, ["one", "rest"]);
    let fast = served(("x-breakerbox-priority", "fast"), routes).await;
    assert_eq!(fast, ["rest", "one"]);
}

#[tokio::test]
pub(super) async fn models() {
    let any = ("x-breakerbox-task", "any");
    let served = served(
        any,
        ["task: any, models: [one]", "task: any, models: [two, one]"],
    )
    .await;
    assert_eq!(served, ["one", "two"]);
}
