//! Endpoints that swallow connections, stay silent in a TLS handshake or take long to be found: requests for
//! other endpoints are as fast as ever.

use std::time::Duration;

use tokio::task::JoinHandle;

use super::scene::{self, Crowd, NO_PINGS, alone, assert_all_ok, healthy, quantile};
use crate::support::evil::{Act, Evil};
use crate::support::gateway::House;
use crate::support::ports::Unreachable;

const GAP: Duration = Duration::from_millis(10);
const TIME: Duration = Duration::from_secs(5);

/// Sends a request every 10 ms to the three silent endpoints of the model `dead`, until aborted.
fn noise(house: &House) -> JoinHandle<()> {
    let crowd = Crowd::at(house.addr(), "dead");
    tokio::spawn(async move {
        loop {
            let crowd = crowd.clone();
            tokio::spawn(async move { assert!(!crowd.shoot().await.ok()) });
            tokio::time::sleep(GAP).await;
        }
    })
}

#[tokio::test]
async fn others_are_as_fast_as_ever() {
    let _alone = alone().await;
    let good = healthy(Duration::from_millis(20));
    let blackhole = Unreachable::new();
    let mute = Evil::start(|_, _| vec![Act::Blackhole]);
    // Never out, or nobody would be kept waiting.
    let house = House::start(&format!(
        "endpoints:
  - {{ name: good, provider: openai-compatible, base_url: \"{}\", models: [m] }}
  - {{ name: hole, provider: openai-compatible, base_url: \"http://{}/v1\", models: [dead] }}
  - {{ name: hush, provider: openai-compatible, base_url: \"https://{}/v1\", models: [dead] }}
  - {{ name: mute, provider: openai-compatible, base_url: \"{}\", models: [dead] }}
breaker: {{ failure_threshold: 1000000, min_requests: 1000000 }}
routing: {{ connect_timeout: 1s, first_byte_timeout: 1s, retry_budget: 1.0 }}
{NO_PINGS}",
        good.base_url(),
        blackhole.addr(),
        mute.addr(),
        mute.base_url(),
    ));
    let noise = noise(&house);
    // Another gateway has nothing to do with silent endpoints: whatever else the machine does hits both.
    let calm_house = scene::house([("good", good.base_url())], &[NO_PINGS]);
    let (crowd, calm) = (Crowd::new(&house), Crowd::new(&calm_house));
    let (shots, calm) = tokio::join!(crowd.fire(GAP, TIME), calm.fire(GAP, TIME));
    noise.abort();
    assert_all_ok(&shots);
    assert!(mute.links().len() > 10, "the silent ones were asked");
    // A thread that waits for a dead endpoint would cost a second.
    let (beside, calm) = (quantile(&shots, 0.99), quantile(&calm, 0.99));
    assert!(
        beside <= calm * 2 + Duration::from_millis(20),
        "p99 {beside:?}, without silent ones {calm:?}"
    );
}
