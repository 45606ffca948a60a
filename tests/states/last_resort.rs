//! The last endpoint, failing: still tried, once a second, and back with its first success.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use breakerbox_actors::clock;
use breakerbox_actors::state::breaker::Phase;

use super::{badly, chat, failed, house, reaches, well};
use crate::support::chat::{CHAT, ask};
use crate::support::client::Client;
use crate::support::evil::Evil;
use crate::support::gateway::{House, endpoint};
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

/// Once every circuit is open a request has spent its last resorts: it is told when to come back, not made to wait
/// for a second round.
#[tokio::test]
async fn nobody_backs_off_where_every_circuit_is_open() {
    let evils = [Evil::start(|_, _| badly()), Evil::start(|_, _| badly())];
    let endpoints = ["out-a", "out-b"].into_iter().zip(&evils);
    let endpoints: String = endpoints
        .map(|(name, evil)| endpoint(name, &evil.base_url(), ""))
        .collect();
    let house = House::start(&format!(
        "endpoints:\n{endpoints}breaker: {{ failure_threshold: 1 }}\n\
         routing: {{ max_attempts: 100, retry_budget: 1.0, backoff: {{ base: 60s, max: 60s }} }}\n"
    ));
    for name in ["out-a", "out-b"] {
        let mut client = Client::connect(house.addr()).await;
        // Not before its time is over would it see that there is nobody else.
        let headers = [
            ("x-breakerbox-endpoint", name),
            ("x-breakerbox-deadline-ms", "900"),
        ];
        client
            .request(
                "POST",
                CHAT,
                &headers,
                ask("m", "hello").to_string().as_bytes(),
            )
            .await;
        assert!(failed(client.answer().await.status()));
        reaches(&house, name, Phase::Open).await;
    }
    // Their last resorts come once a second.
    let start = clock::now();
    let seen = evils.iter().map(Evil::count).sum::<usize>();
    while evils.iter().map(Evil::count).sum::<usize>() < seen + 4 {
        let answer = chat(&house).await;
        assert_eq!(answer.status(), 503, "{}", answer.text());
        assert!(answer.head.header("retry-after").is_some());
        assert!(clock::now() - start < DEADLINE, "somebody waited");
    }
}
