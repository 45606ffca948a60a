//! What public names mean, at first and after a reload.

use crate::support::chat::{CHAT, ask, good};
use crate::support::client::post;
use crate::support::evil::{Act, Evil};
use crate::support::gateway::House;

/// A gateway whose endpoint serves `n` and `o`, with this list of models.
async fn asks(models: [&str; 2], ask_for: [&str; 2]) -> [Option<String>; 4] {
    let evil = Evil::start(|_, _| vec![Act::Send(good("hello")), Act::KeepAlive]);
    let yaml = |models: &str| {
        format!(
            "endpoints: [{{ name: a, provider: openai-compatible, base_url: \"{}\", models: [n, o], \
             probe: {{ kind: none }} }}]\nmodels: [{models}]\n",
            evil.base_url()
        )
    };
    let house = House::start(&yaml(models[0]));
    let served = async |model: &str| {
        let answer = post(house.addr(), CHAT, &ask(model, "hello")).await;
        assert!([200, 404].contains(&answer.status()), "{}", answer.text());
        answer.head.header("x-breakerbox-model").map(str::to_owned)
    };
    let before = [served(ask_for[0]).await, served(ask_for[1]).await];
    house.reload(&yaml(models[1])).await.expect("reloaded");
    let after = [served(ask_for[0]).await, served(ask_for[1]).await];
    let ([a, b], [c, d]) = (before, after);
    [a, b, c, d]
}

fn some(model: &str) -> Option<String> {
    Some(model.to_owned())
}

#[tokio::test]
pub(super) async fn name() {
    let models = [
        "{ name: one, fallbacks: [n] }",
        "{ name: two, fallbacks: [n] }",
    ];
    let served = asks(models, ["one", "two"]).await;
    assert_eq!(served, [some("n"), None, None, some("n")]);
}

#[tokio::test]
pub(super) async fn fallbacks() {
    let models = [
        "{ name: best, fallbacks: [n, o] }",
        "{ name: best, fallbacks: [o, n] }",
    ];
    let served = asks(models, ["best", "n"]).await;
    assert_eq!(served, [some("n"), some("n"), some("o"), some("n")]);
}
