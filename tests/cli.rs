//! The commands as a newcomer runs them: what they print, and how they end.

use serde_json::Value;
use tempfile::TempDir;

use crate::support::chat::{self, CHAT, ask};
use crate::support::client::post;
use crate::support::process::{Process, address_in, run};

mod online;
mod serve;
mod top;

/// A folder with one file in it; its path.
pub(crate) fn file(text: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("breakerbox.yaml");
    std::fs::write(&path, text).expect("written");
    let path = path.display().to_string();
    (folder, path)
}

const GOOD: &str = "\
endpoints:
  - { name: eu, provider: openai-compatible, base_url: \"http://127.0.0.1:9/v1\", models: [gpt-4.1] }
  - { name: us, provider: openai-compatible, base_url: \"http://127.0.0.1:9/v1\", models: [mini], weight: 3 }
models: [{ name: gpt-4.1, fallbacks: [mini] }]
clients: [{ name: team, key: secret, models: [mini] }]
";

/// A wrong key, a wrong value, and a secret that nobody may see.
const BAD: &str = "\
endpoints:
  - { name: eu, provider: openai, api_key: sk-hidden, models: [gpt-4.1], wieght: 2 }
routing: { max_attempts: 0 }
";

#[tokio::test]
async fn every_command_helps() {
    let ended = run(&["--help"]).await;
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    for (command, part) in [
        ("demo", "--no-traffic"),
        ("serve", "SIGHUP reloads"),
        ("check", "lists everything that is wrong"),
        ("explain", "--model <MODEL>"),
        ("schema", "JSON Schema"),
        ("upstream", "--script <FILE>"),
    ] {
        assert!(ended.out.contains(&format!("\n  {command} ")), "{command}");
        let helped = run(&[command, "--help"]).await;
        assert_eq!(helped.code, Some(0), "{command}");
        assert!(helped.out.contains(part), "{command}: {}", helped.out);
        assert!(helped.out.contains("--log-format"), "{command}");
    }
    let version = run(&["--version"]).await;
    let expected = format!("breakerbox {}", env!("CARGO_PKG_VERSION"));
    assert_eq!((version.code, version.out), (Some(0), expected));
}

#[tokio::test]
async fn wrong_usage_is_2_and_says_what_is_right() {
    for (args, part) in [
        (&[][..], "Usage: breakerbox"),
        (&["sevre"], "serve"),
        (&["check"], "<FILE>"),
        (&["explain", "some.yaml"], "--model <MODEL>"),
        (&["serve", "--cofnig", "some.yaml"], "--config"),
        (&["schema", "extra"], "extra"),
        (&["upstream", "--listen", "nowhere"], "nowhere"),
        (&["serve", "--log-format", "xml"], "json"),
    ] {
        let ended = run(args).await;
        assert_eq!(ended.code, Some(2), "{args:?}: {ended:?}");
        assert!(ended.err.contains(part), "{args:?}: {}", ended.err);
        assert_eq!(ended.out, "", "{args:?}");
    }
}

#[tokio::test]
async fn check_lists_every_problem_and_ends_with_78() {
    let (_folder, good) = file(GOOD);
    let ended = run(&["check", &good]).await;
    let told = format!("{good}: good: 2 endpoints, 2 models, 1 client");
    assert_eq!((ended.code, ended.out), (Some(0), told));

    let (_folder, bad) = file(BAD);
    let ended = run(&["check", &bad]).await;
    assert_eq!((ended.code, ended.err.as_str()), (Some(78), ""));
    for part in [
        &format!("{bad}:2:74"),
        "unknown key `wieght`",
        "did you mean `weight`?",
        &format!("{bad}:3:26"),
        "2 problems",
    ] {
        assert!(ended.out.contains(part), "{part:?} in {}", ended.out);
    }
    assert!(!ended.out.contains("sk-hidden"), "{}", ended.out);

    let ended = run(&["check", "--format=json", &bad]).await;
    assert_eq!(ended.code, Some(78));
    let found: Value = serde_json::from_str(&ended.out).expect("JSON");
    assert_eq!(found["ok"], false);
    assert_eq!(found["problems"][0]["suggestion"], "weight");

    let ended = run(&["check", "/no/such/file.yaml"]).await;
    assert_eq!(ended.code, Some(78));
    assert!(ended.out.contains("/no/such/file.yaml"), "{}", ended.out);
}

#[tokio::test]
async fn explain_names_who_would_serve() {
    let (_folder, good) = file(GOOD);
    let ended = run(&["explain", &good, "--model=gpt-4.1"]).await;
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    let lines: Vec<&str> = ended.out.lines().collect();
    let tier = |name: &str| lines.iter().position(|line| line.starts_with(name));
    let (first, second) = (tier("tier 1: gpt-4.1"), tier("tier 2: mini (fallback)"));
    assert!(lines[first.expect("a tier") + 1].contains("eu  100.0 %"));
    assert!(lines[second.expect("a fallback") + 1].contains("us  100.0 %"));

    let ended = run(&["explain", &good, "--model=gpt-4"]).await;
    assert_eq!(ended.code, Some(2));
    assert!(ended.out.contains("did you mean gpt-4.1?"), "{}", ended.out);
    let ended = run(&["explain", &good, "--model=gpt-4.1", "--client=team"]).await;
    assert_eq!(ended.code, Some(2));
    assert!(ended.out.contains("its models are mini"), "{}", ended.out);
    let (_folder, bad) = file(BAD);
    let ended = run(&["explain", &bad, "--model=gpt-4.1"]).await;
    assert_eq!(ended.code, Some(78));
}

#[tokio::test]
async fn schema_is_a_schema_that_takes_what_check_takes() {
    let ended = run(&["schema"]).await;
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    let schema: Value = serde_json::from_str(&ended.out).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let endpoint = serde_json::json!({ "name": "a", "provider": "openai", "models": ["m"] });
    let with = |weight: &str| {
        let mut endpoint = endpoint.clone();
        endpoint[weight] = 2.into();
        serde_json::json!({ "endpoints": [endpoint] })
    };
    assert!(validator.is_valid(&with("weight")));
    assert!(!validator.is_valid(&with("wieght")));
}

#[tokio::test]
async fn upstream_prints_its_address_and_answers_there() {
    let upstream = Process::start(&["upstream", "--listen=127.0.0.1:0", "--model=m"]);
    let url = upstream.says("http://").await;
    assert!(url.ends_with("/v1"), "{url}");
    let answer = post(address_in(&url), CHAT, &ask("m", "hello")).await;
    assert!(!chat::text_of(&answer).is_empty());
    upstream.signal("TERM");
    let ended = upstream.end().await;
    assert_eq!((ended.code, ended.out), (Some(0), url.clone()));

    let listen = format!("--listen={}", address_in(&url));
    let _taken = std::net::TcpListener::bind(address_in(&url)).expect("it is free again");
    let ended = run(&["upstream", &listen]).await;
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.err.contains(&address_in(&url).to_string()),
        "{ended:?}"
    );
    let ended = run(&["upstream", "--listen=127.0.0.1:0", "--rpm=0"]).await;
    assert_eq!(ended.code, Some(78));
    assert!(
        ended.err.contains("limits.rpm: must be above 0"),
        "{ended:?}"
    );
}

#[test]
fn a_reader_who_has_seen_enough_is_no_failure() {
    let (_folder, good) = file(GOOD);
    let (_other, bad) = file(BAD);
    for (command, code) in [
        ("schema".to_owned(), 0),
        ("demo --port 0 --admin-port 0".to_owned(), 0),
        (format!("check {good}"), 0),
        // As bad as if somebody had read it.
        (format!("check {bad}"), 78),
        (format!("check --format json {bad}"), 78),
        (format!("explain --model none {good}"), 2),
    ] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let ended = std::process::Command::new(env!("CARGO_BIN_EXE_breakerbox"))
            .args(command.split(' '))
            .stdout(writer)
            .output()
            .expect("the binary runs");
        assert_eq!(String::from_utf8_lossy(&ended.stderr), "", "{command}");
        assert_eq!(ended.status.code(), Some(code), "{command}");
    }
}

