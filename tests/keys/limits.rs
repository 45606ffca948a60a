//! What an endpoint may be asked for, in windows of a clock that only the test moves.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use crate::support::chat::{CHAT, ask, good};
use crate::support::evil::{Act, Evil};
use crate::support::gateway::endpoint;
use crate::support::still::{Still, comes, settle, still};

const MINUTE: Duration = Duration::from_secs(61);
const DAY: Duration = Duration::from_secs(24 * 3_600 + 1_000);

fn yaml(evil: &Evil, limits: &str) -> String {
    let endpoint = endpoint(
        "limits",
        &evil.base_url(),
        &format!(", limits: {{ {limits} }}"),
    );
    format!("endpoints:\n{endpoint}routing: {{ queue: {{ max_wait: 0s }} }}\n")
}

fn steady() -> Evil {
    Evil::start(|_, _| vec![Act::Send(good("hello")), Act::KeepAlive])
}

/// How many requests are served before one is refused, up to `most`.
async fn served(gateway: &Still, most: usize) -> usize {
    for served in 0..most {
        let answer = gateway.post(CHAT, &ask("m", "hello")).await;
        // Its report is heard before the next.
        gateway.seen("limits").await;
        if answer.status != 200 {
            assert_eq!(answer.status, 429);
            return served;
        }
    }
    most
}

#[test]
pub(super) fn rpm() {
    still(async {
        let evil = steady();
        let gateway = Still::start(&yaml(&evil, "rpm: 2")).await;
        assert_eq!(served(&gateway, 10).await, 2);
        gateway.reload(&yaml(&evil, "rpm: 5")).await;
        assert_eq!(served(&gateway, 10).await, 3, "those of before count");
        tokio::time::advance(MINUTE).await;
        assert_eq!(served(&gateway, 10).await, 5);
        gateway.reload(&yaml(&evil, "rpm: 1000")).await;
        assert_eq!(served(&gateway, 10).await, 10);
    });
}

#[test]
pub(super) fn rpd() {
    still(async {
        let evil = steady();
        let gateway = Still::start(&yaml(&evil, "rpd: 2")).await;
        assert_eq!(served(&gateway, 10).await, 2);
        tokio::time::advance(MINUTE).await;
        assert_eq!(served(&gateway, 10).await, 0, "a day is more than a minute");
        gateway.reload(&yaml(&evil, "rpd: 5")).await;
        assert_eq!(served(&gateway, 10).await, 3);
        tokio::time::advance(DAY).await;
        assert_eq!(served(&gateway, 10).await, 5);
    });
}

#[test]
pub(super) fn tpm() {
    still(async {
        let evil = steady();
        // Above the whole limit as they are estimated, they go one by one; each uses three tokens.
        let gateway = Still::start(&yaml(&evil, "tpm: 3")).await;
        assert_eq!(served(&gateway, 10).await, 1);
        tokio::time::advance(MINUTE).await;
        assert_eq!(served(&gateway, 10).await, 1);
        gateway.reload(&yaml(&evil, "tpm: 100000")).await;
        assert_eq!(served(&gateway, 10).await, 10);
    });
}

#[test]
pub(super) fn max_in_flight() {
    still(async {
        let go = Arc::new(Notify::new());
        let held = Arc::clone(&go);
        let evil = Evil::start(move |_, _| {
            vec![
                Act::WaitFor(Arc::clone(&held)),
                Act::Send(good("hello")),
                Act::KeepAlive,
            ]
        });
        let gateway = Rc::new(Still::start(&yaml(&evil, "max_in_flight: 1")).await);
        let mut held = vec![gateway.begin(CHAT, ask("m", "hello"))];
        comes(|| evil.count() == 1).await;
        let refused = gateway.post(CHAT, &ask("m", "hello")).await.status;
        assert!(refused == 429 || refused == 503, "{refused}");
        gateway.reload(&yaml(&evil, "max_in_flight: 2")).await;
        settle().await;
        held.push(gateway.begin(CHAT, ask("m", "hello")));
        comes(|| evil.count() == 2).await;
        assert_eq!(gateway.post(CHAT, &ask("m", "hello")).await.status, refused);
        go.notify_waiters();
        for answer in held {
            assert_eq!(answer.await.expect("an answer").status, 200);
        }
    });
}
