//! The linter is seen to enforce what the project relies on: every lint of `Cargo.toml` and every ban of
//! `.clippy.toml` fires here once.
//!
//! Two ways, because they prove different things. The *specimens* below use the real crates: each expects its
//! own ban, so that `make lint` fails when a ban goes, is misspelt or no longer names the real function. The
//! *tests* compile a throw-away crate with the project's own lint tables and read the linter's messages.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// Read by the linter, never run. One banned thing each; the reason names it.
#[expect(dead_code, reason = "specimens are linted, not run")]
mod specimens {
    use actix::{Actor, Addr, AsyncContext, Context, Message};
    use std::time::Duration;

    #[expect(clippy::disallowed_methods, reason = "std::time::Instant::now")]
    fn monotonic_clock() -> std::time::Instant {
        std::time::Instant::now()
    }

    #[expect(clippy::disallowed_methods, reason = "tokio::time::Instant::now")]
    fn runtime_clock() -> tokio::time::Instant {
        tokio::time::Instant::now()
    }

    #[expect(clippy::disallowed_methods, reason = "std::time::SystemTime::now")]
    fn wall_clock() -> std::time::SystemTime {
        std::time::SystemTime::now()
    }

    #[expect(clippy::disallowed_methods, reason = "std::thread::sleep")]
    fn blocking_sleep() {
        std::thread::sleep(Duration::ZERO);
    }

    #[expect(clippy::disallowed_methods, reason = "std::env::var")]
    fn environment() -> bool {
        std::env::var("HOME").is_ok()
    }

    struct Idle;

    impl Actor for Idle {
        type Context = Context<Self>;

        #[expect(
            clippy::disallowed_methods,
            reason = "actix::AsyncContext::run_interval"
        )]
        fn started(&mut self, ctx: &mut Self::Context) {
            ctx.run_interval(Duration::from_secs(1), |_, _| {});
        }
    }

    #[derive(Message)]
    #[rtype(result = "()")]
    struct Nothing;

    impl actix::Handler<Nothing> for Idle {
        type Result = ();

        fn handle(&mut self, _: Nothing, _: &mut Self::Context) {}
    }

    #[expect(clippy::disallowed_methods, reason = "actix::Addr::do_send")]
    fn unbounded_send(to: &Addr<Idle>) {
        to.do_send(Nothing);
    }

    #[expect(clippy::disallowed_types, reason = "std::sync::Mutex")]
    struct PoisonedMutex(std::sync::Mutex<()>);

    #[expect(clippy::disallowed_types, reason = "std::sync::RwLock")]
    struct PoisonedLock(std::sync::RwLock<()>);

    #[expect(clippy::disallowed_macros, reason = "metrics::counter")]
    fn counter() {
        metrics::counter!("specimen").increment(1);
    }

    #[expect(clippy::disallowed_macros, reason = "metrics::gauge")]
    fn gauge() {
        metrics::gauge!("specimen").set(1.0);
    }

    #[expect(clippy::disallowed_macros, reason = "metrics::histogram")]
    fn histogram() {
        metrics::histogram!("specimen").record(1.0);
    }
}

