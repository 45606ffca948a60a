//! Endpoints that swallow connections, stay silent in a TLS handshake or take long to be found: requests for
//! other endpoints are as fast as ever.

use std::time::Duration;

use super::scene::{Crowd, NO_PINGS, Shot, alone, healthy, quantile};
use crate::support::chat::ask;
use crate::support::evil::{Act, Evil};
use crate::support::gateway::House;
use crate::support::ports::Unreachable;

const GAP: Duration = Duration::from_millis(5);
const TIME: Duration = Duration::from_secs(4);

/// Load on the model `m` of a good endpoint, with a request every 5 ms for the model `dead` of three silent
/// ones beside it if `storm`.
async fn load(house: &House, storm: bool) -> Vec<Shot> {
    let crowd = Crowd::new(house);
    let noise = storm.then(|| {
        let crowd = crowd.clone();
        tokio::spawn(async move {
            loop {
                let crowd = crowd.clone();
                tokio::spawn(async move {
                    let shot = crowd.send(&[], &ask("dead", "hello")).await;
                    assert!(!shot.ok());
                });
                tokio::time::sleep(GAP).await;
            }
        })
    });
    let shots = crowd.fire(GAP, TIME).await;
    if let Some(noise) = noise {
        noise.abort();
    }
    shots
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
    // By turns, so that what else the machine does hits both alike.
    let mut calm = load(&house, false).await;
    let storm = load(&house, true).await;
    calm.extend(load(&house, false).await);
    super::scene::assert_all_ok(&calm);
    super::scene::assert_all_ok(&storm);
    assert!(mute.links().len() > 10, "the silent ones were asked");
    // A thread that waits for a dead endpoint would cost a second.
    let (before, during) = (quantile(&calm, 0.99), quantile(&storm, 0.99));
    assert!(
        during <= before * 2 + Duration::from_millis(20),
        "p99 {during:?} instead of {before:?}"
    );
}
