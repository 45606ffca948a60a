//! Every fault of the simulated provider, as a client sees it.

use std::time::Duration;

use breakerbox::simulator::{Api, End, Fault, Running, Script, Simulator, Timed, Tokens, Window};
use breakerbox_actors::clock;
use serde_json::{Value, json};

use super::{get, start};
use crate::support::chat::{self, CHAT, ask, ask_stream};
use crate::support::client::{Answer, Client, Ending, Event, post};
use crate::support::ports::ANY;
use crate::support::wait::{DEADLINE, HeldClock, eventually, soon};

fn with(fault: impl Into<Timed>) -> Running {
    start(Script {
        tokens: Tokens { min: 10, max: 10 },
        faults: vec![fault.into()],
        ..Script::default()
    })
}

async fn whole(running: &Running) -> Answer {
    post(running.addr(), CHAT, &ask("m", "hello")).await
}

async fn streamed(running: &Running) -> (Vec<Event>, Ending) {
    streamed_from(running, CHAT, &ask_stream("m", "hello")).await
}

async fn streamed_from(running: &Running, path: &str, body: &Value) -> (Vec<Event>, Ending) {
    let mut client = Client::connect(running.addr()).await;
    client.post(path, body).await;
    assert_eq!(client.head().await.status(), 200);
    client.events().await
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[tokio::test]
async fn refuse_ends_connections_and_comes_back_on_the_same_port() {
    let running = start(Script::default());
    let mut old = Client::connect(running.addr()).await;
    old.post(CHAT, &ask("m", "hello")).await;
    old.answer().await;
    let fault = Timed::between(Duration::ZERO, millis(150), Fault::Refuse);
    let script = Script {
        faults: vec![fault],
        ..Script::default()
    };
    running.set_script(script).expect("a good script");
    assert_eq!(old.end().await, Ending::Closed);
    let address = running.addr();
    let refused = tokio::net::TcpStream::connect(address).await;
    let refused = refused.expect_err("nobody listens").kind();
    assert_eq!(refused, std::io::ErrorKind::ConnectionRefused);
    let again = async {
        while tokio::net::TcpStream::connect(address).await.is_err() {
            tokio::time::sleep(millis(1)).await;
        }
    };
    soon("the provider is back", again).await;
    assert_eq!(whole(&running).await.status(), 200);
}

#[tokio::test]
async fn reset_answers_with_a_reset() {
    let running = with(Fault::Reset);
    let mut client = Client::connect(running.addr()).await;
    client.post(CHAT, &ask("m", "hello")).await;
    assert_eq!(client.try_head().await.map(drop), Err(Ending::Reset));
    let stats = running.stats();
    assert_eq!((stats.requests, stats.answered(0)), (1, 1));
    assert_eq!(stats.abandoned, 0);
}

#[tokio::test]
async fn a_blackhole_reads_and_says_nothing() {
    let running = with(Fault::Blackhole);
    let mut client = Client::connect(running.addr()).await;
    client.post(CHAT, &ask("m", "hello")).await;
    eventually(DEADLINE, || running.look(|stats| stats.in_flight) == 1).await;
    let silence = tokio::time::timeout(millis(100), client.try_head()).await;
    assert!(silence.is_err(), "{silence:?}");
    drop(client);
    eventually(DEADLINE, || running.look(|stats| stats.open) == 0).await;
}

#[tokio::test]
async fn status_and_unauthorized_hit_everything_unless_aimed() {
    let running = with(Fault::Status {
        code: 529,
        retry_after: Some(millis(2_500)),
    });
    let answer = whole(&running).await;
    assert_eq!(answer.status(), 529);
    assert_eq!(answer.head.header("retry-after"), Some("3"));
    assert_eq!(answer.head.header("retry-after-ms"), Some("2500"));
    assert_eq!(get(running.addr(), "/v1/models").await.status(), 529);
    assert_eq!(get(running.addr(), "/health").await.status(), 529);
    let running = with(Timed {
        only: vec![Api::Models],
        ..Timed::from(Fault::Unauthorized)
    });
    assert_eq!(whole(&running).await.status(), 200);
    let answer = get(running.addr(), "/v1/models").await;
    assert_eq!(answer.status(), 401);
    assert_eq!(chat::error_code(&answer), "invalid_api_key");
}

#[tokio::test]
async fn slow_answers_are_late_and_good() {
    let running = with(Fault::Slow { delay: millis(120) });
    let start = clock::now();
    assert_eq!(whole(&running).await.status(), 200);
    assert!(clock::now() - start >= millis(120));
}

#[tokio::test]
async fn stall_sends_so_many_events_and_falls_silent() {
    for after in [0, 3] {
        let running = with(Fault::Stall { after });
        let mut client = Client::connect(running.addr()).await;
        client.post(CHAT, &ask_stream("m", "hello")).await;
        client.head().await;
        for _ in 0..after {
            assert!(client.event().await.expect("open").is_some());
        }
        let silence = tokio::time::timeout(millis(50), client.event()).await;
        assert!(silence.is_err(), "{silence:?}");
    }
    let running = with(Fault::Stall { after: 0 });
    let mut client = Client::connect(running.addr()).await;
    client.post(CHAT, &ask("m", "hello")).await;
    let head = client.head().await;
    let length = head.header("content-length").and_then(|it| it.parse().ok());
    let length: usize = length.expect("a length");
    let mut got = 0;
    while got < length / 2 {
        let piece = client.piece().await.expect("open").expect("half a body");
        got += piece.len();
    }
    assert_eq!(got, length / 2);
    let silence = tokio::time::timeout(millis(50), client.piece()).await;
    assert!(silence.is_err(), "{silence:?}");
}

#[tokio::test]
async fn cut_ends_early_in_three_ways() {
    let cases = [
        (End::Clean, Ending::Whole),
        (End::Fin, Ending::Closed),
        (End::Reset, Ending::Reset),
    ];
    for (end, expected) in cases {
        for after in [1, 4] {
            let running = with(Fault::Cut { after, end });
            let (events, ending) = streamed(&running).await;
            assert_eq!((events.len(), ending), (after, expected));
            let answer = whole(&running).await;
            assert_eq!((answer.status(), answer.ending), (200, expected));
            assert!(serde_json::from_slice::<Value>(&answer.body).is_err());
        }
    }
}

#[tokio::test]
async fn one_event_is_malformed() {
    let running = with(Fault::Malformed { after: 2 });
    let (events, ending) = streamed(&running).await;
    assert_eq!(ending, Ending::Whole);
    let broken: Vec<usize> = (0..events.len() - 1)
        .filter(|index| serde_json::from_str::<Value>(&events[*index].data).is_err())
        .collect();
    assert_eq!(broken, [2]);
    assert!(chat::is_done(&events));
    let answer = whole(&running).await;
    assert_eq!(answer.ending, Ending::Whole);
    assert!(serde_json::from_slice::<Value>(&answer.body).is_err());
}

#[tokio::test]
async fn lengths_lie_in_both_directions() {
    let running = with(Fault::WrongLength { by: 10 });
    assert_eq!(whole(&running).await.ending, Ending::Closed);
    let (events, ending) = streamed(&running).await;
    assert!(chat::is_done(&events));
    assert_eq!(ending, Ending::Closed);
    let running = with(Fault::WrongLength { by: -10 });
    let answer = whole(&running).await;
    assert_eq!(answer.ending, Ending::Whole);
    assert!(serde_json::from_slice::<Value>(&answer.body).is_err());
    let (events, ending) = streamed(&running).await;
    assert!(!chat::is_done(&events));
    assert_eq!(ending, Ending::Whole);
}

#[tokio::test]
async fn usage_is_missing_everywhere() {
    let running = with(Fault::MissingUsage);
    assert!(whole(&running).await.json().get("usage").is_none());
    let mut asking = ask_stream("m", "hello");
    asking["stream_options"] = json!({"include_usage": true});
    let (events, _) = streamed_from(&running, CHAT, &asking).await;
    assert!(chat::is_done(&events));
    assert!(events.iter().all(|event| !event.data.contains("usage")));
    let mut request = json!({"model": "m", "input": "hello", "stream": true});
    let (events, _) = streamed_from(&running, "/v1/responses", &request).await;
    let last = events.last().expect("events").json();
    assert_eq!(last["response"]["usage"], Value::Null);
    request["stream"] = json!(false);
    for path in ["/v1/responses", "/v1/embeddings"] {
        let body = post(running.addr(), path, &request).await.json();
        assert!(body["usage"].is_null(), "{path}");
    }
}

#[tokio::test]
async fn an_error_stands_inside_a_200() {
    for after in [0, 3] {
        let running = with(Fault::ErrorEvent { after });
        let (events, ending) = streamed(&running).await;
        assert_eq!((events.len(), ending), (after + 1, Ending::Whole));
        assert_eq!(events[after].json()["error"]["type"], "server_error");
        let answer = whole(&running).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(chat::error_code(&answer), "server_error");
        let request = json!({"model": "m", "input": "hello", "stream": true});
        let (events, _) = streamed_from(&running, "/v1/responses", &request).await;
        assert_eq!(events.len(), after + 1);
        assert_eq!(events[after].name, "response.failed");
        assert_eq!(events[after].json()["sequence_number"], after);
    }
}

#[tokio::test]
async fn a_web_page_stands_inside_a_200() {
    let running = with(Fault::Html);
    for request in [ask("m", "hello"), ask_stream("m", "hello")] {
        let answer = post(running.addr(), CHAT, &request).await;
        assert_eq!(answer.status(), 200);
        assert!(answer.text().starts_with("<!DOCTYPE html>"));
        let kind = answer.head.header("content-type");
        assert_eq!(kind, Some("text/html; charset=utf-8"));
    }
}

#[tokio::test]
async fn faults_keep_their_share() {
    let fault = Fault::Status {
        code: 500,
        retry_after: None,
    };
    let running = with(Timed {
        share: 0.5,
        ..Timed::from(fault)
    });
    for _ in 0..200 {
        whole(&running).await;
    }
    let failed = running.stats().answered(500);
    assert!((70..130).contains(&failed), "{failed}");
}

#[tokio::test(start_paused = true)]
async fn faults_begin_and_end_on_time() {
    let _held = HeldClock::new();
    let fault = Fault::Status {
        code: 500,
        retry_after: None,
    };
    let script = Script {
        faults: vec![Timed::between(millis(100), millis(200), fault)],
        ..Script::default()
    };
    let running = Simulator::start_here(script, ANY).expect("a provider");
    let mut statuses = Vec::new();
    for pause in [99, 1, 99, 1] {
        tokio::time::advance(millis(pause)).await;
        statuses.push(whole(&running).await.status());
    }
    assert_eq!(statuses, [200, 500, 500, 200]);
}

#[tokio::test]
async fn the_first_fault_that_hits_acts() {
    let status = |code| Fault::Status {
        code,
        retry_after: None,
    };
    let later = Timed {
        window: Window {
            from: Duration::from_secs(3_600),
            until: None,
        },
        ..Timed::from(status(501))
    };
    let running = start(Script {
        faults: vec![later, status(502).into(), status(503).into()],
        ..Script::default()
    });
    assert_eq!(whole(&running).await.status(), 502);
}
