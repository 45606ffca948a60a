//! A new configuration is a diff: what it does not change does not change.

use std::sync::{Arc, Weak};

use breakerbox_actors::{
    clock,
    engine::Arbiters,
    error::{UnavailableKind, Why},
    guardian::DrainEndpoint,
    messages::Chaos,
    state::{breaker::Phase, event::Outcome, health::Status, policy::Ratio},
    target::Target,
};

use super::support::{FAILED, House, Make, SECOND, endpoint, id, settle, spec};

#[actix::test]
async fn new_settings_keep_the_state_and_act_at_once() {
    let house = House::paused(&[Make::new("a").rpm(100), Make::new("b")]).await;
    let mut only_a = house.pick();
    only_a.pin = Some("a".into());
    for _ in 0..4 {
        settle(house.ask(only_a.clone()).await.expect("a lease"), FAILED);
    }
    house.turn().await;
    let (a, b) = (house.view("a").await, house.view("b").await);
    let before = house.target("a");

    house
        .engine
        .apply(spec(&[Make::new("a").rpm(200), Make::new("b")]))
        .await
        .expect("a guardian");
    assert!(Arc::ptr_eq(&house.target("a"), &before));
    let after = house.view("a").await;
    assert_eq!((after.rpm.used, after.rpm.limit), (4, Some(200)));
    assert_eq!((after.failures_in_a_row, after.epoch), (4, a.epoch));
    assert_eq!(house.seen("a").await.credits, 196);
    assert_eq!(
        house.view("b").await,
        b,
        "what did not change did not change"
    );

    // A threshold below what was counted acts on what was counted.
    let strict = Make::new("a")
        .rpm(200)
        .breaker(|it| it.failure_threshold = 3);
    house
        .engine
        .apply(spec(&[strict, Make::new("b")]))
        .await
        .expect("a guardian");
    assert_eq!(house.phase("a").await, Phase::Open);
}

#[actix::test]
async fn a_limit_lowered_below_its_use_acts_at_once() {
    let house = House::paused(&[Make::new("a").rpm(100)]).await;
    for _ in 0..10 {
        house.once(Outcome::Success).await;
    }
    let held = house.take().await.expect("a lease");
    let lower = Make::new("a").rpm(5).in_flight(1);
    house
        .engine
        .apply(spec(&[lower]))
        .await
        .expect("a guardian");
    house.view("a").await;
    assert_eq!(
        house.whys().await,
        [("a".to_owned(), Why::RequestsPerMinute)]
    );
    drop(held);
}

#[actix::test]
async fn a_thousand_reloads_refuse_nobody_and_change_nothing() {
    let targets = [Make::new("a"), Make::new("b").rpm(1_000_000)];
    let house = House::paused(&targets).await;
    house.once(FAILED).await;
    let before = (
        house.view("a").await.failures_in_a_row,
        house.view("b").await.failures_in_a_row,
    );
    let held = house.take().await.expect("a lease");
    for reload in 0..1_000 {
        let mut next = spec(&targets);
        next.max_waiting = reload;
        next.retry_budget = Ratio::new(0.2).expect("a ratio");
        house.engine.apply(next).await.expect("a guardian");
        let lease = house.take().await.expect("no request is refused");
        settle(lease, Outcome::ClientFault);
    }
    house.turn().await;
    let after = (
        house.view("a").await.failures_in_a_row,
        house.view("b").await.failures_in_a_row,
    );
    assert_eq!(after, before);
    assert_eq!(
        house.target("a").in_flight() + house.target("b").in_flight(),
        1
    );
    drop(held);
}

/// Requests that began under the old table find the new one's targets.
#[actix::test]
async fn an_old_plan_does_not_lead_to_a_refusal() {
    let house = House::paused(&[Make::new("a")]).await;
    let old = house.pick();
    house
        .engine
        .apply(spec(&[Make::new("a").identity("other")]))
        .await
        .expect("a guardian");
    let lease = house.ask(old.clone()).await.expect("a lease");
    assert!(Arc::ptr_eq(lease.target(), &house.target("a")));
    house
        .engine
        .apply(spec(&[Make::new("b")]))
        .await
        .expect("a guardian");
    assert_eq!(endpoint(&house.ask(old).await.expect("a lease")), "b");
    drop(lease);
}

#[actix::test]
async fn another_identity_starts_anew() {
    let house = House::paused(&[Make::new("a").rpm(10)]).await;
    house.fail(5).await;
    let old = house.take().await.expect("a last resort");
    house
        .engine
        .apply(spec(&[Make::new("a").rpm(10).identity("other")]))
        .await
        .expect("a guardian");
    let view = house.view("a").await;
    assert_eq!(
        (view.phase, view.status, view.rpm.used),
        (Phase::Closed, Status::Unknown, 0)
    );
    assert_eq!(house.seen("a").await.in_flight, 0);
    // The old one's affairs are not the new one's.
    settle(old, FAILED);
    house.turn().await;
    let view = house.view("a").await;
    assert_eq!((view.status, view.failures_in_a_row), (Status::Unknown, 0));
    assert!(house.actor("a").await.up);
}

