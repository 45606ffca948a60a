//! What only real threads can show. Real time too: nothing here waits for a
//! while, only for a condition, and none takes longer than a few seconds.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
        mpsc,
    },
    time::Duration,
};

use actix::prelude::*;
use breakerbox_actors::{
    clock,
    desk::Post,
    engine::{Arbiters, Engine},
    lease::Lease,
    messages::{Chaos, Queue},
    router::Router,
    state::{breaker::Phase, event::Outcome},
    supervise::INTENSITY,
};
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use tokio::sync::oneshot::{self, error::TryRecvError};

use super::support::{
    FAILED, House, MS, Make, SECOND, eventually, id, pick, plan, settle, spec, tokens, used,
};

/// Endpoint actors on `endpoints`, the others on threads of their own.
fn arbiters(endpoints: &Arbiter) -> Arbiters {
    Arbiters {
        endpoints: vec![endpoints.handle()],
        guardian: Arbiter::new().handle(),
        prober: Arbiter::new().handle(),
    }
}

/// Does `work` on `count` threads at once, each with a router of its own.
async fn workers<T: Send + 'static>(
    engine: &Engine,
    count: u64,
    work: impl AsyncFn(Post<Router>, u64) -> T + Clone + Send + 'static,
) -> Vec<T> {
    let threads: Vec<_> = (0..count)
        .map(|number| {
            let (done, result) = oneshot::channel();
            let (engine, work) = (engine.clone(), work.clone());
            let arbiter = Arbiter::new();
            arbiter.spawn_fn(move || {
                actix_rt::spawn(async move {
                    let result = work(engine.router(), number).await;
                    drop(done.send(result));
                });
            });
            (arbiter, result)
        })
        .collect();
    let mut results = Vec::new();
    for (arbiter, result) in threads {
        results.push(result.await.expect("a worker that does not panic"));
        arbiter.stop();
    }
    results
}

#[actix::test]
async fn actors_of_a_stuck_thread_move_to_another() {
    let stuck = Arbiter::new();
    let targets = [Make::new("a").rpm(100), Make::new("b")];
    let house = House::with(spec(&targets), arbiters(&stuck)).await;
    let mut only_a = house.pick();
    only_a.pin = Some("a".into());
    for _ in 0..3 {
        settle(house.ask(only_a.clone()).await.expect("a lease"), FAILED);
    }
    assert_eq!(house.view("a").await.failures_in_a_row, 3);
    let late = house.ask(only_a.clone()).await.expect("a lease");
    let kept = house.ask(only_a.clone()).await.expect("a lease");

    let (goes_on, stands) = mpsc::channel::<()>();
    let (tell, stood) = oneshot::channel();
    stuck.spawn_fn(move || {
        tell.send(()).ok();
        stands.recv().ok();
    });
    stood.await.expect("it stands still");
    // The old actor never handles these: a report and a setting.
    settle(late, FAILED);
    let [a, b] = targets.clone();
    let patched = [a.breaker(|it| it.failure_threshold = 5), b];
    house
        .engine
        .apply(spec(&patched))
        .await
        .expect("a guardian");
    eventually("replaced", async || house.guardian().await.replaced == 2).await;
    // The thread still stands; b had no mail and moved all the same.
    house.view("b").await;
    let view = house.view("a").await;
    let counted = (view.phase, view.failures_in_a_row);
    assert_eq!(counted, (Phase::Closed, 4), "also what nobody has read");
    assert_eq!(view.rpm.used, 5, "what was spent meanwhile is booked");
    eventually("told again", async || {
        house.view("a").await.failure_threshold == 5
    })
    .await;

    // Should the old actor come to itself, it publishes nothing and ends.
    drop(goes_on);
    let end = tokio::task::spawn_blocking(move || stuck.join()).await;
    end.expect("a thread to wait in")
        .expect("the old thread ends");
    let view = house.view("a").await;
    assert_eq!(view.failures_in_a_row, 4, "and it is read once");
    settle(kept, Outcome::Success);
    eventually("reported", async || {
        house.view("a").await.failures_in_a_row == 4
    })
    .await;
    assert_eq!(house.target("a").in_flight(), 0);
    settle(house.ask(only_a).await.expect("a lease"), FAILED);
    eventually("open", async || house.phase("a").await == Phase::Open).await;
    assert_eq!(house.guardian().await.replaced, 2, "and no more");
    assert!(
        house
            .guardian()
            .await
            .actors
            .iter()
            .all(|it| it.up && it.restarts == 0)
    );
}

