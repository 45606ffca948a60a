//! A gateway that is out of file descriptors: no endpoint is blamed for what it cannot help.

use breakerbox_actors::clock;

use crate::support::chat::{CHAT, ask, completion, error_code, response};
use crate::support::client::Client;
use crate::support::evil::{Act, Evil};
use crate::support::process::{Process, address_in};
use crate::support::wait::{DEADLINE, eventually};

const FILES: u32 = 160;
const REFUSED: usize = 5;

/// A value of `/metrics`, asked for on a connection that is there already.
async fn metric(client: &mut Client, start: &str) -> Option<f64> {
    client.request("GET", "/metrics", &[], b"").await;
    let text = client.answer().await.text();
    let line = text
        .lines()
        .find(|line| line.starts_with(start))?
        .to_owned();
    line.rsplit(' ').next()?.parse().ok()
}

#[tokio::test]
async fn requests_and_pings_that_find_no_descriptor_count_against_nobody() {
    // A connection for each request: those need a descriptor each.
    let evil = Evil::start(|_, _| {
        let body = completion("hello").to_string();
        vec![Act::Send(response(200, &[("connection", "close")], &body))]
    });
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("breakerbox.yaml");
    let yaml = format!(
        "server: {{ listen: \"127.0.0.1:0\", workers: 1 }}\nadmin: {{ listen: \"127.0.0.1:0\" }}\n\
         endpoints:\n  - {{ name: only, provider: openai-compatible, base_url: \"{}\", models: [m] }}\n\
         probe: {{ interval: 20ms, interval_open: 20ms, unhealthy_threshold: 1 }}\n\
         breaker: {{ failure_threshold: 1 }}\nrouting: {{ max_attempts: 1 }}\n",
        evil.base_url()
    );
    std::fs::write(&file, yaml).expect("written");
    let path = file.to_str().expect("a path");
    let args = ["--log-format=text", "serve", "--config", path];
    let process = Process::start_after(&format!("ulimit -n {FILES}"), &args);
    let addr = address_in(&process.logs("gateway   ").await);
    let mut admin = Client::connect(address_in(&process.logs("metrics   ").await)).await;
    let mut client = Client::connect(addr).await;
    let ask = ask("m", "hello");
    client.post(CHAT, &ask).await;
    assert_eq!(client.answer().await.status(), 200);
    assert!(metric(&mut admin, "breakerbox_build_info").await.is_some());

    // More connections than there are descriptors: whenever one is free, one of them takes it.
    let mut idle = Vec::new();
    for _ in 0..2 * FILES {
        idle.push(Client::connect(addr).await);
    }
    eventually(DEADLINE, || process.open_files() >= FILES as usize).await;
    let start = clock::now();
    let unasked = "breakerbox_probes_total{endpoint=\"only\",model=\"m\",outcome=\"unasked\"}";
    let mut refused = 0;
    while refused < REFUSED || metric(&mut admin, unasked).await < Some(1.0) {
        client.post(CHAT, &ask).await;
        let answer = client.answer().await;
        match answer.status() {
            // A ping has just given one back.
            200 => {}
            502 => {
                assert_eq!(error_code(&answer), "upstream_error");
                refused += 1;
            }
            other => panic!("{other}: {}", answer.text()),
        }
        assert!(clock::now() - start < DEADLINE, "{refused} refused");
    }
    let closed = "breakerbox_breaker_state{endpoint=\"only\",model=\"m\",state=\"closed\"}";
    assert_eq!(metric(&mut admin, closed).await, Some(1.0));
    let cancelled =
        "breakerbox_upstream_requests_total{endpoint=\"only\",model=\"m\",outcome=\"cancelled\"}";
    assert_eq!(metric(&mut admin, cancelled).await, Some(refused as f64));

    // And once there are some again, everybody is served.
    drop(idle);
    eventually(DEADLINE, || process.open_files() < FILES as usize / 2).await;
    client.post(CHAT, &ask).await;
    assert_eq!(client.answer().await.status(), 200);
    assert_eq!(metric(&mut admin, closed).await, Some(1.0));
}
