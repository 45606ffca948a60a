//! Who waits, in what order, and until when.

use breakerbox_actors::{
    clock,
    engine::Arbiters,
    error::{UnavailableKind, Why},
    state::{breaker::Phase, event::Outcome},
};

use super::{
    routing::name,
    support::{FAILED, House, Make, SECOND, settle, spec, used},
};

#[actix::test]
async fn who_waits_is_served_in_order_and_nobody_passes() {
    let house = House::paused(&[Make::new("a").in_flight(1)]).await;
    let mut lease = house.take().await.expect("a lease");
    let mut line = Vec::new();
    for _ in 0..5 {
        line.push(house.queue(house.pick(), 60 * SECOND));
        house.turn().await;
    }
    assert_eq!(
        (house.router().await.waiting, house.engine.waiting()),
        (5, 5)
    );
    for (place, next) in line.into_iter().enumerate() {
        settle(lease, Outcome::Success);
        // In the same instant, before the router has heard the bell.
        let passes = house.take().await.expect_err("no passing");
        if place < 4 {
            assert_eq!(passes.kind, UnavailableKind::RateLimited);
        }
        house.turn().await;
        assert!(next.is_finished(), "place {place}");
        lease = next.await.expect("a task").expect("a lease");
    }
    assert_eq!(house.engine.waiting(), 0);
}

#[actix::test]
async fn a_retry_may_pass_and_the_line_of_one_model_holds_up_no_other() {
    let house = House::paused(&[
        Make::new("a").in_flight(1),
        Make::new("b").model("n"),
        Make::new("c"),
    ])
    .await;
    let mut at_a = house.pick();
    at_a.pin = Some("a".into());
    let lease = house.ask(at_a.clone()).await.expect("a lease");
    let waiting = house.queue(at_a.clone(), 60 * SECOND);
    house.turn().await;
    let lines = house.take().await.expect_err("stand in line");
    assert!(lines.may_wait_until(clock::now() + SECOND, clock::now()));
    let mut retry = house.pick();
    retry.extra = true;
    assert_eq!(name(house.ask(retry).await), "c");
    assert_eq!(name(house.ask(house.pick_for("n")).await), "b");
    // Behind one that can only go to a, others need not wait for a.
    let behind = house.queue(house.pick(), 60 * SECOND);
    house.turn().await;
    assert_eq!(name(behind.await.expect("a task")), "c");
    assert!(!waiting.is_finished());
    settle(lease, Outcome::Success);
    assert_eq!(name(waiting.await.expect("a task")), "a");
}

#[actix::test]
async fn one_that_has_tried_the_free_endpoint_does_not_hold_up_the_others() {
    let house = House::paused(&[Make::new("a"), Make::new("b").in_flight(1)]).await;
    let mut at_b = house.pick();
    at_b.pin = Some("b".into());
    let lease = house.ask(at_b).await.expect("a lease");
    let mut tried = house.pick();
    tried.except = vec![house.target("a")];
    let tried = house.queue(tried, 60 * SECOND);
    house.turn().await;
    let behind = house.queue(house.pick(), 60 * SECOND);
    house.turn().await;
    assert_eq!(name(behind.await.expect("a task")), "a");
    settle(lease, Outcome::Success);
    assert_eq!(name(tried.await.expect("a task")), "b");
}

#[actix::test]
async fn waiting_ends_at_the_deadline_or_when_the_window_opens() {
    let house = House::paused(&[Make::new("a").rpm(1)]).await;
    house.once(Outcome::Success).await;
    let start = clock::now();
    let short = house.queue(house.pick(), 10 * SECOND);
    let long = house.queue(house.pick(), 90 * SECOND);
    let refusal = short.await.expect("a task").expect_err("too late");
    let waited = clock::now() - start;
    assert!(waited < 11 * SECOND, "{waited:?}");
    assert_eq!(refusal.exclusions[0].why, Why::RequestsPerMinute);
    drop(long.await.expect("a task").expect("a lease"));
    let waited = clock::now() - start;
    assert!(waited > 59 * SECOND && waited < 62 * SECOND, "{waited:?}");
    assert_eq!(house.engine.waiting(), 0);
}

#[actix::test]
async fn a_shorter_deadline_behind_a_longer_one_is_kept() {
    let house = House::paused(&[Make::new("a").in_flight(1)]).await;
    let lease = house.take().await.expect("a lease");
    let start = clock::now();
    let _long = house.queue(house.pick(), 90 * SECOND);
    let short = house.queue(house.pick(), SECOND);
    short.await.expect("a task").expect_err("too late");
    assert!(clock::now() - start < 2 * SECOND);
    drop(lease);
}

#[actix::test]
async fn who_has_no_hope_is_told_so_at_once() {
    let house = House::paused(&[Make::new("a").in_flight(1)]).await;
    let lease = house.take().await.expect("a lease");
    let waiting = house.queue(house.pick(), 60 * SECOND);
    house.turn().await;
    settle(lease, Outcome::KeyRejected);
    let start = clock::now();
    let answer = waiting.await.expect("a task");
    // The place was free for a moment before the actor knew why.
    if let Ok(lease) = answer {
        settle(lease, Outcome::KeyRejected);
        house.turn().await;
    }
    let late = house.queue(house.pick(), 60 * SECOND);
    let refusal = late.await.expect("a task").expect_err("no lease");
    assert_eq!(refusal.exclusions[0].why, Why::KeyRejected);
    assert!(clock::now() - start < SECOND);
}

