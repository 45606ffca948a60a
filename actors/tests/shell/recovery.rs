//! How a broken endpoint comes back: by pings, and without them.

use std::time::Duration;

use breakerbox_actors::{
    clock,
    messages::{Chaos, Observe},
    prober::{ForceCheck, ProberSeen},
    state::{
        breaker::{Phase, TransitionReason},
        event::{Outcome, Pong},
        health::Status,
        policy::{BreakerSettings, ProbeSettings},
    },
};

use super::support::{FAILED, House, MS, Make, SECOND, settle, spec};

fn pinged() -> Make {
    Make::new("a").probe(|_| {})
}

async fn prober(house: &House) -> ProberSeen {
    let seen = house.engine.prober().send(Observe::default()).await;
    seen.expect("a prober")
}

#[actix::test]
async fn open_pings_half_open_trials_closed() {
    let slow = |it: &mut BreakerSettings| it.recovery_timeout = 300 * SECOND;
    let house = House::paused(&[pinged().breaker(slow)]).await;
    house.pinger.answers("a", Some(Pong::Failed));
    house.fail(5).await;
    let opened = clock::now();
    assert_eq!(house.phase("a").await, Phase::Open);
    tokio::time::sleep(10 * SECOND).await;
    assert_eq!(house.phase("a").await, Phase::Open, "the pings still fail");
    house
        .pinger
        .answers("a", Some(Pong::Alive { latency: 10 * MS }));
    let mut news = house.engine.subscribe();
    assert_eq!(news.recv().await.expect("news").status, Status::Degraded);
    let took = clock::now() - opened;
    assert_eq!(house.phase("a").await, Phase::HalfOpen);
    assert!(took < 120 * SECOND, "before the recovery timeout: {took:?}");
    for _ in 0..3 {
        let trial = house.take().await.expect("a lease");
        assert!(trial.is_trial());
        settle(trial, Outcome::Success);
        house.turn().await;
    }
    let view = house.view("a").await;
    assert_eq!((view.phase, view.status), (Phase::Closed, Status::Degraded));
    assert!(view.weight < 0.2, "and its weight grows from a tenth");
    tokio::time::sleep(15 * SECOND).await;
    assert_eq!(house.view("a").await.weight, 1.0);
    assert_eq!(house.target("a").status(), Status::Healthy);
}

#[actix::test]
async fn a_key_that_pings_see_rejected_is_news_of_an_open_circuit() {
    let slow = |it: &mut BreakerSettings| it.recovery_timeout = 300 * SECOND;
    let house = House::paused(&[pinged().breaker(slow)]).await;
    house.pinger.answers("a", Some(Pong::Failed));
    house.fail(5).await;
    assert_eq!(house.phase("a").await, Phase::Open);
    let mut news = house.engine.subscribe();
    house.pinger.answers("a", Some(Pong::KeyRejected));
    assert_eq!(news.recv().await.expect("news").status, Status::Unhealthy);
    let cause = house.view("a").await.open_reason;
    assert_eq!(cause, Some(TransitionReason::KeyRejected));
    house.turn().await;
    assert!(news.try_recv().is_err(), "once");
}

#[actix::test]
async fn without_pings_time_alone_opens_the_way() {
    let house = House::paused(&[Make::new("a")]).await;
    house.fail(5).await;
    let mut news = house.engine.subscribe();
    let opened = clock::now();
    assert_eq!(news.recv().await.expect("news").status, Status::Degraded);
    let took = clock::now() - opened;
    assert!(took > 53 * SECOND && took < 67 * SECOND, "{took:?}");
    assert!(house.pinger.asked("a", opened).is_empty());
    settle(house.take().await.expect("a trial"), FAILED);
    house.turn().await;
    let until = house.view("a").await.open_until.expect("open again");
    assert!(until - clock::now() > 107 * SECOND, "twice as long");
}

#[actix::test]
async fn pings_alone_take_an_endpoint_out() {
    let house = House::paused(&[pinged()]).await;
    house.pinger.answers("a", Some(Pong::Failed));
    tokio::time::sleep(100 * SECOND).await;
    let view = house.view("a").await;
    assert_eq!(
        (view.phase, view.open_reason),
        (Phase::Open, Some(TransitionReason::Pings))
    );
}

#[actix::test]
async fn a_pinger_that_never_answers_is_a_failed_ping() {
    let house = House::paused(&[pinged()]).await;
    house.pinger.answers("a", None);
    let mut news = house.engine.subscribe();
    let out = async { while news.recv().await.expect("news").status != Status::Unhealthy {} };
    let out = tokio::time::timeout(300 * SECOND, out).await;
    out.expect("within three pings");
    assert!(prober(&house).await.under_way <= 1);
}

