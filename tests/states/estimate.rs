//! What teaches the latency estimate, on a clock that only the test moves.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::well;
use crate::support::chat::{CHAT, ask, completion};
use crate::support::evil::{Act, Evil};
use crate::support::gateway::endpoint;
use crate::support::still::{Still, comes, still};

fn secs(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

async fn gateway(name: &str, evil: &Evil) -> Rc<Still> {
    let endpoint = endpoint(name, &evil.base_url(), "");
    Rc::new(Still::start(&format!("endpoints:\n{endpoint}")).await)
}

#[test]
fn a_client_that_leaves_late_teaches_latency_and_one_that_leaves_early_does_not() {
    still(async {
        let go = Arc::new(Notify::new());
        let held = Arc::clone(&go);
        let evil =
            Evil::start(move |_, _| [vec![Act::WaitFor(Arc::clone(&held))], well()].concat());
        let gateway = gateway("leavers", &evil).await;
        let first = gateway.begin(CHAT, ask("m", "hello"));
        comes(|| evil.count() == 1).await;
        tokio::time::advance(secs(1.0)).await;
        go.notify_one();
        assert_eq!(first.await.expect("an answer").status, 200);
        let latency = async || {
            gateway
                .seen("leavers")
                .await
                .view
                .latency
                .expect("measured")
        };
        let measured = latency().await;
        assert!(
            measured >= secs(1.0) && measured < secs(1.1),
            "{measured:?}"
        );

        // Who leaves before an answer can be expected says nothing of the endpoint.
        let leaves_after = async |number: usize, time: Duration| {
            let left = gateway.begin(CHAT, ask("m", "hello"));
            comes(|| evil.count() == number).await;
            tokio::time::advance(time).await;
            left.abort();
            comes(|| evil.links()[number - 1].over).await;
            assert_eq!(gateway.seen("leavers").await.in_flight, 0);
        };
        leaves_after(2, secs(0.9)).await;
        assert_eq!(latency().await, measured);
        // Who has waited in vain for longer says that it is slower than was thought.
        leaves_after(3, secs(5.0)).await;
        let learnt = latency().await;
        assert!(learnt > secs(2.0) && learnt < secs(5.0), "{learnt:?}");
        assert_eq!(gateway.seen("leavers").await.view.failure_ratio, Some(0.0));
    });
}

#[test]
fn the_first_byte_of_a_whole_answer_is_its_head() {
    still(async {
        let steps = [(); 2].map(|()| Arc::new(Notify::new()));
        let [head, body] = steps.clone();
        let text = completion("hello").to_string();
        let evil = Evil::start(move |_, _| {
            let start = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", text.len());
            vec![
                Act::WaitFor(Arc::clone(&head)),
                Act::text(&start),
                Act::WaitFor(Arc::clone(&body)),
                Act::text(&text),
                Act::KeepAlive,
            ]
        });
        let gateway = gateway("slow-body", &evil).await;
        let answer = gateway.begin(CHAT, ask("m", "hello"));
        comes(|| evil.count() == 1).await;
        tokio::time::advance(secs(1.0)).await;
        steps[0].notify_one();
        comes(|| evil.links()[0].sent > 0).await;
        tokio::time::advance(secs(25.0)).await;
        steps[1].notify_one();
        assert_eq!(answer.await.expect("an answer").status, 200);
        let latency = gateway.seen("slow-body").await.view.latency;
        let latency = latency.expect("measured");
        assert!(latency >= secs(1.0) && latency < secs(1.1), "{latency:?}");
    });
}
