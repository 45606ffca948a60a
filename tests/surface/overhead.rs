//! `x-breakerbox-overhead-ms` is the time that the gateway took, and not the provider.

use std::rc::Rc;
use std::time::Duration;

use super::held;
use crate::support::chat::{CHAT, ask};
use crate::support::gateway::endpoint;
use crate::support::still::{Reading, Still, comes, settle, still};

fn overhead(answer: &Reading) -> &str {
    assert_eq!(answer.status, 200);
    let told = answer.headers.get("x-breakerbox-overhead-ms");
    told.expect("a time").to_str().expect("text")
}

/// Only the test moves the clock: what the gateway does takes no time at all, what it waits for does.
#[test]
fn the_time_of_the_provider_is_none_of_it_and_the_time_in_the_queue_is() {
    still(async {
        let (evil, go) = held();
        let limits = ", limits: { max_in_flight: 1 }";
        let endpoint = endpoint("overhead", &evil.base_url(), limits);
        let yaml = format!("endpoints:\n{endpoint}routing: {{ queue: {{ max_wait: 5s }} }}\n");
        let gateway = Rc::new(Still::start(&yaml).await);

        let first = gateway.begin(CHAT, ask("m", "hello"));
        comes(|| evil.count() == 1).await;
        tokio::time::advance(Duration::from_millis(700)).await;
        let second = gateway.begin(CHAT, ask("m", "hello"));
        comes(|| gateway.engine.waiting() == 1).await;
        tokio::time::advance(Duration::from_millis(250)).await;
        go.notify_one();
        let mut first = first.await.expect("an answer");
        assert_eq!(overhead(&first), "0.000");
        first.rest().await;
        drop(first);

        // Who waits is called by a timer.
        let mut waited = 250;
        while gateway.engine.waiting() > 0 {
            tokio::time::advance(Duration::from_millis(1)).await;
            settle().await;
            waited += 1;
            assert!(waited < 300, "it still waits");
        }
        comes(|| evil.count() == 2).await;
        tokio::time::advance(Duration::from_millis(900)).await;
        go.notify_one();
        let second = second.await.expect("an answer");
        assert_eq!(overhead(&second), format!("{waited}.000"));
    });
}
