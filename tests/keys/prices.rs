//! Who is chosen: by strategy, and by price where that is what counts.

use std::time::Duration;

use crate::support::chat::{CHAT, ask, good};
use crate::support::client::post;
use crate::support::evil::{Act, Evil};
use crate::support::gateway::House;

const CHEAPEST: &str = "cheapest";

/// A gateway in front of `a` and `b`.
struct Scene {
    evils: [Evil; 2],
    house: Option<House>,
}

impl Scene {
    fn new() -> Self {
        // `a` is the slower one.
        let evil = |millis| {
            let time = Duration::from_millis(millis);
            let well = move |_, _| vec![Act::Wait(time), Act::Send(good("hello")), Act::KeepAlive];
            Evil::start(well)
        };
        Self {
            evils: [evil(10), evil(0)],
            house: None,
        }
    }

    /// Who serves once this is in force: `a`'s and `b`'s own price, that of the model, and the strategy.
    async fn served(&mut self, prices: [&str; 3], strategy: &str) -> Vec<String> {
        let [a, b, model] = prices.map(|price| match price {
            "" => String::new(),
            price => format!(", price: {{ {price} }}"),
        });
        let endpoint = |name: &str, evil: &Evil, price: &str| {
            format!(
                "  - {{ name: {name}, provider: openai-compatible, base_url: \"{}\", \
                 models: [{{ name: m{price} }}], probe: {{ kind: none }} }}\n",
                evil.base_url()
            )
        };
        let yaml = format!(
            "endpoints:\n{}{}models: [{{ name: m{model} }}]\nrouting: {{ strategy: {strategy} }}\n",
            endpoint("a", &self.evils[0], &a),
            endpoint("b", &self.evils[1], &b),
        );
        match &self.house {
            None => self.house = Some(House::start(&yaml)),
            Some(house) => drop(house.reload(&yaml).await.expect("reloaded")),
        }
        let house = self.house.as_ref().expect("started");
        let mut served = Vec::new();
        for _ in 0..10 {
            let answer = post(house.addr(), CHAT, &ask("m", "hello")).await;
            let name = answer
                .head
                .header("x-breakerbox-endpoint")
                .expect("an endpoint");
            served.push(name.to_owned());
        }
        served.dedup();
        served
    }
}

#[tokio::test]
pub(super) async fn of_an_endpoint() {
    let mut scene = Scene::new();
    for (a, b, cheaper) in [
        ("input: 1, output: 5", "input: 2, output: 5", "a"),
        ("input: 3, output: 5", "input: 2, output: 5", "b"),
        ("input: 2, output: 4", "input: 2, output: 5", "a"),
        ("input: 2, output: 6", "input: 2, output: 5", "b"),
    ] {
        assert_eq!(
            scene.served([a, b, ""], CHEAPEST).await,
            [cheaper],
            "{a}; {b}"
        );
    }
}

#[tokio::test]
pub(super) async fn of_a_model() {
    let own = "input: 2, output: 5";
    let mut scene = Scene::new();
    for (model, cheaper) in [
        ("input: 1, output: 5", "b"),
        ("input: 3, output: 5", "a"),
        ("input: 2, output: 4", "b"),
        ("input: 2, output: 6", "a"),
    ] {
        assert_eq!(
            scene.served([own, "", model], CHEAPEST).await,
            [cheaper],
            "{model}"
        );
    }
}

#[tokio::test]
pub(super) async fn strategy() {
    let mut scene = Scene::new();
    let prices = ["input: 2, output: 2", "input: 1, output: 1", ""];
    assert_eq!(scene.served(prices, "priority").await, ["a"]);
    assert_eq!(scene.served(prices, CHEAPEST).await, ["b"]);
    assert_eq!(scene.served(prices, "priority").await, ["a"]);
    // By weight and latency, both get some.
    let mut served = Vec::new();
    for _ in 0..50 {
        if ["a", "b"]
            .iter()
            .all(|name| served.iter().any(|it| it == name))
        {
            break;
        }
        served.extend(scene.served(prices, "latency_weighted").await);
    }
    assert!(served.iter().any(|it| it == "a") && served.iter().any(|it| it == "b"));
    // Measured by now: the faster one alone.
    assert_eq!(scene.served(prices, "least_latency").await, ["b"]);
}
