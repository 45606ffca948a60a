//! Who is picked, who waits, and who is refused and why.

use std::sync::Arc;

use breakerbox_actors::{
    clock,
    engine::Arbiters,
    error::{Unavailable, UnavailableKind, Why},
    lease::Lease,
    state::{breaker::Phase, choice::Strategy, event::Outcome, policy::Ratio},
    table::Entry,
};

use super::support::{
    FAILED, House, MS, Make, SECOND, begin, endpoint, pick, plan, settle, spec, used,
};

async fn picked(house: &House, times: usize) -> Vec<String> {
    let mut picked = Vec::new();
    for _ in 0..times {
        let lease = house.take().await.expect("a lease");
        picked.push(endpoint(&lease).to_owned());
        settle(lease, Outcome::ClientFault);
    }
    picked.sort();
    picked.dedup();
    picked
}

pub(crate) fn name(lease: Result<Lease, Unavailable>) -> String {
    endpoint(&lease.expect("a lease")).to_owned()
}

#[actix::test]
async fn a_fallback_serves_only_when_the_model_itself_cannot() {
    tokio::time::pause();
    let mut spec = spec(&[
        Make::new("a").rpm(2),
        Make::new("b").model("n").rpm(2),
        Make::new("c").model("o"),
    ]);
    spec.fallbacks = vec![("m".into(), vec!["n".into(), "o".into()])];
    let house = House::with(spec, Arbiters::current()).await;
    let mut order = Vec::new();
    for _ in 0..5 {
        order.push(name(house.take().await));
    }
    assert_eq!(order, ["a", "a", "b", "b", "c"], "in the order of the list");
    let other = house.ask(house.pick_for("n")).await.expect_err("no lease");
    assert_eq!(
        other.kind,
        UnavailableKind::RateLimited,
        "n has no fallback"
    );
    assert_eq!(other.exclusions.len(), 1);
}

#[actix::test]
async fn an_endpoint_that_failed_for_one_model_is_the_last_to_be_asked_for_another() {
    tokio::time::pause();
    let mut spec = spec(&[
        Make::new("a"),
        Make::new("a").model("n"),
        Make::new("b").model("n").rpm(20),
    ]);
    spec.fallbacks = vec![("m".into(), vec!["n".into()])];
    let house = House::with(spec, Arbiters::current()).await;
    let mut pick = house.pick();
    pick.except = vec![pick.plan.tiers[0].entries[0].target.clone()];
    for _ in 0..20 {
        assert_eq!(name(house.ask(pick.clone()).await), "b");
    }
    assert_eq!(name(house.ask(pick).await), "a", "better than nobody");
}

#[actix::test]
async fn nobody_is_tried_twice_by_one_request_and_a_pin_is_kept_to() {
    let house = House::paused(&[Make::new("a"), Make::new("b")]).await;
    let mut pick = house.pick();
    pick.except = vec![house.target("a")];
    for _ in 0..50 {
        assert_eq!(name(house.ask(pick.clone()).await), "b");
    }
    pick.except.push(house.target("b"));
    let refusal = house.ask(pick).await.expect_err("no lease");
    assert_eq!(refusal.kind, UnavailableKind::Tried);

    let mut pick = house.pick();
    pick.pin = Some("a".into());
    for _ in 0..50 {
        assert_eq!(name(house.ask(pick.clone()).await), "a");
    }
    pick.except = vec![house.target("a")];
    let refusal = house.ask(pick).await.expect_err("no lease");
    let whys: Vec<Why> = refusal.exclusions.iter().map(|it| it.why).collect();
    assert_eq!(whys, [Why::Tried, Why::NotPinned]);
}

#[actix::test]
async fn the_strategy_is_the_table_s() {
    tokio::time::pause();
    let mut first = spec(&[Make::new("a"), Make::new("b")]);
    first.strategy = Strategy::Priority;
    let house = House::with(first.clone(), Arbiters::current()).await;
    assert_eq!(picked(&house, 50).await, ["a"]);
    first.strategy = Strategy::LatencyWeighted;
    house.engine.apply(first).await.expect("a guardian");
    assert_eq!(picked(&house, 50).await, ["a", "b"]);
}

