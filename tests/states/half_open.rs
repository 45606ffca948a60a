//! A half-open circuit: one trial at a time, whatever comes at once, late or not at all.

use std::sync::Arc;
use std::time::Duration;

use breakerbox_actors::clock;
use breakerbox_actors::state::breaker::Phase;
use tokio::sync::{Notify, mpsc};

use super::{badly, begin, chat, failed, house, reaches, well};
use crate::support::chat::{CHAT, ask, ask_stream, chunk, delta, stream_head};
use crate::support::client::Client;
use crate::support::evil::{Act, Evil};
use crate::support::gateway::{House, endpoint};
use crate::support::wait::{DEADLINE, eventually};

/// Opens at once, half-open after a second, closed by one success.
const EAGER: &str = "failure_threshold: 1, recovery_timeout: 1s, half_open_requests: 1";

/// An upstream that does `acts` for the first requests, in turn, and answers all others well.
fn upstream(acts: Vec<Vec<Act>>) -> Evil {
    let number = std::sync::atomic::AtomicUsize::new(0);
    Evil::start(move |_, _| {
        let number = number.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        acts.get(number).cloned().unwrap_or_else(well)
    })
}

/// Acts that answer well, once told.
fn held(go: &Arc<Notify>) -> Vec<Act> {
    [vec![Act::WaitFor(Arc::clone(go))], well()].concat()
}

#[tokio::test]
async fn of_a_thousand_requests_at_once_exactly_one_goes() {
    const REQUESTS: usize = 1_000;
    let go = Arc::new(Notify::new());
    let evil = upstream(vec![badly(), held(&go)]);
    let house = house("thousand", &evil, EAGER, "");
    assert!(failed(chat(&house).await.status()));
    let (tell, mut told) = mpsc::unbounded_channel();
    let start = Arc::new(Notify::new());
    for _ in 0..REQUESTS {
        let mut client = Client::connect(house.addr()).await;
        let (tell, start) = (tell.clone(), Arc::clone(&start));
        tokio::spawn(async move {
            start.notified().await;
            client.post(CHAT, &ask("m", "hello")).await;
            let answer = client.answer().await;
            tell.send(answer).expect("the test waits");
        });
    }
    reaches(&house, "thousand", Phase::HalfOpen).await;
    start.notify_waiters();
    for _ in 1..REQUESTS {
        let refused = told.recv().await.expect("an answer");
        assert_eq!(refused.status(), 503, "{}", refused.text());
        let seconds = refused
            .head
            .header("retry-after")
            .expect("when to come back");
        let seconds: u64 = seconds.parse().expect("seconds");
        assert!((1..=60).contains(&seconds));
        assert!(
            refused.text().contains("trial_under_way"),
            "{}",
            refused.text()
        );
    }
    assert_eq!(evil.count(), 2, "the failure and one trial");
    go.notify_one();
    assert_eq!(told.recv().await.expect("an answer").status(), 200);
    reaches(&house, "thousand", Phase::Closed).await;
}

#[tokio::test]
async fn who_may_wait_is_served_after_the_trial_and_no_sooner() {
    const REQUESTS: usize = 50;
    let go = Arc::new(Notify::new());
    let evil = upstream(vec![badly(), held(&go)]);
    let house = House::start(&format!(
        "endpoints:\n{}breaker: {{ {EAGER} }}\n\
         routing: {{ max_attempts: 1, queue: {{ max_wait: 10s }} }}\n",
        endpoint("waits", &evil.base_url(), "")
    ));
    assert!(failed(chat(&house).await.status()));
    reaches(&house, "waits", Phase::HalfOpen).await;
    let mut clients = Vec::new();
    for _ in 0..REQUESTS {
        clients.push(begin(&house).await);
    }
    // The failure and one trial have gone out; the others wait.
    let all_here = || (house.engine().waiting(), evil.count()) == (REQUESTS - 1, 2);
    eventually(DEADLINE, all_here).await;
    go.notify_one();
    for mut client in clients {
        assert_eq!(client.answer().await.status(), 200);
    }
    assert_eq!(evil.count(), 1 + REQUESTS);
}

#[tokio::test]
async fn a_trial_cancelled_by_its_client_makes_room_within_a_second() {
    let stream = vec![
        Act::Send(stream_head()),
        Act::Send(chunk(&delta("hel"))),
        Act::Blackhole,
    ];
    let evil = upstream(vec![badly(), vec![Act::Blackhole], stream]);
    let house = house("cancelled", &evil, EAGER, "");
    assert!(failed(chat(&house).await.status()));

    // In silence.
    reaches(&house, "cancelled", Phase::HalfOpen).await;
    let trial = begin(&house).await;
    eventually(DEADLINE, || evil.count() == 2).await;
    assert_eq!(chat(&house).await.status(), 503, "one trial at a time");
    drop(trial);
    let left = clock::now();

    // In the middle of its stream; this is the next trial already.
    let mut streaming = loop {
        let mut client = Client::connect(house.addr()).await;
        client.post(CHAT, &ask_stream("m", "hello")).await;
        if client.head().await.status() == 200 {
            break client;
        }
    };
    let within = clock::now() - left;
    assert!(within <= Duration::from_secs(1), "{within:?}");
    streaming
        .event()
        .await
        .expect("a stream")
        .expect("an event");
    assert_eq!(chat(&house).await.status(), 503, "one trial at a time");
    streaming.reset();
    let left = clock::now();
    while chat(&house).await.status() != 200 {}
    let within = clock::now() - left;
    assert!(within <= Duration::from_secs(1), "{within:?}");
    reaches(&house, "cancelled", Phase::Closed).await;
    assert_eq!(evil.count(), 4);
    assert_eq!(house.outcomes("cancelled", "cancelled").await, 2.0);
}

#[tokio::test]
async fn a_late_success_from_before_the_trip_changes_nothing() {
    let [while_open, while_half_open, trial] = [(); 3].map(|()| Arc::new(Notify::new()));
    let evil = upstream(vec![
        held(&while_open),
        held(&while_half_open),
        badly(),
        held(&trial),
    ]);
    let house = house("late", &evil, EAGER, "");
    let mut first = begin(&house).await;
    eventually(DEADLINE, || evil.count() == 1).await;
    let mut second = begin(&house).await;
    eventually(DEADLINE, || evil.count() == 2).await;
    assert!(failed(chat(&house).await.status()));
    let open = reaches(&house, "late", Phase::Open).await.view;

    while_open.notify_one();
    assert_eq!(
        first.answer().await.status(),
        200,
        "its client has its answer"
    );
    eventually(DEADLINE, || house.in_flight("late") == 1).await;
    let seen = house.seen("late").await.view;
    let of = |view: &breakerbox_actors::state::machine::View| {
        (view.phase, view.epoch, view.open_until, view.failed_trials)
    };
    assert_eq!(of(&seen), of(&open));

    // Half-open, one success closes it; but not this one, even with a trial under way.
    reaches(&house, "late", Phase::HalfOpen).await;
    let mut third = begin(&house).await;
    eventually(DEADLINE, || evil.count() == 4).await;
    let half_open = house.seen("late").await.view;
    while_half_open.notify_one();
    assert_eq!(second.answer().await.status(), 200);
    eventually(DEADLINE, || house.in_flight("late") == 1).await;
    assert_eq!(of(&house.seen("late").await.view), of(&half_open));
    assert_eq!(
        chat(&house).await.status(),
        503,
        "the trial is still the only one"
    );

    trial.notify_one();
    assert_eq!(third.answer().await.status(), 200);
    reaches(&house, "late", Phase::Closed).await;
}
