//! Which pings are sent, and whom they speak for.

use breakerbox_actors::{
    clock,
    id::TargetId,
    state::{
        breaker::{Phase, TransitionReason},
        event::{Outcome, Pong},
        health::Status,
        machine::View,
        policy::{BreakerSettings, ProbeSettings},
    },
};

use super::support::{FAILED, House, Make, SECOND, settle, spec};

/// The models `m` and `n` of one endpoint, pinged so.
fn models(probe: fn(&mut ProbeSettings)) -> [Make; 2] {
    let make = Make::new("a").probe(probe).breaker(|it| {
        it.failure_threshold = 1;
        it.recovery_timeout = 300 * SECOND;
    });
    [make.clone(), make.model("n")]
}

async fn view(house: &House, model: &str) -> View {
    let seen = house.engine.observe(&TargetId::new("a", model)).await;
    seen.expect("an actor").view
}

#[actix::test]
async fn one_ping_speaks_for_all_models_of_an_endpoint() {
    let house = House::paused(&models(|it| it.interval = 10 * SECOND)).await;
    house.pinger.answers("a", Some(Pong::Failed));
    let start = clock::now();
    tokio::time::sleep(15 * SECOND).await;
    let asked = house.pinger.asked("a", start);
    assert_eq!(asked.len(), 2, "one at once, one after the interval");
    tokio::time::sleep(15 * SECOND).await;
    for model in ["m", "n"] {
        assert_eq!(view(&house, model).await.phase, Phase::Open, "{model}");
    }
}

/// Of two models one has failed; pings that succeed bring it back.
#[actix::test]
async fn an_endpoint_is_pinged_in_haste_while_any_of_its_models_is_out() {
    let house = House::paused(&models(|_| {})).await;
    tokio::time::sleep(2 * SECOND).await;
    let lease = house.ask(house.pick_for("n")).await.expect("a lease");
    let start = clock::now();
    settle(lease, FAILED);
    house.turn().await;
    assert_eq!(view(&house, "n").await.phase, Phase::Open);
    tokio::time::sleep(15 * SECOND).await;
    assert_eq!(view(&house, "n").await.phase, Phase::HalfOpen);
    let asked = house.pinger.asked("a", start);
    assert!(asked.len() >= 3 && asked[0] < 2 * SECOND, "{asked:?}");
    assert_eq!(view(&house, "m").await.phase, Phase::Closed);
}

#[actix::test]
async fn a_model_that_joins_is_pinged_soon() {
    let [first, second] = models(|_| {});
    let house = House::paused(std::slice::from_ref(&first)).await;
    tokio::time::sleep(5 * SECOND).await;
    let start = clock::now();
    let pings = || house.pinger.asked("a", start).len();
    let before = pings();
    let both = spec(&[first, second]);
    house.engine.apply(both).await.expect("a guardian");
    tokio::time::sleep(SECOND).await;
    assert_eq!(pings(), before + 1);
    assert_eq!(view(&house, "n").await.status, Status::Healthy);
}

#[actix::test]
async fn a_billed_ping_speaks_for_its_model_and_is_booked_there() {
    let house = House::paused(&models(|it| it.billed = true)).await;
    let start = clock::now();
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(house.pinger.asked("a", start).len(), 2);
    for model in ["m", "n"] {
        assert_eq!(view(&house, model).await.rpm.used, 1, "{model}");
    }
}

#[actix::test]
async fn a_billed_ping_is_not_sent_during_a_cooldown() {
    let [make, _] = models(|it| {
        it.billed = true;
        it.interval = 5 * SECOND;
    });
    let house = House::paused(&[make]).await;
    tokio::time::sleep(2 * SECOND).await;
    let start = clock::now();
    house
        .once(Outcome::RateLimited {
            retry_after: Some(60 * SECOND),
            daily: false,
        })
        .await;
    tokio::time::sleep(100 * SECOND).await;
    let asked = house.pinger.asked("a", start);
    let since: Vec<_> = asked.iter().filter(|it| !it.is_zero()).collect();
    assert!(since.len() >= 6, "afterwards again: {since:?}");
    assert!(since.iter().all(|it| **it >= 60 * SECOND), "{since:?}");
}

/// A key that may not list models chats: for one model, and so for the other.
#[actix::test]
async fn a_key_that_serves_for_one_model_is_not_out_for_pings_for_any() {
    let house = House::paused(&models(|it| it.interval = 10 * SECOND)).await;
    house.pinger.answers("a", Some(Pong::KeyRejected));
    tokio::time::sleep(2 * SECOND).await;
    let lease = house.ask(house.pick_for("m")).await.expect("a lease");
    settle(lease, Outcome::Success);
    tokio::time::sleep(300 * SECOND).await;
    for model in ["m", "n"] {
        assert_eq!(view(&house, model).await.phase, Phase::Closed, "{model}");
    }
    // Refused itself, it is believed of all.
    let lease = house.ask(house.pick_for("m")).await.expect("a lease");
    settle(lease, Outcome::KeyRejected);
    tokio::time::sleep(40 * SECOND).await;
    let reason = view(&house, "n").await.open_reason;
    assert_eq!(reason, Some(TransitionReason::KeyRejected));
}

/// Three pings of one moment are one witness, and a key needs no haste.
#[actix::test]
async fn a_key_is_not_out_for_the_pings_of_one_doubt() {
    let patient = |it: &mut BreakerSettings| it.failure_threshold = 100;
    let [make, _] = models(|it| it.interval = 10 * SECOND);
    let house = House::paused(&[make.breaker(patient)]).await;
    tokio::time::sleep(2 * SECOND).await;
    house.once(Outcome::Success).await;
    house.pinger.answers("a", Some(Pong::KeyRejected));
    let pings = || house.pinger.asked("a", clock::now()).len();
    let before = pings();
    house.once(FAILED).await;
    tokio::time::sleep(5 * SECOND).await;
    assert_eq!(pings(), before + 1);
    assert_eq!(house.phase("a").await, Phase::Closed);
    // While no request comes, pings tell in their usual time.
    tokio::time::sleep(40 * SECOND).await;
    let reason = house.view("a").await.open_reason;
    assert_eq!(reason, Some(TransitionReason::KeyRejected));
}
