//! Clients that leave at 10,000 random points: the upstream connection is closed within 50 ms, nothing leaks.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use breakerbox_actors::clock;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::task::JoinSet;

use super::{assert_calm, house, stream_body};
use crate::support::chat::{CHAT, ask_stream, chunk, delta, stream_head};
use crate::support::client::Client;
use crate::support::evil::{Act, Evil};
use crate::support::gateway::{House, endpoint};
use crate::support::still::{Still, comes, still};
use crate::support::wait::{DEADLINE, eventually};

const POINTS: usize = 10_000;
const AT_ONCE: usize = 4;
/// The promise. On a busy machine threads wait for a core that long, whoever they are; so over sockets it is kept to
/// by the median of each way to leave, and by all where the clock stands still. Without its mechanism an upstream is
/// closed never, or with the next keep-alive.
const WITHIN: Duration = Duration::from_millis(50);
/// What even the unluckiest keeps to.
const AT_MOST: Duration = Duration::from_secs(2);

/// One client's way to leave.
#[derive(Clone, Copy, Debug)]
enum Point {
    /// Within its own request, after so many bytes.
    Asking(usize),
    /// After its request, after at most so many microseconds without an answer.
    Waiting(u64),
    /// In the answer, after so many bytes.
    Reading(usize),
}

impl Point {
    fn kind(self) -> &'static str {
        match self {
            Self::Asking(_) => "asking",
            Self::Waiting(_) => "waiting",
            Self::Reading(_) => "reading",
        }
    }
}

/// What the upstream does is asked for by the request's id: silence, or an answer that never ends.
fn upstream() -> Evil {
    Evil::start(|connection, _| {
        // Some answer at once, some after a while of silence, some never.
        if connection % 4 == 0 {
            return vec![Act::Blackhole];
        }
        let mut acts = vec![Act::Send(stream_head())];
        acts.extend((0..20).map(|_| Act::Send(chunk(&delta("some words of an answer ")))));
        acts.push(Act::Blackhole);
        acts
    })
}

/// Sends a request and leaves; returns when, with a close or a reset.
async fn leave(house: &House, point: Point, id: usize, reset: bool) -> Instant {
    let mut client = Client::connect(house.addr()).await;
    let body = stream_body();
    let request = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: x\r\nx-point: {id}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let cut = match point {
        Point::Asking(bytes) => bytes.min(request.len() - 1),
        _ => request.len(),
    };
    client.send(&request.as_bytes()[..cut]).await;
    match point {
        Point::Asking(_) => {}
        Point::Waiting(micros) => {
            client.some_bytes(Duration::from_micros(micros)).await;
        }
        Point::Reading(bytes) => {
            let mut read = 0;
            while read < bytes {
                // Where the upstream stays silent, the client leaves in that silence.
                match client.some_bytes(Duration::from_millis(20)).await {
                    0 => break,
                    some => read += some,
                }
            }
        }
    }
    let left = clock::now();
    if reset {
        client.reset()
    } else {
        drop(client)
    }
    left
}

fn draw(luck: &mut StdRng) -> Point {
    match luck.random_range(0..10) {
        0 => Point::Asking(luck.random_range(0..400)),
        1 | 2 => Point::Waiting(luck.random_range(0..5_000)),
        _ => Point::Reading(luck.random_range(1..4_500)),
    }
}

/// On a clock that only the test moves: whenever a client leaves, waiting or reading, its upstream is closed without
/// any time passing. That is what is left of the 50 ms on a machine that has nothing else to do.
#[test]
fn no_time_passes_until_the_upstream_is_closed() {
    const POINTS: usize = 300;
    still(async {
        let evil = upstream();
        let yaml = format!("endpoints:\n{}", endpoint("left", &evil.base_url(), ""));
        let gateway = Rc::new(Still::start(&yaml).await);
        let start = clock::now();
        let mut luck = StdRng::seed_from_u64(7);
        let mut read_some = 0;
        for number in 0..POINTS {
            let asked = gateway.begin(CHAT, ask_stream("m", "hello"));
            comes(|| evil.count() > number).await;
            let pieces = luck.random_range(0..10);
            if number % 4 == 0 || pieces == 0 {
                // Without an answer, or before one was looked at.
                asked.abort();
                // With the answer, if there is one already.
                drop(asked);
            } else {
                let mut answer = asked.await.expect("an answer");
                for _ in 0..pieces {
                    read_some += usize::from(answer.until("\n\n").await.starts_with("data:"));
                }
            }
            comes(|| evil.links()[number].over).await;
        }
        assert_eq!(clock::now(), start, "somebody waited");
        assert!(read_some > POINTS, "{read_some}");
        let seen = gateway.seen("left").await;
        assert_eq!((seen.in_flight, seen.view.failure_ratio), (0, None));
    });
}

#[tokio::test]
async fn at_ten_thousand_points() {
    let evil = upstream();
    let house = Arc::new(house("leaves", &evil));
    let mut clients = JoinSet::new();
    for task in 0..AT_ONCE {
        let house = Arc::clone(&house);
        clients.spawn(async move {
            let mut luck = StdRng::seed_from_u64(task as u64);
            let mut left = Vec::new();
            for number in 0..POINTS / AT_ONCE {
                let id = task * POINTS / AT_ONCE + number;
                let point = draw(&mut luck);
                let reset = luck.random();
                let when = leave(&house, point, id, reset).await;
                left.push((id, (when, point.kind(), reset)));
            }
            left
        });
    }
    let left: HashMap<_, _> = clients.join_all().await.into_iter().flatten().collect();
    assert_eq!(left.len(), POINTS);

    // Nothing leaks: every connection, every lease, every count comes home.
    eventually(DEADLINE, || evil.links().iter().all(|link| link.over)).await;
    let in_flight = async || {
        let requests = house
            .metric("breakerbox_http_requests_in_flight", &[])
            .await;
        (house.seen("leaves").await.in_flight, requests)
    };
    let start = clock::now();
    while in_flight().await.0 > 0 && clock::now() - start < DEADLINE {}
    assert_calm(&house, "leaves").await;
    let cancelled = house.outcomes("leaves", "cancelled").await as usize;
    let requests = evil.requests();
    assert!(
        cancelled >= requests.len(),
        "{cancelled} of {}",
        requests.len()
    );
    assert!(requests.len() > POINTS / 2, "{}", requests.len());
    let seen = house.seen("leaves").await;
    assert_eq!(
        seen.view.failure_ratio, None,
        "a client that leaves is nobody's failure"
    );

    // And in time.
    let links = evil.links();
    let mut delays: BTreeMap<_, Vec<Duration>> = BTreeMap::new();
    for request in &requests {
        let id = request.head.header("x-point");
        let id: usize = id.and_then(|id| id.parse().ok()).expect("an id");
        let (left, kind, reset) = left[&id];
        let link = &links[request.connection];
        let closed = link.closed_by_client;
        let closed = closed.expect("the gateway closes, not the upstream");
        let way = (kind, reset, link.sent > 0);
        let delay = closed.saturating_duration_since(left);
        delays.entry(way).or_default().push(delay);
    }
    // By waiting or reading, close or reset, with or without an answer: some of whole requests at least.
    assert!(delays.len() >= 8, "{:?}", delays.keys());
    for (way, mut delays) in delays {
        delays.sort();
        let [median, longest] = [delays[delays.len() / 2], delays[delays.len() - 1]];
        assert!(
            median <= WITHIN && longest <= AT_MOST,
            "{way:?}: {median:?} {longest:?} of {}",
            delays.len()
        );
    }
}
