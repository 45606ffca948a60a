//! How long a request waits for the trial of a half-open circuit, and what comes late, on a clock that only the test
//! moves.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use breakerbox_actors::clock;
use breakerbox_actors::state::breaker::Phase;
use tokio::sync::Notify;

use super::{badly, failed, well};
use crate::support::chat::{CHAT, ask};
use crate::support::evil::{Act, Evil};
use crate::support::gateway::endpoint;
use crate::support::still::{Still, comes, settle, still};

/// The least that a trial is waited for; the endpoint has answered in no time at all.
const PATIENCE: Duration = Duration::from_millis(500);
const SETTINGS: &str = "breaker: { failure_threshold: 1, recovery_timeout: 1s, half_open_requests: 1 }\n\
     routing: { max_attempts: 1, first_byte_timeout: 30s, queue: { max_wait: 10s } }\n";

#[test]
fn a_silent_trial_does_not_keep_others_waiting() {
    still(async {
        let evil = Evil::start(|connection, _| match connection {
            0 => well(),
            1 => badly(),
            _ => vec![Act::Blackhole],
        });
        let endpoint = endpoint("silent", &evil.base_url(), "");
        let yaml = format!("endpoints:\n{endpoint}{SETTINGS}");
        let gateway = Rc::new(Still::start(&yaml).await);
        let body = ask("m", "hello");
        assert_eq!(gateway.post(CHAT, &body).await.status, 200);
        assert!(failed(gateway.post(CHAT, &body).await.status));
        assert_eq!(gateway.seen("silent").await.view.phase, Phase::Open);
        // Chance moves the second by a tenth.
        tokio::time::advance(Duration::from_millis(1_100)).await;
        let view = gateway.seen("silent").await.view;
        assert_eq!(view.phase, Phase::HalfOpen);

        let trial = gateway.begin(CHAT, body.clone());
        comes(|| evil.count() == 3).await;
        let began = clock::now();
        let waits = gateway.begin(CHAT, body.clone());
        settle().await;
        assert_eq!(gateway.engine.waiting(), 1);
        tokio::time::advance(PATIENCE - Duration::from_millis(10)).await;
        settle().await;
        assert!(!waits.is_finished(), "the trial may still speak");
        tokio::time::advance(Duration::from_millis(20)).await;
        let mut told = waits.await.expect("an answer");
        assert_eq!(clock::now() - began, PATIENCE + Duration::from_millis(10));
        assert_eq!(told.status, 503);
        assert!(told.headers.contains_key("retry-after"));
        let text = told.rest().await;
        assert!(text.contains("no_endpoint_available"), "{text}");
        assert!(text.contains("trial_under_way"), "{text}");

        // Who comes now is told at once, and nobody else is sent there.
        assert_eq!(gateway.post(CHAT, &body).await.status, 503);
        assert_eq!(clock::now() - began, PATIENCE + Duration::from_millis(10));
        assert_eq!(evil.count(), 3);
        assert!(!trial.is_finished());
    });
}

/// A request from before the trip that fails once the circuit is closed again says nothing of the endpoint of now.
#[test]
fn a_late_failure_from_before_the_trip_does_not_count_after_it() {
    still(async {
        let go = Arc::new(Notify::new());
        let late = Arc::clone(&go);
        let evil = Evil::start(move |connection, _| match connection {
            0 => [vec![Act::WaitFor(Arc::clone(&late))], badly()].concat(),
            1 => badly(),
            _ => well(),
        });
        let endpoint = endpoint("late", &evil.base_url(), "");
        let yaml = format!("endpoints:\n{endpoint}{SETTINGS}");
        let gateway = Rc::new(Still::start(&yaml).await);
        let body = ask("m", "hello");
        let first = gateway.begin(CHAT, body.clone());
        comes(|| evil.count() == 1).await;
        assert!(failed(gateway.post(CHAT, &body).await.status));
        assert_eq!(gateway.seen("late").await.view.phase, Phase::Open);
        tokio::time::advance(Duration::from_millis(1_100)).await;
        settle().await;
        assert_eq!(gateway.post(CHAT, &body).await.status, 200);
        let closed = gateway.seen("late").await.view;
        assert_eq!(closed.phase, Phase::Closed);

        go.notify_one();
        assert!(failed(first.await.expect("an answer").status));
        let after = gateway.seen("late").await.view;
        assert_eq!((after.phase, after.epoch), (Phase::Closed, closed.epoch));
        assert_eq!((after.failures_in_a_row, after.failure_ratio), (0, None));
    });
}
