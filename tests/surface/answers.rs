//! Whole answers on their way to clients take room, which has a bound: who finds none left is told when to
//! come back, and nobody else is blamed.

use super::error_in;
use crate::support::chat::{CHAT, ask, completion, response};
use crate::support::evil::{Act, Evil};
use crate::support::gateway::endpoint;
use crate::support::still::{Still, still};

/// Of the bytes that one answer takes, so many fit: 16 × 64 KiB for answers of more than half of that.
const ROOM: usize = 64 << 10;
const LONG: usize = 600 << 10;

fn upstream() -> Evil {
    Evil::start(|_, _| {
        let body = completion(&"x".repeat(LONG)).to_string();
        vec![Act::Send(response(200, &[], &body)), Act::KeepAlive]
    })
}

#[test]
fn an_answer_without_room_is_a_503_until_another_client_has_read_or_left() {
    still(async {
        let evil = upstream();
        let yaml = format!("endpoints:\n{}", endpoint("room", &evil.base_url(), ""));
        let gateway = Still::with_room_for_answers(&yaml, ROOM).await;
        let hello = ask("m", "hello");
        let refused = async || {
            let answer = gateway.post(CHAT, &hello).await;
            let headers = answer.headers.clone();
            assert_eq!(error_in(answer, 503).await["code"], "overloaded");
            let after = headers.get("retry-after").expect("when to come back");
            assert_eq!(after, "1");
        };

        // Unread, an answer keeps its room.
        let mut first = gateway.post(CHAT, &hello).await;
        assert_eq!(first.status, 200);
        refused().await;
        refused().await;
        assert!(first.rest().await.len() > LONG);
        drop(first);

        // Read, it has given it back; so does one whose client leaves.
        let second = gateway.post(CHAT, &hello).await;
        assert_eq!(second.status, 200);
        refused().await;
        drop(second);
        assert_eq!(gateway.post(CHAT, &hello).await.status, 200);

        let seen = gateway.seen("room").await;
        assert_eq!((seen.in_flight, seen.view.failures_in_a_row), (0, 0));
        assert_eq!(
            seen.view.failure_ratio,
            Some(0.0),
            "only good answers count"
        );
        assert_eq!(evil.count(), 6);
    });
}

#[test]
fn small_answers_take_none() {
    still(async {
        let evil = super::steady();
        let yaml = format!(
            "endpoints:\n{}",
            endpoint("small-answers", &evil.base_url(), "")
        );
        let gateway = Still::with_room_for_answers(&yaml, 64).await;
        let mut unread = Vec::new();
        for _ in 0..20 {
            unread.push(gateway.post(CHAT, &ask("m", "hello")).await);
        }
        assert!(unread.iter().all(|answer| answer.status == 200));
    });
}
