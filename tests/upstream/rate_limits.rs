//! A 429 with a Retry-After of 20 s: not one request before that, and the circuit stays closed. On a clock that
//! only the test moves, with a request every 10 ms that would go there first.

use std::rc::Rc;
use std::time::Duration;

use breakerbox_actors::clock;
use breakerbox_actors::state::{breaker::Phase, health::Status};

use super::scene::{always, well};
use crate::support::chat::{CHAT, ask, completion, good, response};
use crate::support::evil::{Act, Evil};
use crate::support::gateway::endpoint;
use crate::support::still::{Still, still};

const ASKED: Duration = Duration::from_secs(20);
const GAP: Duration = Duration::from_millis(10);

#[test]
fn not_one_request_before_retry_after() {
    still(async {
        let headers = [("retry-after", "20")];
        let limited = response(429, &headers, r#"{"error":{"message":"slow"}}"#);
        let busy = Evil::start(move |_, number| match number {
            20 => vec![Act::Send(limited.clone()), Act::KeepAlive],
            _ => well(Duration::ZERO),
        });
        let other = always(good("hello"));
        let endpoints =
            endpoint("busy", &busy.base_url(), "") + &endpoint("other", &other.base_url(), "");
        let yaml = format!("endpoints:\n{endpoints}routing: {{ strategy: priority }}\n");
        let gateway = Rc::new(Still::start(&yaml).await);
        let body = ask("m", "hello");
        // Well known and well liked before it refuses.
        for _ in 0..20 {
            assert_eq!(gateway.post(CHAT, &body).await.status, 200);
        }
        assert_eq!((busy.count(), other.count()), (20, 0));
        let passed_on = gateway.post(CHAT, &body).await;
        assert_eq!((passed_on.status, passed_on.attempts()), (200, 2));
        let refused = clock::now();
        let view = gateway.seen("busy").await.view;
        assert_eq!(
            (view.phase, view.status),
            (Phase::Closed, Status::RateLimited)
        );

        while clock::now() < refused + ASKED - GAP {
            tokio::time::advance(GAP).await;
            let answer = gateway.post(CHAT, &body).await;
            assert_eq!((answer.status, answer.attempts()), (200, 1));
            assert_eq!(busy.count(), 21, "after {:?}", clock::now() - refused);
        }
        tokio::time::advance(GAP * 2).await;
        assert_eq!(gateway.post(CHAT, &body).await.status, 200);
        assert_eq!(busy.count(), 22, "it serves again");
        let view = gateway.seen("busy").await.view;
        assert_eq!((view.phase, view.failures_in_a_row), (Phase::Closed, 0));
    });
}

/// What a provider says is left is believed: nobody is sent to be refused.
#[test]
fn who_says_that_nothing_is_left_is_left_before_it_refuses() {
    for (what, limit) in [("requests", "rpm"), ("tokens", "tpm")] {
        still(async {
            let left = format!("x-ratelimit-remaining-{what}");
            let reset = format!("x-ratelimit-reset-{what}");
            let headers = [(left.as_str(), "0"), (reset.as_str(), "20s")];
            let last = response(200, &headers, &completion("hello").to_string());
            let busy = Evil::start(move |_, number| match number {
                4 => vec![Act::Send(last.clone()), Act::KeepAlive],
                _ => well(Duration::ZERO),
            });
            let other = always(good("hello"));
            let limits = format!(", limits: {{ {limit}: 1000000 }}");
            let endpoints = endpoint("busy", &busy.base_url(), &limits)
                + &endpoint("other", &other.base_url(), "");
            let yaml = format!("endpoints:\n{endpoints}routing: {{ strategy: priority }}\n");
            let gateway = Rc::new(Still::start(&yaml).await);
            let body = ask("m", "hello");
            for _ in 0..5 {
                assert_eq!(gateway.post(CHAT, &body).await.status, 200);
            }
            assert_eq!((busy.count(), other.count()), (5, 0), "{what}");
            let told = clock::now();
            let view = gateway.seen("busy").await.view;
            assert_eq!(view.phase, Phase::Closed, "{what}");
            while clock::now() < told + ASKED - GAP * 10 {
                tokio::time::advance(GAP * 10).await;
                let answer = gateway.post(CHAT, &body).await;
                assert_eq!((answer.status, answer.attempts()), (200, 1));
                assert_eq!(busy.count(), 5, "{what}, {:?} after", clock::now() - told);
            }
            tokio::time::advance(GAP * 20).await;
            assert_eq!(gateway.post(CHAT, &body).await.status, 200);
            assert_eq!(busy.count(), 6, "{what}: it serves again");
        });
    }
}
