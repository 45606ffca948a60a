//! Providers that say they are overloaded: Anthropic's clients know that by a status and a word of its own, all
//! others may try again too.

use serde_json::Value;

use super::{Asks, CLIENTS, PROVIDERS, Says, stream};
use crate::support::chat::{chunk, last_chunk, response, stream_head};
use crate::support::client::{Answer, post};
use crate::support::evil::{Act, Evil};
use crate::support::gateway::House;

impl Says {
    /// The status and body, and the event, with which a provider of this dialect says so.
    fn overload(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::OpenAi => (
                529,
                "{}",
                "data: {\"error\":{\"code\":\"overloaded\",\"message\":\"busy\"}}\n\n",
            ),
            Self::Anthropic => (
                529,
                "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}",
                "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}\n\n",
            ),
            Self::Gemini => (
                503,
                "{\"error\":{\"code\":503,\"message\":\"The model is overloaded.\",\"status\":\"UNAVAILABLE\"}}",
                "data: {\"error\":{\"code\":503,\"message\":\"busy\",\"status\":\"UNAVAILABLE\"}}\n\n",
            ),
        }
    }
}

/// A gateway that asks twice, and never gives its only endpoint up.
fn house(says: Says, name: &str, evil: &Evil) -> House {
    House::start(&format!(
        "endpoints:\n{}routing: {{ max_attempts: 2, retry_budget: 1.0, backoff: {{ base: 1ms, max: 1ms }} }}\n\
         breaker: {{ failure_threshold: 100000, min_requests: 100000 }}\n",
        says.endpoint(name, evil)
    ))
}

fn assert_told(asks: Asks, answer: &Answer, what: &str) {
    let error = &answer.json()["error"];
    let told = match asks {
        Asks::Chat | Asks::Responses => (502, &error["code"]),
        Asks::Messages => (529, &error["type"]),
        Asks::Content => (502, &error["status"]),
    };
    let word = match asks {
        Asks::Chat | Asks::Responses => "upstream_error",
        Asks::Messages => "overloaded_error",
        Asks::Content => "UNAVAILABLE",
    };
    assert_eq!((answer.status(), told.1), (told.0, &word.into()), "{what}");
    assert_eq!(answer.head.header("retry-after"), Some("1"), "{what}");
    assert_eq!(answer.head.header("x-should-retry"), None, "{what}");
}

#[tokio::test]
async fn an_overload_that_lasts_is_told_as_one() {
    for says in PROVIDERS {
        let (status, body, event) = says.overload();
        let refuses =
            Evil::start(move |_, _| vec![Act::Send(response(status, &[], body)), Act::KeepAlive]);
        let starts = Evil::start(move |_, _| {
            let acts = [stream_head(), chunk(event), last_chunk()].map(Act::Send);
            acts.into_iter().chain([Act::KeepAlive]).collect()
        });
        for (evil, kind, streams) in [(&refuses, "status", false), (&starts, "event", true)] {
            let house = house(says, &format!("busy-{kind}-{}", says.provider()), evil);
            for asks in CLIENTS {
                let what = format!("{says:?} {kind} to {asks:?}");
                let answer = post(house.addr(), asks.path(streams), &asks.body(streams)).await;
                assert_told(asks, &answer, &what);
            }
        }
    }
}

#[tokio::test]
async fn who_is_told_when_to_come_back_tells_it() {
    let body = Says::Anthropic.overload().1;
    let headers = [("retry-after", "50")];
    let evil =
        Evil::start(move |_, _| vec![Act::Send(response(529, &headers, body)), Act::KeepAlive]);
    let house = house(Says::Anthropic, "busy-a-while", &evil);
    let asks = Asks::Messages;
    for _ in 0..2 {
        let answer = post(house.addr(), asks.path(false), &asks.body(false)).await;
        let kind = &answer.json()["error"]["type"];
        assert_eq!((answer.status(), kind), (529, &"overloaded_error".into()));
        let wait = answer.head.header("retry-after").expect("a wait");
        let wait: u64 = wait.parse().expect("seconds");
        assert!((2..=50).contains(&wait), "{wait}");
    }
    // It is left alone that long, which is longer than anyone is kept waiting.
    assert_eq!(evil.count(), 1);
}

#[tokio::test]
async fn an_overload_in_the_middle_of_a_stream_is_told_as_one() {
    for says in PROVIDERS {
        let events = says.events(&["one ", "two ", "three"]);
        // Anthropic says three things before it says the first word.
        let before = if says == Says::Anthropic { 5 } else { 2 };
        let sent = events[..before].concat() + says.overload().2;
        let evil = Evil::start(move |_, _| {
            let acts = [stream_head(), chunk(&sent), last_chunk()].map(Act::Send);
            acts.into_iter().chain([Act::KeepAlive]).collect()
        });
        let house = house(says, &format!("busy-late-{}", says.provider()), &evil);
        let (_, events) = stream(&house, Asks::Messages).await;
        let last = events.last().expect("an error");
        let data: Value = serde_json::from_str(&last.data).expect("JSON");
        assert_eq!(
            (last.name.as_str(), &data["error"]["type"]),
            ("error", &"overloaded_error".into()),
            "{says:?}"
        );
    }
}
