//! A stream whose first event is an error inside a 200: another endpoint answers, 100 % ok.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::{assert_calm, good_events, lenient};
use crate::support::chat::{CHAT, ask_stream, chunk, is_done, last_chunk, stream_head};
use crate::support::client::{Client, Ending};
use crate::support::evil::{Act, Evil};
use crate::support::gateway::{House, endpoint};

/// Errors as a first event, in the forms that providers use.
const ERRORS: [&str; 6] = [
    "data: {\"error\":{\"message\":\"boom\",\"type\":\"server_error\",\"code\":\"server_error\"}}\n\n",
    ": comment first\n\ndata: {\"error\":{\"message\":\"boom\",\"code\":500}}\n\ndata: [DONE]\n\n",
    "event: error\ndata: {\"message\":\"boom\"}\n\n",
    "data: {\"error\":\"boom\"}\n\n",
    "{\"error\":{\"message\":\"boom\"}}",
    "<html><body>502</body></html>",
];

#[tokio::test]
async fn an_error_as_the_first_event_fails_over_a_hundred_percent_ok() {
    const REQUESTS: usize = 90;
    let request = AtomicUsize::new(0);
    let bad = Evil::start(move |_, _| {
        let error = ERRORS[request.fetch_add(1, Ordering::SeqCst) % ERRORS.len()];
        vec![
            Act::Send(stream_head()),
            Act::Send(chunk(error)),
            Act::Send(last_chunk()),
            Act::KeepAlive,
        ]
    });
    let (events, done) = good_events();
    let whole = events.concat() + &done;
    let expected = whole.clone();
    let good = Evil::start(move |_, _| {
        vec![
            Act::Send(stream_head()),
            Act::Send(chunk(&whole)),
            Act::Send(last_chunk()),
            Act::KeepAlive,
        ]
    });
    let endpoints = [
        endpoint("first-error-bad", &bad.base_url(), ""),
        endpoint("first-error-good", &good.base_url(), ""),
    ];
    let yaml = lenient(&endpoints.concat()).replace(
        "max_attempts: 1",
        "max_attempts: 2, strategy: priority, retry_budget: 1",
    );
    let house = House::start(&yaml);
    let mut client = Client::connect(house.addr()).await;
    for number in 0..REQUESTS {
        client.post(CHAT, &ask_stream("m", "hello")).await;
        let head = client.head().await;
        assert_eq!(head.status(), 200, "request {number}");
        assert_eq!(
            head.header("x-breakerbox-endpoint"),
            Some("first-error-good")
        );
        assert_eq!(head.header("x-breakerbox-attempts"), Some("2"));
        let (events, ending) = client.events().await;
        assert!(is_done(&events), "request {number}: {events:?}");
        assert_eq!(ending, Ending::Whole);
        let text: String = events
            .iter()
            .map(|it| format!("data: {}\n\n", it.data))
            .collect();
        assert_eq!(text, expected, "nothing of the error is passed on");
    }
    assert_eq!((bad.count(), good.count()), (REQUESTS, REQUESTS));
    assert_calm(&house, "first-error-bad").await;
    assert_eq!(house.outcomes("first-error-bad", "success").await, 0.0);
    assert_eq!(
        house.outcomes("first-error-good", "success").await,
        REQUESTS as f64
    );
    let seen = house.seen("first-error-bad").await;
    assert_eq!(seen.view.failures_in_a_row, REQUESTS as u32);
}
