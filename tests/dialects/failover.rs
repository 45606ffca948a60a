//! From a provider of one dialect to one of another, before the first byte.

use serde_json::Value;

use super::{Asks, CLIENTS, Says, stream};
use crate::support::chat::{chunk, response, stream_head};
use crate::support::client::post;
use crate::support::evil::{Act, Evil};
use crate::support::gateway::House;
use crate::support::http::Head;
use crate::support::ports::Refused;

/// A gateway whose model `m` is served by `first`, or else by the model of `second`.
fn house(first: &str, second: (Says, &str, &Evil)) -> House {
    let (says, name, evil) = second;
    let fallback = says
        .endpoint(name, evil)
        .replace("models: [m]", "models: [n]");
    House::start(&format!(
        "endpoints:\n{first}{fallback}models: [{{ name: m, fallbacks: [n] }}]\n"
    ))
}

#[tokio::test]
async fn an_openai_client_moves_from_a_dead_openai_endpoint_to_an_anthropic_fallback() {
    let dead = Refused::new();
    let first = format!(
        "  - {{ name: dead, provider: openai, base_url: \"http://{}/v1\", api_key: k, models: [m], \
         probe: {{ kind: none }} }}\n",
        dead.addr()
    );
    let told = |head: &Head| {
        let header = |name: &str| head.header(name).map(str::to_owned);
        assert_eq!(header("x-breakerbox-endpoint").as_deref(), Some("claude"));
        assert_eq!(header("x-breakerbox-fallback").as_deref(), Some("m>n"));
        assert_eq!(header("x-breakerbox-attempts").as_deref(), Some("2"));
    };
    let evil = Says::Anthropic.answers("saved");
    let whole = house(&first, (Says::Anthropic, "claude", &evil));
    let answer = post(
        whole.addr(),
        Asks::Chat.path(false),
        &Asks::Chat.body(false),
    )
    .await;
    assert_eq!(Asks::Chat.told(&answer).0, "saved");
    told(&answer.head);

    let evil = Says::Anthropic.streams(&["sa", "ved"]);
    let streams = house(&first, (Says::Anthropic, "claude", &evil));
    let (head, events) = stream(&streams, Asks::Chat).await;
    assert_eq!(Asks::Chat.streamed(&events), "saved");
    told(&head);
    // What only Anthropic says stays out of an OpenAI client's sight.
    assert!(events.iter().all(|event| event.name.is_empty()));
}

/// An error inside a 200, as the first event of each provider's stream, is no answer yet.
#[tokio::test]
async fn an_error_as_the_first_event_moves_on_in_every_dialect() {
    let errors = [
        (
            Says::OpenAi,
            "data: {\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\"}}\n\n",
        ),
        (
            Says::Anthropic,
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n",
        ),
        (
            Says::Gemini,
            "data: {\"error\":{\"code\":503,\"message\":\"overloaded\",\"status\":\"UNAVAILABLE\"}}\n\n",
        ),
    ];
    for (says, error) in errors {
        let bad = Evil::start(move |_, _| {
            vec![
                Act::Send(stream_head()),
                Act::Send(chunk(error)),
                Act::Send(crate::support::chat::last_chunk()),
                Act::KeepAlive,
            ]
        });
        let good = Says::OpenAi.streams(&["good"]);
        let name = format!("first-{}", says.provider());
        let house = house(&says.endpoint(&name, &bad), (Says::OpenAi, "good", &good));
        for asks in CLIENTS {
            let (_, events) = stream(&house, asks).await;
            assert_eq!(asks.streamed(&events), "good", "{asks:?} {says:?}");
        }
    }
}

/// Behind the beginning, of which a client of another dialect has been told nothing yet.
#[tokio::test]
async fn an_error_behind_the_beginning_moves_on_too() {
    let error = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";
    let begun = Says::Anthropic.events(&["never said"]);
    let acts = [
        stream_head(),
        chunk(&begun[0]),
        chunk(&begun[1..3].concat()),
    ];
    let acts = acts
        .into_iter()
        .chain([chunk(error), crate::support::chat::last_chunk()]);
    let acts: Vec<_> = acts.map(Act::Send).chain([Act::KeepAlive]).collect();
    let bad = Evil::start(move |_, _| acts.clone());
    let good = Says::OpenAi.streams(&["good"]);
    let first = Says::Anthropic.endpoint("hasty", &bad);
    let house = house(&first, (Says::OpenAi, "good", &good));
    for asks in [Asks::Chat, Asks::Responses, Asks::Content] {
        let (head, events) = stream(&house, asks).await;
        assert_eq!(asks.streamed(&events), "good", "{asks:?}");
        assert_eq!(head.header("x-breakerbox-attempts"), Some("2"), "{asks:?}");
    }
}

/// A stream that breaks after its first event ends with an error in the client's own form.
#[tokio::test]
async fn a_broken_stream_ends_in_the_clients_own_form() {
    for says in super::PROVIDERS {
        let start = says.events(&["one", "two", "three"]);
        let start = start[..start.len() - 1].concat();
        // Cut before what ends it: in OpenAI's and Anthropic's dialect one event, in Gemini's the reason.
        let bad = Evil::start(move |_, _| {
            vec![Act::Send(stream_head()), Act::Send(chunk(&start)), Act::Fin]
        });
        let house = super::house(says, &format!("broken-{}", says.provider()), &bad);
        for asks in CLIENTS {
            let (_, events) = stream(&house, asks).await;
            let last = events.last().expect("events");
            let data: Value = serde_json::from_str(&last.data).expect("JSON");
            match asks {
                Asks::Chat => assert_eq!(data["error"]["code"], "upstream_error", "{data}"),
                Asks::Responses => assert_eq!(data["type"], "response.failed", "{data}"),
                Asks::Messages => {
                    assert_eq!(last.name, "error");
                    assert_eq!(data["type"], "error", "{data}");
                }
                Asks::Content => assert!(data["error"]["status"].is_string(), "{data}"),
            }
        }
    }
}

#[tokio::test]
async fn a_provider_that_calls_the_request_wrong_is_quoted_in_the_clients_form() {
    let bodies = [
        (
            Says::OpenAi,
            "{\"error\":{\"message\":\"too long\",\"type\":\"invalid_request_error\",\"param\":null,\"code\":null}}",
        ),
        (
            Says::Anthropic,
            "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"too long\"}}",
        ),
        (
            Says::Gemini,
            "{\"error\":{\"code\":400,\"message\":\"too long\",\"status\":\"INVALID_ARGUMENT\"}}",
        ),
    ];
    for (says, body) in bodies {
        let evil =
            Evil::start(move |_, _| vec![Act::Send(response(400, &[], body)), Act::KeepAlive]);
        let name = format!("wrong-{}", says.provider());
        let house = super::house(says, &name, &evil);
        for asks in CLIENTS {
            let answer = post(house.addr(), asks.path(false), &asks.body(false)).await;
            assert_eq!(answer.status(), 400);
            let error = answer.json();
            assert_eq!(error["error"]["message"], "too long", "{error}");
            let kind = match asks {
                Asks::Chat | Asks::Responses | Asks::Messages => &error["error"]["type"],
                Asks::Content => &error["error"]["status"],
            };
            let expected = match asks {
                Asks::Content => "INVALID_ARGUMENT",
                _ => "invalid_request_error",
            };
            assert_eq!(kind, expected, "{asks:?} {says:?}");
        }
        assert_eq!(house.seen(&name).await.view.failures_in_a_row, 0);
    }
}
