//! What clients may ask for and spend, at first and after a reload.

use crate::support::chat::{CHAT, ask, good, response};
use crate::support::client::{Answer, Client};
use crate::support::evil::{Act, Evil};
use crate::support::gateway::House;

/// A gateway whose one client has these terms.
struct Scene {
    evil: Evil,
    house: House,
}

fn yaml(evil: &Evil, terms: &str) -> String {
    format!(
        "endpoints: [{{ name: a, provider: openai-compatible, base_url: \"{}\", \
         models: [{{ name: m, price: {{ input: 100, output: 1000 }} }}], probe: {{ kind: none }} }}]\n\
         clients: [{{ name: x, key: k, {terms} }}]\n",
        evil.base_url()
    )
}

impl Scene {
    /// Each answer has cost $0.0021, each request may cost more than twice as much.
    fn new(terms: &str) -> Self {
        Self::before(|_, _| vec![Act::Send(good("hello")), Act::KeepAlive], terms)
    }

    fn before(
        script: impl Fn(usize, usize) -> Vec<Act> + Send + Sync + 'static,
        terms: &str,
    ) -> Self {
        let evil = Evil::start(script);
        let house = House::start(&yaml(&evil, terms));
        Self { evil, house }
    }

    async fn reload(&self, terms: &str) {
        let yaml = yaml(&self.evil, terms);
        self.house.reload(&yaml).await.expect("reloaded");
    }

    async fn ask(&self) -> Answer {
        let mut client = Client::connect(self.house.addr()).await;
        let mut body = ask("m", "hello");
        body["max_tokens"] = 2.into();
        let key = [("x-api-key", "k")];
        let body = body.to_string();
        client.request("POST", CHAT, &key, body.as_bytes()).await;
        client.answer().await
    }

    /// How many requests are served before one is refused, up to 10; and what that is told.
    async fn served(&self) -> (usize, String) {
        for served in 0..10 {
            let answer = self.ask().await;
            if answer.status() != 200 {
                let text = answer.text();
                assert!([402, 429].contains(&answer.status()), "{text}");
                return (served, text);
            }
        }
        (10, String::new())
    }
}

async fn limits_requests(key: &str) {
    let terms = |most: u32| format!("limits: {{ {key}: {most} }}");
    let scene = Scene::new(&terms(2));
    assert_eq!(scene.served().await.0, 2);
    scene.reload(&terms(5)).await;
    let (served, told) = scene.served().await;
    assert_eq!(served, 3, "those of before count");
    let period = if key == "rpd" { "a day" } else { "a minute" };
    assert!(told.contains(&format!("5 requests {period}")), "{told}");
    scene.reload(&terms(1_000)).await;
    assert_eq!(scene.served().await.0, 10);
}

#[tokio::test]
pub(super) async fn rpm() {
    limits_requests("rpm").await;
}

#[tokio::test]
pub(super) async fn rpd() {
    limits_requests("rpd").await;
}

#[tokio::test]
pub(super) async fn tpm() {
    // Answers that do not say what they have used count as estimated: some twenty tokens each.
    let unsaid = |_, _| {
        let body = "{\"choices\":[]}";
        vec![Act::Send(response(200, &[], body)), Act::KeepAlive]
    };
    let scene = Scene::before(unsaid, "limits: { tpm: 50 }");
    let few = scene.served().await.0;
    assert!((1..4).contains(&few), "{few}");
    scene.reload("limits: { tpm: 100000 }").await;
    assert_eq!(scene.served().await.0, 10);
}

#[tokio::test]
pub(super) async fn usd() {
    let terms = |usd: &str| format!("budget: {{ usd: {usd}, per: month }}");
    let scene = Scene::new(&terms("0.005"));
    let (served, told) = scene.served().await;
    assert_eq!(served, 1, "{told}");
    assert!(told.contains("insufficient_quota"), "{told}");
    scene.reload(&terms("0.007")).await;
    assert_eq!(scene.served().await.0, 1, "what was spent counts");
    scene.reload(&terms("100")).await;
    assert_eq!(scene.served().await.0, 10);
}

#[tokio::test]
pub(super) async fn per() {
    let terms = |per: &str| format!("budget: {{ usd: 0.005, per: {per} }}");
    let scene = Scene::new(&terms("month"));
    for (per, end) in [
        ("month", "-01T00:00:00Z"),
        ("day", "T00:00:00Z"),
        ("hour", ":00:00Z"),
    ] {
        scene.reload(&terms(per)).await;
        let (_, told) = scene.served().await;
        assert!(told.contains(&format!("$0.005 per {per}")), "{told}");
        assert!(told.contains(end), "{told}");
    }
}

#[tokio::test]
pub(super) async fn max_cost_per_request() {
    let terms = |usd: &str| format!("max_cost_per_request: {usd}");
    let scene = Scene::new(&terms("0.001"));
    for (usd, status) in [("0.001", 402), ("1", 200), ("0.002", 402)] {
        scene.reload(&terms(usd)).await;
        let answer = scene.ask().await;
        assert_eq!(answer.status(), status, "{usd}: {}", answer.text());
    }
}
