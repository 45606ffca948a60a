//! A client that was failed can be found in the log by the id in its answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use breakerbox_actors::clock;
use serde_json::Value;
use tokio::sync::Notify;

use crate::support::chat::{CHAT, ask, ask_stream, chunk, delta, response, stream_head};
use crate::support::client::{Answer, Client, get};
use crate::support::evil::{Act, Evil};
use crate::support::gateway::endpoint;
use crate::support::process::{Process, address_in, json_lines};
use crate::support::wait::{DEADLINE, eventually};

/// One request of `model`, perhaps with an id of the client's own.
async fn call(process: &Process, model: &str, stream: bool, id: Option<&str>) -> Answer {
    let line = process.logs("\"subsystem\":\"gateway\"").await;
    let mut client = Client::connect(address_in(&line)).await;
    let body = if stream {
        ask_stream(model, "hello")
    } else {
        ask(model, "hello")
    };
    let id = id.map(|id| ("x-request-id", id));
    let headers: Vec<_> = id.into_iter().collect();
    client
        .request("POST", CHAT, &headers, body.to_string().as_bytes())
        .await;
    client.answer().await
}

/// The id an answer has, and the line with it in the log.
async fn line_of(process: &Process, answer: &Answer, message: &str) -> (String, Value) {
    let id = answer
        .head
        .header("x-request-id")
        .expect("an id")
        .to_owned();
    let start = clock::now();
    loop {
        let lines = json_lines(&process.err());
        let mine = |line: &&Value| line["request_id"] == *id && line["message"] == message;
        if let Some(line) = lines.iter().find(mine) {
            return (id, line.clone());
        }
        let late = clock::now() - start >= DEADLINE;
        assert!(!late, "no {message:?} of {id} in {lines:#?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_failed_request_is_told_by_its_id_in_answer_and_log() {
    let fails = Evil::start(|_, _| vec![Act::Send(response(500, &[], "{}"))]);
    let breaks = Evil::start(|_, _| {
        vec![
            Act::Send(stream_head()),
            Act::Send(chunk(&delta("hel"))),
            Act::Fin,
        ]
    });
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("breakerbox.yaml");
    let endpoint = |name: &str, evil: &Evil| {
        let base = evil.base_url();
        format!(
            "  - {{ name: {name}, provider: openai-compatible, base_url: \"{base}\", models: [{name}], \
             probe: {{ kind: none }} }}\n"
        )
    };
    let yaml = format!(
        "server: {{ listen: \"127.0.0.1:0\" }}\nadmin: {{ listen: \"127.0.0.1:0\" }}\nendpoints:\n{}{}\
         routing: {{ max_attempts: 1 }}\n",
        endpoint("fails", &fails),
        endpoint("breaks", &breaks)
    );
    std::fs::write(&file, yaml).expect("written");
    let path = file.to_str().expect("a path");
    let debug = [("RUST_LOG", "breakerbox=debug")];
    let process = Process::start_with(&["serve", "--config", path], &debug);

    let answer = call(&process, "fails", false, None).await;
    assert_eq!(answer.status(), 502);
    let (id, line) = line_of(&process, &answer, "request failed").await;
    assert!(id.starts_with("req_"), "{id}");
    assert_eq!(
        (&line["level"], &line["code"]),
        (&"WARN".into(), &"upstream_error".into())
    );
    assert_eq!(line["attempts"], 1);
    line_of(&process, &answer, "attempt failed").await;

    // An id of the client's own is kept, unless it could forge a line.
    let answer = call(&process, "fails", false, Some("mine-7:a.b_c")).await;
    let (id, _) = line_of(&process, &answer, "request failed").await;
    assert_eq!(id, "mine-7:a.b_c");
    let answer = call(&process, "fails", false, Some("a b\"c")).await;
    let (id, _) = line_of(&process, &answer, "request failed").await;
    assert!(id.starts_with("req_"), "{id}");

    // A refusal, and a stream that broke with its head long gone.
    let answer = call(&process, "unknown", false, None).await;
    assert_eq!(answer.status(), 404);
    let (_, line) = line_of(&process, &answer, "request refused").await;
    assert_eq!(
        (&line["level"], &line["code"]),
        (&"DEBUG".into(), &"model_not_found".into())
    );
    let answer = call(&process, "breaks", true, None).await;
    assert_eq!(answer.status(), 200);
    let (_, line) = line_of(&process, &answer, "stream broke").await;
    assert_eq!(
        (&line["level"], &line["endpoint"]),
        (&"WARN".into(), &"breaks/breaks".into())
    );
}

/// Several requests and pings that a wrong key fails are one incident, told once.
#[tokio::test]
async fn a_rejected_key_is_told_once() {
    let go = Arc::new(Notify::new());
    let held = Arc::clone(&go);
    let evil = Evil::start(move |_, _| {
        let body = r#"{"error":{"message":"bad key","code":"invalid_api_key"}}"#;
        vec![
            Act::WaitFor(Arc::clone(&held)),
            Act::Send(response(401, &[("connection", "close")], body)),
        ]
    });
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("breakerbox.yaml");
    let yaml = format!(
        "server: {{ listen: \"127.0.0.1:0\" }}\nadmin: {{ listen: \"127.0.0.1:0\" }}\nendpoints:\n\
         - {{ name: locked, provider: openai-compatible, base_url: \"{}\", models: [m], \
         probe: {{ interval: 20ms, interval_open: 20ms, timeout: 30s }} }}\n",
        evil.base_url()
    );
    std::fs::write(&file, yaml).expect("written");
    let path = file.to_str().expect("a path");
    let process = Process::start_with(&["serve", "--config", path], &[]);
    let calls = [(); 4].map(|()| call(&process, "m", false, None));
    let answers = futures_util::future::join_all(calls);
    let release = async {
        eventually(DEADLINE, || evil.count() >= 5).await;
        go.notify_waiters();
    };
    let (answers, ()) = tokio::join!(answers, release);
    assert!(answers.iter().all(|it| it.status() == 502));
    // And a few pings later.
    let seen = evil.count();
    let later = eventually(DEADLINE, || {
        go.notify_waiters();
        evil.count() > seen + 4
    });
    later.await;
    let lines = json_lines(&process.err());
    let told = lines.iter().filter(|line| line["level"] == "ERROR");
    let told: Vec<_> = told
        .map(|line| (&line["message"], &line["endpoint"]))
        .collect();
    let message = "the provider rejected our key or our credit is spent";
    assert_eq!(told, [(&message.into(), &"locked/m".into())]);
}

/// One endpoint that fails in a way of its own, behind a gateway with a log.
fn served(evil: &Evil, models: &[&str], more: &str) -> (tempfile::TempDir, Process) {
    served_with(evil, models, more, "kind: none")
}

/// The same, with a section `probe`.
fn served_with(
    evil: &Evil,
    models: &[&str],
    more: &str,
    probe: &str,
) -> (tempfile::TempDir, Process) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("breakerbox.yaml");
    let endpoint = endpoint("out", &evil.base_url(), more);
    let endpoint = endpoint.replace("[m]", &format!("[{}]", models.join(", ")));
    let endpoint = endpoint.replace("kind: none", probe);
    let yaml = format!(
        "server: {{ listen: \"127.0.0.1:0\" }}\nadmin: {{ listen: \"127.0.0.1:0\" }}\n\
         endpoints:\n{endpoint}routing: {{ max_attempts: 1 }}\n"
    );
    std::fs::write(&file, yaml).expect("written");
    let path = file.to_str().expect("a path");
    let process = Process::start_with(&["serve", "--config", path], &[]);
    (folder, process)
}

/// What the admin API has of alerts, and what the log has, once there is one.
async fn alerts(process: &Process) -> (Vec<Value>, Vec<Value>) {
    process.logs("\"alert_id\"").await;
    let admin = address_in(&process.logs("\"subsystem\":\"metrics\"").await);
    let shown = get(admin, "/api/alerts").await.json()["alerts"].clone();
    let lines = json_lines(&process.err()).into_iter();
    let told = lines.filter(|line| !line["alert_id"].is_null()).collect();
    (shown.as_array().expect("a list").clone(), told)
}

#[tokio::test]
async fn an_alert_is_one_line_with_what_was_counted_and_when_it_is_tried_again() {
    let fails = Evil::start(|_, _| vec![Act::Send(response(500, &[], "{}"))]);
    let breaker = ", breaker: { failure_threshold: 1, recovery_timeout: 60s }";
    let (_folder, process) = served(&fails, &["m"], breaker);
    assert_ne!(call(&process, "m", false, None).await.status(), 200);
    let (shown, told) = alerts(&process).await;
    let ([alert], [line]) = (&shown[..], &told[..]) else {
        panic!("{shown:?} {told:?}");
    };
    assert_eq!(
        (&line["level"], &line["alert_id"]),
        (&"WARN".into(), &alert["id"])
    );
    for name in ["kind", "severity", "message", "retry_at"] {
        assert_eq!(line[name], alert[name], "{name}");
    }
    assert_eq!(alert["kind"], "endpoint_down");
    let evidence = line["evidence"].as_str().expect("what was counted");
    let mut evidence: Value = serde_json::from_str(evidence).expect("JSON");
    let mut shown = alert["evidence"].clone();
    // What fades with time is told as of the moment it is asked for.
    for it in [&mut evidence, &mut shown] {
        it.as_object_mut().expect("fields").remove("penalty_ms");
    }
    assert_eq!(evidence, shown);
    assert_eq!(
        (&evidence["cause"], &evidence["failure_threshold"]),
        (&"failures".into(), &1.into())
    );
    let retry = line["retry_at"].as_str().expect("a time");
    let opened = line["timestamp"].as_str().expect("a time");
    assert!(
        retry.ends_with('Z') && retry > opened,
        "{retry} after {opened}"
    );
}

#[tokio::test]
async fn a_key_that_is_rejected_for_50_requests_of_two_models_is_one_alert() {
    let body = r#"{"error":{"message":"bad key","code":"invalid_api_key"}}"#;
    let evil = Evil::start(move |_, _| vec![Act::Send(response(401, &[], body)), Act::KeepAlive]);
    let (_folder, process) = served(&evil, &["m", "n"], "");
    for request in 0..50 {
        let model = ["m", "n"][request % 2];
        assert_ne!(call(&process, model, false, None).await.status(), 200);
    }
    assert!(evil.count() < 50, "its circuit is open");
    let (shown, told) = alerts(&process).await;
    // That it is true of another model is said, and is no other alert.
    let opened: Vec<_> = told.iter().filter(|it| !it["kind"].is_null()).collect();
    let ([alert], [line]) = (&shown[..], &opened[..]) else {
        panic!("{shown:?} {told:?}");
    };
    assert_eq!(
        (&alert["kind"], &line["kind"]),
        (&"key_rejected".into(), &"key_rejected".into())
    );
}

/// Whatever opened the circuit: without another key it stays open.
#[tokio::test]
async fn a_key_that_only_pings_see_rejected_is_told_where_one_looks() {
    let rotated = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&rotated);
    let evil = Evil::start(move |_, _| {
        let close = [("connection", "close")];
        vec![Act::Send(match seen.load(Ordering::SeqCst) {
            false => response(500, &close, "{}"),
            true => response(
                401,
                &close,
                "{\"error\":{\"message\":\"bad key: k3y-canary\"}}",
            ),
        })]
    });
    let more = ", api_key: k3y-canary, breaker: { failure_threshold: 1, recovery_timeout: 60s }";
    let pings = "interval: 1h, interval_open: 20ms, unhealthy_threshold: 3";
    let (_folder, process) = served_with(&evil, &["m", "n"], more, pings);
    assert_ne!(call(&process, "m", false, None).await.status(), 200);
    let (shown, _) = alerts(&process).await;
    assert_eq!(shown[0]["kind"], "endpoint_down");
    rotated.store(true, Ordering::SeqCst);
    process.logs("\"kind\":\"key_rejected\"").await;
    let admin = address_in(&process.logs("\"subsystem\":\"metrics\"").await);
    let start = clock::now();
    // The other model is out at the first three pings that fail, whyever.
    let [m, n] = loop {
        let out = get(admin, "/api/endpoints/out").await.json();
        let both = [&out["endpoints"][0], &out["endpoints"][1]].map(Clone::clone);
        let rejected = |it: &Value| it["breaker"]["cause"] == "key_rejected";
        if both.iter().all(rejected) {
            break both;
        }
        assert!(clock::now() - start < DEADLINE, "{out}");
    };
    for told in [
        &m["reason"],
        &get(admin, "/api/explain?model=m").await.json(),
    ] {
        let told = told.to_string();
        assert!(told.contains("the provider rejected our key"), "{told}");
    }
    for last in [&m["last_error"], &n["last_error"]] {
        let words =
            "to a ping: answered 401 Unauthorized: {\"error\":{\"message\":\"bad key: ***\"}}";
        assert_eq!(
            (&last["outcome"], &last["message"]),
            (&"key_rejected".into(), &words.into())
        );
    }
    let (shown, told) = alerts(&process).await;
    assert_eq!(
        (shown.len(), &shown[0]["kind"]),
        (1, &"key_rejected".into())
    );
    let told = told.iter().filter(|it| it["kind"] == "key_rejected");
    assert_eq!(told.count(), 1);
    assert!(process.err().iter().all(|it| !it.contains("k3y-canary")));
}
