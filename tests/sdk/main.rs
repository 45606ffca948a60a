//! The official SDKs, as their users have them: only `base_url` and the key differ from the provider's own.
//!
//! [`fleet`]: against a running gateway and simulated providers. [`direct`]: against the simulated providers
//! alone, which must be what the SDKs expect before anything else can be learnt from them.
//!
//! `make setup` brings the SDKs; without them these tests fail and say so.

mod direct;
mod fleet;
mod processes;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use fleet::{Fleet, KEY};
use parking_lot::Mutex;
use processes::Processes;

/// The scripts measure latencies: one at a time.
static TURN: Mutex<()> = Mutex::new(());

/// Longest a script may take before it counts as hung.
const PATIENCE: Duration = Duration::from_secs(300);

/// A language, and what says that its SDKs are installed.
struct Language {
    interpreter: &'static str,
    needs: &'static str,
}

const PYTHON: Language = Language {
    interpreter: ".venv/bin/python",
    needs: ".venv/.requirements",
};
const NODE: Language = Language {
    interpreter: "node",
    needs: "tests/sdk/node/node_modules/.lock",
};

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

impl Language {
    /// Runs a script of `tests/sdk` with these arguments; what goes wrong is told with the logs.
    fn run(&self, processes: &Processes, script: &str, args: &[&str]) {
        let needs = self.needs;
        assert!(
            here(needs).exists(),
            "{needs} is missing: run `make setup` first"
        );
        let interpreter = match self.interpreter.contains('/') {
            true => here(self.interpreter),
            false => self.interpreter.into(),
        };
        let mut command = Command::new(interpreter);
        command.arg(here("tests/sdk").join(script)).args(args);
        let failure = processes.run(command, PATIENCE).err();
        let output = failure.as_deref().unwrap_or_default();
        assert!(
            failure.is_none(),
            "{script} failed\n{output}\n{}",
            processes.logs()
        );
    }
}

/// Runs `script` against a fleet of its own.
fn drive(language: &Language, script: &str) {
    let _turn = TURN.lock();
    let fleet = Fleet::start();
    let (base, steady) = (fleet.base_url(), fleet.steady_url());
    let args = ["--base-url", &base, "--key", KEY, "--provider-url", &steady];
    language.run(&fleet.processes, script, &args);
}

fn python(script: &str) {
    drive(&PYTHON, script);
}

fn node(script: &str) {
    drive(&NODE, script);
}

#[test]
fn openai_python_has_every_call_and_every_error() {
    python("python/calls.py");
}

#[test]
fn openai_node_has_every_call_and_every_error() {
    node("node/calls.mjs");
}

#[test]
fn openai_python_loses_none_of_5000_requests_over_a_dead_a_limited_and_a_healthy_endpoint() {
    python("python/load.py");
}

#[test]
fn openai_node_loses_none_of_5000_requests_over_a_dead_a_limited_and_a_healthy_endpoint() {
    node("node/load.mjs");
}