#[actix::test]
async fn a_last_resort_is_for_when_there_is_nothing_else() {
    tokio::time::pause();
    let mut spec = spec(&[Make::new("a"), Make::new("b").model("n").in_flight(1)]);
    spec.fallbacks = vec![("m".into(), vec!["n".into()])];
    let house = House::with(spec, Arbiters::current()).await;
    house.fail(5).await;
    assert_eq!(house.phase("a").await, Phase::Open);
    let fallback = house.take().await.expect("a lease");
    assert_eq!(endpoint(&fallback), "b");
    // b is full now.
    let last = house.take().await.expect("a lease");
    assert_eq!((endpoint(&last), last.is_trial()), ("a", true));
    house.take().await.expect_err("never two at once");
    settle(last, FAILED);
    house.turn().await;
    house
        .take()
        .await
        .expect_err("not before a second has passed");
    tokio::time::sleep(SECOND).await;
    let last = house.take().await.expect("a lease");
    drop(fallback);
    assert_eq!(name(house.take().await), "b");
    settle(last, Outcome::Success);
    house.turn().await;
    assert_eq!(
        house.phase("a").await,
        Phase::HalfOpen,
        "one success of three"
    );
}

#[actix::test]
async fn an_estimate_above_the_whole_limit_goes_when_the_window_is_empty() {
    let house = House::paused(&[Make::new("a").tpm(1000)]).await;
    let mut huge = house.pick();
    huge.estimate.input = 5_000_000;
    let lease = house.ask(huge.clone()).await.expect("a lease");
    used(lease, 10);
    house.turn().await;
    let refusal = house.ask(huge.clone()).await.expect_err("no lease");
    assert_eq!(refusal.exclusions[0].why, Why::TokensPerMinute);
    let wait = refusal.until().expect("an end") - clock::now();
    assert!(wait <= 61 * SECOND);
    tokio::time::sleep(wait + 2 * MS).await;
    drop(house.ask(huge).await.expect("a lease"));
}

/// What a client may write into `max_tokens`.
#[actix::test]
async fn no_estimate_closes_an_endpoint_for_good() {
    let house = House::paused(&[Make::new("a")]).await;
    for _ in 0..10 {
        let mut absurd = house.pick();
        absurd.estimate.output = u64::MAX;
        used(house.ask(absurd).await.expect("a lease"), 1);
        house.turn().await;
    }
}

#[actix::test]
async fn a_model_without_any_target_is_out_not_busy() {
    tokio::time::pause();
    let mut spec = spec(&[Make::new("a")]);
    spec.fallbacks = vec![("empty".into(), Vec::new())];
    let house = House::with(spec, Arbiters::current()).await;
    let refusal = house.ask(house.pick_for("empty")).await;
    assert_eq!(refusal.expect_err("no lease").kind, UnavailableKind::Out);
}

fn with_budget(ratio: f64, targets: &[Make]) -> breakerbox_actors::spec::Spec {
    let mut spec = spec(targets);
    spec.retry_budget = Ratio::new(ratio).expect("a ratio");
    spec
}

#[actix::test]
async fn the_budget_pays_for_retries_whether_or_not_they_wait() {
    tokio::time::pause();
    let spec = with_budget(0.0, &[Make::new("a").in_flight(1)]);
    let house = House::with(spec, Arbiters::current()).await;
    let mut retry = house.pick();
    retry.extra = true;
    let budget = |house: &House| house.engine.retry_budget().floor();
    while budget(&house) > 1.0 {
        drop(house.ask(retry.clone()).await.expect("a lease"));
    }
    let left = budget(&house);
    assert_eq!(left, 1.0);
    let held = house.take().await.expect("a lease");
    house.ask(retry.clone()).await.expect_err("full");
    assert_eq!(budget(&house), 1.0, "an attempt not made costs nothing");
    let first = house.queue(retry.clone(), 10 * SECOND);
    let second = house.queue(retry.clone(), 10 * SECOND);
    assert!(
        begin(std::pin::pin!(tokio::task::yield_now()))
            .await
            .is_pending()
    );
    tokio::task::yield_now().await;
    settle(held, Outcome::Success);
    let first = first.await.expect("a task").expect("a lease");
    assert_eq!(budget(&house), 0.0, "having waited, it is paid for");
    drop(first);
    let second = second.await.expect("a task").expect_err("nothing left");
    assert_eq!(second.kind, UnavailableKind::OverBudget);
}

#[actix::test]
async fn first_attempts_earn_their_share_of_retries() {
    tokio::time::pause();
    let spec = with_budget(0.5, &[Make::new("a")]);
    let house = House::with(spec, Arbiters::current()).await;
    let mut retry = house.pick();
    retry.extra = true;
    while let Ok(lease) = house.ask(retry.clone()).await {
        drop(lease);
    }
    for _ in 0..10 {
        drop(house.take().await.expect("a lease"));
    }
    let mut retries = 0;
    while let Ok(lease) = house.ask(retry.clone()).await {
        drop(lease);
        retries += 1;
    }
    assert_eq!(retries, 5);
}

