//! The simulated provider answers as OpenAI and Azure do, at the pace and within the limits of its script.

use std::time::Duration;

use breakerbox::simulator::{
    Api, ErrorShare, Fault, Latency, Running, Script, Simulator, StartError, Timed,
};
use serde_json::{Value, json};

use crate::support::chat::{self, CHAT, ask, ask_stream};
use crate::support::client::{Answer, Client, Ending, Event, call, get, post};
use crate::support::ports::ANY;
use crate::support::wait::{DEADLINE, eventually};

mod anthropic;
mod faults;
mod gemini;
mod pace;
mod shapes;
mod strict;

fn start(script: Script) -> Running {
    Simulator::start(script, ANY).expect("a provider")
}

/// Sends a JSON body with these headers.
async fn post_with(
    running: &Running,
    path: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> Client {
    let mut client = Client::connect(running.addr()).await;
    let body = body.to_string();
    client.request("POST", path, headers, body.as_bytes()).await;
    client
}

/// A 1×1 PNG, as base64: 68 bytes.
const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII=";

async fn get_with(running: &Running, path: &str, header: (&str, &str)) -> Answer {
    call(running.addr(), "GET", path, &[header], "").await
}

/// A provider with `script` and one fault, of what is asked by `api` alone.
fn faulty(api: Api, script: Script, fault: Fault) -> Running {
    start(Script {
        faults: vec![Timed {
            only: vec![api],
            ..Timed::from(fault)
        }],
        ..script
    })
}

/// Which of the events are no JSON.
fn broken(events: &[Event]) -> Vec<usize> {
    let broken = |at: &usize| serde_json::from_str::<Value>(&events[*at].data).is_err();
    (0..events.len()).filter(broken).collect()
}

#[tokio::test]
async fn same_seed_and_request_same_answer() {
    let answer = async |seed, text: &str| {
        let running = start(Script {
            seed,
            ..Script::default()
        });
        chat::text_of(&post(running.addr(), CHAT, &ask("m", text)).await)
    };
    let first = answer(1, "hello").await;
    assert_eq!(first, answer(1, "hello").await);
    assert_ne!(first, answer(2, "hello").await);
    assert_ne!(first, answer(1, "good bye").await);
}

#[tokio::test]
async fn one_connection_serves_many_requests_also_pipelined() {
    let running = start(Script::default());
    let mut client = Client::connect(running.addr()).await;
    for _ in 0..3 {
        client.post(CHAT, &ask("m", "hello")).await;
    }
    for _ in 0..3 {
        assert_eq!(client.answer().await.status(), 200);
    }
    client
        .request("GET", "/health", &[("connection", "close")], b"")
        .await;
    assert_eq!(client.answer().await.json()["status"], "ok");
    assert_eq!(client.end().await, Ending::Closed);
    let stats = running.stats();
    assert_eq!((stats.connections, stats.requests), (1, 4));
    eventually(DEADLINE, || running.look(|stats| stats.open) == 0).await;
}

#[tokio::test]
async fn a_request_may_ask_for_less() {
    let running = start(Script::default());
    let mut short = ask("m", "hello");
    short["max_tokens"] = json!(3);
    let body = post(running.addr(), CHAT, &short).await.json();
    assert_eq!(body["usage"]["completion_tokens"], 3);
    assert_eq!(body["choices"][0]["finish_reason"], "length");
}

#[tokio::test]
async fn keys_and_models_are_checked() {
    let running = start(Script {
        api_keys: vec!["right".to_owned()],
        models: vec!["org/a".to_owned(), "b".to_owned()],
        ..Script::default()
    });
    let denied = get(running.addr(), "/v1/models").await;
    assert_eq!(denied.status(), 401);
    assert_eq!(chat::error_code(&denied), "invalid_api_key");
    assert_eq!(get(running.addr(), "/health").await.status(), 200);
    let bearer = ("Authorization", "Bearer right");
    let list = get_with(&running, "/v1/models", bearer).await.json();
    assert_eq!(list["data"][0]["id"], "org/a");
    assert_eq!(list["data"].as_array().map(Vec::len), Some(2));
    for path in ["/v1/models/org/a", "/v1/models/org%2Fa"] {
        assert_eq!(get_with(&running, path, bearer).await.json()["id"], "org/a");
    }
    let unknown = get_with(&running, "/v1/models/c", ("api-key", "right")).await;
    assert_eq!(unknown.status(), 404);
    assert_eq!(chat::error_code(&unknown), "model_not_found");
    let mut client = Client::connect(running.addr()).await;
    let body = ask("c", "").to_string();
    client
        .request("POST", CHAT, &[bearer], body.as_bytes())
        .await;
    assert_eq!(client.answer().await.status(), 404);
    let stats = running.stats();
    assert_eq!((stats.keys[""], stats.keys["right"]), (2, 5));
    assert_eq!((stats.paths[CHAT], stats.answered(404)), (1, 2));
}

#[tokio::test]
async fn error_shares_are_kept() {
    let share = |share, status| ErrorShare {
        share,
        status,
        retry_after: Some(Duration::from_millis(1_500)),
    };
    let running = start(Script {
        seed: 3,
        errors: vec![share(0.2, 500), share(0.1, 503)],
        ..Script::default()
    });
    let mut client = Client::connect(running.addr()).await;
    let mut told = None;
    for _ in 0..1_000 {
        client.post(CHAT, &ask("m", "hello")).await;
        let answer = client.answer().await;
        if answer.status() == 503 {
            told = answer.head.header("retry-after").map(str::to_owned);
        }
    }
    assert_eq!(told.as_deref(), Some("2"));
    let stats = running.stats();
    let (five, three) = (stats.answered(500), stats.answered(503));
    assert!(
        (160..240).contains(&five) && (70..130).contains(&three),
        "{five} {three}"
    );
    assert_eq!(stats.answered(200) + five + three, 1_000);
    assert_eq!(get(running.addr(), "/v1/models").await.status(), 200);
}

#[tokio::test]
async fn a_script_changes_live_and_a_bad_one_changes_nothing() {
    let running = start(Script::default());
    let mut client = Client::connect(running.addr()).await;
    let mut status = async || {
        client.post(CHAT, &ask("m", "hello")).await;
        client.answer().await.status()
    };
    assert_eq!(status().await, 200);
    let broken = Script {
        faults: vec![Timed::from(Fault::Status {
            code: 503,
            retry_after: None,
        })],
        ..Script::default()
    };
    running.set_script(broken).expect("a good script");
    assert_eq!(status().await, 503);
    let bad = Script {
        tokens_per_second: Some(0.0),
        ..Script::default()
    };
    let error = running.set_script(bad.clone()).expect_err("a bad script");
    assert_eq!(error.to_string(), "tokens_per_second: must be above 0");
    assert_eq!(status().await, 503);
    running
        .set_script(Script::default())
        .expect("a good script");
    assert_eq!(status().await, 200);
    assert!(matches!(
        Simulator::start(bad, ANY),
        Err(StartError::Script(_))
    ));
    let taken = Simulator::start(Script::default(), running.addr());
    assert!(matches!(taken, Err(StartError::Listen { .. })));
    let log: Vec<_> = running
        .stats()
        .log
        .iter()
        .map(|seen| (seen.api, seen.status))
        .collect();
    assert_eq!(log, [200, 503, 503, 200].map(|status| (Api::Chat, status)));
}

#[tokio::test]
async fn idle_connections_are_closed_if_the_script_says_so() {
    let running = start(Script {
        idle_close: Some(Duration::from_millis(50)),
        ..Script::default()
    });
    let mut client = Client::connect(running.addr()).await;
    client.post(CHAT, &ask("m", "hello")).await;
    client.answer().await;
    assert_eq!(client.end().await, Ending::Closed);
}

#[tokio::test]
async fn leaving_clients_and_stopping_are_noticed() {
    let running = start(Script {
        latency: Latency::Fixed(Duration::from_secs(3_600)),
        ..Script::default()
    });
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = Client::connect(running.addr()).await;
        client.post(CHAT, &ask("m", "hello")).await;
        clients.push(client);
    }
    eventually(DEADLINE, || running.look(|stats| stats.in_flight) == 3).await;
    clients.pop();
    eventually(DEADLINE, || running.look(|stats| stats.abandoned) == 1).await;
    let stats = running.stats();
    assert_eq!(
        (stats.in_flight, stats.max_in_flight, stats.open),
        (2, 3, 2)
    );
    let address = running.addr();
    running.stop();
    for client in &mut clients {
        assert_ne!(client.end().await, Ending::Whole);
    }
    let error = tokio::net::TcpStream::connect(address).await;
    assert!(error.is_err(), "the port is free");
}

