//! Endpoints that answer 500: always, and half of the time.

use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use breakerbox_actors::clock;
use breakerbox_actors::state::breaker::Phase;

use super::scene::{
    Crowd, MODEL, NO_BREAKER, NO_PINGS, Shot, alone, always, assert_all_ok, healthy, house, view,
    well,
};
use crate::support::chat::{CHAT, ask, response};
use crate::support::evil::{Act, Evil};
use crate::support::gateway::endpoint;
use crate::support::still::{Still, still};

const GAP: Duration = Duration::from_millis(5);

fn broken() -> Evil {
    always(response(500, &[], r#"{"error":{"message":"broken"}}"#))
}

/// Upstream calls of the requests that began after `warm`, and how many requests those were.
fn calls(shots: &[Shot], warm: Duration) -> (usize, usize) {
    let start = shots[0].began;
    let late = shots.iter().filter(|shot| shot.began - start >= warm);
    late.fold((0, 0), |(calls, requests), shot| {
        (calls + shot.attempts(), requests + 1)
    })
}

/// Everything answers 500 for 60 s, on a clock that only the test moves.
#[test]
fn everything_500_costs_at_most_a_tenth_more() {
    const TIME: Duration = Duration::from_secs(60);
    const WARM: Duration = Duration::from_secs(10);
    const GAP: Duration = Duration::from_millis(40);
    still(async {
        let evils = [broken(), broken(), broken()];
        let names = ["a", "b", "c"].into_iter().zip(&evils);
        let endpoints = names.map(|(name, evil)| endpoint(name, &evil.base_url(), ""));
        let yaml = format!("endpoints:\n{}", endpoints.collect::<String>());
        let gateway = Rc::new(Still::start(&yaml).await);
        let begin = clock::now();
        let mut flying = Vec::new();
        while clock::now() < begin + TIME {
            flying.push((clock::now(), gateway.begin(CHAT, ask(MODEL, "hello"))));
            gateway.calm().await;
            tokio::time::advance(GAP).await;
        }
        let (mut calls, mut requests, mut told) = (0, 0, 0);
        for (began, flying) in flying {
            let answer = flying.await.expect("an answer");
            assert!(matches!(answer.status, 502 | 503), "{}", answer.status);
            assert!(answer.attempts() <= 3, "{}", answer.attempts());
            told += answer.attempts();
            if began >= begin + WARM {
                calls += answer.attempts();
                requests += 1;
            }
        }
        assert!(calls * 100 <= requests * 110, "{calls} for {requests}");
        assert!(calls > 0, "somebody is still tried");
        // What clients were told is what upstreams saw.
        assert_eq!(told, evils.iter().map(Evil::count).sum::<usize>());
    });
}

/// Everything answers 500 and no breaker helps: the retry budget alone keeps to a tenth, and one more a second, once its
/// first hundred are gone.
#[tokio::test]
async fn without_a_breaker_the_retry_budget_holds() {
    let _alone = alone().await;
    let evils = [broken(), broken(), broken()];
    let urls = ["a", "b", "c"].into_iter().zip(&evils);
    let house = house(
        urls.map(|(name, evil)| (name, evil.base_url())),
        &[NO_PINGS, NO_BREAKER],
    );
    let shots = Crowd::new(&house).fire(GAP, Duration::from_secs(6)).await;
    let (late, requests) = calls(&shots, Duration::from_secs(2));
    let seconds = 4 + 1;
    assert!(
        late * 100 <= requests * 110 + seconds * 100,
        "{late} for {requests}"
    );
    assert!(late > requests, "some are tried again");
    assert!(shots.iter().all(|shot| shot.attempts() <= 3));
    // What clients were told is what upstreams saw.
    let told: usize = shots.iter().map(Shot::attempts).sum();
    let seen: usize = evils.iter().map(Evil::count).sum();
    assert_eq!(told, seen);
}

/// Half of the answers a 500, in an order without a pattern.
fn half_broken() -> Evil {
    let count = AtomicUsize::new(0);
    Evil::start(move |_, _| {
        let number = count.fetch_add(1, Ordering::Relaxed) as u64;
        // A multiplicative hash; its upper bits look like coin tosses.
        let toss = number.wrapping_add(7).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        if (toss ^ toss >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 63 == 0 {
            return well(Duration::ZERO);
        }
        vec![
            Act::Send(response(500, &[], r#"{"error":{"message":"tails"}}"#)),
            Act::KeepAlive,
        ]
    })
}

/// All requests are for it, so that the breaker alone decides.
async fn is_out_in_time(bad: &Evil) {
    let good = healthy(Duration::ZERO);
    let house = house(
        [("bad", bad.base_url()), ("good", good.base_url())],
        &[NO_PINGS, "routing: { max_attempts: 1 }"],
    );
    let crowd = Crowd::new(&house);
    let mut first = None;
    let mut samples = 0;
    while view(&house, "bad").await.phase == Phase::Closed {
        let shot = crowd.shoot_at("bad").await;
        let first = *first.get_or_insert(shot.began);
        samples += 1;
        let time = shot.began - first;
        assert!(
            samples <= 20 || time <= Duration::from_secs(2),
            "{samples} samples in {time:?}"
        );
    }
}

#[tokio::test]
async fn half_500_is_out_within_20_samples_or_2_seconds() {
    let _alone = alone().await;
    is_out_in_time(&half_broken()).await;
}

/// Never two failures in a row: only their share can tell.
#[tokio::test]
async fn every_other_500_is_out_within_20_samples_or_2_seconds() {
    let _alone = alone().await;
    let count = AtomicUsize::new(0);
    let bad = Evil::start(
        move |_, _| match count.fetch_add(1, Ordering::Relaxed) % 2 {
            0 => well(Duration::ZERO),
            _ => vec![Act::Send(response(500, &[], "{}")), Act::KeepAlive],
        },
    );
    is_out_in_time(&bad).await;
}

/// Beside two good ones, it costs nobody an answer, and its share falls before it is out.
#[tokio::test]
async fn half_500_on_one_of_three_costs_no_answer() {
    let _alone = alone().await;
    let (bad, b, c) = (
        half_broken(),
        healthy(Duration::ZERO),
        healthy(Duration::ZERO),
    );
    let house = house(
        [
            ("bad", bad.base_url()),
            ("b", b.base_url()),
            ("c", c.base_url()),
        ],
        &[NO_PINGS],
    );
    let shots = Crowd::new(&house).fire(GAP, Duration::from_secs(5)).await;
    assert_all_ok(&shots);
    let seen = bad.requests();
    let late = seen
        .iter()
        .filter(|it| it.at > seen[0].at + Duration::from_secs(2));
    assert!(
        seen.len() <= 20 || late.count() == 0,
        "{} samples",
        seen.len()
    );
}

/// A failure does not wait for company: the request right behind the last one that it takes goes elsewhere at once.
#[test]
fn the_fifth_failure_in_a_row_is_the_last_before_any_time_passes() {
    still(async {
        let (bad, good) = (broken(), healthy(Duration::ZERO));
        let urls = [("bad", bad.base_url()), ("good", good.base_url())];
        let lines = urls.map(|(name, url)| endpoint(name, &url, ""));
        let yaml = format!(
            "endpoints:\n{}routing: {{ strategy: priority }}\n",
            lines.concat()
        );
        let gateway = Still::start(&yaml).await;
        let begin = clock::now();
        for attempts in [2, 2, 2, 2, 2, 1, 1] {
            let answer = gateway.post(CHAT, &ask(MODEL, "hello")).await;
            assert_eq!((answer.status, answer.attempts()), (200, attempts));
        }
        assert_eq!(bad.count(), 5);
        assert_eq!(clock::now(), begin);
    });
}
