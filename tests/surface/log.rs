//! A client that was failed can be found in the log by the id in its answer.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::Notify;

use crate::support::chat::{CHAT, ask, ask_stream, chunk, delta, response, stream_head};
use crate::support::client::{Answer, Client};
use crate::support::evil::{Act, Evil};
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
    process.logs(&format!("\"request_id\":\"{id}\"")).await;
    let lines = json_lines(&process.err());
    let mine = |line: &&Value| line["request_id"] == *id && line["message"] == message;
    let line = lines.iter().find(mine);
    let line = line.unwrap_or_else(|| panic!("no {message:?} of {id} in {lines:#?}"));
    (id, line.clone())
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
