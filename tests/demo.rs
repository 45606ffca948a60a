//! `breakerbox demo`: what it prints works, and what it promises holds while its provider misbehaves.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use breakerbox_actors::clock;
use serde_json::Value;

use crate::support::chat;
use crate::support::client::{Client, get, post};
use crate::support::process::{Process, address_in, run};

/// Requests that the promise is measured over.
const ENOUGH: u64 = 600;
/// How long that may take: 15 s on a machine at rest.
const PATIENCE: Duration = Duration::from_secs(90);

/// A curl line that the demo prints: where it goes and what it sends.
struct Curl {
    address: SocketAddr,
    path: String,
    body: Option<Value>,
}

/// The curl lines, in their order: whole, stream, metrics, one of each dialect, broken stream.
async fn curls(demo: &Process) -> Vec<Curl> {
    demo.says("Ctrl-C").await;
    let lines = demo.out();
    let curls = lines.iter().filter(|line| line.trim().starts_with("curl "));
    curls
        .map(|line| {
            let url = line.split(' ').find(|word| word.starts_with("http://"));
            let url = url.expect("a URL");
            let address = address_in(url);
            let (_, path) = url
                .split_once(&address.to_string())
                .expect("a path behind the address");
            let body = line.split('\'').nth(1);
            Curl {
                address,
                path: path.to_owned(),
                body: body.map(|body| serde_json::from_str(body).expect("a JSON body")),
            }
        })
        .collect()
}

impl Curl {
    fn body(&self) -> &Value {
        self.body.as_ref().expect("a body")
    }
}

/// Adds up the series of `metrics` that begin with `name` and carry all `labels`.
fn sum(metrics: &str, name: &str, labels: &[&str]) -> u64 {
    let ours =
        |line: &&str| line.starts_with(name) && labels.iter().all(|label| line.contains(label));
    let value = |line: &str| {
        line.rsplit_once(' ')
            .and_then(|(_, value)| value.parse::<u64>().ok())
    };
    metrics.lines().filter(ours).filter_map(value).sum()
}

/// The numbers of a line, in their order.
fn numbers(line: &str) -> Vec<u64> {
    let words = line.split(|c: char| !c.is_ascii_digit());
    words.filter_map(|word| word.parse().ok()).collect()
}

