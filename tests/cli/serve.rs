//! `breakerbox serve` over its life: start, reload, drain, and starts that fail.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use breakerbox::simulator::{Latency, Running, Script, Simulator, Tokens};
use breakerbox_actors::clock;
use serde_json::Value;
use tempfile::TempDir;

use super::{BAD, file};
use crate::support::chat::{self, CHAT, ask, ask_stream};
use crate::support::client::{Client, Ending, get, post};
use crate::support::ports::ANY;
use crate::support::process::{Process, address_in, json_lines, run};
use crate::support::wait::DEADLINE;

/// A gateway process, its provider, and the file it was started with.
struct Served {
    process: Process,
    provider: Running,
    folder: TempDir,
    data: SocketAddr,
    admin: SocketAddr,
}

impl Served {
    async fn start(script: Script) -> Self {
        let provider = Simulator::start(script, ANY).expect("a provider");
        let (folder, path) = file(&config(&provider, "m", ""));
        let (process, data, admin) = Process::serve(&path).await;
        Self {
            data,
            admin,
            process,
            provider,
            folder,
        }
    }

    /// Replaces the file at once: it is watched, and half of it would be read.
    fn write(&self, text: &str) {
        let path = |name: &str| self.folder.path().join(name);
        std::fs::write(path("next.yaml"), text).expect("written");
        std::fs::rename(path("next.yaml"), path("breakerbox.yaml")).expect("renamed");
    }

    async fn asks(&self, model: &str) -> u16 {
        post(self.data, CHAT, &ask(model, "hello")).await.status()
    }

    /// The latest log line with this message.
    fn log(&self, message: &str) -> Option<Value> {
        let lines = json_lines(&self.process.err());
        lines.into_iter().rfind(|line| line["message"] == message)
    }
}

fn config(provider: &Running, model: &str, server: &str) -> String {
    format!(
        "server: {{ listen: \"127.0.0.1:0\", workers: 1 {server} }}\n\
         admin: {{ listen: \"127.0.0.1:0\" }}\n\
         endpoints:\n  - {{ name: only, provider: openai-compatible, base_url: \"{}\", models: [{model}] }}\n",
        provider.base_url()
    )
}

#[tokio::test]
async fn it_says_what_runs_in_json_line_by_line() {
    let served = Served::start(Script::default()).await;
    served.process.logs("\"subsystem\":\"open files\"").await;
    let lines = json_lines(&served.process.err());
    let subsystems: Vec<_> = lines
        .iter()
        .filter_map(|line| line["subsystem"].as_str())
        .collect();
    let expected = [
        "configuration",
        "gateway",
        "dashboard",
        "metrics",
        "endpoints",
        "routing",
        "queue",
        "probes",
        "clients",
        "tls",
        "open files",
    ];
    assert_eq!(subsystems, expected);
    for line in &lines {
        assert_eq!(line["level"], "INFO", "{line}");
        assert!(line["timestamp"].is_string() && line["what"].is_string());
    }
    assert_eq!(served.asks("m").await, 200);
    assert_eq!(get(served.admin, "/readyz").await.status(), 200);
    assert!(
        served.process.out().is_empty(),
        "standard output is for data"
    );
}

#[tokio::test]
async fn text_is_for_people() {
    let provider = Simulator::start(Script::default(), ANY).expect("a provider");
    let (_folder, path) = file(&config(&provider, "m", ""));
    let process = Process::start(&["serve", "--config", &path, "--log-format", "text"]);
    let gateway = process.logs("  gateway ").await;
    process
        .logs("  tls            off: server.tls is not set")
        .await;
    assert_eq!(get(address_in(&gateway), "/livez").await.status(), 200);
    let title = format!("breakerbox {}", env!("CARGO_PKG_VERSION"));
    assert_eq!(process.err().first(), Some(&title));
    assert!(
        !process.err().join("\n").contains('\u{1b}'),
        "colour in a pipe"
    );
}

#[tokio::test]
async fn without_a_file_and_without_keys_it_says_what_to_do() {
    let ended = run(&["serve"]).await;
    assert_eq!((ended.code, ended.out.as_str()), (Some(78), ""));
    for part in [
        "OPENAI_API_KEY",
        "OLLAMA_HOST",
        "--config FILE",
        "breakerbox demo",
    ] {
        assert!(ended.err.contains(part), "{part}: {}", ended.err);
    }
}

