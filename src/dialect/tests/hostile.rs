//! Bodies that are meant to hurt: each is refused in no time, and nothing panics.

use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::dialect::{
    request::{InPath, peek, peek_at},
    translate::Asked,
};

/// The CPU time this thread has used.
///
/// *Source*: the first number of `/proc/thread-self/schedstat`, nanoseconds on
/// a core; 0 where there is no such file.
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let first = text.split(' ').next().unwrap_or_default();
    Duration::from_nanos(first.parse().unwrap_or_default())
}

/// Reads `body` as the gateway does on the way to another dialect, and returns
/// whether it was refused and what that cost.
fn read(api: Api, body: &str) -> (bool, Duration) {
    let body = Bytes::copy_from_slice(body.as_bytes());
    let path = InPath {
        model: "m".to_owned(),
        stream: false,
    };
    let start = cpu();
    let peeked = match api {
        Api::GenerateContent => peek_at(&body, api, path),
        _ => peek(&body, api),
    };
    let refused = peeked.and_then(|peek| Asked::read(&peek)).is_err();
    (refused, cpu() - start)
}

/// A body of `api` with `said` where its messages say something.
fn body(api: Api, said: &str) -> String {
    match api {
        Api::ChatCompletions => {
            format!(r#"{{"model":"m","messages":[{{"role":"user","content":{said}}}]}}"#)
        }
        Api::Responses => {
            format!(r#"{{"model":"m","input":[{{"role":"user","content":{said}}}]}}"#)
        }
        Api::Messages => format!(
            r#"{{"model":"m","max_tokens":9,"messages":[{{"role":"user","content":{said}}}]}}"#
        ),
        _ => format!(r#"{{"contents":[{{"role":"user","parts":{said}}}]}}"#),
    }
}

#[test]
fn what_is_meant_to_hurt_is_refused_in_no_time() {
    let most = 32 << 20;
    let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    let hostile = [
        ("depth of 10,000", deep(10_000)),
        ("32 MiB of nested arrays", deep(most / 2)),
        ("32 MiB of opened arrays", "[".repeat(most)),
        ("an object in an object", r#"{"a":"#.repeat(10_000)),
        (
            "a number out of range",
            r#"[{"type":"text","text":"a","x":1e999}]"#.to_owned(),
        ),
        ("half a pair", r#""\ud83d""#.to_owned()),
        ("the other half", r#""\udc00""#.to_owned()),
        ("half a name", r#"[{"\ud83d":1}]"#.to_owned()),
        ("a number where there is text", "5".to_owned()),
    ];
    for api in CLIENTS {
        for (what, said) in &hostile {
            let (refused, took) = read(api, &body(api, said));
            assert!(refused, "{api:?}: {what}");
            assert!(
                took <= Duration::from_millis(50),
                "{api:?}: {what} took {took:?}"
            );
        }
    }
}

/// What a provider is told, and what is kept to tell it, is in proportion to what the client said.
#[test]
fn a_small_request_becomes_no_huge_one() {
    let half = "x".repeat(50_000);
    let many = |item: &str| vec![item; 50_000 / item.len()].join(",");
    let tools = many(r#"{"type":"function","name":"a"}"#);
    let tools = |name: &str, about: &str| {
        format!(
            r#""tools":[{{"type":"namespace","name":"{name}","description":"{about}","tools":[{tools}]}}]"#
        )
    };
    let only = many(r#"{"name":"n"}"#);
    let results = many(r#"{"type":"function_call_output","call_id":"c","output":""}"#);
    let hi = r#""input":"hi""#;
    for (what, said) in [
        ("a description", format!("{hi},{}", tools("n", &half))),
        (
            "names",
            format!(
                r#"{hi},{},"tool_choice":{{"type":"allowed_tools","mode":"auto","tools":[{only}]}}"#,
                tools("n", "")
            ),
        ),
        (
            "a call",
            format!(
                r#""input":[{{"type":"function_call","call_id":"c","name":"{half}","arguments":"{{}}"}},{results}]"#
            ),
        ),
    ] {
        let body = Bytes::from(format!(r#"{{"model":"m",{said}}}"#));
        let asked = Asked::read(&peek(&body, Api::Responses).unwrap()).unwrap();
        let kept = format!("{asked:?}").len();
        assert!(kept <= 32 * body.len(), "{what}: {kept} kept");
        for sent in [Api::ChatCompletions, Api::Messages, Api::GenerateContent] {
            let told = asked.write(sent, Variant::OpenAi, "m").body.len();
            assert!(told <= 32 * body.len(), "{what}: {told} to {sent:?}");
        }
    }
    let long = format!(r#"{{"model":"m",{hi},{}}}"#, tools(&half, ""));
    let refused = Asked::read(&peek(&Bytes::from(long), Api::Responses).unwrap()).unwrap_err();
    assert_eq!(refused.param.as_deref(), Some("tools[0].name"));
}

#[test]
fn a_field_twice_is_refused_or_read_once() {
    for api in CLIENTS {
        let said = match api {
            Api::GenerateContent => r#"[{"text":"a"}]"#,
            _ => r#""a""#,
        };
        let twice = body(api, said).replacen('{', r#"{"model":"n","#, 1);
        // Gemini has the model in its path.
        let (refused, _) = read(api, &twice);
        assert_eq!(refused, api != Api::GenerateContent, "{api:?}");
        let said = r#"[{"type":"text","text":"a","text":"b"}]"#;
        let _ = read(api, &body(api, said));
    }
}

/// Each level of these is read over again, so that there may be but few.
#[test]
fn results_in_results_do_not_multiply_the_work() {
    let mut said = format!(r#"[{{"type":"text","text":"{}"}}]"#, "x".repeat(4 << 20));
    for _ in 0..30 {
        said = format!(r#"[{{"type":"tool_result","tool_use_id":"a","content":{said}}}]"#);
    }
    let (refused, took) = read(Api::Messages, &body(Api::Messages, &said));
    assert!(refused);
    let most = if cfg!(debug_assertions) { 2_500 } else { 50 };
    assert!(took < Duration::from_millis(most), "{took:?}");
}