#[actix::test]
async fn any_router_s_freed_place_wakes_any_other_s_line() {
    let house = House::paused(&[Make::new("a").in_flight(1)]).await;
    let other = house.engine.router();
    let lease = other.send(house.pick()).await.expect("a router");
    let waiting = house.queue(house.pick(), 60 * SECOND);
    house.turn().await;
    let start = clock::now();
    // Its report comes home later: the lease itself must ring.
    settle(lease.expect("a lease"), Outcome::Success);
    drop(waiting.await.expect("a task").expect("a lease"));
    assert!(clock::now() - start < MS);
}

#[actix::test]
async fn a_minute_never_holds_more_than_its_limit() {
    let house = House::paused(&[Make::new("a").rpm(20)]).await;
    let mut started: Vec<std::time::Instant> = Vec::new();
    let end = clock::now() + 600 * SECOND;
    while clock::now() < end {
        while let Ok(lease) = house.take().await {
            started.push(clock::now());
            settle(lease, Outcome::Success);
        }
        tokio::time::sleep(700 * MS).await;
    }
    let worst = started
        .iter()
        .map(|from| {
            let within = |at: &&std::time::Instant| *at >= from && **at - *from < 60 * SECOND;
            started.iter().filter(within).count()
        })
        .max();
    assert_eq!(worst, Some(20));
    assert!(
        started.len() >= 9 * 20,
        "and hardly less: {}",
        started.len()
    );
}

/// A credit is booked as it is taken, not as its request ends: or the window
/// would open later by as long as that takes.
#[actix::test]
async fn the_last_credit_is_booked_at_once() {
    let house = House::paused(&[Make::new("a").rpm(1)]).await;
    let start = clock::now();
    let lease = house.take().await.expect("a lease");
    tokio::time::sleep(20 * SECOND).await;
    settle(lease, Outcome::Success);
    house.turn().await;
    let next = house.queue(house.pick(), 90 * SECOND);
    drop(next.await.expect("a task").expect("a lease"));
    let waited = clock::now() - start;
    assert!(waited < 62 * SECOND, "{waited:?}");
}

#[actix::test]
async fn the_limit_of_one_router_is_the_limit_of_all() {
    let house = House::paused(&[Make::new("a").rpm(50)]).await;
    let routers: Vec<_> = (0..4).map(|_| house.engine.router()).collect();
    let plan = plan(&house.engine, "m");
    let mut leases = Vec::new();
    for router in routers.iter().cycle().take(200) {
        leases.extend(
            router
                .send(pick(Arc::clone(&plan)))
                .await
                .expect("a router"),
        );
    }
    assert_eq!(leases.len(), 50);
}

/// A narrowed plan keeps to those it was narrowed to: that they are full, or
/// that a reload has replaced them, brings nobody in who cannot serve it.
#[actix::test]
async fn a_narrowed_plan_is_served_by_those_it_was_narrowed_to() {
    let targets = [Make::new("a").rpm(1), Make::new("b")];
    let house = House::paused(&targets).await;
    let mut narrow = house.pick();
    let is_a = |entry: &Entry| **entry.target.id().endpoint() == *"a";
    narrow.plan = narrow.plan.narrowed(is_a).expect("a is left");
    assert_eq!(name(house.ask(narrow.clone()).await), "a");

    let refusal = house.ask(narrow.clone()).await.expect_err("a is full");
    let whys: Vec<Why> = refusal.exclusions.iter().map(|it| it.why).collect();
    assert_eq!(whys, [Why::RequestsPerMinute], "and b is not asked");

    let first = house.queue(narrow.clone(), 90 * SECOND);
    house.turn().await;
    assert_eq!(house.router().await.waiting, 1);
    let start = clock::now();
    let behind = house.queue(house.pick(), 90 * SECOND);
    assert_eq!(name(behind.await.expect("a task")), "b");
    assert!(
        clock::now() - start < SECOND,
        "it did not wait for the first"
    );
    assert_eq!(name(first.await.expect("a task")), "a");

    house
        .ask(narrow.clone())
        .await
        .expect_err("a is full again");
    let [a, b] = targets;
    let moved = spec(&[a.identity("another"), b]);
    house.engine.apply(moved).await.expect("a guardian");
    assert_eq!(name(house.ask(narrow.clone()).await), "a", "the new one");
    house.ask(narrow).await.expect_err("it is full too");
}