#[actix::test]
async fn closed_every_interval_open_at_once_and_then_ever_less() {
    let house = House::paused(&[pinged()]).await;
    house.pinger.answers("a", Some(Pong::Failed));
    let start = clock::now();
    tokio::time::sleep(40 * SECOND).await;
    let asked = house.pinger.asked("a", start);
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(asked[0] <= SECOND, "soon after the start");
    let wait = asked[1] - asked[0];
    assert!(wait > 26 * SECOND && wait < 34 * SECOND, "{wait:?}");

    let opened = clock::now();
    // The doubt it raises brings the third failed ping, which opens the circuit.
    house.fail(1).await;
    tokio::time::sleep(70 * SECOND).await;
    let asked = house.pinger.asked("a", start);
    let since = asked.iter().filter_map(|at| at.checked_sub(opened - start));
    let since: Vec<_> = since.collect();
    assert!(since[0] < 2 * SECOND, "{since:?}");
    let waits: Vec<_> = since.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for pair in waits[1..].windows(2) {
        let ratio = pair[1].as_secs_f64() / pair[0].as_secs_f64();
        // The last wait is cut to the interval.
        assert!((1.5..2.5).contains(&ratio), "jittered twice: {waits:?}");
    }
    assert!(waits.len() >= 4);
}

#[actix::test]
async fn a_forced_check_pings_now() {
    let house = House::paused(&[pinged()]).await;
    tokio::time::sleep(5 * SECOND).await;
    let forced = clock::now();
    house
        .engine
        .prober()
        .try_send(ForceCheck::default())
        .expect("a prober");
    house.turn().await;
    let asked = house.pinger.asked("a", forced);
    assert_eq!(asked.last(), Some(&Duration::ZERO));
}

#[actix::test]
async fn a_prober_that_restarts_goes_on_pinging_and_waits_for_no_lost_ping() {
    let house = House::paused(&[pinged()]).await;
    house.pinger.answers("a", Some(Pong::Failed));
    house.fail(5).await;
    // In the middle of a ping.
    house.pinger.answers("a", None);
    let start = clock::now();
    while prober(&house).await.under_way == 0 {
        tokio::time::sleep(10 * MS).await;
    }
    house.pinger.answers("a", Some(Pong::Alive { latency: MS }));
    house
        .engine
        .prober()
        .try_send(Chaos::Panic)
        .expect("an actor");
    let seen = prober(&house).await;
    assert_eq!((seen.watched, seen.under_way), (1, 0));
    let restarted = clock::now();
    tokio::time::sleep(6 * SECOND).await;
    let asked = house.pinger.asked("a", start);
    let again = asked.iter().filter(|at| start + **at > restarted).count();
    assert!(again >= 1, "not after timeout and interval: {asked:?}");
    tokio::time::sleep(10 * SECOND).await;
    assert_eq!(house.phase("a").await, Phase::HalfOpen);
}

#[actix::test]
async fn a_prober_that_storms_rests_a_breath() {
    let house = House::paused(&[pinged()]).await;
    for _ in 0..6 {
        house
            .engine
            .prober()
            .try_send(Chaos::Panic)
            .expect("an actor");
    }
    let start = clock::now();
    assert_eq!(prober(&house).await.watched, 1);
    assert!(clock::now() - start <= 2 * SECOND);
}

#[actix::test]
async fn a_pong_for_a_target_that_was_replaced_is_not_its_successor_s() {
    let short = |it: &mut ProbeSettings| {
        it.unhealthy_threshold = 1;
        it.interval = 10 * SECOND;
    };
    let house = House::paused(&[Make::new("a").probe(short)]).await;
    house.pinger.answers("a", Some(Pong::Failed));
    while prober(&house).await.under_way == 0 {
        tokio::time::sleep(MS).await;
    }
    // The ping of the old one comes back in 10 ms.
    let other = Make::new("a").identity("another").probe(|it| {
        short(it);
        it.interval_open = 10 * SECOND;
    });
    house
        .engine
        .apply(spec(&[other]))
        .await
        .expect("a guardian");
    tokio::time::sleep(20 * MS).await;
    assert_eq!(house.phase("a").await, Phase::Closed);
    assert_eq!(
        house.view("a").await.status,
        Status::Unknown,
        "nothing seen yet"
    );
}

#[actix::test]
async fn all_dead_then_healed_is_soon_over() {
    let quick = |it: &mut ProbeSettings| it.healthy_threshold = 1;
    let targets = [Make::new("a").probe(quick), Make::new("b").probe(quick)];
    let house = House::paused(&targets).await;
    for name in ["a", "b"] {
        house.pinger.answers(name, Some(Pong::Failed));
    }
    let died = clock::now();
    while clock::now() - died < 30 * SECOND {
        if let Ok(lease) = house.take().await {
            settle(lease, FAILED);
        }
        tokio::time::sleep(100 * MS).await;
    }
    let refusal = house.take().await;
    assert!(refusal.is_err() || refusal.is_ok_and(|it| it.is_trial()));
    // Healed: the last resort finds out, whatever the pings do.
    let healed = clock::now();
    let served = loop {
        if let Ok(lease) = house.take().await {
            settle(lease, Outcome::Success);
            break clock::now();
        }
        tokio::time::sleep(10 * MS).await;
    };
    assert!(served - healed <= 1500 * MS, "{:?}", served - healed);
}
