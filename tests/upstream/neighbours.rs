//! An endpoint that fails now and then is asked again, also where another one cannot be asked at all: that one
//! takes nothing from what the first reaches alone. On a clock that only the test moves.

use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use breakerbox_actors::clock;
use breakerbox_actors::guardian::DrainEndpoint;
use breakerbox_actors::state::health::Status;

use super::scene::{MODEL, NO_BREAKER, always, well};
use crate::support::chat::{CHAT, ask, good, response};
use crate::support::evil::{Act, Evil};
use crate::support::gateway::endpoint;
use crate::support::ports::Refused;
use crate::support::still::{Reading, Still, still};

const STEP: Duration = Duration::from_millis(20);
const FAILED: &str = r#"{"error":{"message":"now and then"}}"#;

/// Answers every other request with 503, the first one too.
fn flaky() -> Evil {
    let failed = response(503, &[], FAILED);
    let count = AtomicUsize::new(0);
    Evil::start(
        move |_, _| match count.fetch_add(1, Ordering::Relaxed) % 2 {
            0 => vec![Act::Send(failed.clone())],
            _ => well(Duration::ZERO),
        },
    )
}

/// Asks for `model`, and lets as much time pass as the answer takes.
async fn served(gateway: &Rc<Still>, model: &str) -> Reading {
    let flying = gateway.begin(CHAT, ask(model, "hello"));
    loop {
        gateway.calm().await;
        if flying.is_finished() {
            return flying.await.expect("an answer");
        }
        tokio::time::advance(STEP).await;
    }
}

#[test]
fn a_neighbour_that_is_out_takes_nothing_from_one_that_fails_now_and_then() {
    let refuses = |status: u16| always(response(status, &[("retry-after", "200")], FAILED));
    let well = always(good("hello"));
    let limited = refuses(429);
    let paused = refuses(503);
    let dead = Refused::new();
    let dead_url = format!("http://{}/v1", dead.addr());
    let eager = ", breaker: { failure_threshold: 1 }";
    for (what, url, more, until) in [
        (
            "used up",
            well.base_url(),
            ", limits: { rpm: 1 }",
            Status::RateLimited,
        ),
        ("rate-limited", limited.base_url(), "", Status::RateLimited),
        ("paused", paused.base_url(), "", Status::RateLimited),
        ("dead", dead_url, eager, Status::Unhealthy),
        ("drained", well.base_url(), "", Status::Disabled),
    ] {
        // Before it, or behind it as a fallback.
        for (model, models) in [("m", ""), ("n", "models: [{ name: m, fallbacks: [n] }]\n")] {
            still(async {
                let flaky = flaky();
                let other = endpoint("other", &url, more).replace("[m]", &format!("[{model}]"));
                let flaky_too = endpoint("flaky", &flaky.base_url(), "");
                let routing = "routing: { strategy: priority }\n";
                let yaml = format!("endpoints:\n{other}{flaky_too}{models}{routing}{NO_BREAKER}\n");
                let gateway = Rc::new(Still::start(&yaml).await);
                let table = gateway.engine.table();
                let mut targets = table.targets();
                let other = targets.find(|it| **it.id().endpoint() == *"other");
                let other = other.expect("it is there");
                if until == Status::Disabled {
                    let (endpoint, drained) = ("other".into(), true);
                    let message = DrainEndpoint { endpoint, drained };
                    gateway
                        .engine
                        .guardian()
                        .send(message)
                        .await
                        .expect("a guardian");
                }
                let mut asked = 0;
                while other.status() != until {
                    asked += 1;
                    assert!(asked <= 100, "{what}: never {until:?}");
                    served(&gateway, model).await;
                    gateway.seen("flaky").await;
                }
                let before = flaky.count();
                for number in 0..6 {
                    let answer = served(&gateway, MODEL).await;
                    let seen = (answer.status, answer.attempts());
                    assert_eq!(seen, (200, 2), "{what}, {model}, {number}");
                }
                assert_eq!(flaky.count() - before, 12, "{what}, {model}");
            });
        }
    }
}

/// What failed twice is asked no third time while another one comes back soon.
#[test]
fn the_last_attempt_waits_for_one_that_has_not_failed() {
    still(async {
        let failing = always(response(503, &[], FAILED));
        let limited = response(429, &[("retry-after", "3")], FAILED);
        let count = AtomicUsize::new(0);
        let soon = Evil::start(move |_, _| match count.fetch_add(1, Ordering::Relaxed) {
            0 => vec![Act::Send(limited.clone())],
            _ => well(Duration::ZERO),
        });
        let endpoints =
            endpoint("soon", &soon.base_url(), "") + &endpoint("failing", &failing.base_url(), "");
        let routing = "routing: { strategy: priority }\n";
        let yaml = format!("endpoints:\n{endpoints}{routing}{NO_BREAKER}\n");
        let gateway = Rc::new(Still::start(&yaml).await);
        let told = clock::now();
        // It learns of the limit here.
        served(&gateway, MODEL).await;
        gateway.seen("soon").await;
        let before = failing.count();
        let answer = served(&gateway, MODEL).await;
        assert_eq!((answer.status, answer.attempts()), (200, 3));
        assert_eq!((failing.count() - before, soon.count()), (2, 2));
        assert!(clock::now() - told >= Duration::from_secs(3), "it waited");
    });
}
