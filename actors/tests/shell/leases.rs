//! A lease finds its way home, whatever becomes of the request, and when.

use std::time::Duration;

use breakerbox_actors::{
    clock,
    engine::Arbiters,
    lease::Lease,
    messages::Chaos,
    state::{
        breaker::Phase,
        event::{Outcome, ProviderLimits, Remaining},
    },
};
use rand::{RngExt, SeedableRng, rngs::SmallRng};

use super::support::{FAILED, House, MS, Make, SECOND, id, settle, spec, used};

async fn lease(house: &House) -> Lease {
    house.take().await.expect("a lease")
}

/// Requests that the breaker has an opinion of: what was reported so far.
async fn told(house: &House) -> (u32, Option<f64>) {
    let view = house.view("a").await;
    (view.failures_in_a_row, view.failure_ratio)
}

#[actix::test]
async fn a_success_comes_home_after_five_milliseconds() {
    let house = House::paused(&[Make::new("a")]).await;
    let lease = lease(&house).await;
    assert_eq!(house.seen("a").await.in_flight, 1);
    settle(lease, Outcome::Success);
    assert_eq!(
        house.seen("a").await.in_flight,
        0,
        "its place is free at once"
    );
    tokio::time::sleep(Duration::from_micros(4_500)).await;
    assert_eq!(told(&house).await, (0, None));
    tokio::time::sleep(Duration::from_micros(2_500)).await;
    assert_eq!(told(&house).await, (0, Some(0.0)));
}

#[actix::test]
async fn a_failure_comes_home_at_once_and_takes_along_what_waits() {
    let house = House::paused(&[Make::new("a")]).await;
    let start = clock::now();
    settle(lease(&house).await, Outcome::Success);
    assert_eq!(told(&house).await, (0, None));
    settle(lease(&house).await, FAILED);
    assert_eq!(told(&house).await, (1, Some(0.5)));
    assert_eq!(clock::now(), start, "no time has passed");
}

#[actix::test]
async fn what_a_breaker_must_know_at_once_does_not_wait() {
    tokio::time::pause();
    let limited = Outcome::RateLimited {
        retry_after: Some(SECOND),
        daily: false,
    };
    for (outcome, urgent) in [
        (Outcome::Success, false),
        (Outcome::ClientFault, false),
        (FAILED, true),
        (limited, true),
        (Outcome::KeyRejected, true),
        (Outcome::Cancelled, true),
    ] {
        let targets = spec(&[Make::new("a").tpm(100)]);
        let house = House::with(targets, Arbiters::current()).await;
        let mut pick = house.pick();
        pick.estimate.input = 10;
        let lease = house.ask(pick).await.expect("a lease");
        lease.settle(outcome, Some(0), ProviderLimits::default());
        let home = house.view("a").await.tpm.used == 0;
        assert_eq!(home, urgent, "{outcome:?}");
        house.turn().await;
        assert_eq!(house.view("a").await.tpm.used, 0, "{outcome:?}");
    }
}

#[actix::test]
async fn a_whole_batch_of_reports_is_not_kept_waiting() {
    let house = House::paused(&[Make::new("a"), Make::new("b")]).await;
    let start = clock::now();
    for _ in 0..255 {
        settle(lease(&house).await, Outcome::Success);
    }
    let home = async |name| house.view(name).await.failure_ratio.is_some();
    assert!(!home("a").await && !home("b").await);
    settle(lease(&house).await, Outcome::Success);
    assert!(
        home("a").await && home("b").await,
        "for all targets together"
    );
    assert_eq!(clock::now(), start);
}

#[actix::test]
async fn a_lease_dropped_is_a_cancellation_and_moves_no_breaker() {
    let house = House::paused(&[Make::new("a")]).await;
    for _ in 0..100 {
        drop(lease(&house).await);
    }
    house.turn().await;
    let view = house.view("a").await;
    assert_eq!(
        (view.phase, view.failure_ratio, view.latency, view.penalty),
        (Phase::Closed, None, None, Duration::ZERO)
    );
    assert_eq!(house.seen("a").await.in_flight, 0);
}

#[actix::test]
async fn the_first_byte_is_told_once_and_is_the_latency() {
    let house = House::paused(&[Make::new("a")]).await;
    let mut lease = lease(&house).await;
    tokio::time::sleep(100 * MS).await;
    let left = |left| ProviderLimits {
        requests: Some(Remaining { left, reset: None }),
        ..ProviderLimits::default()
    };
    lease.first_byte(left(7));
    lease.first_byte(left(3));
    house.turn().await;
    let latency = house.view("a").await.latency.expect("a latency");
    assert!(latency >= 100 * MS && latency < 105 * MS, "{latency:?}");
    assert_eq!(house.seen("a").await.credits, 7);
    tokio::time::sleep(SECOND).await;
    settle(lease, Outcome::Success);
    house.turn().await;
    let latency = house.view("a").await.latency.expect("a latency");
    assert!(
        latency < 105 * MS,
        "the rest of the answer is no latency: {latency:?}"
    );
}