/// Breaks every lint of `[workspace.lints]` once; two are errors, the rest warnings.
const CULPRIT: &str = r#"
//! Breaks every rule once.
pub fn undocumented() {}
mod inner { pub fn unreachable() {} }
/// Breaks `unsafe_code`.
pub fn pointer(at: *const u8) -> u8 { unsafe { *at } }
/// Breaks `unwrap_used`.
pub fn unwraps(x: Option<u8>) -> u8 { x.unwrap() }
/// Breaks `panic`.
pub fn panics() { panic!("now") }
/// Breaks `todo`.
pub fn later() { todo!() }
/// Breaks `unimplemented`.
pub fn never() { unimplemented!() }
/// Breaks `dbg_macro`.
pub fn debugs() -> u8 { dbg!(1) }
/// Breaks `print_stdout` and `print_stderr`.
pub fn prints() { println!("a"); eprintln!("b"); }
/// Breaks `allow_attributes` and `allow_attributes_without_reason`.
#[allow(unused_variables)]
pub fn allows() { let x = 1; }
/// Breaks `unused_must_use`.
pub fn forgets() { "1".parse::<u8>(); }
/// Breaks `disallowed_methods` and `disallowed_macros`.
pub fn reads_clock() -> std::time::Instant { std::time::Instant::now() }
/// Breaks `disallowed_types`.
pub struct Locked(pub std::sync::Mutex<u8>);
/// Breaks `await_holding_lock`.
pub async fn holds(lock: &Locked) { let guard = lock.0.lock().unwrap(); std::future::ready(()).await; drop(guard); }
/// Breaks `large_futures`.
pub async fn large() { let x = [0u8; 65536]; std::future::ready(()).await; drop(x); }
/// Awaits it.
pub async fn awaits_large() { large().await; }
/// Breaks `needless_pass_by_value`.
pub fn takes(x: String) -> usize { x.len() }
/// Breaks `redundant_clone`.
pub fn clones() -> String { let a = String::from("a"); let b = a.clone(); b }
"#;

fn project_file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(path).expect("a file of the project")
}

/// The lines of `text` between the heading `from` and the next table.
fn table<'a>(text: &'a str, from: &str) -> Vec<&'a str> {
    let mut lines = text.lines().skip_while(|line| *line != from);
    assert!(lines.next().is_some(), "no {from} in Cargo.toml");
    lines
        .take_while(|line| !line.starts_with('['))
        .filter(|line| line.contains('='))
        .collect()
}

/// Every `path = "…"` of `.clippy.toml`.
fn banned_paths() -> BTreeSet<String> {
    project_file(".clippy.toml")
        .split("path = \"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next().map(str::to_owned))
        .collect()
}

#[test]
fn every_ban_has_a_specimen_and_every_specimen_a_ban() {
    let specimens: BTreeSet<String> = include_str!("bans.rs")
        .split("#[expect(")
        .filter(|attribute| attribute.trim_start().starts_with("clippy::disallowed_"))
        .filter_map(|attribute| attribute.split("reason = \"").nth(1)?.split('"').next())
        .map(str::to_owned)
        .collect();
    assert_eq!(banned_paths(), specimens);
}

#[test]
fn every_lint_of_the_project_fires() {
    let manifest = project_file("Cargo.toml");
    let rust = table(&manifest, "[workspace.lints.rust]");
    let clippy = table(&manifest, "[workspace.lints.clippy]");

    let folder = tempfile::tempdir().expect("a temporary folder");
    let write =
        |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
    std::fs::create_dir(folder.path().join("src")).expect("a folder");
    write(".clippy.toml", &project_file(".clippy.toml"));
    write("src/lib.rs", CULPRIT);
    write(
        "Cargo.toml",
        &format!(
            "[package]\nname = \"culprit\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n\
             [lints.rust]\n{}\n[lints.clippy]\n{}\n",
            rust.join("\n"),
            clippy.join("\n"),
        ),
    );

    let output = Command::new(env!("CARGO"))
        .args(["clippy", "--offline", "--message-format=json"])
        .current_dir(folder.path())
        .env("CARGO_TARGET_DIR", folder.path().join("target"))
        .env_remove("CLIPPY_CONF_DIR")
        .output()
        .expect("cargo clippy runs");
    let said = String::from_utf8_lossy(&output.stdout);

    let lints = rust
        .iter()
        .map(|line| ("", *line))
        .chain(clippy.iter().map(|line| ("clippy::", *line)));
    let mut silent = Vec::new();
    for (prefix, line) in lints {
        let name = format!(
            "{prefix}{}",
            line.split_whitespace().next().expect("a name")
        );
        // Seen where a dependency is at hand: the specimens' `expect` of macros.
        if name != "clippy::disallowed_macros" && !said.contains(&format!("\"code\":\"{name}\"")) {
            silent.push(name);
        }
    }
    assert!(silent.is_empty(), "these lints did not fire: {silent:?}");
    assert!(
        said.contains("one function reads the clock"),
        "a ban must tell its reason"
    );
}
