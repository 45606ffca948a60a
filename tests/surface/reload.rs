//! Reloading under load: no request is cut or fails, unchanged endpoints keep what they know.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use breakerbox_actors::clock;
use breakerbox_actors::id::TargetId;
use breakerbox_actors::state::{breaker::Phase, health::Status};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::{error_of, steady};
use crate::support::chat::{
    CHAT, ask, ask_stream, chunk, delta, ending, good, is_done, last_chunk, response, stream_head,
};
use crate::support::client::{Client, Ending, post};
use crate::support::evil::{Act, Evil};
use crate::support::gateway::{House, endpoint};
use crate::support::still::{Still, still};
use crate::support::wait::{DEADLINE, worked};

/// How soon what is reloaded acts.
const IN_FORCE: std::time::Duration = std::time::Duration::from_millis(100);

#[tokio::test]
async fn a_thousand_reloads_at_500_requests_a_second_fail_none() {
    const RELOADS: usize = 1_000;
    let evil = steady();
    let other = steady();
    const OUT: &str =
        ", limits: { rpm: 100 }, breaker: { failure_threshold: 1, recovery_timeout: 300s }";
    // Serves once, so that there is an estimate, and never again.
    let served = AtomicBool::new(false);
    let broken = Evil::start(move |_, _| match served.swap(true, Ordering::SeqCst) {
        false => vec![Act::Send(good("hello")), Act::KeepAlive],
        true => vec![Act::Send(response(500, &[("connection", "close")], "{}"))],
    });
    // The second endpoint comes and goes, changes its address, its weight, its limits.
    let yaml = |number: usize| {
        let stays = endpoint("reloads", &evil.base_url(), "");
        let comes = match number % 4 {
            0 => String::new(),
            1 => endpoint("reloads-b", &other.base_url(), ""),
            2 => endpoint("reloads-b", &evil.base_url(), ", weight: 3"),
            _ => endpoint("reloads-b", &evil.base_url(), ", limits: { rpm: 100000 }"),
        };
        // Out, and touched by no reload.
        let out = endpoint("reloads-out", &broken.base_url(), OUT).replace("[m]", "[out]");
        // Nobody gets a second try, which could hide a lost first.
        format!("endpoints:\n{stays}{comes}{out}routing: {{ max_attempts: 1 }}\n")
    };
    let house = Arc::new(House::start(&yaml(0)));
    let id = TargetId::new("reloads-out", "out");
    let untouched = async || house.engine().kept(&id).await.expect("an actor");
    let view = async || house.engine().observe(&id).await.expect("an actor").view;
    let start = clock::now();
    post(house.addr(), CHAT, &ask("out", "hello")).await;
    while view().await.latency.is_none() {
        assert!(clock::now() - start < DEADLINE);
    }
    post(house.addr(), CHAT, &ask("out", "hello")).await;
    while view().await.phase != Phase::Open {
        assert!(clock::now() - start < DEADLINE);
    }
    let seen = view().await;
    // There is something to keep.
    assert!(seen.rpd.used >= 2, "{seen:?}");
    assert!(seen.latency.is_some(), "{seen:?}");
    let before = untouched().await;
    let written = format!("{before:?}");
    let mut took = Vec::new();
    let done = Arc::new(AtomicUsize::new(0));
    let mut clients = JoinSet::new();
    for _ in 0..10 {
        let (addr, done) = (house.addr(), Arc::clone(&done));
        clients.spawn(async move {
            let mut client = Client::connect(addr).await;
            let mut statuses = Vec::new();
            let start = clock::now();
            while done.load(Ordering::SeqCst) == 0 {
                let due = start + std::time::Duration::from_millis(20) * statuses.len() as u32;
                tokio::time::sleep_until(due.into()).await;
                client.post(CHAT, &ask("m", "hello")).await;
                statuses.push(client.answer().await.status());
            }
            statuses
        });
    }
    for number in 1..=RELOADS {
        let asked = clock::now();
        house.reload(&yaml(number)).await.expect("reloaded");
        took.push(clock::now() - asked);
        // Some requests in between, so that each configuration is used.
        let seen = evil.count() + other.count();
        let start = clock::now();
        while evil.count() + other.count() < seen + 2 {
            assert!(clock::now() - start < DEADLINE);
            tokio::task::yield_now().await;
        }
    }
    done.store(1, Ordering::SeqCst);
    let statuses = clients.join_all().await.concat();
    // 500 a second are offered; a machine that is busy with other tests takes less of it, but two between any two.
    assert!(statuses.len() >= 2 * RELOADS, "{}", statuses.len());
    let failed = statuses.iter().filter(|it| **it != 200).count();
    assert_eq!(failed, 0, "of {}", statuses.len());
    assert!(other.count() > 0, "the new endpoint was used");
    // All of it, bit for bit: circuit, windows, estimate, and what is in none of these.
    let after = untouched().await;
    assert_eq!(format!("{after:?}"), written);
    assert_eq!(after, before);
    // Returned means: seen by every router. A machine that is busy with other tests may be late, so of all threads
    // together it is the median that keeps to it; see below for each.
    took.sort();
    let median = took[RELOADS / 2];
    assert!(median <= IN_FORCE, "{median:?}, at worst {:?}", took.last());
}

