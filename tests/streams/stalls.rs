//! A stream that stalls is cut at `idle_timeout`, wherever it stalls, and the endpoint has failed by slowness.

use std::time::Duration;

use breakerbox_actors::clock;

use super::{assert_calm, good_events, house};
use crate::support::chat::{CHAT, ask_stream, chunk, stream_head};
use crate::support::client::{Client, Ending};
use crate::support::evil::{Act, Evil};
use crate::support::wait::{DEADLINE, eventually};

/// `idle_timeout` of [`house`].
const IDLE: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_stall_is_cut_at_the_idle_timeout() {
    let (events, _) = good_events();
    let sent = [events[..3].concat(), events[..3].concat() + "data: {\"cho"];
    for (number, sent) in sent.into_iter().enumerate() {
        let name = format!("stalls-{number}");
        let evil = Evil::start(move |_, _| {
            vec![
                Act::Send(stream_head()),
                Act::Send(chunk(&sent)),
                Act::Blackhole,
            ]
        });
        let house = house(&name, &evil);
        let mut client = Client::connect(house.addr()).await;
        client.post(CHAT, &ask_stream("m", "hello")).await;
        assert_eq!(client.head().await.status(), 200);
        for _ in 0..3 {
            client.event().await.expect("a stream").expect("an event");
        }
        let silent = clock::now();
        let (rest, ending) = client.events().await;
        let waited = clock::now() - silent;
        // The silence began a moment before the test saw the last event.
        assert!(waited > IDLE * 8 / 10, "cut after {waited:?}");
        assert!(waited < IDLE * 4, "cut after {waited:?}");
        assert_eq!(ending, Ending::Whole);
        let [error] = &rest[..] else {
            panic!("{rest:?}");
        };
        assert_eq!(error.json()["error"]["code"], "upstream_timeout");
        assert_eq!(house.outcomes(&name, "timeout").await, 1.0);
        assert_eq!(house.seen(&name).await.view.failures_in_a_row, 1);
        eventually(DEADLINE, || evil.links()[0].over).await;
        assert_calm(&house, &name).await;
    }
}

#[tokio::test]
async fn a_stream_that_keeps_talking_is_not_cut() {
    let (events, done) = good_events();
    let evil = Evil::start(move |_, _| {
        let mut acts = vec![Act::Send(stream_head())];
        // Each pause is below the timeout, together they are above it.
        for event in events.iter().take(4) {
            acts.push(Act::Send(chunk(event)));
            acts.push(Act::Wait(IDLE * 4 / 10));
        }
        acts.push(Act::Send(chunk(&done)));
        acts.push(Act::Fin);
        acts
    });
    let house = house("stalls-not", &evil);
    let mut client = Client::connect(house.addr()).await;
    client.post(CHAT, &ask_stream("m", "hello")).await;
    assert_eq!(client.head().await.status(), 200);
    let (events, _) = client.events().await;
    assert_eq!(events.len(), 5, "{events:?}");
    assert_eq!(house.outcomes("stalls-not", "success").await, 1.0);
}
