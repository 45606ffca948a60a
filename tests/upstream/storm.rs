//! A storm of all that upstreams do, in turn, on two of three endpoints at a time: 99.99 % ok, and p99 at most
//! twice that of calm weather.

use std::sync::Arc;
use std::time::Duration;

use breakerbox_actors::{clock, state::breaker::Phase};
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::front::{Door, Front};
use super::scene::{Crowd, MODEL, alone, assert_all_ok, healthy, quantile, view, well};
use crate::support::chat::{chunk, completion, response};
use crate::support::evil::{Act, Evil};
use crate::support::gateway::House;
use crate::support::wait::DEADLINE;

const LATENCY: Duration = Duration::from_millis(150);
const GAP: Duration = Duration::from_millis(5);
const NAMES: [&str; 3] = ["a", "b", "c"];
/// How long each fault lasts. Before the next, which has another healthy endpoint, all recover.
const TURN: Duration = Duration::from_millis(800);
/// Recovery in the same proportion to a turn as the defaults have to some minutes.
const SETTINGS: &str = "
breaker: { recovery_timeout: 200ms, max_recovery_timeout: 400ms, half_open_requests: 2, ramp: 50ms }
probe: { interval: 1s, interval_open: 20ms, healthy_threshold: 2 }
routing: { connect_timeout: 30ms }
";

/// What an endpoint does to everybody who asks.
#[derive(Clone, Debug)]
pub(super) enum Weather {
    Fair,
    Closed(Door),
    Says(Vec<Act>),
    /// A good answer and a bad one by turns.
    Half,
}

/// An endpoint and its weather.
struct Place {
    front: Front,
    weather: Arc<Mutex<Weather>>,
    evil: Evil,
}

impl Place {
    fn new() -> Self {
        let weather = Arc::new(Mutex::new(Weather::Fair));
        let now = Arc::clone(&weather);
        let evil = Evil::start(move |connection, request| match &*now.lock() {
            Weather::Fair | Weather::Closed(_) => well(LATENCY),
            Weather::Half if (connection + request) % 2 == 0 => well(LATENCY),
            Weather::Half => vec![Act::Send(response(500, &[], "{}")), Act::KeepAlive],
            Weather::Says(acts) => acts.clone(),
        });
        Self {
            front: Front::start(evil.addr()),
            weather,
            evil,
        }
    }

    fn turn(&self, weather: Weather) {
        let door = match weather {
            Weather::Closed(door) => door,
            _ => Door::Open,
        };
        *self.weather.lock() = weather;
        self.front.set(door);
    }
}

pub(super) fn says(bytes: impl Into<Bytes>) -> Weather {
    Weather::Says(vec![Act::Send(bytes.into())])
}

/// All that an endpoint may do to everybody.
pub(super) fn storms() -> Vec<Weather> {
    let json = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    let body = completion("hello").to_string();
    let half = &body[..body.len() / 2];
    let all = body.len();
    let error = r#"{"error":{"message":"overloaded","type":"server_error"}}"#;
    let mut cut = format!("{json}transfer-encoding: chunked\r\n\r\n").into_bytes();
    cut.extend_from_slice(&chunk(half));
    vec![
        Weather::Closed(Door::Shut),
        Weather::Closed(Door::Hole),
        says(response(500, &[], "{}")),
        Weather::Half,
        says(response(503, &[], "{}")),
        says(response(429, &[("retry-after-ms", "300")], "{}")),
        says(response(401, &[], "{}")),
        says(format!("{json}content-length: {all}\r\n\r\n{half}")),
        says(cut),
        says(format!("{json}\r\n{body}")),
        says(response(200, &[("content-type", "text/html")], "<html>")),
        says(response(200, &[], error)),
        says(response(302, &[("location", "/elsewhere")], "")),
        Weather::Says(vec![Act::Rst]),
    ]
}

async fn all_closed(house: &House) -> bool {
    for name in NAMES {
        if view(house, name).await.phase != Phase::Closed {
            return false;
        }
    }
    true
}

#[tokio::test]
async fn one_healthy_endpoint_is_enough() {
    let _alone = alone().await;
    let places = [Place::new(), Place::new(), Place::new()];
    let calm = healthy(LATENCY);
    let mut yaml = format!(
        "endpoints:\n  - {{ name: calm, provider: openai-compatible, base_url: \"{}\", models: [calm] }}\n",
        calm.base_url()
    );
    for (name, place) in NAMES.into_iter().zip(places.iter()) {
        let url = place.front.base_url();
        yaml.push_str(&format!(
            "  - {{ name: {name}, provider: openai-compatible, base_url: \"{url}\", models: [{MODEL}] }}\n"
        ));
    }
    let house = House::start(&format!("{yaml}{SETTINGS}"));
    let (crowd, calm) = (Crowd::new(&house), Crowd::at(house.addr(), "calm"));
    // All are well known before it begins.
    assert_all_ok(&crowd.volley(60, 6).await);

    // What is calm weather is measured at the same time, at an endpoint beside the storm: whatever else the
    // machine does hits both.
    let (over, watched) = watch::channel(());
    let sky = async {
        for (turn, storm) in storms().into_iter().enumerate() {
            for (at, place) in places.iter().enumerate() {
                if at != turn % 3 {
                    place.turn(storm.clone());
                }
            }
            tokio::time::sleep(TURN).await;
            places.iter().for_each(|place| place.turn(Weather::Fair));
            // The next one to be the only healthy one must be known to be, and nobody may be on the way who has
            // failed at it before.
            let fair = clock::now();
            while !crowd.has_seen_the_last_before(fair) || !all_closed(&house).await {
                assert!(clock::now() - fair < DEADLINE, "{storm:?}: no recovery");
                tokio::time::sleep(TURN / 20).await;
            }
        }
        drop(over);
    };
    let end = |mut watched: watch::Receiver<()>| async move { drop(watched.changed().await) };
    let ((), shots, calm) = tokio::join!(
        sky,
        crowd.fire_until(GAP, end(watched.clone())),
        calm.fire_until(GAP * 2, end(watched))
    );
    // Less than one in ten thousand: of so few, none.
    assert_all_ok(&shots);
    let retried: usize = shots.iter().map(|shot| shot.attempts() - 1).sum();
    assert!(retried > 20, "the storm was felt: {retried}");
    assert!(places.iter().all(|place| place.evil.count() > 100));
    let (storm, calm) = (quantile(&shots, 0.99), quantile(&calm, 0.99));
    assert!(storm <= calm * 2, "p99 {storm:?} instead of {calm:?}");
}
