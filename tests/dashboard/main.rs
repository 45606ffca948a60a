//! The dashboard of a running gateway in a real browser: each script starts gateways and providers of its own.
//!
//! `make setup` brings Chromium and what drives it; without them these tests fail and say so.

use std::path::{Path, PathBuf};
use std::process::Command;

use parking_lot::Mutex;

/// The scripts measure times and memory: one at a time.
static TURN: Mutex<()> = Mutex::new(());

fn drive(script: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dashboard");
    assert!(
        folder.join("node_modules/.lock").exists(),
        "tests/dashboard/node_modules is missing: run `make setup` first"
    );
    let _turn = TURN.lock();
    let output = Command::new("node")
        .arg(folder.join(script))
        .env("BREAKERBOX_BINARY", binary())
        .output()
        .expect("node starts");
    let told = String::from_utf8_lossy(&output.stdout);
    let failed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}\n{told}\n{failed}");
}

fn binary() -> PathBuf {
    env!("CARGO_BIN_EXE_breakerbox").into()
}

#[test]
fn what_goes_on_is_shown_within_a_second_and_can_be_acted_on() {
    drive("live.mjs");
}

#[test]
fn what_was_counted_and_what_comes_next_is_on_the_page() {
    drive("shown.mjs");
}

#[test]
fn a_reload_is_shown_good_or_bad() {
    drive("reload.mjs");
}

#[test]
fn a_lost_connection_a_token_and_foreign_text_are_handled() {
    drive("connection.mjs");
}

#[test]
fn it_is_usable_with_the_keyboard_and_a_screen_reader() {
    drive("access.mjs");
}

#[test]
fn it_is_as_large_after_a_day_as_before() {
    drive("day.mjs");
}
