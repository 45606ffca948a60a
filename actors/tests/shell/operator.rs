//! What an operator does to an endpoint: resets it, has it pinged, looks at it.

use breakerbox_actors::{
    clock,
    prober::ForceCheck,
    state::{breaker::Phase, estimate::Estimate, event::Pong},
};

use super::support::{House, MS, Make, SECOND};

#[actix::test]
async fn a_reset_endpoint_serves_again_at_once() {
    let house = House::paused(&[Make::new("a"), Make::new("b")]).await;
    house.fail(10).await;
    assert_eq!(house.phase("a").await, Phase::Open);
    assert!(house.engine.reset("a").await);
    let seen = house.target("a").look(clock::now());
    assert_eq!(seen.view.phase, Phase::Closed);
    assert_eq!(house.phase("b").await, Phase::Open, "only the one it names");
    assert!(house.take().await.is_ok());
    assert!(!house.engine.reset("nobody").await);
}

#[actix::test]
async fn a_forced_check_is_over_when_its_last_ping_is() {
    let pinged = |name| Make::new(name).probe(|_| {});
    let house = House::paused(&[pinged("a"), pinged("b"), Make::new("silent")]).await;
    tokio::time::sleep(5 * SECOND).await;
    house
        .pinger
        .answers("a", Some(Pong::Alive { latency: 10 * MS }));
    // Never answered: over at twice its timeout.
    house.pinger.answers("b", None);
    let prober = house.engine.prober();
    let only = |name: &str| ForceCheck {
        endpoint: Some(name.into()),
    };
    let start = clock::now();
    assert_eq!(prober.send(only("a")).await, Ok(1));
    assert!(clock::now() - start < SECOND);
    assert_eq!(prober.send(ForceCheck::default()).await, Ok(2));
    assert!(clock::now() - start > 10 * SECOND, "it waits for the last");
    assert_eq!(
        prober.send(only("silent")).await,
        Ok(0),
        "nothing to wait for"
    );
}

#[actix::test]
async fn every_actor_and_every_share_can_be_looked_at() {
    let house = House::paused(&[Make::new("a"), Make::new("b")]).await;
    let names: Vec<_> = house
        .engine
        .actors()
        .into_iter()
        .map(|it| it.name)
        .collect();
    assert_eq!(names[..2], ["a/m", "b/m"]);
    for name in ["prober", "guardian", "router:0"] {
        assert!(names.iter().any(|it| it == name), "{name} in {names:?}");
    }
    let shares = || {
        let table = house.engine.table();
        let shares = table.shares(Estimate::new(1_000, None), clock::now());
        ["a", "b"].map(|it| shares.get(&super::support::id(it)).copied())
    };
    assert_eq!(shares(), [Some(0.5), Some(0.5)]);
    house.fail(10).await;
    assert_eq!(shares(), [None, None], "who lends nothing has none");
    let actors = house.engine.actors();
    assert!(actors[0].up && actors[0].messages > 0 && actors[0].restarts == 0);
}
