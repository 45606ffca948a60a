use clap::Parser;

use super::*;

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    args: UpstreamArgs,
}

fn script(flags: &[&str]) -> Result<Script, String> {
    let flags = std::iter::once(&"upstream").chain(flags);
    let command = Command::try_parse_from(flags).map_err(|error| error.to_string())?;
    command.args.script().map_err(|error| error.to_string())
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn no_flags_make_the_default_script() {
    assert_eq!(script(&[]), Ok(Script::default()));
}

#[test]
fn every_flag_arrives() {
    let made = script(&[
        "--dialect=gemini",
        "--strict",
        "--seed=7",
        "--model=a",
        "--model=b",
        "--key=k",
        "--latency=200ms",
        "--sigma=0.5",
        "--tokens-per-second=30",
        "--tokens=5..9",
        "--rpm=60",
        "--tpm=1000",
        "--error=0.1=503",
        "--fault=10s..25s=refuse",
        "--cycle=1m",
    ])
    .expect("good flags");
    let mut expected = Script {
        dialect: Dialect::Gemini,
        strict: true,
        seed: 7,
        models: vec!["a".to_owned(), "b".to_owned()],
        api_keys: vec!["k".to_owned()],
        latency: Latency::LogNormal {
            median: Duration::from_millis(200),
            sigma: 0.5,
        },
        tokens_per_second: Some(30.0),
        tokens: Tokens { min: 5, max: 9 },
        errors: vec![ErrorShare {
            share: 0.1,
            status: 503,
            retry_after: None,
        }],
        faults: vec![Timed::between(seconds(10), seconds(25), Fault::Refuse)],
        cycle: Some(seconds(60)),
        ..Script::default()
    };
    expected.limits.rpm = Some(60);
    expected.limits.tpm = Some(1000);
    assert_eq!(made, expected);
}

#[test]
fn faults_are_written_short() {
    let fault_of = |text| timed(text).map(|timed| (timed.window, timed.fault));
    let window = |from, until: Option<u64>| Window {
        from: seconds(from),
        until: until.map(seconds),
    };
    let status = Fault::Status {
        code: 503,
        retry_after: None,
    };
    assert_eq!(fault_of("5s..=status:503"), Ok((window(5, None), status)));
    let stall = Fault::Stall { after: 3 };
    assert_eq!(fault_of("..9s=stall:3"), Ok((window(0, Some(9)), stall)));
    let delay = Fault::Slow { delay: seconds(2) };
    assert_eq!(fault_of("..=slow:2s"), Ok((window(0, None), delay)));
    let wrong = Fault::WrongLength { by: -4 };
    let found = fault_of("..=wrong_length:-4");
    assert_eq!(found, Ok((window(0, None), wrong)));
    for name in [
        "reset",
        "blackhole",
        "unauthorized",
        "missing_usage",
        "html",
    ] {
        assert!(timed(&format!("..={name}")).is_ok(), "{name}");
        assert!(timed(&format!("..={name}:1")).is_err(), "{name}:1");
    }
    for name in ["stall", "cut", "malformed", "error_event"] {
        assert!(timed(&format!("..={name}")).is_ok(), "{name}");
        assert!(timed(&format!("..={name}:4")).is_ok(), "{name}:4");
        assert!(timed(&format!("..={name}:x")).is_err(), "{name}:x");
    }
}

#[test]
fn bad_flags_say_what_is_expected() {
    let error = |flag| script(&[flag]).expect_err("a bad flag");
    assert!(error("--fault=10s=refuse").contains("FROM..UNTIL=FAULT"));
    assert!(error("--fault=..=explode").contains("error_event"));
    assert!(error("--error=0.1").contains("0.1=503"));
    assert!(error("--error=2=503").contains("errors[0].share: must be 0 to 1"));
    assert!(error("--tokens=many").contains("many"));
    assert!(error("--sigma=1").contains("--latency"));
    assert!(error("--script=/no/such/file").contains("/no/such/file"));
}

#[test]
fn flags_stand_over_the_file() {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    let text = "seed: 1\ntokens_per_second: 9\nmodels: [a]\nlimits: {rpm: 5}\n";
    file.write_all(text.as_bytes()).expect("written");
    let path = format!("--script={}", file.path().display());
    let made = script(&[&path, "--seed=2", "--model=b"]).expect("good");
    assert_eq!((made.seed, made.limits.rpm), (2, Some(5)));
    assert_eq!(made.tokens_per_second, Some(9.0));
    assert_eq!(made.models, ["a", "b"]);
}

#[test]
fn a_bad_script_is_78_and_a_taken_port_is_1() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    let error = |flags: &[&str]| {
        let flags = std::iter::once(&"upstream").chain(flags);
        let command = Command::try_parse_from(flags).expect("flags");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        let stop = Notify::new();
        let run = run(&command.args, &stop);
        runtime.block_on(run).expect_err("it must not run")
    };
    assert_eq!(error(&["--rpm=0"]).exit_code(), 78);
    let listen = format!("--listen={address}");
    let taken = error(&[&listen]);
    assert_eq!(taken.exit_code(), 1);
    assert!(taken.to_string().contains(&address.to_string()), "{taken}");
}

#[tokio::test]
async fn it_runs_until_it_is_told_to_stop() {
    let command = Command::try_parse_from(["upstream", "--listen=127.0.0.1:0"]).expect("flags");
    let stop = Notify::new();
    stop.notify_one();
    run(&command.args, &stop).await.expect("a good run");
}
