//! Connection refused on one of three at 200 requests a second: all are served, the endpoint is out within
//! five attempts and 250 ms, and from then on gets nothing but trials.

use std::time::Duration;

use breakerbox_actors::state::{breaker::Phase, health::Status};

use super::scene::{Crowd, News, Shot, alone, assert_all_ok, healthy, house, median, view};
use crate::support::ports::Refused;

/// One run: attempts at the dead endpoint, and how long after the first of them it was out.
async fn run() -> (usize, Duration) {
    let refused = Refused::new();
    let (b, c) = (healthy(Duration::ZERO), healthy(Duration::ZERO));
    let dead = format!("http://{}/v1", refused.addr());
    // No regular ping comes in this time: only those that confirm what the first failures say.
    let house = house(
        [("dead", dead), ("b", b.base_url()), ("c", c.base_url())],
        &["probe: { interval: 60s, interval_open: 60s }"],
    );
    let news = News::listen(&house);
    let shots = Crowd::new(&house)
        .fire(Duration::from_millis(5), Duration::from_millis(1_500))
        .await;
    assert_all_ok(&shots);
    let hits: Vec<&Shot> = shots.iter().filter(|shot| shot.attempts() > 1).collect();
    let first = hits.first().expect("a request for the dead one").began;
    let out = news.first("dead", Status::Unhealthy).expect("it is out");
    assert_eq!(view(&house, "dead").await.phase, Phase::Open);
    // What was under way as it went out is not a request after that.
    let late = hits.iter().filter(|shot| shot.began > out);
    assert_eq!(late.count(), 0, "requests after it was out");
    let attempts: usize = shots.iter().map(|shot| shot.attempts() - 1).sum();
    (attempts, out - first)
}

#[tokio::test]
async fn out_within_five_attempts_and_250_ms() {
    let _alone = alone().await;
    // The middle one of five runs: others use this machine too.
    let mut runs = Vec::new();
    for _ in 0..5 {
        runs.push(run().await);
    }
    let attempts = median(runs.iter().map(|(attempts, _)| *attempts));
    let out = median(runs.iter().map(|(_, out)| *out));
    assert!(attempts <= 5, "{runs:?}");
    assert!(out <= Duration::from_millis(250), "{runs:?}");
}