#[actix::test]
async fn a_prober_or_guardian_whose_thread_stands_still_is_seen() {
    let (probers, guardians, endpoints) = (Arbiter::new(), Arbiter::new(), Arbiter::new());
    let threads = Arbiters {
        endpoints: vec![endpoints.handle()],
        guardian: guardians.handle(),
        prober: probers.handle(),
    };
    let house = House::with(spec(&[Make::new("a")]), threads).await;
    let down = |house: &House| {
        let actors = house.engine.actors().into_iter();
        let down = actors.filter(|it| !it.up).map(|it| it.name);
        down.collect::<Vec<_>>()
    };
    for (name, thread) in [("prober", &probers), ("guardian", &guardians)] {
        eventually("all are up", async || down(&house).is_empty()).await;
        let (goes_on, stands) = mpsc::channel::<()>();
        thread.spawn_fn(move || {
            stands.recv().ok();
        });
        eventually("seen", async || down(&house) == [name]).await;
        drop(goes_on);
    }
    eventually("all are up", async || down(&house).is_empty()).await;
}

#[actix::test]
async fn a_dead_thread_is_replaced_by_another() {
    let mortal = Arbiter::new();
    let house = House::with(spec(&[Make::new("a")]), arbiters(&mortal)).await;
    for _ in 0..3 {
        settle(house.take().await.expect("a lease"), FAILED);
    }
    assert_eq!(house.view("a").await.failures_in_a_row, 3);
    mortal.stop();
    mortal.join().expect("its end");
    // The grant still stands: no client notices. What comes of it is read by
    // whoever takes over.
    settle(house.take().await.expect("a lease"), FAILED);
    eventually("replaced", async || house.guardian().await.replaced == 1).await;
    assert_eq!(house.view("a").await.failures_in_a_row, 4);
    settle(house.take().await.expect("a lease"), FAILED);
    eventually("open", async || house.phase("a").await == Phase::Open).await;
}

#[actix::test]
async fn of_a_thousand_at_the_moment_of_half_open_exactly_one_goes() {
    let target = Make::new("a").breaker(|it| {
        it.recovery_timeout = 50 * MS;
        it.half_open_requests = 1000;
    });
    let engine_thread = Arbiter::new();
    let house = House::with(spec(&[target]), arbiters(&engine_thread)).await;
    for _ in 0..5 {
        settle(house.take().await.expect("a lease"), FAILED);
    }
    for _ in 0..10 {
        eventually("a trial is lent", async || {
            let seen = house.seen("a").await;
            seen.view.phase == Phase::HalfOpen && seen.credits == 1
        })
        .await;
        let plan = plan(&house.engine, "m");
        let won = workers(&house.engine, 4, async move |router, _| {
            let mut won = Vec::new();
            for _ in 0..250 {
                won.extend(router.send(pick(plan.clone())).await.expect("a router"));
            }
            won
        });
        let won: Vec<Lease> = won.await.into_iter().flatten().collect();
        assert_eq!(won.len(), 1);
        assert!(won[0].is_trial());
        drop(won);
    }
}

/// The ledger is written after the engine lends and before it is given back,
/// so it never shows more than the engine has lent.
#[actix::test]
async fn workers_together_never_take_more_tokens_than_the_limit() {
    const TPM: i64 = 50_000;
    let engine_thread = Arbiter::new();
    let targets = spec(&[Make::new("a").tpm(TPM as u32)]);
    let house = House::with(targets, arbiters(&engine_thread)).await;
    let out = Arc::new(AtomicI64::new(0));
    let plan = plan(&house.engine, "m");
    let engine = house.engine.clone();
    let ledger = out.clone();
    let used_up = workers(&house.engine, 4, async move |router, number| {
        let mut rng = SmallRng::seed_from_u64(number);
        let mut held: Vec<(Lease, i64)> = Vec::new();
        let mut spent = 0;
        for step in 0..4_000 {
            let estimate = rng.random_range(1..200);
            let mut pick = pick(plan.clone());
            pick.estimate = tokens(estimate as u64);
            if let Ok(lease) = router.send(pick).await.expect("a router") {
                let lent = ledger.fetch_add(estimate, Ordering::SeqCst) + estimate;
                assert!(lent <= TPM, "{lent} tokens lent");
                held.push((lease, estimate));
            }
            while held.len() > 20 || (step > 3_900 && !held.is_empty()) {
                let (lease, estimate) = held.swap_remove(rng.random_range(0..held.len()));
                let count = rng.random_range(0..=estimate / 4);
                spent += count;
                ledger.fetch_sub(estimate - count, Ordering::SeqCst);
                used(lease, count as u64);
            }
            if number == 0 && step % 1_000 == 500 {
                engine.chaos(&id("a"), Chaos::Panic);
            }
        }
        held.into_iter().for_each(|(lease, estimate)| {
            spent += estimate;
            used(lease, estimate as u64);
        });
        spent
    });
    let spent: i64 = used_up.await.iter().sum();
    assert_eq!(spent, out.load(Ordering::SeqCst));
    assert!(spent > TPM / 2, "the limit was of some use: {spent}");
    // Nothing lost, nothing refunded twice, over four panics.
    let spent = spent as u64;
    eventually("all is home", async || {
        house.view("a").await.tpm.used == spent
    })
    .await;
    assert_eq!(house.actor("a").await.restarts, 4);
    assert_eq!(house.target("a").in_flight(), 0);
}

