//! The official OpenAI SDKs against a running gateway and simulated providers, as their users have them: only
//! `base_url` and the key differ from the provider's own.
//!
//! `make setup` brings the SDKs; without them these tests fail and say so.

mod fleet;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use fleet::{Fleet, KEY};
use parking_lot::Mutex;

/// The scripts measure latencies: one at a time.
static TURN: Mutex<()> = Mutex::new(());

/// Longest a script may take before it counts as hung.
const PATIENCE: Duration = Duration::from_secs(300);

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Runs `script` against a fleet of its own.
fn drive(interpreter: PathBuf, needs: &str, script: &str) {
    assert!(
        here(needs).exists(),
        "{needs} is missing: run `make setup` first"
    );
    let _turn = TURN.lock();
    let fleet = Fleet::start();
    let mut command = Command::new(interpreter);
    command
        .arg(here(script))
        .args(["--base-url", &fleet.base_url(), "--key", KEY])
        .args(["--provider-url", &fleet.steady_url()]);
    let failure = fleet.run(command, PATIENCE).err();
    let output = failure.as_deref().unwrap_or_default();
    assert!(
        failure.is_none(),
        "{script} failed\n{output}\n{}",
        fleet.logs()
    );
}

fn python(script: &str) {
    drive(here(".venv/bin/python"), ".venv/.requirements", script);
}

fn node(script: &str) {
    drive("node".into(), "tests/sdk/node/node_modules/.lock", script);
}

#[test]
fn openai_python_has_every_call_and_every_error() {
    python("tests/sdk/python/calls.py");
}

#[test]
fn openai_node_has_every_call_and_every_error() {
    node("tests/sdk/node/calls.mjs");
}

#[test]
fn openai_python_loses_none_of_5000_requests_over_a_dead_a_limited_and_a_healthy_endpoint() {
    python("tests/sdk/python/load.py");
}

#[test]
fn openai_node_loses_none_of_5000_requests_over_a_dead_a_limited_and_a_healthy_endpoint() {
    node("tests/sdk/node/load.mjs");
}
