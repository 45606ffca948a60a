//! Who gets how much: endpoints that fail, that say nothing, that nobody knows.

use std::collections::VecDeque;

use breakerbox_actors::{chance, clock, lease::Lease, state::event::Outcome};

use super::support::{FAILED, House, MS, Make, endpoint, settle};

/// Two endpoints, `a` and `b`, that never open.
async fn two() -> House {
    chance::seed(11);
    let targets = ["a", "b"].map(|name| Make::new(name).breaker(|it| it.failure_threshold = 1000));
    House::paused(&targets).await
}

#[actix::test]
async fn a_failing_endpoint_loses_its_share_before_it_is_out() {
    let house = two().await;
    let (mut bad, mut good) = (0, VecDeque::new());
    for _ in 0..1_000 {
        let lease = house.take().await.expect("a lease");
        if endpoint(&lease) == "a" {
            bad += 1;
            tokio::time::sleep(MS).await;
            settle(lease, FAILED);
        } else {
            good.push_back(lease);
        }
        // Eight at a time, each for 800 ms.
        tokio::time::sleep(100 * MS).await;
        if good.len() >= 8 {
            settle(good.pop_front().expect("the oldest"), Outcome::Success);
        }
    }
    assert!(bad <= 50, "5 % at the most: {bad}");
}

/// Sends 100 requests a second for so long; whoever is not `silent` answers in
/// 200 ms. Returns the share of `a`.
async fn traffic(house: &House, silent: Option<&str>, held: &mut Vec<Lease>, ticks: u32) -> f64 {
    let (mut mine, mut under_way) = (0, VecDeque::new());
    for _ in 0..ticks {
        let lease = house.take().await.expect("a lease");
        mine += u32::from(endpoint(&lease) == "a");
        if Some(endpoint(&lease)) == silent {
            held.push(lease);
        } else {
            under_way.push_back(lease);
        }
        tokio::time::sleep(10 * MS).await;
        let old = |lease: &mut Lease| lease.age() >= 200 * MS;
        while let Some(lease) = under_way.pop_front_if(old) {
            settle(lease, Outcome::Success);
        }
    }
    f64::from(mine) / f64::from(ticks)
}

#[actix::test]
async fn an_endpoint_that_swallows_requests_loses_its_share_within_two_seconds() {
    let house = two().await;
    let mut held = Vec::new();
    let before = traffic(&house, None, &mut held, 500).await;
    assert!((0.35..0.65).contains(&before), "{before}");
    traffic(&house, Some("a"), &mut held, 200).await;
    let after = traffic(&house, Some("a"), &mut held, 200).await;
    assert!(after <= 0.1, "{after}");
    // Back to life: the first answer is a sign of it.
    settle(held.pop().expect("a request"), Outcome::Success);
    house.turn().await;
    let back = traffic(&house, None, &mut held, 200).await;
    assert!((0.2..0.65).contains(&back), "{back}");
}

#[actix::test]
async fn a_slow_stream_is_not_silence_and_who_left_is_no_sign_of_life() {
    let house = two().await;
    let mut at_a = house.pick();
    at_a.pin = Some("a".into());
    let mut stream = house.ask(at_a.clone()).await.expect("a lease");
    stream.first_byte(Default::default());
    let mut held = Vec::new();
    traffic(&house, None, &mut held, 500).await;
    let share = traffic(&house, None, &mut held, 300).await;
    assert!(
        (0.35..0.65).contains(&share),
        "streams for seconds: {share}"
    );

    let start = clock::now();
    let _waits = house.ask(at_a.clone()).await.expect("a lease");
    while clock::now() - start < 2_000 * MS {
        // Clients that give up.
        drop(house.ask(at_a.clone()).await.expect("a lease"));
        tokio::time::sleep(100 * MS).await;
    }
    let share = traffic(&house, Some("a"), &mut held, 200).await;
    assert!(share <= 0.15, "{share}");
}