#[actix::test]
async fn a_client_that_left_takes_no_credit_and_no_place() {
    tokio::time::pause();
    let mut spec = spec(&[Make::new("a").in_flight(1).rpm(10)]);
    spec.max_waiting = 3;
    let house = House::with(spec, Arbiters::current()).await;
    let lease = house.take().await.expect("a lease");
    let line: Vec<_> = (0..3)
        .map(|_| house.queue(house.pick(), 60 * SECOND))
        .collect();
    house.turn().await;
    let full = house
        .queue(house.pick(), 60 * SECOND)
        .await
        .expect("a task");
    assert_eq!(full.expect_err("no place").kind, UnavailableKind::QueueFull);
    for gone in line {
        gone.abort();
    }
    house.turn().await;
    let next = house.queue(house.pick(), 60 * SECOND);
    house.turn().await;
    assert_eq!(
        house.engine.waiting(),
        1,
        "their places were given to others"
    );
    settle(lease, Outcome::Success);
    let next = next.await.expect("a task").expect("a lease");
    house.turn().await;
    assert_eq!(
        house.view("a").await.rpm.used,
        2,
        "nobody else was lent anything"
    );
    drop(next);
}

#[actix::test]
async fn nobody_waits_where_nobody_may() {
    tokio::time::pause();
    let mut spec = spec(&[Make::new("a").in_flight(1)]);
    spec.max_waiting = 0;
    let house = House::with(spec, Arbiters::current()).await;
    let _lease = house.take().await.expect("a lease");
    let refusal = house.queue(house.pick(), SECOND).await.expect("a task");
    let refusal = refusal.expect_err("no place");
    assert_eq!(refusal.kind, UnavailableKind::QueueFull);
    assert_eq!(refusal.exclusions[0].why, Why::InFlight);
}

/// A denial must not wake those who wait, or they would wake each other for
/// ever: two that need tokens which are not there.
#[actix::test]
async fn who_waits_for_tokens_sleeps() {
    let house = House::paused(&[Make::new("a").tpm(100)]).await;
    let mut big = house.pick();
    big.estimate.input = 80;
    let held = house.ask(big.clone()).await.expect("a lease");
    let first = house.queue(big.clone(), 300 * SECOND);
    let second = house.queue(big, 300 * SECOND);
    // A turn ends only if everybody sleeps.
    house.turn().await;
    used(held, 30);
    house.turn().await;
    assert!(!first.is_finished(), "70 are left");
    drop(first.await.expect("a task").expect("a lease, later"));
    drop(second);
}

/// Tokens that are only reserved come back with the answer, as far as it does not use them: nobody is told to wait for
/// the minute to pass.
#[actix::test]
async fn who_lacks_tokens_that_are_under_way_waits_for_the_answer() {
    let house = House::paused(&[Make::new("a").tpm(100)]).await;
    let mut big = house.pick();
    big.estimate.input = 80;
    let held = house.ask(big.clone()).await.expect("a lease");
    let refusal = house.ask(big.clone()).await.expect_err("no tokens");
    let why = &refusal.exclusions[0];
    assert_eq!((why.why, why.until), (Why::TokensPerMinute, None));
    let waiting = house.queue(big.clone(), 10 * SECOND);
    house.turn().await;
    used(held, 10);
    let held = waiting.await.expect("a task").expect("a lease");
    // This one uses all of it: now the minute has to pass.
    used(held, 80);
    house.turn().await;
    let refusal = house.ask(big).await.expect_err("no tokens");
    let until = refusal.until().expect("a time") - clock::now();
    assert!(until > 59 * SECOND && until < 62 * SECOND, "{until:?}");
}

/// Found by the simulation: whoever is denied for want of tokens must not ask
/// the actor to look because of credits that are gone.
#[actix::test]
async fn who_waits_beside_a_last_resort_without_tokens_sleeps() {
    let house = House::paused(&[Make::new("a").tpm(100), Make::new("b").in_flight(1)]).await;
    let at = |name: &str| {
        let mut pick = house.pick();
        pick.pin = Some(name.into());
        pick
    };
    let _full = house.ask(at("b")).await.expect("a lease");
    let mut big = at("a");
    big.estimate.input = 80;
    let _held = house.ask(big).await.expect("a lease");
    for _ in 0..5 {
        settle(house.ask(at("a")).await.expect("a lease"), FAILED);
        house.turn().await;
    }
    assert_eq!(house.phase("a").await, Phase::Open);
    let mut big = house.pick();
    big.estimate.input = 80;
    let waiting = house.queue(big, 10 * SECOND);
    house.turn().await;
    waiting.await.expect("a task").expect_err("no lease");
}

#[actix::test]
async fn who_waits_is_counted_once_however_often_the_bell_rings() {
    let house = House::paused(&[Make::new("a").in_flight(1), Make::new("b").model("n")]).await;
    let held = house.take().await.expect("a lease");
    house.take().await.expect_err("no room");
    let waiting = house.queue(house.pick(), 60 * SECOND);
    house.turn().await;
    let before = house.router().await.picks;
    for _ in 0..10 {
        // Each ring makes the router look at those who wait.
        settle(
            house.ask(house.pick_for("n")).await.expect("a lease"),
            Outcome::Success,
        );
        house.turn().await;
    }
    assert_eq!(house.router().await.picks, before + 10);
    settle(held, Outcome::Success);
    drop(waiting.await.expect("a task").expect("a lease"));
    assert_eq!((before, house.router().await.picks), (2, before + 10));
}
