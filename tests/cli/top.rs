//! `breakerbox top` on a real terminal.

use std::process::Command;

use breakerbox::simulator::{Script, Simulator};

use super::file;
use crate::support::chat::{CHAT, ask};
use crate::support::client::post;
use crate::support::ports::ANY;
use crate::support::process::{BINARY, Process};

#[tokio::test]
async fn top_shows_the_gateway_follows_a_resize_and_leaves_the_terminal_as_it_was() {
    let provider = Simulator::start(Script::default(), ANY).expect("a provider");
    let (_folder, path) = file(&format!(
        "server: {{ listen: \"127.0.0.1:0\", workers: 1 }}\nadmin: {{ listen: \"127.0.0.1:0\" }}\n\
         endpoints:\n  - {{ name: watched, provider: openai-compatible, base_url: \"{}\", models: [m] }}\n",
        provider.base_url()
    ));
    let (_process, data, admin) = Process::serve(&path).await;
    assert_eq!(post(data, CHAT, &ask("m", "hello")).await.status(), 200);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/terminal.py");
    let mut person = Command::new("python3");
    person.args([script, "watched,healthy,alerts", BINARY]);
    person.args(["top", "--admin", &admin.to_string()]);
    let ended = Process::spawn(person).end().await;
    assert_eq!(ended.code, Some(0), "{}", ended.err);
}