#[tokio::test]
async fn without_a_file_it_says_which_keys_it_uses() {
    let provider = Simulator::start(Script::default(), ANY).expect("a provider");
    let variables = [
        ("OPENAI_API_KEY", "sk-hidden"),
        ("OPENAI_BASE_URL", &provider.base_url()),
    ];
    let args = [
        "serve",
        "--listen=127.0.0.1:0",
        "--admin-listen=127.0.0.1:0",
    ];
    let process = Process::start_with(&args, &variables);
    let line = process.logs("endpoint openai at").await;
    let line: Value = serde_json::from_str(&line).expect("JSON, as all the log");
    let message = line["message"].as_str().expect("a message");
    let expected = format!(
        "endpoint openai at {} from OPENAI_API_KEY: gpt-4.1, ",
        provider.base_url()
    );
    assert!(message.starts_with(&expected), "{message}");
    let gateway = process.logs("\"subsystem\":\"gateway\"").await;
    assert!(gateway.contains(" (by --listen)"), "{gateway}");
    let answer = post(address_in(&gateway), CHAT, &ask("gpt-4.1", "hello")).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert!(!process.err().join("\n").contains("sk-hidden"));
}

#[tokio::test]
async fn flags_override_the_files_addresses_and_obey_its_rules() {
    let provider = Simulator::start(Script::default(), ANY).expect("a provider");
    // The file's own port is taken: only the flag's will do.
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("an address");
    let (_folder, path) =
        file(&config(&provider, "m", "").replace("127.0.0.1:0", &taken.to_string()));
    let serve = ["serve", "--config", &path];
    let process = Process::start(
        &[
            &serve[..],
            &["--listen=127.0.0.1:0", "--admin-listen", "[::1]:0"],
        ]
        .concat(),
    );
    let metrics = process.logs("\"subsystem\":\"metrics\"").await;
    assert!(
        metrics.contains("http://[::1]:") && metrics.contains(" (by --admin-listen)"),
        "{metrics}"
    );
    let gateway = process.logs("\"subsystem\":\"gateway\"").await;
    assert_ne!(address_in(&gateway), taken);
    // A reload asks for the same addresses again, so it is none that only a restart could make.
    process.signal("HUP");
    process.logs("reloaded: nothing has changed").await;

    for (flags, told) in [
        (
            &["--listen=0.0.0.0:0"][..],
            "--listen: anyone who reaches this address could spend your keys",
        ),
        (
            &["--admin-listen=0.0.0.0:0"],
            "--admin-listen: anyone who reaches this address could watch",
        ),
        (
            &["--listen=127.0.0.1:7", "--admin-listen=127.0.0.1:7"],
            "--admin-listen: both planes would listen here",
        ),
    ] {
        let ended = run(&[&serve[..], flags].concat()).await;
        assert_eq!(ended.code, Some(78), "{ended:?}");
        assert!(ended.err.contains(told), "{}", ended.err);
    }
}

#[tokio::test]
async fn the_limit_of_open_files_is_raised_and_a_low_one_is_told() {
    let provider = Simulator::start(Script::default(), ANY).expect("a provider");
    let (_folder, path) = file(&config(&provider, "m", ""));
    let serve = ["serve", "--config", &path];
    let process = Process::start_after("ulimit -Sn 300; ulimit -Hn 600", &serve);
    let line = process.logs("\"subsystem\":\"open files\"").await;
    assert!(line.contains("up to 600, raised from 300"), "{line}");
    process.logs("few files may be open at once").await;
    let line = json_lines(&process.err())
        .into_iter()
        .find(|line| line["level"] == "WARN");
    assert_eq!(line.expect("a warning")["limit"], 600);
}

#[tokio::test]
async fn a_placeholder_for_a_key_is_told_at_start() {
    let provider = Simulator::start(Script::default(), ANY).expect("a provider");
    let text = config(&provider, "m", "").replace("models:", "api_key: YOUR_KEY, models:");
    let (_folder, path) = file(&text);
    let process = Process::start(&["serve", "--config", &path]);
    process
        .logs("endpoint only: the api_key is a placeholder")
        .await;
    assert!(!process.err().join("\n").contains("YOUR_KEY"));
}

