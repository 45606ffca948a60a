use super::*;
use crate::dialect::{Blame, Reported, Usage};

fn kind(api: Api, data: &str) -> Kind {
    judge(api, format!("data: {data}\n\n").as_bytes()).kind
}

fn error(api: Api, event: &str) -> (Blame, String, bool) {
    match judge(api, event.as_bytes()).kind {
        Kind::Error { reported, in_form } => (reported.blame, reported.message, in_form),
        other => panic!("{other:?}"),
    }
}

#[test]
fn chat_events() {
    let chat = Api::ChatCompletions;
    let cases = [
        (
            r#"{"choices":[{"delta":{"content":"\"usage\" [DONE] error"}}],"usage":null}"#,
            Kind::Content,
        ),
        (
            r#"{"choices":[{"finish_reason":"stop","delta":{}}]}"#,
            Kind::Content,
        ),
        // Azure's first chunk: no choices, but nothing that could be left out.
        (
            r#"{"choices":[],"prompt_filter_results":[]}"#,
            Kind::Content,
        ),
        (r#"{"choices":[],"usage":null,"error":null}"#, Kind::Content),
        (
            r#"{"choices":[],"usage":{"prompt_tokens":1}}"#,
            Kind::UsageOnly,
        ),
        (r#"{"choices": [ ] ,"usage":{}}"#, Kind::UsageOnly),
        (r#"{"usage":{"prompt_tokens":1}}"#, Kind::UsageOnly),
        (
            r#"{"choices":[{}],"usage":{"prompt_tokens":1}}"#,
            Kind::Content,
        ),
        ("[DONE]", Kind::Terminal),
        (" [DONE] ", Kind::Terminal),
        ("", Kind::Silent),
        ("{", Kind::Malformed),
        (r#"{"choices":[{"delta":{"content":"x"}}"#, Kind::Malformed),
        (
            r#"{"choices":[{"delta":{"content":"x"}]}}"#,
            Kind::Malformed,
        ),
        (r#"{"choices":[]}{"#, Kind::Malformed),
        ("5", Kind::Malformed),
        ("[]", Kind::Malformed),
        ("null", Kind::Malformed),
        ("<html>", Kind::Malformed),
    ];
    for (data, expected) in cases {
        assert_eq!(kind(chat, data), expected, "{data}");
    }
    assert_eq!(judge(chat, b": keepalive\n\n").kind, Kind::Silent);
    assert_eq!(
        judge(chat, b"data: {\"a\":\ndata: 1}\r\n\r\n").kind,
        Kind::Content
    );
    assert_eq!(
        judge(chat, b"data: {\"a\":\"\xff\"}\n\n").kind,
        Kind::Malformed
    );
    assert_eq!(
        judge(chat, "\u{feff}data: [DONE]".as_bytes()).kind,
        Kind::Terminal
    );
}

#[test]
fn errors_and_whose_fault_they_are() {
    let chat = Api::ChatCompletions;
    let cases = [
        (
            r#"{"error":{"message":"m","type":"server_error","code":null}}"#,
            Blame::Server,
            true,
        ),
        (
            r#"{"error":{"message":"m","code":429}}"#,
            Blame::RateLimit,
            true,
        ),
        (
            r#"{"error":{"message":"m","code":"502"},"choices":[{"finish_reason":"error"}]}"#,
            Blame::Server,
            true,
        ),
        (
            r#"{"error":{"message":"m","type":"insufficient_quota"}}"#,
            Blame::RateLimit,
            true,
        ),
        (
            r#"{"error":{"message":"m","type":"invalid_request_error","code":"invalid_api_key"}}"#,
            Blame::Key,
            true,
        ),
        (
            r#"{"error":{"message":"m","type":"invalid_request_error","code":"context_length_exceeded"}}"#,
            Blame::Client,
            true,
        ),
        (
            r#"{"error":{"message":"m","code":400}}"#,
            Blame::Client,
            true,
        ),
        (r#"{"error":"m"}"#, Blame::Server, false),
        (
            r#"{"object":"error","message":"m","type":"BadRequestError","code":400}"#,
            Blame::Client,
            false,
        ),
        (
            r#"{"type":"error","message":"m","code":"whatever"}"#,
            Blame::Server,
            false,
        ),
    ];
    for (data, blame, in_form) in cases {
        let event = format!("data: {data}\n\n");
        assert_eq!(error(chat, &event), (blame, "m".into(), in_form), "{data}");
    }
    let named = "event: error\ndata: {\"message\":\"m\"}\n\n";
    assert_eq!(error(chat, named), (Blame::Server, "m".into(), false));
    assert_eq!(error(chat, "event: error\ndata: oops\n\n").0, Blame::Server);
    let long = format!("data: {{\"error\":\"{}\"}}\n\n", "é".repeat(4_000));
    assert!(error(chat, &long).1.len() <= Reported::MAX_MESSAGE);
}

#[test]
fn responses_events() {
    let api = Api::Responses;
    let created = judge(
        api,
        br#"data: {"type":"response.created","sequence_number":0,"response":{"id":"resp_1","created_at":7,"model":"m","error":null}}"#,
    );
    assert_eq!((created.kind, created.sequence), (Kind::Content, Some(0)));
    let head = created.created.unwrap();
    assert_eq!(
        (head.id.as_str(), head.created_at, head.model.as_str()),
        ("resp_1", 7, "m")
    );

    let delta =
        r#"{"type":"response.output_text.delta","delta":"response.completed","sequence_number":4}"#;
    assert_eq!(kind(api, delta), Kind::Content);
    let keepalive = judge(api, b"data: {\"type\":\"keepalive\",\"sequence_number\":4}");
    let seen = (keepalive.kind, keepalive.sequence);
    assert_eq!(seen, (Kind::Silent, Some(4)));
    assert_eq!(kind(api, "[DONE]"), Kind::Unfinished);
    for end in ["completed", "incomplete"] {
        let event = format!(
            r#"data: {{"type":"response.{end}","response":{{"usage":{{"input_tokens":3,"input_tokens_details":{{"cached_tokens":2}},"output_tokens":5}}}}}}"#
        );
        let judged = judge(api, event.as_bytes());
        assert_eq!(judged.kind, Kind::Terminal);
        assert_eq!(
            judged.usage,
            Some(Usage {
                input: 3,
                output: 5,
                cached: 2,
                ..Usage::default()
            })
        );
    }
    let failed = r#"data: {"type":"response.failed","response":{"error":{"code":"rate_limit_exceeded","message":"slow"}}}"#;
    assert_eq!(error(api, failed), (Blame::RateLimit, "slow".into(), true));
    let failed = r#"data: {"type":"response.failed"}"#;
    assert_eq!(error(api, failed), (Blame::Server, String::new(), true));
    for overloaded in ["server_is_overloaded", "slow_down", "529"] {
        let failed = format!(
            r#"data: {{"type":"response.failed","response":{{"error":{{"code":"{overloaded}"}}}}}}"#
        );
        assert_eq!(error(api, &failed).0, Blame::Overload, "{overloaded}");
    }
    let foreign = r#"data: {"type":"error","code":"server_error","message":"m"}"#;
    assert_eq!(error(api, foreign), (Blame::Server, "m".into(), false));
    let foreign = r#"data: {"error":{"code":"invalid_prompt","message":"m"}}"#;
    assert_eq!(error(api, foreign), (Blame::Client, "m".into(), false));
}

#[test]
fn usage_in_every_spelling() {
    let of = |usage: &str| {
        judge(
            Api::Completions,
            format!("data: {{\"usage\":{usage}}}").as_bytes(),
        )
        .usage
    };
    let full = r#"{"prompt_tokens":10,"completion_tokens":4,"total_tokens":14,"prompt_tokens_details":{"cached_tokens":8,"audio_tokens":null}}"#;
    assert_eq!(
        of(full),
        Some(Usage {
            input: 10,
            output: 4,
            cached: 8,
            ..Usage::default()
        })
    );
    assert_eq!(of(full).map(Usage::total), Some(14));
    let deepseek = r#"{"prompt_tokens":10,"completion_tokens":4.0,"prompt_cache_hit_tokens":99}"#;
    assert_eq!(
        of(deepseek),
        Some(Usage {
            input: 10,
            output: 4,
            cached: 10,
            ..Usage::default()
        })
    );
    let embedding = r#"{"prompt_tokens":10,"prompt_tokens_details":null}"#;
    assert_eq!(
        of(embedding),
        Some(Usage {
            input: 10,
            output: 0,
            cached: 0,
            ..Usage::default()
        })
    );
    let spaced = "{\"usage\" :\n {\"prompt_tokens\": 7 } }";
    let event = format!("data: {}\n\n", spaced.replace('\n', "\ndata: "));
    let usage = judge(Api::Completions, event.as_bytes()).usage;
    assert_eq!(usage.map(Usage::total), Some(7));
    let twice = r#"null,"x":{"usage":null},"usage":{"prompt_tokens":7}"#;
    assert_eq!(of(twice).map(Usage::total), Some(7));
    for nothing in ["null", "{}", "5", "\"10\"", r#"{"prompt_tokens":"10"}"#] {
        assert_eq!(of(nothing), None, "{nothing}");
    }
    // What cannot be true is no usage: the estimate stands.
    for wild in ["-5", "-0.5", "1e300", "16777217"] {
        for name in ["prompt_tokens", "completion_tokens"] {
            let other = r#""total_tokens":7,"input_tokens":2,"output_tokens":2"#;
            assert_eq!(
                of(&format!(r#"{{"{name}":{wild},{other}}}"#)),
                None,
                "{wild}"
            );
        }
        let details = format!(r#"{{"prompt_tokens":7,"prompt_cache_hit_tokens":{wild}}}"#);
        assert_eq!(of(&details).map(|it| (it.input, it.cached)), Some((7, 0)));
    }
    let most = of(r#"{"prompt_tokens":16777216,"completion_tokens":1}"#);
    assert_eq!(most.map(Usage::total), Some(16_777_217));
}