#[actix::test]
async fn workers_together_never_start_more_requests_than_the_limit() {
    let engine_thread = Arbiter::new();
    let targets = spec(&[Make::new("a").rpm(500).in_flight(7)]);
    let house = House::with(targets, arbiters(&engine_thread)).await;
    let plan = plan(&house.engine, "m");
    let now = Arc::new(AtomicI64::new(0));
    let started = workers(&house.engine, 4, async move |router, _| {
        let mut started = 0;
        for _ in 0..1_000 {
            if let Ok(lease) = router.send(pick(plan.clone())).await.expect("a router") {
                started += 1;
                let together = now.fetch_add(1, Ordering::SeqCst) + 1;
                assert!(together <= 7, "{together} at once");
                tokio::task::yield_now().await;
                now.fetch_sub(1, Ordering::SeqCst);
                drop(lease);
            }
        }
        started
    });
    assert_eq!(started.await.iter().sum::<i64>(), 500);
}

/// One place for all: a ring that is missed once leaves somebody waiting.
#[actix::test]
async fn a_place_freed_on_one_worker_is_heard_of_on_all() {
    let engine_thread = Arbiter::new();
    let targets = spec(&[Make::new("a").in_flight(1)]);
    let house = House::with(targets, arbiters(&engine_thread)).await;
    let plan = plan(&house.engine, "m");
    let longest = workers(&house.engine, 4, async move |router, _| {
        let mut longest = Duration::ZERO;
        for _ in 0..200 {
            let start = clock::now();
            let queue = Queue {
                pick: pick(plan.clone()),
                deadline: start + 20 * SECOND,
            };
            let lease = router.send(queue).await.expect("a router");
            longest = longest.max(clock::now() - start);
            drop(lease.expect("a lease"));
        }
        longest
    });
    let longest = longest.await.into_iter().max().unwrap_or_default();
    assert!(longest < 5 * SECOND, "{longest:?}");
    assert_eq!(house.engine.waiting(), 0);
}

/// A promise under fault: a panic at 500 requests a second and more is mended
/// within 10 ms, and no client sees an error.
#[actix::test]
async fn a_panic_under_load_is_over_within_ten_milliseconds() {
    let names = [
        "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r",
        "s", "t",
    ];
    let mut best = Duration::MAX;
    // Other work on the machine may hold up any one round.
    for _ in 0..5 {
        let engine_thread = Arbiter::new();
        let targets = names.map(|name| Make::new(name).rpm(100_000));
        let house = House::with(spec(&targets), arbiters(&engine_thread)).await;
        let plan = plan(&house.engine, "m");
        let (stop, mut stopped) = oneshot::channel::<()>();
        let load = {
            let router = house.router.clone();
            actix_rt::spawn(async move {
                let mut served = 0_u64;
                while stopped.try_recv() == Err(TryRecvError::Empty) {
                    let lease = router.send(pick(plan.clone())).await.expect("a router");
                    settle(lease.expect("no client sees an error"), Outcome::Success);
                    served += 1;
                    tokio::time::sleep(MS).await;
                }
                served
            })
        };
        let mut took: Vec<Duration> = Vec::new();
        for _ in 0..INTENSITY {
            for name in names {
                let start = clock::now();
                assert!(house.engine.chaos(&id(name), Chaos::Panic));
                house.view(name).await;
                took.push(clock::now() - start);
            }
        }
        drop(stop);
        load.await.expect("the load");
        for name in names {
            assert_eq!(house.actor(name).await.restarts, INTENSITY as u64);
        }
        took.sort();
        best = best.min(took[took.len() * 99 / 100]);
        if best <= 10 * MS {
            return;
        }
    }
    panic!("p99 of the best round: {best:?}");
}
