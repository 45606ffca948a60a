//! Every way an actor can end, and what is left of it then.

use std::time::Duration;

use breakerbox_actors::{
    chance::fail_after,
    clock,
    error::{UnavailableKind, Why},
    guardian::DrainEndpoint,
    messages::Chaos,
    state::{breaker::Phase, event::Outcome, health::Status, machine::View},
    supervise::{INTENSITY, PERIOD, QUARANTINE},
};

use super::support::{FAILED, House, MS, Make, SECOND, begin, id, settle, spec, used};

/// An endpoint with a past: a latency, three failures, tokens and requests.
async fn with_a_past() -> House {
    let house = House::paused(&[Make::new("a").rpm(100).tpm(1000)]).await;
    let mut pick = house.pick();
    pick.estimate.input = 300;
    let lease = house.ask(pick).await.expect("a lease");
    tokio::time::sleep(200 * MS).await;
    used(lease, 250);
    house.turn().await;
    house.fail(3).await;
    house
}

/// What must be the same after a restart.
fn known(view: &View) -> impl PartialEq + std::fmt::Debug + use<> {
    // An estimate ages by the second.
    let latency = (view.latency, view.penalty.as_secs());
    (
        (view.phase, view.failures_in_a_row, view.status),
        (latency, view.rpm, view.tpm),
    )
}

async fn survives(house: &House, chaos: Chaos, restarts: u64) {
    let before = house.view("a").await;
    assert_eq!(before.failures_in_a_row, 3);
    assert_eq!((before.rpm.used, before.tpm.used), (4, 250));
    let on_the_way = house.take().await.expect("a lease");
    assert!(house.engine.chaos(&id("a"), chaos));
    let after = house.seen("a").await;
    assert_eq!(
        after.in_flight, 1,
        "what is under way is not the actor's to lose"
    );
    assert_eq!(after.view.rpm.used, 5);
    drop(on_the_way);
    house.turn().await;
    assert_eq!(house.actor("a").await.restarts, restarts);
    assert!(house.actor("a").await.up);
    assert_eq!(house.guardian().await.replaced, 0);
    let after = house.view("a").await;
    let past = |view: &View| View {
        rpm: before.rpm,
        ..view.clone()
    };
    assert_eq!(known(&past(&after)), known(&before));
    assert_ne!(after.epoch, before.epoch, "what was granted before is void");
    assert_eq!(house.seen("a").await.in_flight, 0);
    house.once(Outcome::Success).await;
    assert_eq!(house.view("a").await.failures_in_a_row, 0);
}

#[actix::test]
async fn a_panic_in_a_handler_costs_one_message_and_no_knowledge() {
    let house = with_a_past().await;
    survives(&house, Chaos::Panic, 1).await;
}

#[actix::test]
async fn so_does_a_panic_in_a_future_of_the_actor() {
    let house = with_a_past().await;
    assert!(house.engine.chaos(&id("a"), Chaos::PanicIn(MS)));
    house.turn().await;
    assert_eq!(house.actor("a").await.restarts, 1);
    survives(&house, Chaos::PanicIn(Duration::ZERO), 2).await;
}

#[actix::test]
async fn so_does_a_stop_that_nobody_ordered() {
    let house = with_a_past().await;
    survives(&house, Chaos::Stop, 1).await;
}

#[actix::test]
async fn mail_behind_the_fatal_message_is_handled() {
    let house = with_a_past().await;
    let mut pick = house.pick();
    pick.estimate.input = 500;
    let lease = house.ask(pick).await.expect("a lease");
    // Both in the mailbox before the actor runs again.
    assert!(house.engine.chaos(&id("a"), Chaos::Panic));
    lease.settle(FAILED, Some(7), Default::default());
    let after = house.view("a").await;
    assert_eq!(after.tpm.used, 257, "the report's tokens came home");
    assert_eq!(house.actor("a").await.mailbox_depth, 0);
}

/// What waits beside the fatal report is as good as it was.
#[actix::test]
async fn a_panic_over_one_report_costs_only_that_one() {
    let house = House::paused(&[Make::new("a").tpm(10_000)]).await;
    let lease = async |tokens| {
        let mut pick = house.pick();
        pick.estimate.input = tokens;
        house.ask(pick).await.expect("a lease")
    };
    let leases = [lease(1_000).await, lease(2_000).await, lease(4_000).await];
    house.turn().await;
    for lease in leases {
        used(lease, 1);
    }
    // One step for what was spent, and one for the first report.
    fail_after(2);
    house.turn().await;
    assert_eq!(house.actor("a").await.restarts, 1);
    let view = house.view("a").await;
    assert_eq!(view.tpm.used, 1 + 2_000 + 1, "the second stays reserved");
    house.once(Outcome::Success).await;
    assert_eq!(house.actor("a").await.restarts, 1);
}