/// On a clock that only the test moves: no time passes until a reload is in force, that is, nobody waits; and the
/// work for it, from the text to the open circuit, all of which this thread does, is no more than 100 ms.
#[test]
fn what_is_reloaded_is_in_force_at_once() {
    const ROUNDS: usize = 100;
    still(async {
        let evil = Evil::start(|_, _| vec![Act::Send(response(500, &[], "{}"))]);
        let yaml = |threshold: usize| {
            let endpoint = endpoint("at-once", &evil.base_url(), "");
            let breaker = format!("failure_threshold: {threshold}, min_requests: 100000");
            format!(
                "endpoints:\n{endpoint}breaker: {{ {breaker} }}\n\
                 routing: {{ max_attempts: 1, retry_budget: 0 }}\n"
            )
        };
        let gateway = Rc::new(Still::start(&yaml(1_000)).await);
        let mut works = Vec::new();
        for round in 1..=ROUNDS {
            let asked = gateway.begin(CHAT, ask("m", "hello"));
            gateway.calm().await;
            assert_eq!(asked.await.expect("an answer").status, 502);
            assert_eq!(gateway.seen("at-once").await.view.failures_in_a_row, 1);
            let (start, before) = (clock::now(), worked());
            gateway.reload(&yaml(1)).await;
            let target = TargetId::new("at-once", "m");
            let open = gateway.engine.observe(&target).await.expect("an actor");
            works.push(worked() - before);
            assert_eq!(clock::now(), start, "round {round}: it waited");
            assert_eq!(open.view.phase, Phase::Open, "round {round}");
            gateway.reload(&yaml(1_000)).await;
            gateway.engine.reset("at-once").await;
        }
        works.sort();
        let work = works[ROUNDS * 9 / 10];
        assert!(work <= IN_FORCE, "{work:?}");
    });
}

#[tokio::test]
async fn an_unchanged_endpoint_keeps_breaker_windows_and_estimate_and_new_thresholds_act_on_them() {
    let number = AtomicUsize::new(0);
    let evil = Evil::start(move |_, _| {
        // The number of the connection's next request, which may never come.
        match number.fetch_add(1, Ordering::SeqCst) {
            0..3 => vec![Act::Send(response(500, &[("connection", "close")], "{}"))],
            _ => vec![Act::Send(good("hello")), Act::KeepAlive],
        }
    });
    let yaml = |breaker: &str, limits: &str| {
        let limits = format!(", limits: {{ {limits} }}");
        format!(
            "endpoints:\n{}breaker: {{ {breaker} }}\n\
             routing: {{ max_attempts: 1, queue: {{ max_wait: 0s }} }}\n",
            endpoint("keeps", &evil.base_url(), &limits)
        )
    };
    let house = House::start(&yaml("failure_threshold: 10", "rpm: 100, tpm: 100000"));
    let mut client = Client::connect(house.addr()).await;
    for _ in 0..3 {
        client.post(CHAT, &ask("m", "hello")).await;
        assert_eq!(client.answer().await.status(), 502);
    }
    let start = clock::now();
    while house.seen("keeps").await.view.failures_in_a_row < 3 {
        assert!(clock::now() - start < DEADLINE);
    }
    let before = house.seen("keeps").await.view;
    house
        .reload(&yaml("failure_threshold: 9", "rpm: 50, tpm: 100000"))
        .await
        .expect("reloaded");
    let after = house.seen("keeps").await.view;
    assert_eq!((after.failures_in_a_row, after.failure_threshold), (3, 9));
    assert_eq!((after.rpm.used, after.rpm.limit), (3, Some(50)));
    assert_eq!(after.tpm.used, before.tpm.used);
    assert_eq!(after.epoch, before.epoch);
    assert!(!after.penalty.is_zero(), "what failures cost is kept");
    assert_eq!(after.phase, Phase::Closed);

    // A limit below what is used acts at once.
    house
        .reload(&yaml("failure_threshold: 9", "rpm: 2, tpm: 100000"))
        .await
        .expect("reloaded");
    let start = clock::now();
    house.seen("keeps").await;
    error_of(&post(house.addr(), CHAT, &ask("m", "hello")).await, 429);
    assert_eq!(evil.count(), 3);
    assert!(clock::now() - start < DEADLINE);

    // A threshold below what was counted opens the circuit without another failure.
    let asked = clock::now();
    house
        .reload(&yaml("failure_threshold: 3", "rpm: 100, tpm: 100000"))
        .await
        .expect("reloaded");
    while house.status("keeps") != Status::Unhealthy {
        assert!(clock::now() - asked < DEADLINE);
    }
    let open = house.seen("keeps").await.view;
    assert_eq!(open.phase, Phase::Open);
    // And an open circuit stays as open as it was.
    house
        .reload(&yaml("failure_threshold: 9", "rpm: 99, tpm: 100000"))
        .await
        .expect("reloaded");
    let kept = house.seen("keeps").await.view;
    assert_eq!(
        (kept.phase, kept.open_until),
        (Phase::Open, open.open_until)
    );
}

