use std::time::Duration;

use super::super::{ErrorShare, Latency, Limits, Tokens};
use super::*;
use crate::simulator::{Api, Dialect, End, Fault, Timed, Window};

const EVERYTHING: &str = r#"
dialect: anthropic
strict: true
seed: 7
models: [gpt-4.1, org/other]
api_keys: [secret]
latency: { log_normal: { median: 300ms, sigma: 0.5 } }
tokens_per_second: 40
tokens: { min: 5, max: 9 }
calls: 2
cached: 0.25
limits: { rpm: 60, tpm: 10000, window: 30s }
errors:
  - { share: 0.1, status: 503, retry_after: 2s }
  - { share: 0.05, status: 500 }
faults:
  - { from: 10s, until: 1m, fault: refuse }
  - { fault: reset, share: 0.5 }
  - { fault: blackhole, only: [chat, responses] }
  - { fault: { status: { code: 529, retry_after: 500ms } } }
  - { fault: unauthorized }
  - { fault: { slow: { delay: 5s } } }
  - { fault: { stall: { after: 3 } } }
  - { fault: { cut: { after: 4 } } }
  - { fault: { cut: { after: 4, end: clean } } }
  - { fault: { malformed: { after: 1 } } }
  - { fault: { wrong_length: { by: -5 } } }
  - { fault: missing_usage }
  - { fault: { error_event: { after: 0 } } }
  - { fault: html, only: [models, health, completions, embeddings, messages, generate_content, count_tokens, other] }
cycle: 2m
idle_close: 15s
"#;

fn error(text: &str) -> String {
    let error = Script::parse("s.yaml", text).expect_err("a bad script");
    error.to_string()
}

#[test]
fn every_key_is_read() {
    let script = Script::parse("s.yaml", EVERYTHING).expect("a good script");
    let seconds = Duration::from_secs;
    let plain = |fault| Timed::from(fault);
    let faults = vec![
        Timed::between(seconds(10), seconds(60), Fault::Refuse),
        Timed {
            share: 0.5,
            ..plain(Fault::Reset)
        },
        Timed {
            only: vec![Api::Chat, Api::Responses],
            ..plain(Fault::Blackhole)
        },
        plain(Fault::Status {
            code: 529,
            retry_after: Some(Duration::from_millis(500)),
        }),
        plain(Fault::Unauthorized),
        plain(Fault::Slow { delay: seconds(5) }),
        plain(Fault::Stall { after: 3 }),
        plain(Fault::Cut {
            after: 4,
            end: End::Fin,
        }),
        plain(Fault::Cut {
            after: 4,
            end: End::Clean,
        }),
        plain(Fault::Malformed { after: 1 }),
        plain(Fault::WrongLength { by: -5 }),
        plain(Fault::MissingUsage),
        plain(Fault::ErrorEvent { after: 0 }),
        Timed {
            only: vec![
                Api::Models,
                Api::Health,
                Api::Completions,
                Api::Embeddings,
                Api::Messages,
                Api::GenerateContent,
                Api::CountTokens,
                Api::Other,
            ],
            ..plain(Fault::Html)
        },
    ];
    let share = |share, status, retry_after| ErrorShare {
        share,
        status,
        retry_after,
    };
    let expected = Script {
        dialect: Dialect::Anthropic,
        strict: true,
        seed: 7,
        models: vec!["gpt-4.1".to_owned(), "org/other".to_owned()],
        api_keys: vec!["secret".to_owned()],
        latency: Latency::LogNormal {
            median: Duration::from_millis(300),
            sigma: 0.5,
        },
        tokens_per_second: Some(40.0),
        tokens: Tokens { min: 5, max: 9 },
        calls: 2,
        cached: 0.25,
        limits: Limits {
            rpm: Some(60),
            tpm: Some(10_000),
            window: seconds(30),
        },
        errors: vec![share(0.1, 503, Some(seconds(2))), share(0.05, 500, None)],
        faults,
        cycle: Some(seconds(120)),
        idle_close: Some(seconds(15)),
    };
    assert_eq!(script, expected);
}

#[test]
fn json_is_a_script_and_nothing_is_the_default() {
    let json = r#"{"seed": 3, "faults": [{"fault": "reset", "until": "5s"}]}"#;
    let script = Script::parse("s.json", json).expect("a good script");
    let window = Window {
        from: Duration::ZERO,
        until: Some(Duration::from_secs(5)),
    };
    assert_eq!((script.seed, script.faults[0].window), (3, window));
    for empty in ["", "# nothing\n", "---\n", "{}"] {
        assert_eq!(Script::parse("s.yaml", empty), Ok(Script::default()));
    }
}

