//! The last endpoint, failing: still tried, once a second, and back with its first success.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use breakerbox_actors::clock;
use breakerbox_actors::state::breaker::Phase;

use super::{badly, chat, failed, house, reaches, well};
use crate::support::evil::Evil;
use crate::support::wait::DEADLINE;

#[tokio::test]
async fn the_last_endpoint_is_tried_once_a_second_though_its_circuit_is_open() {
    let heals = Arc::new(AtomicBool::new(false));
    let evil = {
        let heals = Arc::clone(&heals);
        Evil::start(move |_, _| {
            if heals.load(Ordering::SeqCst) {
                well()
            } else {
                badly()
            }
        })
    };
    let breaker = "failure_threshold: 3, recovery_timeout: 60s, half_open_requests: 1";
    let house = house("last", &evil, breaker, "");
    for _ in 0..3 {
        assert!(failed(chat(&house).await.status()));
    }
    let open = reaches(&house, "last", Phase::Open).await.view;

    // Asked all the time, it is tried now and then; who is refused is told when to come back.
    let start = clock::now();
    while evil.count() < 5 {
        let answer = chat(&house).await;
        match answer.status() {
            502 => {}
            503 => assert!(answer.head.header("retry-after").is_some()),
            other => panic!("{other}: {}", answer.text()),
        }
        assert!(clock::now() - start < DEADLINE, "not tried");
    }
    let tries: Vec<_> = evil.requests().iter().map(|it| it.at).collect();
    let gap = tries[4] - tries[3];
    assert!(
        gap > Duration::from_millis(900),
        "{gap:?} between two tries"
    );
    assert!(
        gap < Duration::from_millis(2_500),
        "{gap:?} between two tries"
    );
    let seen = house.seen("last").await.view;
    assert_eq!(seen.phase, Phase::Open);
    assert_eq!(
        seen.open_until, open.open_until,
        "a failed try does not prolong it"
    );

    heals.store(true, Ordering::SeqCst);
    let healed = clock::now();
    while chat(&house).await.status() != 200 {
        assert!(clock::now() - healed < DEADLINE, "not tried");
    }
    let within = clock::now() - healed;
    assert!(within < Duration::from_millis(2_500), "{within:?}");
    reaches(&house, "last", Phase::Closed).await;
}
