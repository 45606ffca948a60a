//! What a scrape finds: every actor and every window as they are at that moment.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use breakerbox_actors::{
    chance::fail_after,
    messages::{Chaos, Observe},
    prober::ForceCheck,
    router::RouterSeen,
    state::{
        breaker::{Phase, Transition},
        event::Outcome,
    },
};
use metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use parking_lot::Mutex;

use super::support::{FAILED, House, Make, SECOND, id, settle, spec};

/// Series by `name{value,value}`, on this thread alone.
#[derive(Default)]
struct Page(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

impl Page {
    fn series(&self, key: &Key) -> Arc<AtomicU64> {
        let values: Vec<_> = key.labels().map(|label| label.value()).collect();
        let name = key.name().replace("breakerbox_", "");
        let name = format!("{name}{{{}}}", values.join(","));
        self.0.lock().entry(name).or_default().clone()
    }

    fn raw(&self, name: &str) -> Arc<AtomicU64> {
        let page = self.0.lock();
        let found = page.get(name).cloned();
        found.unwrap_or_else(|| panic!("no {name} in {:#?}", page.keys()))
    }

    fn gauge(&self, name: &str) -> f64 {
        f64::from_bits(self.raw(name).load(Ordering::Relaxed))
    }

    /// A counter, or how many samples a histogram has.
    fn count(&self, name: &str) -> u64 {
        self.raw(name).load(Ordering::Relaxed)
    }

    /// Whether somebody beside the page still holds the series.
    fn is_held(&self, name: &str) -> bool {
        // Ours here is the second.
        Arc::strong_count(&self.raw(name)) > 2
    }
}

struct Samples(Arc<AtomicU64>);

impl HistogramFn for Samples {
    fn record(&self, _: f64) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Recorder for Page {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        self.series(key).into()
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        self.series(key).into()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(Arc::new(Samples(self.series(key))))
    }
}

#[actix::test]
async fn windows_are_true_at_the_scrape_whoever_was_told_what() {
    let page = Page::default();
    let _here = metrics::set_default_local_recorder(&page);
    let house = House::paused(&[Make::new("a").rpm(3)]).await;
    let window = |what: &str| page.gauge(&format!("rate_window_{what}{{a,m,rpm}}"));
    house.engine.show();
    assert_eq!(
        (window("limit"), window("used"), window("left")),
        (3.0, 0.0, 3.0)
    );
    let leases = [house.take().await, house.take().await];
    // The endpoint's actor has heard of neither yet.
    house.engine.show();
    assert_eq!((window("used"), window("left")), (2.0, 1.0));
    assert_eq!(page.gauge("upstream_requests_in_flight{a,m}"), 2.0);
    for lease in leases {
        settle(lease.expect("a lease"), Outcome::Success);
    }
    tokio::time::sleep(50 * SECOND).await;
    house.engine.show();
    assert_eq!((window("used"), window("left")), (2.0, 1.0));
    tokio::time::sleep(15 * SECOND).await;
    house.engine.show();
    assert_eq!((window("used"), window("left")), (0.0, 3.0));
    assert_eq!(page.gauge("rate_window_left{a,m,tpm}"), f64::INFINITY);
    assert_eq!(page.gauge("rate_window_limit{a,m,tpm}"), 0.0);
}

/// What was made of reports by whoever panicked over them is void.
#[actix::test]
async fn a_change_of_phase_counts_once_though_its_reports_are_read_twice() {
    let page = Page::default();
    let _here = metrics::set_default_local_recorder(&page);
    let house = House::paused(&[Make::new("a")]).await;
    let mut leases = Vec::new();
    for _ in 0..5 {
        leases.push(house.take().await.expect("a lease"));
    }
    house.turn().await;
    for lease in leases {
        settle(lease, FAILED);
    }
    // A look and five reports have opened it when the next step fails.
    fail_after(6);
    house.turn().await;
    assert_eq!(house.actor("a").await.restarts, 1);
    assert_eq!(house.phase("a").await, Phase::Open);
    let opened = "breaker_transitions_total{a,m,closed,open,failures_in_a_row}";
    assert_eq!(page.count(opened), 1);
}

#[actix::test]
async fn a_circuit_shows_when_it_opens_and_its_failures_grow_old() {
    let page = Page::default();
    let _here = metrics::set_default_local_recorder(&page);
    let house = House::paused(&[Make::new("a")]).await;
    for edge in Transition::ALL {
        let (from, to) = (edge.from.label(), edge.to.label());
        let name = format!(
            "breaker_transitions_total{{a,m,{from},{to},{}}}",
            edge.reason.label()
        );
        assert_eq!(page.count(&name), 0, "{name}");
    }
    house.fail(4).await;
    house.engine.show();
    assert_eq!(page.gauge("breaker_failure_ratio{a,m}"), 1.0);
    assert_eq!(page.gauge("breaker_open_until_timestamp_seconds{a,m}"), 0.0);
    tokio::time::sleep(11 * SECOND).await;
    house.engine.show();
    assert_eq!(page.gauge("breaker_failure_ratio{a,m}"), 0.0);
    assert_eq!(page.gauge("breaker_failures_in_a_row{a,m}"), 4.0);
    assert_eq!(page.gauge("breaker_failure_threshold{a,m}"), 5.0);
    assert_eq!(page.gauge("breaker_failure_ratio_threshold{a,m}"), 0.5);
    house.fail(1).await;
    house.engine.show();
    let opened = "breaker_transitions_total{a,m,closed,open,failures_in_a_row}";
    assert_eq!(page.count(opened), 1);
    assert_eq!(page.gauge("breaker_state{a,m,open}"), 1.0);
    assert_eq!(page.gauge("endpoint_status{a,m,unhealthy}"), 1.0);
    assert!(page.gauge("breaker_open_until_timestamp_seconds{a,m}") > 0.0);
}

#[actix::test]
async fn every_kind_of_actor_counts_its_restarts_and_is_down_while_it_rests() {
    let page = Page::default();
    let _here = metrics::set_default_local_recorder(&page);
    let house = House::paused(&[Make::new("a")]).await;
    let panics = |actor: &str| page.count(&format!("actor_restarts_total{{{actor},panic}}"));
    let up = |actor: &str| page.gauge(&format!("actor_up{{{actor}}}"));
    let all = ["router:0", "prober", "guardian", "endpoint:a/m"];
    for actor in all {
        assert_eq!(panics(actor), 0, "{actor}");
    }
    for round in 1..=6 {
        house.router.try_send(Chaos::Panic).expect("a router");
        house
            .engine
            .prober()
            .try_send(Chaos::Panic)
            .expect("a prober");
        house
            .engine
            .guardian()
            .try_send(Chaos::Panic)
            .expect("a guardian");
        assert!(house.engine.chaos(&id("a"), Chaos::Panic));
        house.turn().await;
        house.engine.show();
        for actor in all {
            assert_eq!(panics(actor), round, "{actor}");
            assert_eq!(up(actor), f64::from(u8::from(round < 6)), "{actor} {round}");
        }
    }
    tokio::time::sleep(61 * SECOND).await;
    house.engine.show();
    for actor in all {
        assert_eq!(up(actor), 1.0, "{actor}");
    }
}

#[actix::test]
async fn mail_waits_until_it_is_taken_also_when_its_sender_has_left() {
    let page = Page::default();
    let _here = metrics::set_default_local_recorder(&page);
    let house = House::paused(&[Make::new("a")]).await;
    let depth = |actor: &str| {
        house.engine.show();
        page.gauge(&format!("actor_mailbox_depth{{{actor}}}"))
    };
    for _ in 0..5 {
        house
            .engine
            .prober()
            .try_send(ForceCheck::default())
            .expect("a prober");
    }
    drop(house.router.send(house.pick()));
    assert_eq!((depth("prober"), depth("router:0")), (5.0, 1.0));
    house.turn().await;
    assert_eq!((depth("prober"), depth("router:0")), (0.0, 0.0));
    assert_eq!(page.count("actor_messages_total{prober,force_check}"), 5);
    assert!(page.count("actor_message_duration_seconds{prober}") >= 5);
    assert_eq!(
        page.count("actor_messages_total{router:0,pick}"),
        0,
        "nobody asked any more"
    );
    for _ in 0..200 {
        settle(house.take().await.expect("a lease"), Outcome::Success);
    }
    house.turn().await;
    assert_eq!(page.count("actor_messages_total{router:0,pick}"), 200);
    let timed = page.count("actor_message_duration_seconds{router:0}");
    assert!((3..=5).contains(&timed), "{timed} of 200 and some");
    assert!(page.count("actor_messages_total{endpoint:a/m,reports}") > 0);
}

#[actix::test]
async fn routers_have_numbers_that_come_free_again() {
    let page = Page::default();
    let _here = metrics::set_default_local_recorder(&page);
    let house = House::paused(&[Make::new("a")]).await;
    let second = house.engine.router();
    house.turn().await;
    drop(second);
    house.turn().await;
    let _third = house.engine.router();
    house.engine.show();
    assert_eq!(page.gauge("actor_up{router:1}"), 1.0);
    assert!(!page.0.lock().contains_key("actor_up{router:2}"));
}

#[actix::test]
async fn an_actor_whose_thread_has_ended_is_down() {
    let page = Page::default();
    let _here = metrics::set_default_local_recorder(&page);
    let house = House::paused(&[Make::new("a")]).await;
    let engine = house.engine.clone();
    let elsewhere = || {
        let system = actix::System::new();
        metrics::with_local_recorder(&page, || {
            system.block_on(async {
                let router = engine.router();
                let seen = router.send(Observe::<RouterSeen>::default()).await;
                assert!(seen.is_ok(), "it runs");
                router
            })
        })
    };
    let _router = std::thread::scope(|scope| scope.spawn(elsewhere).join().expect("a router"));
    house.engine.show();
    assert_eq!(page.gauge("actor_up{router:1}"), 0.0);
    assert_eq!(page.gauge("actor_up{router:0}"), 1.0);
}

#[actix::test]
async fn a_removed_target_is_shown_until_its_last_request_is_over() {
    let page = Page::default();
    let _here = metrics::set_default_local_recorder(&page);
    let house = House::paused(&[Make::new("a"), Make::new("b")]).await;
    let (status, under_way) = (
        "endpoint_status{a,m,healthy}",
        "upstream_requests_in_flight{a,m}",
    );
    let mut pick = house.pick();
    pick.pin = Some("a".into());
    let lease = house.ask(pick).await.expect("a lease");
    house
        .engine
        .apply(spec(&[Make::new("b")]))
        .await
        .expect("a guardian");
    house.turn().await;
    house.engine.show();
    assert_eq!(page.gauge(under_way), 1.0);
    assert_eq!(page.gauge("endpoint_status{a,m,unhealthy}"), 1.0);
    assert_eq!(page.gauge("actor_up{endpoint:a/m}"), 0.0);
    assert!(page.is_held(status));
    settle(lease, Outcome::Success);
    house.turn().await;
    for name in [
        status,
        under_way,
        "probes_total{a,m,alive}",
        "actor_up{endpoint:a/m}",
    ] {
        assert!(!page.is_held(name), "{name}");
    }
    assert!(page.is_held("endpoint_status{b,m,healthy}"));
}

#[actix::test]
async fn one_name_s_old_and_new_target_count_together() {
    let page = Page::default();
    let _here = metrics::set_default_local_recorder(&page);
    let house = House::paused(&[Make::new("a")]).await;
    let old = house.take().await.expect("a lease");
    let moved = spec(&[Make::new("a").identity("elsewhere")]);
    house.engine.apply(moved).await.expect("a guardian");
    house.turn().await;
    let new = house.take().await.expect("a lease");
    house.engine.show();
    assert_eq!(page.gauge("upstream_requests_in_flight{a,m}"), 2.0);
    assert_eq!(page.gauge("actor_up{endpoint:a/m}"), 1.0);
    settle(old, Outcome::Success);
    house.turn().await;
    house.engine.show();
    assert_eq!(page.gauge("upstream_requests_in_flight{a,m}"), 1.0);
    settle(new, Outcome::Success);
}