/// What `check` says of a file that cannot be waited for; ends at once, or the test hangs.
async fn refused(path: &str) -> String {
    let ended = run(&["check", path]).await;
    assert_eq!((ended.code, ended.err.as_str()), (Some(78), ""), "{path}");
    ended.out
}

#[tokio::test]
async fn what_is_no_regular_file_is_refused_at_once() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path().display().to_string();
    assert!(refused(&folder).await.contains("it is a folder"));
    let pipe = format!("{folder}/pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo").success());
    for path in [pipe.as_str(), "/dev/stdin", "/dev/null", "/dev/zero"] {
        let told = refused(path).await;
        assert!(told.contains("it is no regular file"), "{path}: {told}");
        assert!(told.contains("write - for the file"), "{path}: {told}");
    }
    // Files that a file names are opened the same way.
    let (_folder, naming) = file(&format!(
        "endpoints: [{{ name: a, provider: openai, api_key_file: \"{pipe}\", models: [m] }}]\n"
    ));
    assert!(refused(&naming).await.contains("it is no regular file"));
}

#[test]
fn a_dash_reads_standard_input() {
    for (text, code) in [(GOOD, 0), (BAD, 78)] {
        let (_folder, path) = file(text);
        let ended = std::process::Command::new(env!("CARGO_BIN_EXE_breakerbox"))
            .args(["check", "-"])
            .stdin(std::fs::File::open(path).expect("the file"))
            .output()
            .expect("the binary runs");
        assert_eq!(ended.status.code(), Some(code));
        let out = String::from_utf8_lossy(&ended.stdout).into_owned();
        let part = if code == 0 {
            "-: good: 2 endpoints"
        } else {
            "-:2:74"
        };
        assert!(out.contains(part), "{out}");
    }
}

#[tokio::test]
async fn check_says_which_keys_are_placeholders() {
    let (_folder, path) = file(&GOOD.replace("key: secret", "key: change-me"));
    let ended = run(&["check", &path]).await;
    assert_eq!(
        ended.code,
        Some(0),
        "a placeholder is no error: files are written before keys are"
    );
    let told = "\nwarning: client team: the key is a placeholder, which anybody can guess";
    assert!(ended.out.contains(told), "{}", ended.out);
    let ended = run(&["check", "--format=json", &path]).await;
    let found: Value = serde_json::from_str(&ended.out).expect("JSON");
    assert_eq!(found["warnings"].as_array().map(Vec::len), Some(1));
}