#[actix::test]
async fn a_removed_endpoint_gets_nothing_more_finishes_and_ends() {
    let house = House::paused(&[Make::new("a"), Make::new("b")]).await;
    let mut old = house.pick();
    old.pin = Some("a".into());
    let mut streams = Vec::new();
    for _ in 0..100 {
        streams.push(house.ask(old.clone()).await.expect("a lease"));
    }
    let target = house.target("a");
    house
        .engine
        .apply(spec(&[Make::new("b")]))
        .await
        .expect("a guardian");
    // At once, and for those too who still hold the old plan.
    let refusal = house.ask(old).await.expect_err("no lease");
    assert_eq!(refusal.kind, UnavailableKind::Out);
    assert!(house.engine.observe(&id("a")).await.is_none());
    assert_eq!(house.guardian().await.actors.len(), 1);
    assert_eq!(target.in_flight(), 100);
    for stream in streams {
        settle(stream, Outcome::Success);
    }
    assert_eq!(target.in_flight(), 0);
    let gone: Weak<Target> = Arc::downgrade(&target);
    drop(target);
    house.turn().await;
    assert!(
        gone.upgrade().is_none(),
        "nobody keeps it, its actor least of all"
    );
}

#[actix::test]
async fn one_that_rests_is_removed_all_the_same() {
    let house = House::paused(&[Make::new("a")]).await;
    for _ in 0..6 {
        assert!(house.engine.chaos(&id("a"), Chaos::Panic));
    }
    house.turn().await;
    let gone = Arc::downgrade(&house.target("a"));
    house.engine.apply(spec(&[])).await.expect("a guardian");
    tokio::time::sleep(61 * SECOND).await;
    assert!(gone.upgrade().is_none());
}

#[actix::test]
async fn who_waits_goes_to_an_endpoint_that_a_reload_brings() {
    let house = House::paused(&[Make::new("a").in_flight(1)]).await;
    let _held = house.take().await.expect("a lease");
    let waiting = house.queue(house.pick(), 60 * SECOND);
    house.turn().await;
    let start = clock::now();
    let both = [Make::new("a").in_flight(1), Make::new("b")];
    house.engine.apply(spec(&both)).await.expect("a guardian");
    let lease = waiting.await.expect("a task").expect("a lease");
    assert_eq!(endpoint(&lease), "b");
    assert!(clock::now() - start < SECOND);
}

#[actix::test]
async fn who_waits_for_an_endpoint_that_a_reload_takes_is_told_so() {
    let house = House::paused(&[Make::new("a").in_flight(1)]).await;
    let _held = house.take().await.expect("a lease");
    let waiting = house.queue(house.pick(), 60 * SECOND);
    house.turn().await;
    let start = clock::now();
    house.engine.apply(spec(&[])).await.expect("a guardian");
    waiting.await.expect("a task").expect_err("no lease");
    assert!(clock::now() - start < SECOND);
}

#[actix::test]
async fn an_operator_s_drain_holds_through_reloads_restarts_and_new_models() {
    let house = House::paused(&[Make::new("a"), Make::new("b")]).await;
    let drain = |drained| {
        let endpoint = "a".into();
        let drain = DrainEndpoint { endpoint, drained };
        house.engine.guardian().send(drain)
    };
    assert!(drain(true).await.expect("a guardian"));
    house.turn().await;
    assert_eq!(house.target("a").status(), Status::Disabled);
    assert!(house.engine.chaos(&id("a"), Chaos::Panic));
    assert!(house.view("a").await.drained);
    let more = [
        Make::new("a").identity("other"),
        Make::new("a").model("n"),
        Make::new("b"),
    ];
    house.engine.apply(spec(&more)).await.expect("a guardian");
    assert_eq!(
        house.target("a").status(),
        Status::Disabled,
        "from the first moment"
    );
    let refusal = house.ask(house.pick_for("n")).await.expect_err("no lease");
    assert_eq!(refusal.exclusions[0].why, Why::Drained);
    assert!(drain(false).await.expect("a guardian"));
    house.turn().await;
    drop(house.ask(house.pick_for("n")).await.expect("a lease"));
    let unknown = DrainEndpoint {
        endpoint: "x".into(),
        drained: true,
    };
    assert!(
        !house
            .engine
            .guardian()
            .send(unknown)
            .await
            .expect("a guardian")
    );
}

/// A setting whose message is lost with a panic is said again.
#[actix::test]
async fn a_setting_that_was_lost_is_said_again() {
    tokio::time::pause();
    let house = House::with(spec(&[Make::new("a").rpm(10)]), Arbiters::current()).await;
    // At rest, the actor has the setting in its mailbox; that is not lost.
    for _ in 0..6 {
        assert!(house.engine.chaos(&id("a"), Chaos::Panic));
    }
    house.turn().await;
    house
        .engine
        .apply(spec(&[Make::new("a").rpm(3)]))
        .await
        .expect("a guardian");
    tokio::time::sleep(10 * SECOND).await;
    assert_eq!(
        house.actor("a").await.mailbox_depth,
        1,
        "said once while it rests"
    );
    tokio::time::sleep(51 * SECOND).await;
    assert_eq!(house.view("a").await.rpm.limit, Some(3));
}

#[actix::test]
async fn the_same_name_twice_is_one_target() {
    let house = House::paused(&[Make::new("a"), Make::new("a").rpm(1)]).await;
    assert_eq!(house.guardian().await.actors.len(), 1);
    assert_eq!(house.view("a").await.rpm.limit, None, "the first one");
    let gone = Arc::downgrade(&house.target("a"));
    house.engine.apply(spec(&[])).await.expect("a guardian");
    house.turn().await;
    assert!(gone.upgrade().is_none());
}