#[tokio::test]
async fn a_bad_file_is_78_and_a_taken_port_is_1() {
    let (_folder, path) = file(BAD);
    let ended = run(&["serve", "--config", &path]).await;
    assert_eq!(ended.code, Some(78));
    assert!(
        ended.err.contains("did you mean `weight`?"),
        "{}",
        ended.err
    );
    assert!(!ended.err.contains("sk-hidden"), "{}", ended.err);
    let ended = run(&["serve", "--config", "/no/such/file.yaml"]).await;
    assert_eq!(ended.code, Some(78));

    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    for (section, other) in [("server", "admin"), ("admin", "server")] {
        let (_folder, path) = file(&format!(
            "{section}: {{ listen: \"{address}\" }}\n{other}: {{ listen: \"127.0.0.1:0\" }}\n\
             endpoints: [{{ name: a, provider: openai, api_key: k, models: [m] }}]\n"
        ));
        let ended = run(&["serve", "--config", &path]).await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        let told = format!("cannot listen on {address} ({section}.listen): ");
        assert!(ended.err.starts_with(&told), "{}", ended.err);
    }
}

#[tokio::test]
async fn a_hangup_reloads_and_a_bad_file_changes_nothing() {
    let served = Served::start(Script::default()).await;
    assert_eq!((served.asks("m").await, served.asks("n").await), (200, 404));

    served.write(&config(&served.provider, "n", ""));
    served.process.signal("HUP");
    served.process.logs("\"message\":\"reloaded\"").await;
    let line = served.log("reloaded").expect("the line");
    let changes = line["changes"].as_str().expect("what changed");
    assert!(changes.contains("only"), "{changes}");
    assert_eq!((served.asks("m").await, served.asks("n").await), (404, 200));

    served.process.signal("HUP");
    served.process.logs("reloaded: nothing has changed").await;

    served.write(BAD);
    served.process.signal("HUP");
    let refused = "reload refused: the configuration in force stays";
    served.process.logs(refused).await;
    let line = served.log(refused).expect("the line");
    assert_eq!(line["level"], "ERROR");
    let problems = line["problems"].as_str().expect("the problems");
    assert!(problems.contains("breakerbox.yaml:2:74"), "{problems}");
    assert!(problems.contains("did you mean `weight`?"), "{problems}");
    assert!(!problems.contains("sk-hidden"), "{problems}");
    assert_eq!((served.asks("m").await, served.asks("n").await), (404, 200));

    let restart =
        config(&served.provider, "n", ", max_body: 1MiB").replace("workers: 1", "workers: 2");
    served.write(&restart);
    served.process.signal("HUP");
    served
        .process
        .logs("only a restart can change server.workers")
        .await;
    assert_eq!(served.asks("n").await, 200);
    let page = get(served.admin, "/metrics").await.text();
    for line in [
        "breakerbox_config_last_reload_successful 0",
        // The file is seen to change also without a signal; what says nothing new has no number.
        "breakerbox_config_generation 2",
    ] {
        assert!(page.contains(line), "{line}");
    }
}

/// A stream that takes a second.
fn unhurried() -> Script {
    Script {
        latency: Latency::Fixed(Duration::ZERO),
        tokens_per_second: Some(20.0),
        tokens: Tokens { min: 20, max: 20 },
        ..Script::default()
    }
}

async fn begun(served: &Served) -> Client {
    let mut client = Client::connect(served.data).await;
    client.post(CHAT, &ask_stream("m", "hello")).await;
    assert_eq!(client.head().await.status(), 200);
    assert!(matches!(client.event().await, Ok(Some(_))));
    client
}

#[tokio::test]
async fn sigterm_lets_streams_end_and_exits_0() {
    for signal in ["TERM", "INT"] {
        let served = Served::start(unhurried()).await;
        let mut client = begun(&served).await;
        served.process.signal(signal);
        served.process.logs("draining").await;
        let line = served.log("draining; a second signal stops at once");
        assert_eq!(line.expect("the line")["signal"], format!("SIG{signal}"));
        assert_eq!(get(served.admin, "/readyz").await.status(), 503);
        let (events, ending) = client.events().await;
        assert_eq!(ending, Ending::Whole);
        assert!(chat::is_done(&events), "{events:?}");
        let ended = served.process.end().await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.err.contains("\"drained\""), "{}", ended.err);
    }
}

#[tokio::test]
async fn a_second_signal_does_not_wait() {
    let mut script = unhurried();
    // Far longer than the test waits for anything.
    script.tokens = Tokens {
        min: 10_000,
        max: 10_000,
    };
    let served = Served::start(script).await;
    let mut client = begun(&served).await;
    served.process.signal("TERM");
    served.process.logs("draining").await;
    let start = clock::now();
    served.process.signal("TERM");
    let ended = served.process.end().await;
    assert!(clock::now() - start < DEADLINE / 2);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.err.contains("stopped without draining"),
        "{}",
        ended.err
    );
    let (events, _) = client.events().await;
    assert!(!chat::is_done(&events));
}