#[tokio::test]
async fn what_is_not_understood_is_refused() {
    let running = start(Script::default());
    let status_of = async |path: &str, body: Value| {
        let answer = post(running.addr(), path, &body).await;
        let param = answer.json()["error"]["param"].as_str().map(str::to_owned);
        (answer.status(), param)
    };
    let param = |name: &str| (400, Some(name.to_owned()));
    assert_eq!(
        status_of(CHAT, json!({"model": "m"})).await,
        param("messages")
    );
    let empty = json!({"model": "m", "messages": []});
    assert_eq!(status_of(CHAT, empty).await, param("messages"));
    assert_eq!(
        status_of(CHAT, json!({"messages": []})).await,
        param("model")
    );
    assert_eq!(status_of(CHAT, json!([])).await, (400, None));
    assert_eq!(
        status_of("/v1/responses", json!({"model": "m"})).await,
        param("input")
    );
    assert_eq!(
        status_of("/v1/completions", json!({"model": "m"})).await,
        param("prompt")
    );
    assert_eq!(
        status_of("/v1/embeddings", json!({"model": "m"})).await,
        param("input")
    );
    assert_eq!(status_of("/v2/chat", json!({})).await, (404, None));
    let mut client = Client::connect(running.addr()).await;
    client.send("NO HTTP\r\n\r\n").await;
    assert_ne!(client.end().await, Ending::Whole);
}

#[tokio::test]
async fn a_thousand_waiting_clients_leave_nothing_behind() {
    let running = start(Script {
        latency: Latency::Fixed(Duration::from_secs(3_600)),
        ..Script::default()
    });
    let mut clients = Vec::new();
    for _ in 0..1_000 {
        let mut client = Client::connect(running.addr()).await;
        client.post(CHAT, &ask_stream("m", "hello")).await;
        clients.push(client);
    }
    eventually(DEADLINE, || running.look(|stats| stats.in_flight) == 1_000).await;
    drop(clients);
    eventually(DEADLINE, || running.look(|stats| stats.open) == 0).await;
    let stats = running.stats();
    assert_eq!((stats.in_flight, stats.abandoned), (0, 1_000));
}
