//! Streams that are silent for long, on a clock that only the test moves: keep-alives meanwhile, cut at
//! `idle_timeout`; one token per 25 s for 20 minutes completes; comments alone keep one for `request_timeout`.

use std::sync::Arc;
use std::time::Duration;

use breakerbox_actors::clock;
use tokio::sync::Notify;

use super::good_events;
use crate::support::chat::{CHAT, ask_stream, chunk, delta, last_chunk, stream_head};
use crate::support::evil::{Act, Evil};
use crate::support::gateway::{endpoint, target};
use crate::support::still::{Reading, Still, still};

const KEEP_ALIVE: &str = ": keepalive\n";

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn yaml(name: &str, evil: &Evil, routing: &str) -> String {
    let endpoint = endpoint(name, &evil.base_url(), "");
    format!("endpoints:\n{endpoint}routing: {{ {routing} }}\n")
}

/// An upstream that sends one part after the other, each when told.
fn upstream(parts: Vec<String>, go: &Arc<Notify>) -> Evil {
    let go = Arc::clone(go);
    Evil::start(move |_, _| {
        let mut acts = vec![Act::Send(stream_head())];
        for part in &parts {
            acts.push(Act::Send(chunk(part)));
            acts.push(Act::WaitFor(Arc::clone(&go)));
        }
        acts.push(Act::Send(last_chunk()));
        acts
    })
}

#[test]
fn one_token_every_25_seconds_for_20_minutes_completes() {
    still(async {
        const TOKENS: usize = 48;
        let go = Arc::new(Notify::new());
        let mut parts: Vec<String> = (0..TOKENS).map(|at| delta(&format!("{at} "))).collect();
        let (_, done) = good_events();
        parts.push(done.clone());
        let evil = upstream(parts.clone(), &go);
        // All defaults: 30 s of silence, and 600 s for a request, which ends at its first byte.
        let gateway = Still::start(&yaml("still-slow", &evil, "")).await;
        let start = clock::now();
        let mut answer = gateway.post(CHAT, &ask_stream("m", "hello")).await;
        assert_eq!(answer.status, 200);
        for (at, part) in parts.iter().enumerate() {
            assert_eq!(answer.until("\n\n").await, *part, "token {at}");
            if at == TOKENS {
                break;
            }
            answer.silent_for(secs(15)).await;
            assert_eq!(answer.piece().await.as_deref(), Some(KEEP_ALIVE));
            answer.silent_for(secs(10)).await;
            go.notify_one();
        }
        go.notify_one();
        assert_eq!(answer.piece().await, None);
        assert!(clock::now() - start >= secs(20 * 60));
        let seen = gateway.engine.observe(&target("still-slow")).await;
        let seen = seen.expect("an actor");
        assert_eq!((seen.in_flight, seen.view.failures_in_a_row), (0, 0));
    });
}

/// Waits until the answer ends as a stalled one does: ten seconds, and as much as a clock needs.
async fn is_cut_within_ten_seconds(answer: &mut Reading) {
    answer.silent_for(Duration::from_millis(9_990)).await;
    answer.silent_for(Duration::from_millis(20)).await;
    let error = answer.piece().await.expect("an error event");
    assert!(error.starts_with("data: {\"error\":"), "{error}");
    assert!(error.contains("upstream_timeout"), "{error}");
    assert_eq!(answer.piece().await, None);
}

#[test]
fn a_stall_gets_keep_alives_and_is_cut_at_the_idle_timeout() {
    still(async {
        let (events, _) = good_events();
        let go = Arc::new(Notify::new());
        // The stall begins in the middle of an event: a comment there would corrupt it.
        let evil = upstream(vec![events[..3].concat() + "data: {\"cho"], &go);
        let gateway = Still::start(&yaml("still-stall", &evil, "idle_timeout: 40s")).await;
        let mut answer = gateway.post(CHAT, &ask_stream("m", "hello")).await;
        assert_eq!(answer.until("\n\n").await, events[..3].concat());
        for _ in 0..2 {
            answer.silent_for(secs(15)).await;
            assert_eq!(answer.piece().await.as_deref(), Some(KEEP_ALIVE));
        }
        let start = clock::now();
        is_cut_within_ten_seconds(&mut answer).await;
        assert_eq!(clock::now() - start, Duration::from_millis(10_010));
        let seen = gateway.engine.observe(&target("still-stall")).await;
        assert_eq!(seen.expect("an actor").view.failures_in_a_row, 1);
    });
}

#[test]
fn comments_alone_keep_a_stream_for_the_request_timeout_only() {
    still(async {
        const COMMENT: &str = ": OPENROUTER PROCESSING\n\n";
        let (events, _) = good_events();
        let go = Arc::new(Notify::new());
        let mut parts = vec![events[..2].concat()];
        parts.extend(std::iter::repeat_n(COMMENT.to_owned(), 100));
        let evil = upstream(parts, &go);
        let gateway = Still::start(&yaml("still-comments", &evil, "")).await;
        let mut answer = gateway.post(CHAT, &ask_stream("m", "hello")).await;
        assert_eq!(answer.until("\n\n").await, events[..2].concat());
        let start = clock::now();
        for at in 1..60 {
            answer.silent_for(secs(10)).await;
            go.notify_one();
            assert_eq!(
                answer.piece().await.as_deref(),
                Some(COMMENT),
                "comment {at}"
            );
        }
        is_cut_within_ten_seconds(&mut answer).await;
        assert_eq!(clock::now() - start, secs(600) + Duration::from_millis(10));
        let seen = gateway.engine.observe(&target("still-comments")).await;
        assert_eq!(seen.expect("an actor").view.failures_in_a_row, 1);
    });
}
