//! What is promised of the state of endpoints, each promise with its number.

use std::sync::Once;

use breakerbox_actors::messages::EndpointSeen;
use breakerbox_actors::state::breaker::Phase;

use crate::support::chat::{CHAT, ask, completion, response};
use crate::support::client::{Answer, Client, post};
use crate::support::evil::{Act, Evil};
use crate::support::gateway::{House, endpoint};
use crate::support::wait::DEADLINE;

mod crashes;
mod estimate;
mod half_open;
mod last_resort;
mod seams;
mod tokens;
mod trials;
mod wall;

/// A gateway in front of `evil` alone: one attempt a request, nobody waits.
fn house(name: &str, evil: &Evil, breaker: &str, limits: &str) -> House {
    House::start(&format!(
        "endpoints:\n{}breaker: {{ {breaker} }}\n\
         routing: {{ max_attempts: 1, queue: {{ max_wait: 0s }} }}\n",
        endpoint(name, &evil.base_url(), limits)
    ))
}

/// A connection for each request: an upstream that counts would count a kept one's next request too early.
const CLOSE: (&str, &str) = ("connection", "close");

/// Acts that answer well.
fn well() -> Vec<Act> {
    let body = completion("hello").to_string();
    vec![Act::Send(response(200, &[CLOSE], &body))]
}

/// Acts that fail.
fn badly() -> Vec<Act> {
    let body = "{\"error\":{\"message\":\"boom\"}}";
    vec![Act::Send(response(500, &[CLOSE], body))]
}

async fn chat(house: &House) -> Answer {
    post(house.addr(), CHAT, &ask("m", "hello")).await
}

/// Whether an attempt that failed was answered so. Where it has opened the last circuit, that is what the
/// client is told.
fn failed(status: u16) -> bool {
    matches!(status, 502 | 503)
}

/// A chat whose answer is still to be read.
async fn begin(house: &House) -> Client {
    let mut client = Client::connect(house.addr()).await;
    client.post(CHAT, &ask("m", "hello")).await;
    client
}

/// Waits until the circuit of `endpoint` is in `phase`.
async fn reaches(house: &House, endpoint: &str, phase: Phase) -> EndpointSeen {
    let start = breakerbox_actors::clock::now();
    loop {
        let seen = house.seen(endpoint).await;
        if seen.view.phase == phase {
            return seen;
        }
        let waited = breakerbox_actors::clock::now() - start;
        assert!(waited < DEADLINE, "not {phase:?}: {seen:?}");
        tokio::task::yield_now().await;
    }
}

/// Keeps panics that a test asks for out of the output: writing a backtrace takes longer than recovering.
fn quiet_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if info.payload_as_str() != Some("asked to") {
                before(info);
            }
        }));
    });
}