#[actix::test]
async fn tokens_come_back_as_far_as_they_were_not_used() {
    let house = House::paused(&[Make::new("a").tpm(1000)]).await;
    let mut pick = house.pick();
    pick.estimate.input = 600;
    let first = house.ask(pick.clone()).await.expect("a lease");
    house.ask(pick.clone()).await.expect_err("no tokens");
    used(first, 100);
    house.turn().await;
    let second = house.ask(pick.clone()).await.expect("a lease");
    drop(second);
    house.turn().await;
    assert_eq!(
        house.view("a").await.tpm.used,
        700,
        "without a count the reservation stands"
    );
}

#[actix::test]
async fn whatever_happens_no_place_in_flight_is_lost() {
    let targets = [Make::new("a").in_flight(20), Make::new("b").tpm(100_000)];
    let house = House::paused(&targets).await;
    let mut rng = SmallRng::seed_from_u64(5);
    let mut held: Vec<Lease> = Vec::new();
    for step in 0..2_000 {
        let mut pick = house.pick();
        pick.estimate.input = rng.random_range(0..100);
        held.extend(house.ask(pick).await);
        while held.len() > 30 || (!held.is_empty() && rng.random_bool(0.4)) {
            let mut lease = held.swap_remove(rng.random_range(0..held.len()));
            match rng.random_range(0..5) {
                0 => drop(lease),
                1 => {
                    lease.first_byte(ProviderLimits::default());
                }
                2 => settle(lease, FAILED),
                3 => used(lease, 500),
                _ => settle(lease, Outcome::Success),
            }
        }
        match step % 400 {
            100 => assert!(house.engine.chaos(&id("a"), Chaos::Panic)),
            200 => house
                .engine
                .apply(spec(&targets))
                .await
                .expect("a guardian"),
            300 => tokio::time::sleep(90 * SECOND).await,
            _ => {}
        }
        let in_flight = |name| house.target(name).in_flight();
        assert_eq!(in_flight("a") + in_flight("b"), held.len() as u32);
        assert!(in_flight("a") <= 20);
    }
    held.clear();
    assert_eq!(
        house.target("a").in_flight() + house.target("b").in_flight(),
        0
    );
}

async fn half_open() -> House {
    let house = House::paused(&[Make::new("a")]).await;
    house.fail(5).await;
    assert_eq!(house.phase("a").await, Phase::Open);
    tokio::time::sleep(67 * SECOND).await;
    assert_eq!(house.phase("a").await, Phase::HalfOpen);
    house
}

#[actix::test]
async fn a_trial_that_its_client_cancels_frees_the_place_at_once() {
    let house = half_open().await;
    let trial = lease(&house).await;
    assert!(trial.is_trial());
    house.take().await.expect_err("one at a time");
    drop(trial);
    house.turn().await;
    assert_eq!(house.phase("a").await, Phase::HalfOpen);
    assert!(lease(&house).await.is_trial());
}

#[actix::test]
async fn a_silent_trial_fails_and_one_that_spoke_does_not() {
    let house = half_open().await;
    let mut trial = lease(&house).await;
    trial.first_byte(ProviderLimits::default());
    tokio::time::sleep(300 * SECOND).await;
    assert_eq!(house.phase("a").await, Phase::HalfOpen);
    settle(trial, Outcome::Success);
    house.turn().await;
    let silent = lease(&house).await;
    tokio::time::sleep(31 * SECOND).await;
    assert_eq!(house.phase("a").await, Phase::Open);
    settle(silent, Outcome::Success);
    house.turn().await;
    assert_eq!(
        house.phase("a").await,
        Phase::Open,
        "too late to be believed"
    );
}

#[actix::test]
async fn a_late_success_from_before_a_trip_changes_nothing() {
    let house = House::paused(&[Make::new("a")]).await;
    let slow: Vec<Lease> = {
        let mut slow = Vec::new();
        for _ in 0..20 {
            slow.push(lease(&house).await);
        }
        slow
    };
    house.fail(5).await;
    let before = house.view("a").await;
    assert_eq!(before.phase, Phase::Open);
    for lease in slow {
        settle(lease, Outcome::Success);
    }
    house.turn().await;
    let after = house.view("a").await;
    assert_eq!(
        (after.phase, after.open_until),
        (before.phase, before.open_until)
    );
}

#[actix::test]
async fn a_lease_outlives_its_router_and_still_reports() {
    let mut house = House::paused(&[Make::new("a")]).await;
    let lease = lease(&house).await;
    house.router = house.engine.router();
    house.turn().await;
    settle(lease, Outcome::Success);
    assert_eq!(
        told(&house).await,
        (0, Some(0.0)),
        "with nothing to wait for"
    );
}