/// Fails on code that re-arms with actix's `cancel_future`: see `alarm.rs`.
#[actix::test]
async fn a_restart_in_mid_turn_does_not_lose_the_timer() {
    let house = House::paused(&[Make::new("a")]).await;
    let mut news = house.engine.subscribe();
    house.fail(5).await;
    while news.recv().await.expect("news").status != Status::Unhealthy {}
    // In one turn: a life begins, is re-armed once, and ends.
    assert!(house.engine.chaos(&id("a"), Chaos::Panic));
    let id = id("a");
    let mut observed = std::pin::pin!(house.engine.observe(&id));
    assert!(begin(observed.as_mut()).await.is_pending());
    assert!(house.engine.chaos(&id, Chaos::Panic));
    assert_eq!(observed.await.expect("an actor").view.phase, Phase::Open);
    assert_eq!(house.actor("a").await.restarts, 2);
    // Nobody asks the actor anything: only its own timer opens the way back.
    let recovered = tokio::time::timeout(90 * SECOND, news.recv()).await;
    let news = recovered.expect("within the recovery timeout");
    assert_eq!(news.expect("news").status, Status::Degraded);
}

#[actix::test]
async fn a_restart_storm_means_a_minute_of_quarantine() {
    let house = with_a_past().await;
    let before = house.view("a").await;
    let mut news = house.engine.subscribe();
    for _ in 0..INTENSITY {
        assert!(house.engine.chaos(&id("a"), Chaos::Panic));
    }
    house.turn().await;
    assert!(house.actor("a").await.up, "so many restarts are fine");
    house
        .take()
        .await
        .expect("a lease")
        .settle(Outcome::Cancelled, Some(0), Default::default());
    house.turn().await;
    assert!(house.engine.chaos(&id("a"), Chaos::Panic));
    house.turn().await;
    let refusal = house.take().await.expect_err("no lease");
    assert_eq!(refusal.kind, UnavailableKind::Out);
    assert_eq!(refusal.exclusions[0].why, Why::Quarantined);
    let left = refusal.until().expect("an end") - clock::now();
    assert!(left > QUARANTINE - SECOND && left <= QUARANTINE, "{left:?}");
    let seen = house.actor("a").await;
    assert!(!seen.up);
    assert_eq!(seen.restarts, 6);
    assert_eq!(house.target("a").status(), Status::Unhealthy);
    assert_eq!(news.recv().await.expect("news").status, Status::Unhealthy);

    tokio::time::sleep(QUARANTINE).await;
    assert!(house.actor("a").await.up);
    assert_eq!(house.guardian().await.replaced, 0, "resting is not silence");
    let after = house.view("a").await;
    assert_eq!(after.failures_in_a_row, before.failures_in_a_row);
    assert!(after.rpm.used <= 5, "credits taken back are not spent");
    assert_eq!(news.recv().await.expect("news").status, Status::Healthy);
    settle(house.take().await.expect("a lease"), Outcome::Success);
}

#[actix::test]
async fn credits_taken_back_are_not_credits_spent() {
    let house = House::paused(&[Make::new("a").rpm(10)]).await;
    for _ in 0..=INTENSITY {
        assert!(house.engine.chaos(&id("a"), Chaos::Panic));
    }
    house.turn().await;
    assert_eq!(house.whys().await, [("a".to_owned(), Why::Quarantined)]);
    tokio::time::sleep(QUARANTINE).await;
    assert_eq!(house.view("a").await.rpm.used, 0);
    assert_eq!(house.seen("a").await.credits, 10);
}

#[actix::test]
async fn restarts_far_apart_are_no_storm() {
    let house = with_a_past().await;
    for _ in 0..4 * INTENSITY {
        assert!(house.engine.chaos(&id("a"), Chaos::Panic));
        tokio::time::sleep(PERIOD / INTENSITY as u32 + 10 * MS).await;
        assert!(house.actor("a").await.up);
    }
}

