//! What a request may cost, and who serves the model that only routes know.

use breakerbox_actors::{
    engine::Arbiters,
    error::{UnavailableKind, Why},
    messages::Pick,
    spec::{Priority, Route},
    state::{estimate::Cost, event::Outcome},
};

use super::{
    routing::name,
    support::{House, Make, SECOND, settle, spec, tokens},
};

fn usd(dollars: f64) -> Option<Cost> {
    Some(Cost::of(dollars).expect("an amount"))
}

/// A request of a million tokens that may cost so much.
fn capped(house: &House, most: f64) -> Pick {
    Pick {
        estimate: tokens(1_000_000),
        most: usd(most),
        ..house.pick()
    }
}

#[actix::test]
async fn who_is_too_dear_is_passed_over() {
    let house = House::paused(&[
        Make::new("dear").price(9.0),
        Make::new("cheap").price(2.0),
        Make::new("unknown"),
    ])
    .await;
    let mut seen = Vec::new();
    for _ in 0..50 {
        seen.push(name(house.ask(capped(&house, 2.0)).await));
    }
    seen.sort();
    seen.dedup();
    assert_eq!(
        seen,
        ["cheap", "unknown"],
        "whose price nobody knows is let in"
    );
    let mut pick = capped(&house, 1.99);
    pick.pin = Some("cheap".into());
    let refusal = house.ask(pick).await.expect_err("no lease");
    assert_eq!(refusal.kind, UnavailableKind::TooDear);
    let whys: Vec<Why> = refusal.exclusions.iter().map(|it| it.why).collect();
    assert_eq!(whys, [Why::NotPinned, Why::TooDear, Why::NotPinned]);
}

#[actix::test]
async fn a_refusal_is_about_those_that_could_be_paid_if_there_are_any() {
    let house = House::paused(&[
        Make::new("dear").price(9.0),
        Make::new("cheap").price(2.0).rpm(1),
    ])
    .await;
    assert_eq!(name(house.ask(capped(&house, 5.0)).await), "cheap");
    let refusal = house.ask(capped(&house, 5.0)).await.expect_err("no lease");
    assert_eq!(refusal.kind, UnavailableKind::RateLimited);
    let mut again = capped(&house, 5.0);
    again.except = vec![house.target("cheap")];
    let refusal = house.ask(again).await.expect_err("no lease");
    assert_eq!(refusal.kind, UnavailableKind::Tried);
}

#[actix::test]
async fn one_that_waits_for_a_cheap_endpoint_holds_up_nobody() {
    let house = House::paused(&[
        Make::new("dear").price(9.0).in_flight(1),
        Make::new("cheap").price(2.0).in_flight(1),
    ])
    .await;
    let mut at = house.pick();
    at.pin = Some("cheap".into());
    let cheap = house.ask(at.clone()).await.expect("a lease");
    at.pin = Some("dear".into());
    let dear = house.ask(at).await.expect("a lease");
    let first = house.queue(capped(&house, 2.0), 60 * SECOND);
    house.turn().await;
    let second = house.queue(house.pick(), 60 * SECOND);
    house.turn().await;
    settle(dear, Outcome::Success);
    house.turn().await;
    assert!(!first.is_finished() && second.is_finished());
    assert_eq!(name(second.await.expect("a task")), "dear");
    settle(cheap, Outcome::Success);
    house.turn().await;
    assert_eq!(name(first.await.expect("a task")), "cheap");
}

fn route(task: Option<&str>, models: &[&str]) -> Route {
    Route {
        task: task.map(Into::into),
        priority: None,
        models: models.iter().map(|it| (*it).into()).collect(),
    }
}

#[actix::test]
async fn a_route_s_models_are_tried_in_turn_and_lines_are_apart() {
    tokio::time::pause();
    let mut spec = spec(&[
        Make::new("a").rpm(1),
        Make::new("b").model("n").rpm(1),
        Make::new("c").model("o"),
    ]);
    spec.routes = vec![route(Some("code"), &["n", "m"]), route(None, &["o"])];
    let house = House::with(spec.clone(), Arbiters::current()).await;
    let table = house.engine.table();
    let plan = |task: &str| table.route(task, Priority::Normal).expect("a plan").clone();
    let pick = |task: &str| Pick {
        plan: plan(task),
        ..house.pick()
    };
    assert_eq!(
        (&*plan("code").model, &**plan("code").first()),
        ("auto", "n")
    );
    assert!(table.plan("auto").is_none(), "only routes know it");
    let names: std::collections::BTreeSet<&str> = table.names().map(|it| &**it).collect();
    assert_eq!(names, ["auto", "m", "n", "o"].into());
    assert_eq!(name(house.ask(pick("code")).await), "b");
    assert_eq!(name(house.ask(pick("code")).await), "a");
    let waiting = house.queue(pick("code"), 90 * SECOND);
    house.turn().await;
    // Who waits on one route does not stand before another.
    assert_eq!(name(house.ask(pick("prose")).await), "c");
    assert!(!waiting.is_finished());

    // A plan from before a reload is served by what the route is now.
    spec.targets.remove(0);
    spec.targets.remove(0);
    let d = Make::new("d").model("n");
    let m = Make::new("e");
    spec.targets.extend(super::support::spec(&[d, m]).targets);
    house.engine.apply(spec).await.expect("a guardian");
    assert_eq!(name(house.ask(pick("code")).await), "d");
}
