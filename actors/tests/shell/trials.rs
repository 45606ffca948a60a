//! A half-open circuit: one trial at a time, and who waits for it.

use breakerbox_actors::{
    clock,
    error::Why,
    lease::Lease,
    messages::Chaos,
    state::{breaker::Phase, event::Outcome},
    supervise::{INTENSITY, QUARANTINE},
};

use super::support::{FAILED, House, MS, Make, SECOND, id, settle};

/// One endpoint whose circuit is half-open and needs two trials; the first is
/// under way.
async fn tried() -> (House, Lease) {
    let make = Make::new("a").breaker(|it| {
        it.failure_threshold = 1;
        it.half_open_requests = 2;
    });
    let house = House::paused(&[make]).await;
    house.fail(1).await;
    while house.phase("a").await != Phase::HalfOpen {
        tokio::time::sleep(SECOND).await;
    }
    let trial = house.take().await.expect("a trial");
    assert!(trial.is_trial());
    (house, trial)
}

#[actix::test]
async fn who_comes_during_a_trial_waits_and_is_served_one_by_one_until_it_closes() {
    let (house, trial) = tried().await;
    let refusal = house.take().await.expect_err("one trial at a time");
    let now = clock::now();
    assert_eq!(refusal.exclusions[0].why, Why::TrialUnderWay);
    assert!(refusal.may_wait_until(now + SECOND, now));
    let mut line: Vec<_> = (0..5)
        .map(|_| house.queue(house.pick(), 10 * SECOND))
        .collect();
    house.turn().await;
    assert_eq!(house.engine.waiting(), 5, "also the actor has heard of it");
    settle(trial, Outcome::Success);
    house.turn().await;
    assert_eq!(house.engine.waiting(), 4, "one more trial");
    let second = line.remove(0).await.expect("a task").expect("a lease");
    assert!(second.is_trial());
    settle(second, Outcome::Success);
    house.turn().await;
    assert_eq!(house.phase("a").await, Phase::Closed);
    for served in line {
        assert!(served.is_finished());
        drop(served.await.expect("a task").expect("a lease"));
    }
}

#[actix::test]
async fn who_waits_for_a_trial_that_fails_is_refused_at_once() {
    let (house, trial) = tried().await;
    let line: Vec<_> = (0..5)
        .map(|_| house.queue(house.pick(), 10 * SECOND))
        .collect();
    house.turn().await;
    let start = clock::now();
    settle(trial, FAILED);
    let mut last_resorts = Vec::new();
    for waited in line {
        match waited.await.expect("a task") {
            Ok(lease) => last_resorts.push(lease),
            Err(refusal) => assert_eq!(refusal.exclusions[0].why, Why::CircuitOpen),
        }
    }
    assert!(clock::now() - start < SECOND / 10);
    assert_eq!(last_resorts.len(), 1, "the last endpoint is still tried");
}

#[actix::test]
async fn who_waits_for_a_trial_that_nobody_ends_waits_while_it_is_likely_to_speak() {
    let (house, _trial) = tried().await;
    let start = clock::now();
    // Of an endpoint that never answered nobody knows how long it takes: 5 s at the most.
    let waiting = [2, 10, 60].map(|allowed| house.queue(house.pick(), allowed * SECOND));
    let expected = [
        (Why::TrialUnderWay, 2),
        (Why::LongTrial, 5),
        (Why::LongTrial, 5),
    ];
    for (waiting, (why, end)) in waiting.into_iter().zip(expected) {
        let refusal = waiting.await.expect("a task").expect_err("too late");
        assert_eq!(refusal.exclusions[0].why, why);
        let waited = clock::now() - start;
        let (least, most) = (end * SECOND * 99 / 100, end * SECOND * 101 / 100);
        assert!((least..most).contains(&waited), "{waited:?}");
    }
}

/// Makes the actor of `a` rest for longer than a trial may be silent.
async fn rests(house: &House) {
    for _ in 0..=INTENSITY {
        assert!(house.engine.chaos(&id("a"), Chaos::Panic));
    }
    house.turn().await;
    assert_eq!(house.whys().await, [("a".to_owned(), Why::Quarantined)]);
}

#[actix::test]
async fn a_trial_that_speaks_while_its_actor_rests_keeps_its_place() {
    let (house, mut trial) = tried().await;
    rests(&house).await;
    tokio::time::sleep(SECOND).await;
    trial.first_byte(Default::default());
    tokio::time::sleep(QUARANTINE).await;
    assert_eq!(house.whys().await, [("a".to_owned(), Why::LongTrial)]);
    settle(trial, Outcome::Success);
    house.turn().await;
    house.once(Outcome::Success).await;
    assert_eq!(house.phase("a").await, Phase::Closed, "both trials counted");
}

/// A trial ends so while its actor rests; returns the phase after that.
async fn ends_unread(outcome: Outcome) -> Phase {
    let (house, trial) = tried().await;
    rests(&house).await;
    tokio::time::sleep(SECOND).await;
    settle(trial, outcome);
    tokio::time::sleep(QUARANTINE).await;
    house.phase("a").await
}

#[actix::test]
async fn a_trial_that_succeeds_while_its_actor_rests_was_not_silent() {
    assert_eq!(ends_unread(Outcome::Success).await, Phase::HalfOpen);
}

#[actix::test]
async fn nor_was_one_whose_client_left() {
    assert_eq!(ends_unread(Outcome::Cancelled).await, Phase::HalfOpen);
}

#[actix::test]
async fn a_trial_that_is_silent_while_its_actor_rests_has_failed() {
    let (house, mut trial) = tried().await;
    rests(&house).await;
    tokio::time::sleep(40 * SECOND).await;
    trial.first_byte(Default::default());
    tokio::time::sleep(QUARANTINE - 39 * SECOND).await;
    let view = house.view("a").await;
    assert_eq!(view.phase, Phase::Open, "too late is too late: {view:?}");
    drop(trial);
    tokio::time::sleep(10 * MS).await;
    assert_eq!(house.phase("a").await, Phase::Open);
}
