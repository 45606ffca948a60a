//! Connection refused on one of three at 200 requests a second: all are served, the endpoint is out within
//! five attempts and 250 ms, and from then on gets nothing but trials.

use std::rc::Rc;
use std::time::Duration;

use breakerbox_actors::clock;
use breakerbox_actors::state::{breaker::Phase, health::Status};

use super::scene::{Crowd, MODEL, News, Shot, alone, always, assert_all_ok, healthy, house, view};
use crate::support::chat::{CHAT, ask, good};
use crate::support::gateway::endpoint;
use crate::support::ports::Refused;
use crate::support::still::{Still, still};

const GAP: Duration = Duration::from_millis(5);
const TIME: Duration = Duration::from_millis(1_500);

/// On a clock that only the test moves, so that no request waits for a core while others go: whatever the draw, of
/// several runs in each.
#[test]
fn out_within_five_attempts_and_250_ms() {
    for _ in 0..8 {
        still(async {
            let refused = Refused::new();
            let (b, c) = (always(good("hello")), always(good("hello")));
            let dead = format!("http://{}/v1", refused.addr());
            // No regular ping comes in this time: only those that confirm what the first failures say.
            let pings = "probe: { kind: models, interval: 60s, interval_open: 60s }";
            let yaml = format!(
                "endpoints:\n{}{}{}",
                endpoint("dead", &dead, "").replace("probe: { kind: none }", pings),
                endpoint("b", &b.base_url(), ""),
                endpoint("c", &c.base_url(), ""),
            );
            let gateway = Rc::new(Still::start(&yaml).await);
            let begin = clock::now();
            let mut hits = Vec::new();
            while clock::now() < begin + TIME {
                let answer = gateway.post(CHAT, &ask(MODEL, "hello")).await;
                assert_eq!(answer.status, 200);
                hits.extend((1..answer.attempts()).map(|_| clock::now()));
                gateway.calm().await;
                tokio::time::advance(GAP).await;
            }
            let first = *hits.first().expect("a request for the dead one");
            let last = *hits.last().expect("a request for the dead one");
            assert!(hits.len() <= 5, "{} attempts", hits.len());
            assert!(
                last - first <= Duration::from_millis(250),
                "{:?}",
                last - first
            );
            assert_eq!(gateway.seen("dead").await.view.phase, Phase::Open);
        });
    }
}

/// The same over the gateway's own sockets and threads.
#[tokio::test]
async fn all_are_served_and_it_is_out() {
    let _alone = alone().await;
    let refused = Refused::new();
    let (b, c) = (healthy(Duration::ZERO), healthy(Duration::ZERO));
    let dead = format!("http://{}/v1", refused.addr());
    let house = house(
        [("dead", dead), ("b", b.base_url()), ("c", c.base_url())],
        &["probe: { interval: 60s, interval_open: 60s }"],
    );
    let news = News::listen(&house);
    let shots = Crowd::new(&house).fire(GAP, TIME).await;
    assert_all_ok(&shots);
    let hits: Vec<&Shot> = shots.iter().filter(|shot| shot.attempts() > 1).collect();
    assert!(!hits.is_empty(), "nobody asked the dead one");
    let out = news.first("dead", Status::Unhealthy).expect("it is out");
    assert_eq!(view(&house, "dead").await.phase, Phase::Open);
    // What was under way as it went out is not a request after that.
    let late = hits.iter().filter(|shot| shot.began > out);
    assert_eq!(late.count(), 0, "requests after it was out");
}