#[actix::test]
async fn the_guardian_comes_back_with_all_it_keeps() {
    let house = House::paused(&[Make::new("a"), Make::new("b")]).await;
    let drain = DrainEndpoint {
        endpoint: "b".into(),
        drained: true,
    };
    assert!(
        house
            .engine
            .guardian()
            .send(drain)
            .await
            .expect("a guardian")
    );
    house
        .engine
        .guardian()
        .try_send(Chaos::Panic)
        .expect("an actor");
    assert_eq!(house.guardian().await.actors.len(), 2);
    house.fail(1).await;
    house
        .engine
        .apply(spec(&[Make::new("a"), Make::new("b")]))
        .await
        .expect("a guardian");
    assert_eq!(house.view("a").await.failures_in_a_row, 1, "not hired anew");
    assert!(house.view("b").await.drained);
}

#[actix::test]
async fn a_router_keeps_who_waits_through_a_restart() {
    let house = House::paused(&[Make::new("a").in_flight(1)]).await;
    let lease = house.take().await.expect("a lease");
    let waiting = house.queue(house.pick(), 10 * SECOND);
    house.turn().await;
    house.router.try_send(Chaos::Panic).expect("an actor");
    house.turn().await;
    assert_eq!(house.router().await.waiting, 1);
    assert_eq!(house.engine.waiting(), 1);
    settle(lease, Outcome::Success);
    let lease = waiting.await.expect("a task").expect("a lease");
    assert_eq!(house.engine.waiting(), 0);
    drop(lease);

    // Its timer is not lost either: nobody rings at the deadline.
    let lease = house.take().await.expect("a lease");
    let waiting = house.queue(house.pick(), 10 * SECOND);
    house.turn().await;
    house.router.try_send(Chaos::PanicIn(MS)).expect("an actor");
    let start = clock::now();
    waiting.await.expect("a task").expect_err("a refusal");
    assert!(clock::now() - start < 11 * SECOND);
    assert_eq!(house.engine.waiting(), 0);
    drop(lease);
}

#[actix::test]
async fn a_router_that_storms_rests_a_breath_not_a_minute() {
    let house = House::paused(&[Make::new("a")]).await;
    for _ in 0..=INTENSITY {
        house.router.try_send(Chaos::Panic).expect("an actor");
    }
    let start = clock::now();
    drop(house.take().await.expect("a lease"));
    let took = clock::now() - start;
    assert!(took >= SECOND / 2 && took <= 2 * SECOND, "{took:?}");
}

#[actix::test]
async fn a_router_that_nobody_needs_ends_and_leaves_no_place_taken() {
    let mut house = House::paused(&[Make::new("a").in_flight(1)]).await;
    let lease = house.take().await.expect("a lease");
    let waiting = house.queue(house.pick(), 10 * SECOND);
    house.turn().await;
    assert_eq!(house.engine.waiting(), 1);
    let other = house.engine.router();
    let old = std::mem::replace(&mut house.router, other).downgrade();
    // The asker goes, and with it the last address.
    waiting.abort();
    tokio::time::sleep(11 * SECOND).await;
    assert_eq!(house.engine.waiting(), 0);
    assert!(old.upgrade().is_none(), "the router has ended");
    drop(lease);
}

/// actix polls an actor once more as its runtime is dropped. At rest, that
/// would begin a life, and give back what was withdrawn.
#[test]
fn a_runtime_that_ends_begins_no_life() {
    let target = actix_rt::System::new().block_on(async {
        let house = House::paused(&[Make::new("a")]).await;
        for _ in 0..=INTENSITY {
            assert!(house.engine.chaos(&id("a"), Chaos::Panic));
        }
        house.turn().await;
        house.target("a")
    });
    assert_eq!(target.status(), Status::Unhealthy);
    assert_eq!(target.refusal().0, Why::Quarantined);
}

/// Faults in the machinery that is to mend faults must not add to them.
#[actix::test]
async fn mail_to_an_endpoint_at_rest_waits_and_is_handled_after() {
    let house = House::paused(&[Make::new("a").tpm(1000)]).await;
    let mut pick = house.pick();
    pick.estimate.input = 500;
    let lease = house.ask(pick).await.expect("a lease");
    for _ in 0..=INTENSITY {
        assert!(house.engine.chaos(&id("a"), Chaos::Panic));
    }
    house.turn().await;
    used(lease, 100);
    house.turn().await;
    assert_eq!(house.actor("a").await.mailbox_depth, 1);
    tokio::time::sleep(QUARANTINE - 2 * SECOND).await;
    assert_eq!(house.actor("a").await.mailbox_depth, 1);
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(house.actor("a").await.mailbox_depth, 0);
}
