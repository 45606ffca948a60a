//! Endpoint actors that panic, stop or go silent under load: replaced, nothing forgotten, no client hears of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use breakerbox_actors::clock;
use breakerbox_actors::guardian::GuardianSeen;
use breakerbox_actors::messages::{Chaos, Observe};
use breakerbox_actors::state::breaker::Phase;
use breakerbox_actors::state::machine::View;
use breakerbox_actors::supervise::PERIOD;
use tokio::task::JoinSet;

use super::{badly, failed, house, quiet_panics, reaches, well};
use crate::support::chat::{CHAT, ask, good};
use crate::support::client::Client;
use crate::support::evil::{Act, Evil};
use crate::support::gateway::{House, endpoint, target};
use crate::support::still::{Still, settle, still};
use crate::support::wait::{DEADLINE, eventually, worked};

const LIMITS: &str = ", limits: { rpm: 100000, tpm: 100000000 }";
const CLIENTS: usize = 10;

/// A load of 500 requests a second until `requests` are answered; returns the statuses.
fn load(house: &House, requests: usize) -> JoinSet<Vec<u16>> {
    let addr = house.addr();
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        clients.spawn(async move {
            let mut client = Client::connect(addr).await;
            let mut statuses = Vec::new();
            // A schedule rather than pauses: what is late is made up for.
            let start = clock::now() + Duration::from_millis(2) * number as u32;
            for at in 0..requests / CLIENTS {
                let due = start + Duration::from_millis(20) * at as u32;
                tokio::time::sleep_until(due.into()).await;
                client.post(CHAT, &ask("m", "hello")).await;
                statuses.push(client.answer().await.status());
            }
            statuses
        });
    }
    clients
}

/// An upstream that answers well, on connections that are kept.
fn steady() -> Evil {
    Evil::start(|_, _| vec![Act::Send(good("hello")), Act::KeepAlive])
}

async fn guardian(house: &House) -> GuardianSeen {
    let guardian = house.engine().guardian();
    let seen = guardian.send(Observe::<GuardianSeen>::default()).await;
    seen.expect("a guardian")
}

/// What must outlive a crash.
fn kept(view: &View) -> impl PartialEq + std::fmt::Debug + use<> {
    (
        view.phase,
        view.open_until,
        view.failures_in_a_row,
        view.failed_trials,
        (view.rpm.used, view.tpm.used, view.rpd.used),
        view.latency.map(|it| it.as_millis() / 100),
    )
}

#[tokio::test]
async fn no_client_hears_of_a_panic_at_500_requests_a_second() {
    const REQUESTS: usize = 1_500;
    quiet_panics();
    let evil = steady();
    let house = house("panics", &evil, "", LIMITS);
    let clients = load(&house, REQUESTS);
    for panics in 1..=5 {
        eventually(DEADLINE, || evil.count() >= panics * REQUESTS / 6).await;
        assert!(house.engine().chaos(&target("panics"), Chaos::Panic));
        house.seen("panics").await;
        assert_eq!(guardian(&house).await.actors[0].restarts, panics as u64);
    }
    let statuses = clients.join_all().await.concat();
    assert_eq!(statuses, [200; REQUESTS]);
    let seen = house.seen("panics").await;
    assert_eq!(
        seen.view.rpm.used, REQUESTS as u64,
        "no request was forgotten"
    );
    assert_eq!((seen.in_flight, seen.view.phase), (0, Phase::Closed));
    let seen = guardian(&house).await;
    assert_eq!((seen.actors[0].up, seen.replaced), (true, 0));
}