#[test]
fn errors_say_where_and_what() {
    let cases = [
        ("sed: 1", "s.yaml:1:1: sed: unknown field `sed`, expected"),
        ("seed: 1\nseed: 2", "s.yaml:2:1: duplicated key"),
        ("seed: [", "s.yaml:"),
        ("seed: -1", "s.yaml:1:7: seed: invalid value"),
        ("- 1", "s.yaml:1:1: a script is a mapping"),
        (
            "latency: { fixed: soon }",
            "s.yaml:1:19: latency.fixed: \"soon\" is not a duration; write it as 250ms",
        ),
        (
            "latency: { fixed: 5 }",
            "s.yaml:1:19: latency.fixed: invalid type",
        ),
        (
            "faults:\n  - fault: explode",
            "s.yaml:2:12: faults[0].fault: unknown variant `explode`, expected one of `refuse`",
        ),
        (
            "faults:\n  - from: 1s\n    fault: { stall: { afters: 1 } }",
            "s.yaml:3:23: faults[0].fault.stall.afters: unknown field",
        ),
        (
            "faults:\n  - from: 1s",
            "s.yaml:2:5: faults[0]: missing field `fault`",
        ),
        (
            "seed: 1\n---\nseed: 2",
            "s.yaml:3:1: one document is expected",
        ),
        ("tokens_per_second: .nan", "s.yaml:1:20: a finite number"),
        ("1: 2", "s.yaml:1:1: a key must be a word"),
    ];
    for (text, expected) in cases {
        let error = error(text);
        assert!(error.starts_with(expected), "{text:?}: {error}");
    }
    let error = Script::load(Path::new("/no/such/file")).expect_err("no file");
    assert!(
        error
            .to_string()
            .starts_with("/no/such/file: cannot be read")
    );
}

#[test]
fn faults_keep_within_their_cycle() {
    let text = "\
cycle: 10s
faults:
  - { from: 2s, until: 10s, fault: reset }
  - { from: 9s, fault: reset }
  - { from: 5s, until: 11s, fault: reset }
  - { from: 10s, fault: reset }
";
    let found = error(text);
    let lines: Vec<&str> = found.lines().collect();
    let expected = [
        "s.yaml:5:24: faults[2].until: must not be after the cycle ends",
        "s.yaml:6:13: faults[3].from: must be before the cycle ends",
    ];
    assert_eq!(lines, expected);
    assert_eq!(error("cycle: 0s"), "s.yaml:1:8: cycle: must be 1ms or more");
}

#[test]
fn values_out_of_range_are_told_all_at_once() {
    let text = "\
latency: { log_normal: { median: 1s, sigma: 9 } }
tokens_per_second: -1
tokens: { min: 0, max: 100001 }
limits: { rpm: 0, tpm: 0, window: 0s }
errors: [{ share: 1.5, status: 200 }]
faults:
  - { from: 5s, until: 5s, share: -1, fault: { status: { code: 200 } } }
  - { fault: { wrong_length: { by: 0 } } }
  - { fault: refuse, share: 0.5 }
";
    let error = error(text);
    let lines: Vec<&str> = error.lines().collect();
    let expected = [
        "s.yaml:1:45: latency.log_normal.sigma: must be 0 to 5",
        "s.yaml:2:20: tokens_per_second: must be above 0",
        "s.yaml:3:16: tokens.min: must be 1 or more",
        "s.yaml:3:24: tokens.max: must be 100000 or less",
        "s.yaml:4:35: limits.window: must be above 0s",
        "s.yaml:4:16: limits.rpm: must be above 0",
        "s.yaml:4:24: limits.tpm: must be above 0",
        "s.yaml:5:19: errors[0].share: must be 0 to 1",
        "s.yaml:5:32: errors[0].status: must be 400 to 599",
        "s.yaml:7:24: faults[0].until: must be after from",
        "s.yaml:7:35: faults[0].share: must be 0 to 1",
        "s.yaml:7:64: faults[0].fault.status.code: must be 400 to 599",
        "s.yaml:8:36: faults[1].fault.wrong_length.by: must not be 0",
        "s.yaml:9:14: faults[2].fault: refuse hits all requests: no share, no only",
    ];
    assert_eq!(lines, expected);
    let tokens = Tokens { min: 9, max: 5 };
    let script = Script {
        tokens,
        ..Script::default()
    };
    let error = script.checked().expect_err("a bad script");
    assert_eq!(
        error.to_string(),
        "tokens.max: must not be below tokens.min"
    );
}
