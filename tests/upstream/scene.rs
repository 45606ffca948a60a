//! What the promises about upstreams are tested with: a gateway in front of endpoints, load at a pace, and
//! what came of each request.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use breakerbox_actors::clock;
use breakerbox_actors::state::machine::View;
use breakerbox_actors::target::Target;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::MutexGuard;

use crate::support::chat::{CHAT, ask, good};
use crate::support::client::{Answer, Client};
use crate::support::evil::{Act, Evil};
use crate::support::gateway::House;

pub(super) use measure::{News, assert_all_ok, quantile};

mod measure;

/// The model that scenes serve.
pub(super) const MODEL: &str = "m";
/// No pings: every request that an upstream sees is a client's.
pub(super) const NO_PINGS: &str = "probe: { kind: none }";
/// A breaker that never opens, and extra attempts for everybody.
pub(super) const NO_BREAKER: &str =
    "breaker: { failure_threshold: 1000000, min_requests: 1000000 }";

/// Keeps tests that put load on the machine from running at the same time as each other.
pub(super) async fn alone() -> MutexGuard<'static, ()> {
    static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    TURN.lock().await
}

/// A gateway in front of `endpoints`, name and base URL, that all serve [`MODEL`]; `rest` are more sections.
pub(super) fn house<'a>(
    endpoints: impl IntoIterator<Item = (&'a str, String)>,
    rest: &[&str],
) -> House {
    let mut yaml = String::from("endpoints:\n");
    for (name, base_url) in endpoints {
        yaml.push_str(&format!(
            "  - {{ name: {name}, provider: openai-compatible, base_url: \"{base_url}\", models: [{MODEL}] }}\n"
        ));
    }
    for section in rest {
        yaml.push_str(section);
        yaml.push('\n');
    }
    House::start(&yaml)
}

/// The target of an endpoint.
pub(super) fn target(house: &House, endpoint: &str) -> Arc<Target> {
    let table = house.engine().table();
    let mut targets = table.targets();
    let found = targets.find(|target| **target.id().endpoint() == *endpoint);
    found.expect("an endpoint of this name").clone()
}

/// What the machine of an endpoint looks like.
pub(super) async fn view(house: &House, endpoint: &str) -> View {
    let seen = target(house, endpoint).observe().await;
    seen.expect("an actor").view
}

/// An upstream that answers well, after `delay`.
pub(super) fn healthy(delay: Duration) -> Evil {
    Evil::start(move |_, _| well(delay))
}

/// The acts of a good answer.
pub(super) fn well(delay: Duration) -> Vec<Act> {
    vec![Act::Wait(delay), Act::Send(good("hello")), Act::KeepAlive]
}

/// An upstream that gives every request the same whole response.
pub(super) fn always(response: bytes::Bytes) -> Evil {
    Evil::start(move |_, _| vec![Act::Send(response.clone()), Act::KeepAlive])
}

/// One request and what came of it.
#[derive(Clone, Debug)]
pub(super) struct Shot {
    pub(super) began: Instant,
    pub(super) took: Duration,
    pub(super) answer: Answer,
}

impl Shot {
    pub(super) fn ok(&self) -> bool {
        self.answer.status() == 200
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.answer.head.header(name).unwrap_or_default()
    }

    /// Attempts that the gateway made.
    pub(super) fn attempts(&self) -> usize {
        self.header("x-breakerbox-attempts")
            .parse()
            .expect("a number of attempts")
    }

    /// Who answered.
    pub(super) fn endpoint(&self) -> &str {
        self.header("x-breakerbox-endpoint")
    }
}

/// Clients with kept connections.
#[derive(Clone)]
pub(super) struct Crowd {
    address: SocketAddr,
    model: &'static str,
    idle: Arc<Mutex<Vec<Client>>>,
    /// When each request that has no answer yet began.
    flying: Arc<Mutex<Vec<Instant>>>,
}

impl Crowd {
    pub(super) fn new(house: &House) -> Self {
        Self::at(house.addr(), MODEL)
    }

    /// Clients that ask for another model, perhaps of an upstream itself.
    pub(super) fn at(address: SocketAddr, model: &'static str) -> Self {
        Self {
            address,
            model,
            idle: Arc::default(),
            flying: Arc::default(),
        }
    }

    /// Sends one chat request.
    pub(super) async fn shoot(&self) -> Shot {
        self.send(&[], &ask(self.model, "hello")).await
    }

    /// Sends one chat request that only `endpoint` may serve.
    pub(super) async fn shoot_at(&self, endpoint: &str) -> Shot {
        let pin = [("x-breakerbox-endpoint", endpoint)];
        self.send(&pin, &ask(self.model, "hello")).await
    }

    /// Sends one request.
    pub(super) async fn send(&self, headers: &[(&str, &str)], body: &Value) -> Shot {
        let kept = self.idle.lock().pop();
        let mut client = match kept {
            Some(client) => client,
            None => Client::connect(self.address).await,
        };
        let mut lines = vec![("content-type", "application/json")];
        lines.extend_from_slice(headers);
        let began = clock::now();
        self.flying.lock().push(began);
        let body = body.to_string();
        client.request("POST", CHAT, &lines, body.as_bytes()).await;
        let answer = client.answer().await;
        let took = clock::now() - began;
        {
            let mut flying = self.flying.lock();
            let place = flying.iter().position(|at| *at == began);
            flying.swap_remove(place.expect("it was under way"));
        }
        self.idle.lock().push(client);
        Shot {
            began,
            took,
            answer,
        }
    }

    /// Whether all requests that began before `time` are answered.
    pub(super) fn has_seen_the_last_before(&self, time: Instant) -> bool {
        self.flying.lock().iter().all(|began| *began >= time)
    }

    /// Sends requests one every `gap` for `time`, whether or not earlier ones have been answered.
    pub(super) async fn fire(&self, gap: Duration, time: Duration) -> Vec<Shot> {
        self.fire_until(gap, tokio::time::sleep(time)).await
    }

    /// The same until `end` is over.
    pub(super) async fn fire_until(
        &self,
        gap: Duration,
        end: impl Future<Output = ()>,
    ) -> Vec<Shot> {
        let mut end = std::pin::pin!(end);
        let mut flying = Vec::new();
        let mut at = clock::now();
        loop {
            tokio::select! {
                biased;
                () = &mut end => break,
                () = tokio::time::sleep_until(at.into()) => {}
            }
            let crowd = self.clone();
            flying.push(tokio::spawn(async move { crowd.shoot().await }));
            at += gap;
        }
        let mut shots = Vec::with_capacity(flying.len());
        for shot in flying {
            shots.push(shot.await.expect("a request"));
        }
        shots
    }

    /// Sends `count` requests, `width` of them at a time.
    pub(super) async fn volley(&self, count: usize, width: usize) -> Vec<Shot> {
        let left = Arc::new(AtomicUsize::new(0));
        let mut lanes = Vec::new();
        for _ in 0..width {
            let (crowd, left) = (self.clone(), Arc::clone(&left));
            lanes.push(tokio::spawn(async move {
                let mut shots = Vec::new();
                while left.fetch_add(1, Ordering::Relaxed) < count {
                    shots.push(crowd.shoot().await);
                }
                shots
            }));
        }
        let mut shots = Vec::with_capacity(count);
        for lane in lanes {
            shots.extend(lane.await.expect("a lane of requests"));
        }
        shots
    }
}
