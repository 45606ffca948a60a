//! What is promised of streams, each promise with its number.

use breakerbox_actors::state::breaker::Phase;

use crate::support::chat::{ask_stream, delta, ending};
use crate::support::evil::Evil;
use crate::support::gateway::{House, endpoint};

mod cuts;
mod errors;
mod first_error;
mod leaves;
mod slow_reader;
mod stalls;
mod still;
mod truncated;

/// A gateway in front of `evil` alone, which is never given up: its circuit stays closed, so that every
/// request reaches it.
fn house(name: &str, evil: &Evil) -> House {
    House::start(&lenient(&endpoint(
        name,
        &evil.base_url(),
        ", responses: native",
    )))
}

/// A configuration whose circuits never open.
fn lenient(endpoints: &str) -> String {
    format!(
        "endpoints:\n{endpoints}\
         breaker: {{ failure_threshold: 100000, min_requests: 100000 }}\n\
         routing: {{ max_attempts: 1, idle_timeout: 1s }}\n"
    )
}

/// The events of a good stream, `[DONE]` apart from the others.
fn good_events() -> (Vec<String>, String) {
    let mut events: Vec<String> = ["", "one ", "zwei ", "трѝ ", "四 ", "🖐 "].map(delta).into();
    let ending = ending();
    let (finish, done) = ending.split_at(ending.find("\n\n").expect("two events") + 2);
    events.push(finish.to_owned());
    (events, done.to_owned())
}

fn stream_body() -> String {
    ask_stream("m", "hello").to_string()
}

/// Fails unless nothing is under way at `endpoint` and its circuit is closed.
async fn assert_calm(house: &House, endpoint: &str) {
    let seen = house.seen(endpoint).await;
    assert_eq!(seen.in_flight, 0, "{seen:?}");
    assert_eq!(seen.view.phase, Phase::Closed);
}