/// All actors on one thread, whose clock stands still: no time passes until the actor is there again, that is, it
/// waits for nothing; and the work for it is no more than 10 ms. On a machine that has nothing else to do that is
/// how long it takes. One that has charges its interrupts to whoever runs, so the work is that of 19 panics in 20.
#[test]
fn a_panic_is_mended_within_10_ms() {
    const PANICS: u64 = 40;
    quiet_panics();
    still(async {
        let evil = steady();
        let limits = LIMITS.replace("rpm: 100000", "rpd: 100000");
        let endpoint = endpoint("mended", &evil.base_url(), &limits);
        let gateway = Still::start(&format!("endpoints:\n{endpoint}")).await;
        let (body, target) = (ask("m", "hello"), target("mended"));
        let mut works = Vec::new();
        for panics in 1..=PANICS {
            // Not so often that the actor would be left to rest.
            tokio::time::advance(PERIOD / 3).await;
            settle().await;
            assert_eq!(gateway.post(CHAT, &body).await.status, 200);
            gateway.calm().await;
            let (asked, before) = (clock::now(), worked());
            assert!(gateway.engine.chaos(&target, Chaos::Panic));
            let seen = gateway.engine.observe(&target).await.expect("an actor");
            works.push(worked() - before);
            assert_eq!(clock::now(), asked, "it waited");
            assert_eq!(
                (seen.view.phase, seen.view.rpd.used),
                (Phase::Closed, panics)
            );
            let guardian = gateway.engine.guardian();
            let seen = guardian.send(Observe::<GuardianSeen>::default()).await;
            assert_eq!(seen.expect("a guardian").actors[0].restarts, panics);
        }
        works.sort();
        let work = works[works.len() * 19 / 20 - 1];
        assert!(work <= Duration::from_millis(10), "{works:?}");
    });
}

/// Brings an endpoint into a state worth keeping, has its actor `fail`, and compares.
async fn survives(name: &str, fail: impl AsyncFn(&House)) {
    quiet_panics();
    let number = AtomicUsize::new(0);
    let evil = Evil::start(move |_, _| match number.fetch_add(1, Ordering::SeqCst) {
        0..10 => well(),
        _ => badly(),
    });
    let house = house(name, &evil, "failure_threshold: 4", LIMITS);
    // One connection is one worker: its reports arrive in order.
    let mut client = Client::connect(house.addr()).await;
    let mut chat = async || {
        client.post(CHAT, &ask("m", "hello")).await;
        client.answer().await.status()
    };
    for asked in 0..12 {
        assert_eq!(chat().await, if asked < 10 { 200 } else { 502 });
    }
    let settled = async |failures| {
        let start = clock::now();
        while house.seen(name).await.view.failures_in_a_row != failures {
            assert!(clock::now() - start < DEADLINE);
        }
        house.seen(name).await.view
    };
    let before = settled(2).await;
    fail(&house).await;
    let after = house.seen(name).await.view;
    assert_eq!(kept(&after), kept(&before));
    assert_eq!(after.failures_in_a_row, 2);
    assert_eq!(after.rpm.used, 12);
    assert!(after.epoch > before.epoch, "what was lent before is void");

    // The count goes on from there, and so does an open circuit.
    assert!(failed(chat().await) && failed(chat().await));
    let open = reaches(&house, name, Phase::Open).await.view;
    fail(&house).await;
    let after = house.seen(name).await.view;
    assert_eq!(kept(&after), kept(&open));
    assert!(after.open_until.is_some());
}

#[tokio::test]
async fn breaker_and_windows_outlive_a_panic() {
    survives("kept-panic", async |house| {
        assert!(house.engine().chaos(&target("kept-panic"), Chaos::Panic));
    })
    .await;
}

#[tokio::test]
async fn breaker_and_windows_outlive_a_stop() {
    survives("kept-stop", async |house| {
        assert!(house.engine().chaos(&target("kept-stop"), Chaos::Stop));
    })
    .await;
}

#[tokio::test]
async fn an_actor_that_goes_silent_is_replaced_under_load_and_no_client_hears_of_it() {
    const REQUESTS: usize = 2_000;
    let evil = steady();
    let house = Arc::new(house("silent", &evil, "", LIMITS));
    let clients = load(&house, REQUESTS);
    eventually(DEADLINE, || evil.count() >= REQUESTS / 10).await;
    let block = Chaos::Block(Duration::from_secs(6));
    assert!(house.engine().chaos(&target("silent"), block));
    let silent = clock::now();
    while guardian(&house).await.replaced == 0 {
        assert!(clock::now() - silent < DEADLINE, "not replaced");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let within = clock::now() - silent;
    assert!(within < Duration::from_secs(4), "{within:?}");
    house.seen("silent").await;
    let statuses = clients.join_all().await.concat();
    assert_eq!(statuses, [200; REQUESTS]);
    eventually(DEADLINE, || house.in_flight("silent") == 0).await;
    // The one before wakes up late and finds that it has been replaced.
    let seen = guardian(&house).await;
    assert_eq!((seen.actors.len(), seen.replaced), (1, 1));
    assert_eq!(house.seen("silent").await.view.phase, Phase::Closed);
}
