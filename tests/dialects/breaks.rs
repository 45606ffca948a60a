//! Streams of every provider that break after any event, for every client: begun once, ended by one error in the
//! client's own form, and counted for what it was.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use tokio::sync::Notify;

use super::{Asks, CLIENTS, PROVIDERS, Says};
use crate::support::chat::{chunk, last_chunk, stream_head};
use crate::support::client::{Client, Ending, Event};
use crate::support::evil::{Act, Evil};
use crate::support::gateway::House;

const PIECES: [&str; 4] = ["one ", "zwei ", "трѝ ", "四"];

/// A gateway that asks once, and never gives its only endpoint up.
fn house(says: Says, name: &str, evil: &Evil) -> House {
    House::start(&format!(
        "endpoints:\n{}routing: {{ max_attempts: 1 }}\n\
         breaker: {{ failure_threshold: 100000, min_requests: 100000 }}\n",
        says.endpoint(name, evil)
    ))
}

/// Asks for a stream; returns its events to the end, `go` once there are `known` of them.
async fn ask(house: &House, asks: Asks, known: usize, go: &Notify) -> Vec<Event> {
    let mut client = Client::connect(house.addr()).await;
    client.post(asks.path(true), &asks.body(true)).await;
    assert_eq!(client.head().await.status(), 200, "{asks:?} {known}");
    let mut events = Vec::new();
    for _ in 0..known {
        events.push(client.event().await.expect("a stream").expect("an event"));
    }
    go.notify_one();
    let (rest, ending) = client.events().await;
    assert_eq!(ending, Ending::Whole, "{asks:?}: its own body is whole");
    events.extend(rest);
    events
}

/// Fails unless the last of `events`, and no other, is an error in the client's form, and the answer began once.
fn assert_broken(asks: Asks, events: &[Event], what: &str) {
    let data = |event: &Event| serde_json::from_str::<Value>(&event.data).unwrap_or_default();
    let is_error = |event: &Event| {
        let data = data(event);
        match asks {
            Asks::Chat => data["error"]["message"].is_string(),
            Asks::Responses => data["type"] == "response.failed",
            Asks::Messages => event.name == "error" && data["type"] == "error",
            Asks::Content => data["error"]["status"].is_string(),
        }
    };
    let errors: Vec<usize> = (0..events.len())
        .filter(|at| is_error(&events[*at]))
        .collect();
    assert_eq!(errors, [events.len() - 1], "{what}: {events:?}");
    let begins = |event: &&Event| match asks {
        Asks::Messages => event.name == "message_start",
        Asks::Responses => event.name == "response.created",
        Asks::Chat | Asks::Content => false,
    };
    let begun = events.iter().filter(begins).count();
    let once = usize::from(matches!(asks, Asks::Messages | Asks::Responses));
    assert_eq!(begun, once, "{what}: {events:?}");
    for end in ["[DONE]", "message_stop", "response.completed"] {
        assert!(
            !events.iter().any(|it| it.data.contains(end)),
            "{what}: {events:?}"
        );
    }
}

#[tokio::test]
async fn the_end_after_any_event_is_an_error_to_its_own_client_and_truncated() {
    for (says, asks) in [
        (Says::Anthropic, Asks::Messages),
        (Says::Gemini, Asks::Content),
    ] {
        let events = says.events(&PIECES);
        let request = Arc::new(AtomicUsize::new(0));
        let go = Arc::new(Notify::new());
        let (number, told, sent) = (Arc::clone(&request), Arc::clone(&go), events.clone());
        let evil = Evil::start(move |_, _| {
            let at = number.fetch_add(1, Ordering::SeqCst);
            let mut acts = vec![Act::Send(stream_head())];
            acts.extend(sent[..=at / 3].iter().map(|it| Act::Send(chunk(it))));
            // A reset would overtake what has not been read.
            acts.push(Act::WaitFor(Arc::clone(&told)));
            acts.push(match at % 3 {
                0 => Act::Send(last_chunk()),
                1 => Act::Fin,
                _ => Act::Rst,
            });
            acts
        });
        let name = format!("ends-{}", says.provider());
        let house = house(says, &name, &evil);
        for known in 1..events.len() {
            for _ in 0..3 {
                let what = format!("{says:?} after {known}");
                let got = ask(&house, asks, known, &go).await;
                assert_broken(asks, &got, &what);
                for (event, sent) in got.iter().zip(&events[..known]) {
                    assert!(sent.contains(&event.data), "{what}: {event:?}");
                }
                assert_eq!(got.len(), known + 1, "{what}");
            }
        }
        let asked = request.load(Ordering::SeqCst);
        assert_eq!(asked, 3 * (events.len() - 1), "nothing was asked twice");
        assert_eq!(house.outcomes(&name, "truncated").await, asked as f64);
        let view = house.seen(&name).await.view;
        assert_eq!(view.failures_in_a_row, asked as u32);
    }
}

#[tokio::test]
async fn an_error_after_an_event_ends_the_stream_of_every_client_that_began_once() {
    let errors = [
        "data: {\"error\":{\"message\":\"on fire\",\"type\":\"server_error\",\"param\":null,\"code\":\"x\"}}\n\n",
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"on fire\"}}\n\n",
        "data: {\"error\":{\"code\":503,\"message\":\"on fire\",\"status\":\"UNAVAILABLE\"}}\n\n",
    ];
    for (says, error) in PROVIDERS.into_iter().zip(errors) {
        let events = says.events(&PIECES);
        // Anthropic says three things before it says the first word.
        let before = if says == Says::Anthropic { 5 } else { 3 };
        let sent = events[..before].concat() + error + &events[before..].concat();
        let evil = Evil::start(move |_, _| {
            let acts = [stream_head(), chunk(&sent), last_chunk()].map(Act::Send);
            acts.into_iter().chain([Act::KeepAlive]).collect()
        });
        let name = format!("errs-{}", says.provider());
        let house = house(says, &name, &evil);
        for asks in CLIENTS {
            let what = format!("{says:?} to {asks:?}");
            let got = ask(&house, asks, 0, &Notify::new()).await;
            assert_broken(asks, &got, &what);
            let last = got.last().expect("an error");
            assert!(last.data.contains("on fire"), "{what}: {last:?}");
            let own = matches!(
                (says, asks),
                (Says::Anthropic, Asks::Messages) | (Says::Gemini, Asks::Content)
            );
            if own {
                assert_eq!(got.len(), before + 1, "{what}");
                assert!(error.contains(&last.data), "{what}: {last:?}");
            }
        }
        let outcomes = house.outcomes(&name, "error_event").await;
        assert_eq!((outcomes, evil.count()), (4.0, 4), "{says:?}: once each");
    }
}
