//! When endpoints are pinged, on a clock that runs as fast as nobody has anything to do; and with what.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use breakerbox::generation::Generation;
use breakerbox_actors::clock;
use breakerbox_actors::engine::{Arbiters, Engine};
use breakerbox_actors::messages::Ping;
use breakerbox_actors::spec::Spec;
use breakerbox_actors::state::event::Pong;
use parking_lot::Mutex;

use super::in_both_places;
use crate::support::chat::good;
use crate::support::evil::{Act, Evil};
use crate::support::gateway::{House, parse};
use crate::support::still::paused_system;
use crate::support::wait::{DEADLINE, eventually};

const HOUR: Duration = Duration::from_secs(3_600);

/// Writes down when it was asked to ping, and how long it might have taken.
struct Notes {
    pings: Arc<Mutex<Vec<(Instant, Duration)>>>,
    pong: Pong,
}

impl Actor for Notes {
    type Context = Context<Self>;
}

impl Handler<Ping> for Notes {
    type Result = MessageResult<Ping>;

    fn handle(&mut self, ping: Ping, _: &mut Self::Context) -> Self::Result {
        self.pings.lock().push((clock::now(), ping.timeout));
        MessageResult(self.pong)
    }
}

fn spec(yaml: &str) -> Spec {
    Generation::new(1, Arc::new(parse(yaml)))
        .expect("a configuration")
        .spec()
}

/// The pings of the hour that follows a reload with these keys of `probe`, if the provider answers each with
/// `pong`; for each of the two places of the keys.
fn pings(keys: &str, pong: Pong) -> [Vec<(Instant, Duration)>; 2] {
    let [default, _] = in_both_places("probe", "");
    in_both_places("probe", keys).map(|yaml| {
        paused_system().block_on(async {
            let pings = Arc::default();
            let notes = Notes {
                pings: Arc::clone(&pings),
                pong,
            };
            let pinger = move || notes.start().recipient();
            let engine = Engine::start(spec(&default), Arbiters::current(), pinger);
            let engine = engine.await.expect("a guardian");
            tokio::time::sleep(HOUR).await;
            assert!(!pings.lock().is_empty(), "there were pings before");
            engine.apply(spec(&yaml)).await.expect("a guardian");
            // The first is when the old settings said, at the latest.
            tokio::time::sleep(Duration::from_secs(40)).await;
            pings.lock().clear();
            tokio::time::sleep(HOUR).await;
            std::mem::take(&mut *pings.lock())
        })
    })
}

const ALIVE: Pong = Pong::Alive {
    latency: Duration::from_millis(1),
};

#[test]
pub(super) fn interval() {
    for (interval, range) in [("10s", 324..400), ("2m", 27..34)] {
        for pings in pings(&format!("interval: {interval}"), ALIVE) {
            assert!(range.contains(&pings.len()), "{interval}: {}", pings.len());
        }
    }
}

#[test]
pub(super) fn interval_open() {
    // As soon as a circuit opens, then after twice as long each time.
    for (first, range) in [("1s", 5..8), ("4m", 1..2)] {
        let keys = format!("interval: 1h, interval_open: {first}, unhealthy_threshold: 1");
        for yaml in in_both_places("probe", &keys) {
            paused_system().block_on(async {
                let pings = Arc::default();
                let notes = Notes {
                    pings: Arc::clone(&pings),
                    pong: Pong::Failed,
                };
                let [default, _] = in_both_places("probe", "interval: 1h, interval_open: 30m");
                let pinger = move || notes.start().recipient();
                let engine = Engine::start(spec(&default), Arbiters::current(), pinger);
                let engine = engine.await.expect("a guardian");
                engine.apply(spec(&yaml)).await.expect("a guardian");
                let start = clock::now();
                while pings.lock().is_empty() {
                    assert!(clock::now() - start < HOUR, "no ping");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                // Within the recovery timeout: a new phase begins anew.
                tokio::time::sleep(Duration::from_secs(50)).await;
                let count = pings.lock().len();
                assert!(range.contains(&count), "{first}: {count}");
            });
        }
    }
}

#[tokio::test]
pub(super) async fn timeout() {
    for (timeout, millis) in [("2s", 2_000), ("60ms", 60)] {
        let expected = Duration::from_millis(millis);
        let all = tokio::task::spawn_blocking(move || pings(&format!("timeout: {timeout}"), ALIVE));
        for pings in all.await.expect("pings") {
            assert!(
                pings.iter().all(|(_, timeout)| *timeout == expected),
                "{pings:?}"
            );
        }
    }
    // And that is how long one takes that is not answered.
    for yaml in in_both_places("probe", "timeout: 60ms, interval_open: 10ms") {
        let evil = Evil::start(|_, _| vec![Act::Blackhole]);
        let _house = House::start(&yaml.replace("http://127.0.0.1:1/v1", &evil.base_url()));
        eventually(DEADLINE, || {
            evil.links().first().is_some_and(|link| link.over)
        })
        .await;
        let link = &evil.links()[0];
        let took = link.closed_by_client.expect("the gateway closed") - link.opened;
        assert!(took >= Duration::from_millis(55), "{took:?}");
        assert!(took < Duration::from_secs(5), "{took:?}");
    }
}

#[tokio::test]
pub(super) async fn kind() {
    let none = || pings("kind: none", ALIVE);
    let none = tokio::task::spawn_blocking(none).await.expect("pings");
    assert_eq!(none, [vec![], vec![]]);

    let kinds = [
        ("models", "GET /v1/models HTTP/1.1"),
        ("health", "GET /health HTTP/1.1"),
        ("chat", "POST /v1/chat/completions HTTP/1.1"),
    ];
    let often = "interval: 20ms, interval_open: 10ms";
    for place in 0..2 {
        let evil = Evil::start(|_, _| vec![Act::Send(good("pong")), Act::KeepAlive]);
        let yaml = |kind: &str| {
            let keys = format!("{often}, kind: {kind}");
            in_both_places("probe", &keys)[place].replace("http://127.0.0.1:1/v1", &evil.base_url())
        };
        let house = House::start(&yaml("none"));
        assert_eq!(evil.count(), 0);
        for (kind, line) in kinds {
            house.reload(&yaml(kind)).await.expect("reloaded");
            let seen = evil.count();
            let pinged = || {
                evil.requests()[seen..]
                    .iter()
                    .any(|it| it.head.start == line)
            };
            eventually(DEADLINE, pinged).await;
        }
        let chat: serde_json::Value =
            serde_json::from_slice(&evil.requests().pop().expect("a ping").body).expect("JSON");
        assert_eq!(
            (&chat["model"], &chat["max_tokens"]),
            (&"m".into(), &1.into())
        );
    }
}