#[tokio::test]
async fn its_traffic_gets_answers_while_its_provider_misbehaves() {
    let demo = Process::start(&[
        "demo",
        "--port=0",
        "--admin-port=0",
        "--rate=40",
        "--round=6s",
    ]);
    let curls = curls(&demo).await;
    let [_, _, metrics, ..] = curls.as_slice() else {
        panic!("seven lines to paste, not {}", curls.len());
    };
    // Every fault has happened, and the gateway has seen it as what it was.
    let faults = ["connect", "status", "timeout", "truncated", "error_event"];
    let start = clock::now();
    let mut page = String::new();
    loop {
        let attempts = |outcome: &str| {
            let outcome = format!("outcome=\"{outcome}\"");
            let labels = ["endpoint=\"flaky\"", &outcome];
            sum(&page, "breakerbox_upstream_requests_total", &labels)
        };
        let all = faults.iter().all(|fault| attempts(fault) > 0);
        let requests = sum(&page, "breakerbox_http_requests_total", &[]);
        if all && requests >= ENOUGH {
            break;
        }
        let missing: Vec<_> = faults.iter().filter(|fault| attempts(fault) == 0).collect();
        let late = clock::now() - start > PATIENCE;
        assert!(!late, "{requests} requests; not seen: {missing:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
        page = get(metrics.address, &metrics.path).await.text();
    }
    let changes = "breakerbox_breaker_transitions_total";
    assert!(sum(&page, "breakerbox_failovers_total", &["from=\"flaky\""]) > 0);
    assert!(sum(&page, changes, &["endpoint=\"flaky\"", "to=\"open\""]) > 0);
    assert!(sum(&page, changes, &["endpoint=\"flaky\"", "to=\"closed\""]) > 0);

    demo.says("last change").await;
    demo.signal("INT");
    let ended = demo.end().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let line = ended
        .out
        .lines()
        .find(|line| line.contains("answered well"));
    let line = line.unwrap_or_else(|| panic!("no summary in {}", ended.out));
    let [requests, streams, ok, ..] = numbers(line)[..] else {
        panic!("no numbers in {line:?}");
    };
    assert!(requests >= ENOUGH / 2 && streams > requests / 3, "{line}");
    let line = ended.out.lines().find(|line| line.contains("translated"));
    let translated = line.map(|line| numbers(line)[0]);
    assert!(translated.is_some_and(|count| count > 0), "{}", ended.out);
    let share = ok as f64 / requests as f64;
    assert!(share >= 0.999, "{}", ended.out);
    assert!(!ended.out.contains('\u{1b}'), "colour in a pipe");
    assert_eq!(ended.err, "");
}

#[tokio::test]
async fn what_it_prints_to_paste_works() {
    let demo = Process::start(&["demo", "--port=0", "--admin-port=0", "--no-traffic"]);
    let curls = curls(&demo).await;
    let [whole, stream, metrics, crossed, messages, content, broken] = curls.as_slice() else {
        panic!("seven lines to paste, not {}", curls.len());
    };
    let answer = post(whole.address, &whole.path, whole.body()).await;
    assert!(!chat::text_of(&answer).is_empty());
    assert!(answer.head.header("x-breakerbox-endpoint").is_some());

    let mut client = Client::connect(stream.address).await;
    client.post(&stream.path, stream.body()).await;
    assert_eq!(client.head().await.status(), 200);
    let (events, _) = client.events().await;
    assert!(chat::is_done(&events), "{events:?}");
    assert!(!chat::text_of_stream(&events).is_empty());

    for (curl, endpoint, place) in [
        (crossed, "claude", "/choices/0/message/content"),
        (messages, "gemini", "/content/0/text"),
        (content, "claude", "/candidates/0/content/parts/0/text"),
    ] {
        let answer = post(curl.address, &curl.path, curl.body()).await;
        let told = answer.json();
        let text = told.pointer(place).and_then(Value::as_str);
        assert!(text.is_some_and(|text| !text.is_empty()), "{told}");
        let by = answer.head.header("x-breakerbox-endpoint");
        assert_eq!(by, Some(endpoint), "{told}");
    }

    // Any client is answered by any provider: OpenAI's by Gemini, too.
    let mut gemini = crossed.body().clone();
    gemini["model"] = messages.body()["model"].clone();
    let answer = post(crossed.address, &crossed.path, &gemini).await;
    assert!(!chat::text_of(&answer).is_empty());
    let by = answer.head.header("x-breakerbox-endpoint");
    assert_eq!(by, Some("gemini"));

    let mut client = Client::connect(broken.address).await;
    client.post(&broken.path, broken.body()).await;
    assert_eq!(client.head().await.status(), 200);
    let (events, _) = client.events().await;
    let last = events.last().expect("events").json();
    assert!(last["error"]["message"].is_string(), "{last}");

    let page = get(metrics.address, &metrics.path).await;
    assert_eq!(page.status(), 200);
    assert_eq!(sum(&page.text(), "breakerbox_http_requests_total", &[]), 7);
    demo.signal("TERM");
    let ended = demo.end().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended.out.contains("7, none of the demo's own"),
        "{}",
        ended.out
    );
}

#[tokio::test]
async fn a_taken_port_is_named_with_its_flag() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    for (flag, other) in [("--port", "--admin-port"), ("--admin-port", "--port")] {
        let (ours, free) = (format!("{flag}={port}"), format!("{other}=0"));
        let ended = run(&["demo", &ours, &free]).await;
        let told = format!(
            "port {port} is taken: choose another with {flag} PORT, or {flag} 0 for any free one"
        );
        assert_eq!((ended.code, ended.err), (Some(1), told));
        assert_eq!(ended.out, "");
    }
    let same = run(&["demo", "--port=4000", "--admin-port=4000"]).await;
    assert_eq!(same.code, Some(1));
    assert!(same.err.contains("two different ports"), "{}", same.err);
}

#[tokio::test]
async fn flags_out_of_range_are_usage() {
    for flag in [
        "--rate=0",
        "--rate=many",
        "--round=1s",
        "--port=99999",
        "--speed=1",
    ] {
        let ended = run(&["demo", flag]).await;
        assert_eq!(ended.code, Some(2), "{flag}: {ended:?}");
    }
}
