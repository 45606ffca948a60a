//! `breakerbox top` on a real terminal.

use std::process::Command;
use std::sync::Arc;

use breakerbox::simulator::{Script, Simulator};
use tokio::sync::Notify;

use super::file;
use crate::support::chat::{CHAT, ask, response};
use crate::support::client::{get, post};
use crate::support::evil::{Act, Evil};
use crate::support::ports::ANY;
use crate::support::process::{BINARY, Process};

/// Fails unless a person sees `last` at last, and leaves by a key; see the script.
async fn looks(admin: &str, last: &str) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/terminal.py");
    let mut person = Command::new("python3");
    person.args([script, "watched,healthy,alerts", last, BINARY]);
    person.args(["top", "--admin", admin]);
    let ended = Process::spawn(person).end().await;
    assert_eq!(ended.code, Some(0), "{}", ended.err);
}

#[tokio::test]
async fn top_follows_a_resize_leaves_the_terminal_as_it_was_and_never_hangs() {
    let provider = Simulator::start(Script::default(), ANY).expect("a provider");
    let (_folder, path) = file(&format!(
        "server: {{ listen: \"127.0.0.1:0\", workers: 1 }}\nadmin: {{ listen: \"127.0.0.1:0\" }}\n\
         endpoints:\n  - {{ name: watched, provider: openai-compatible, base_url: \"{}\", models: [m] }}\n",
        provider.base_url()
    ));
    let (_process, data, admin) = Process::serve(&path).await;
    assert_eq!(post(data, CHAT, &ask("m", "hello")).await.status(), 200);
    looks(&admin.to_string(), "").await;
    // One that answers at first, and then takes requests and no more.
    let status = get(admin, "/api/status").await.text();
    let hangs = Evil::start(move |connection, _| match connection {
        0 => vec![Act::Send(response(
            200,
            &[("connection", "close")],
            &status,
        ))],
        _ => vec![Act::WaitFor(Arc::new(Notify::new()))],
    });
    looks(&hangs.addr().to_string(), "stale:").await;
}