#[tokio::test]
async fn streams_of_a_removed_endpoint_finish() {
    const STREAMS: usize = 100;
    let go = Arc::new(Notify::new());
    let held = Arc::clone(&go);
    let evil = Evil::start(move |_, _| {
        vec![
            Act::Send(stream_head()),
            Act::Send(chunk(&delta("hel"))),
            Act::WaitFor(Arc::clone(&held)),
            Act::Send(chunk(&(delta("lo") + &ending()))),
            Act::Send(last_chunk()),
        ]
    });
    let next = steady();
    let house = House::start(&format!(
        "endpoints:\n{}",
        endpoint("removed", &evil.base_url(), "")
    ));
    let mut streams = Vec::new();
    for _ in 0..STREAMS {
        let mut client = Client::connect(house.addr()).await;
        client.post(CHAT, &ask_stream("m", "hello")).await;
        assert_eq!(client.head().await.status(), 200);
        client.event().await.expect("a stream").expect("an event");
        streams.push(client);
    }
    let yaml = format!("endpoints:\n{}", endpoint("stayed", &next.base_url(), ""));
    house.reload(&yaml).await.expect("reloaded");
    let answer = post(house.addr(), CHAT, &ask("m", "hello")).await;
    assert_eq!(answer.head.header("x-breakerbox-endpoint"), Some("stayed"));
    go.notify_waiters();
    for mut stream in streams {
        let (events, ending) = stream.events().await;
        assert!(is_done(&events), "{events:?}");
        assert_eq!(ending, Ending::Whole);
    }
    assert_eq!(evil.count(), STREAMS);
}

#[tokio::test]
async fn what_only_a_restart_can_change_is_refused_by_name_and_changes_nothing() {
    let evil = steady();
    let endpoint = endpoint("start-only", &evil.base_url(), "");
    let house = House::start(&format!("endpoints:\n{endpoint}"));
    let yaml = format!(
        "server: {{ listen: \"127.0.0.1:0\", workers: 3 }}\nendpoints:\n{}",
        endpoint.replace("[m]", "[n]")
    );
    let refused = house.reload(&yaml).await.expect_err("refused").to_string();
    assert!(refused.contains("server.workers"), "{refused}");
    assert_eq!(
        post(house.addr(), CHAT, &ask("m", "hello")).await.status(),
        200
    );
    assert_eq!(
        post(house.addr(), CHAT, &ask("n", "hello")).await.status(),
        404
    );
}

#[tokio::test]
async fn a_revoked_key_is_refused_within_100_ms_by_every_worker() {
    const ROUNDS: usize = 5;
    let evil = steady();
    let endpoint = endpoint("revoked", &evil.base_url(), "");
    let yaml = |number: usize| {
        format!(
            "clients: [{{ name: team, key: key-{number} }}, {{ name: other, key: key-other }}]\n\
             endpoints:\n{endpoint}"
        )
    };
    let house = House::start(&yaml(0));
    let status = async |client: &mut Client, key: &str| {
        let bearer = format!("Bearer {key}");
        let with = [("authorization", &*bearer)];
        client.request("GET", "/v1/models", &with, b"").await;
        client.answer().await.status()
    };
    let mut clients = Vec::new();
    for _ in 0..8 {
        clients.push(Client::connect(house.addr()).await);
    }
    let mut took = Vec::new();
    for round in 0..ROUNDS {
        let old = format!("key-{round}");
        for client in &mut clients {
            assert_eq!(status(client, &old).await, 200);
        }
        let asked = clock::now();
        house.reload(&yaml(round + 1)).await.expect("reloaded");
        took.push(clock::now() - asked);
        // Refused from this moment on, on every worker; nobody else is.
        for client in &mut clients {
            assert_eq!(status(client, &old).await, 401);
            assert_eq!(status(client, "key-other").await, 200);
        }
    }
    // The least of them: a machine that is busy with other tests may be late, our own time is in all.
    let least = took.iter().min();
    assert!(least <= Some(&IN_FORCE), "{took:?}");
}
