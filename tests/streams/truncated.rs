//! A stream that ends without its terminal event, after every event: an error event, no `[DONE]`, counted
//! as truncated, a failure.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

use super::{assert_calm, good_events, house};
use crate::support::chat::{CHAT, ask_stream, chunk, last_chunk, stream_head};
use crate::support::client::{Client, Ending};
use crate::support::evil::{Act, Evil};
use crate::support::gateway::House;

/// The ways in which a stream can stop short.
const ENDS: usize = 4;

fn end(which: usize) -> Vec<Act> {
    match which {
        // A body that is whole by its framing, and still no whole answer.
        0 => vec![Act::Send(last_chunk())],
        1 => vec![Act::Fin],
        2 => vec![Act::Rst],
        // In the middle of an event.
        _ => vec![Act::Send(chunk("data: {\"choices\":[{")), Act::Fin],
    }
}

/// An upstream that sends the first 1, 2, … of `events`, each number with each end in turn, and ends when told.
fn upstream(events: Vec<String>, go: Arc<Notify>) -> Evil {
    let request = AtomicUsize::new(0);
    Evil::start(move |_, _| {
        let number = request.fetch_add(1, Ordering::SeqCst);
        let mut acts = vec![Act::Send(stream_head())];
        let sent = &events[..=number / ENDS];
        acts.extend(sent.iter().map(|event| Act::Send(chunk(event))));
        // A reset would overtake what has not been read.
        acts.push(Act::WaitFor(Arc::clone(&go)));
        acts.extend(end(number % ENDS));
        acts
    })
}

/// Asks once for each number of events and each end. Returns how often.
async fn ask_all(house: &House, name: &str, path: &str, events: &[String], go: &Notify) -> usize {
    let mut asked = 0;
    for known in 1..=events.len() {
        for _ in 0..ENDS {
            let mut client = Client::connect(house.addr()).await;
            client.post(path, &ask_stream("m", "hello")).await;
            let head = client.head().await;
            assert_eq!(head.status(), 200);
            for (at, event) in events[..known].iter().enumerate() {
                let got = client.event().await.expect("a stream").expect("an event");
                assert!(event.contains(&got.data), "event {at} of {known}: {got:?}");
            }
            go.notify_one();
            let (rest, ending) = client.events().await;
            assert_eq!(
                ending,
                Ending::Whole,
                "the client's own body is well formed"
            );
            let [error] = &rest[..] else {
                panic!("after {known}: {rest:?}");
            };
            let error = match path {
                CHAT => error.json()["error"].clone(),
                _ => {
                    assert_eq!(error.name, "response.failed");
                    assert_eq!(error.json()["sequence_number"], known);
                    error.json()["response"]["error"].clone()
                }
            };
            assert_eq!(error["code"], "upstream_error", "after {known}");
            asked += 1;
            let seen = house.seen(name).await;
            assert_eq!(seen.view.failures_in_a_row, asked as u32);
        }
    }
    asked
}

#[tokio::test]
async fn a_chat_cut_after_any_event_ends_with_an_error_and_is_a_failure() {
    let (events, _) = good_events();
    let go = Arc::new(Notify::new());
    let evil = upstream(events.clone(), Arc::clone(&go));
    let house = house("truncated-chat", &evil);
    let asked = ask_all(&house, "truncated-chat", CHAT, &events, &go).await;
    assert_eq!(asked, 7 * ENDS);
    let truncated = house.outcomes("truncated-chat", "truncated").await;
    assert_eq!(truncated, asked as f64);
    assert_eq!(evil.count(), asked, "nothing was asked twice");
    assert_calm(&house, "truncated-chat").await;
}

#[tokio::test]
async fn a_response_cut_after_any_event_fails_in_its_own_form() {
    let event = |number: usize, kind: &str, more: &str| {
        format!(
            "event: response.{kind}\ndata: {{\"type\":\"response.{kind}\",\"sequence_number\":{number}{more}}}\n\n"
        )
    };
    let created = r#","response":{"id":"resp_1","created_at":9,"model":"m"}"#;
    let events = vec![
        event(0, "created", created),
        event(1, "output_text.delta", r#","delta":"привіт""#),
        event(2, "output_text.done", r#","text":"привіт""#),
    ];
    let go = Arc::new(Notify::new());
    let evil = upstream(events.clone(), Arc::clone(&go));
    let house = house("truncated-response", &evil);
    let name = "truncated-response";
    let asked = ask_all(&house, name, "/v1/responses", &events, &go).await;
    assert_eq!(house.outcomes(name, "truncated").await, asked as f64);
    assert_calm(&house, name).await;
}

#[tokio::test]
async fn a_stream_with_its_terminal_event_is_a_success_however_it_closes() {
    let (events, done) = good_events();
    let request = AtomicUsize::new(0);
    let go = Arc::new(Notify::new());
    let script = {
        let (events, go) = (events.concat() + &done, Arc::clone(&go));
        move |_, _| {
            let mut acts = vec![Act::Send(stream_head()), Act::Send(chunk(&events))];
            acts.push(Act::WaitFor(Arc::clone(&go)));
            acts.extend(end(request.fetch_add(1, Ordering::SeqCst) % (ENDS - 1)));
            acts
        }
    };
    let evil = Evil::start(script);
    let house = house("untruncated", &evil);
    for asked in 1..ENDS {
        let mut client = Client::connect(house.addr()).await;
        client.post(CHAT, &ask_stream("m", "hello")).await;
        assert_eq!(client.head().await.status(), 200);
        for _ in 0..=events.len() {
            client.event().await.expect("a stream").expect("an event");
        }
        go.notify_one();
        let (rest, ending) = client.events().await;
        assert!(rest.is_empty(), "{rest:?}");
        assert_eq!(ending, Ending::Whole);
        assert_eq!(house.outcomes("untruncated", "success").await, asked as f64);
    }
    assert_eq!(house.seen("untruncated").await.view.failures_in_a_row, 0);
}
