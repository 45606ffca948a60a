//! What the gateway itself refuses, in the form each client knows.

use serde_json::{Value, json};

use super::{Asks, CLIENTS, Says};
use crate::support::client::{Answer, Client};
use crate::support::gateway::House;
use crate::support::ports::Refused;

const KEY: &str = "canary-client";

/// A gateway with a client key and an endpoint that refuses connections.
fn house(name: &str) -> (House, Refused) {
    let dead = Refused::new();
    let yaml = format!(
        "endpoints:\n  - {{ name: {name}, provider: anthropic, base_url: \"http://{}/v1\", api_key: k, models: [m], \
         probe: {{ kind: none }} }}\nclients: [{{ name: c, key: {KEY}, models: [\"m\", \"nothing\"] }}]\n\
         routing: {{ queue: {{ max_wait: 0s }} }}\nbreaker: {{ failure_threshold: 1 }}\n",
        dead.addr()
    );
    (House::start(&yaml), dead)
}

/// The way each SDK sends its key.
fn credential(asks: Asks) -> (&'static str, String) {
    match asks {
        Asks::Chat | Asks::Responses => ("authorization", format!("Bearer {KEY}")),
        Asks::Messages => ("x-api-key", KEY.to_owned()),
        Asks::Content => ("x-goog-api-key", KEY.to_owned()),
    }
}

async fn ask(house: &House, asks: Asks, path: &str, key: Option<&str>, body: &Value) -> Answer {
    let mut client = Client::connect(house.addr()).await;
    let (name, value) = credential(asks);
    let value = key.map_or(value, str::to_owned);
    let headers = [(name, &*value), ("content-type", "application/json")];
    let body = body.to_string();
    client
        .request("POST", path, &headers, body.as_bytes())
        .await;
    client.answer().await
}

/// The fixed word of an error: `code`, `type` or `status` as the dialect has it.
fn word(asks: Asks, answer: &Answer) -> String {
    let body = answer.json();
    let error = &body["error"];
    assert!(error["message"].is_string(), "{body}");
    let word = match asks {
        Asks::Chat | Asks::Responses => &error["code"],
        Asks::Messages => {
            assert_eq!(body["type"], "error");
            assert!(body["request_id"].is_string(), "{body}");
            &error["type"]
        }
        Asks::Content => {
            assert_eq!(error["code"], answer.status());
            &error["status"]
        }
    };
    word.as_str().unwrap_or_else(|| panic!("{body}")).to_owned()
}

#[tokio::test]
async fn every_refusal_takes_the_clients_form() {
    for asks in CLIENTS {
        let (house, _dead) = house(&format!("refuses-{asks:?}"));
        let of = |openai: &'static str, anthropic: &'static str, gemini: &'static str| match asks {
            Asks::Chat | Asks::Responses => openai,
            Asks::Messages => anthropic,
            Asks::Content => gemini,
        };
        let (path, body) = (asks.path(false), asks.body(false));
        let wrong = ask(&house, asks, path, Some("Bearer wrong"), &body).await;
        assert_eq!(wrong.status(), 401);
        let id = wrong.head.header("x-request-id").expect("an id");
        // Anthropic's SDKs look for it by another name.
        let known = Some(id).filter(|_| asks == Asks::Messages);
        assert_eq!(wrong.head.header("request-id"), known);
        assert_eq!(
            word(asks, &wrong),
            of("invalid_api_key", "authentication_error", "UNAUTHENTICATED")
        );

        let named = |model: &str| {
            let mut body = body.clone();
            let path = path.replace("models/m:", &format!("models/{model}:"));
            if asks != Asks::Content {
                body["model"] = json!(model);
            }
            (path, body)
        };
        let (elsewhere, forbidden) = named("else");
        let answer = ask(&house, asks, &elsewhere, None, &forbidden).await;
        assert_eq!(answer.status(), 403);
        assert_eq!(
            word(asks, &answer),
            of("model_not_allowed", "permission_error", "PERMISSION_DENIED")
        );
        let (nowhere, unknown) = named("nothing");
        let answer = ask(&house, asks, &nowhere, None, &unknown).await;
        assert_eq!(answer.status(), 404);
        assert_eq!(
            word(asks, &answer),
            of("model_not_found", "not_found_error", "NOT_FOUND")
        );

        let answer = ask(&house, asks, path, None, &json!([])).await;
        assert_eq!(answer.status(), 400, "{}", answer.text());
        assert_eq!(
            word(asks, &answer),
            of(
                "invalid_request",
                "invalid_request_error",
                "INVALID_ARGUMENT"
            )
        );

        let answer = ask(&house, asks, path, None, &body).await;
        let first = answer.status();
        let answer = ask(&house, asks, path, None, &body).await;
        // The first finds out, the next are told: Anthropic's clients know 529 for it.
        assert!([502, 503, 529].contains(&first), "{first}");
        assert_eq!(
            answer.status(),
            if asks == Asks::Messages { 529 } else { 503 },
            "{}",
            answer.text()
        );
        assert_eq!(
            word(asks, &answer),
            of("no_endpoint_available", "overloaded_error", "UNAVAILABLE")
        );
        let wait = answer.head.header("retry-after").expect("a wait");
        if asks == Asks::Content {
            let told = &answer.json()["error"]["details"][0]["retryDelay"];
            assert_eq!(told, &format!("{wait}s"));
        }
    }
}

#[tokio::test]
async fn a_call_of_geminis_that_nobody_has_is_not_found() {
    let (house, _dead) = house("no-such-call");
    let path = "/v1beta/models/m:embedContent";
    let answer = ask(&house, Asks::Content, path, None, &json!({})).await;
    assert_eq!(
        (answer.status(), word(Asks::Content, &answer).as_str()),
        (404, "NOT_FOUND")
    );
}

#[tokio::test]
async fn geminis_clients_may_put_their_key_into_the_query() {
    let evil = Says::Gemini.answers("hello");
    let yaml = format!(
        "endpoints:\n{}clients: [{{ name: c, key: {KEY} }}]\n",
        Says::Gemini.endpoint("query", &evil)
    );
    let house = House::start(&yaml);
    let path = format!("{}?key={KEY}", Asks::Content.path(false));
    let answer =
        crate::support::client::post(house.addr(), &path, &Asks::Content.body(false)).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let asked = evil.requests().pop().expect("a request");
    assert!(!asked.head.start.contains(KEY), "{}", asked.head.start);
}

#[tokio::test]
async fn what_is_wrong_in_its_own_dialect_is_refused_before_anyone_is_asked() {
    let evil = Says::OpenAi.answers("hello");
    let yaml = format!("endpoints:\n{}", Says::OpenAi.endpoint("unasked", &evil));
    let house = House::start(&yaml);
    let wrong =
        json!({"model": "m", "max_tokens": 9, "messages": [{"role": "nobody", "content": "hi"}]});
    for path in ["/v1/messages", "/v1/messages/count_tokens"] {
        let answer = crate::support::client::post(house.addr(), path, &wrong).await;
        assert_eq!(answer.status(), 400, "{path}: {}", answer.text());
        assert!(
            answer.text().contains("messages[0].role"),
            "{}",
            answer.text()
        );
        assert_eq!(
            answer.head.header("x-breakerbox-attempts"),
            Some("0"),
            "{path}"
        );
    }
    assert_eq!(evil.count(), 0);
}
