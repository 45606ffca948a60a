use super::*;
use crate::dialect::{Blame, Reported, Usage};

const ANSWER: &str = r#"
 {"id":"chatcmpl-1","object":"chat.completion","error":null,
  "choices":[{"index":0,"message":{"role":"assistant","content":"{\"error\": 1} <html> 你好"}}],
  "usage":{"prompt_tokens":12,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":4}}}
"#;

#[test]
fn an_answer_tells_its_usage() {
    let usage = Usage {
        input: 12,
        output: 3,
        cached: 4,
        ..Usage::default()
    };
    assert_eq!(
        judge(Api::ChatCompletions, ANSWER.as_bytes()),
        Ok(Some(usage))
    );
    let silent = br#"{"choices":[]}"#;
    assert_eq!(judge(Api::Completions, silent), Ok(None));
    let vectors = br#"{"object":"list","data":[{"embedding":[0.1,-2e-3]}],"usage":{"prompt_tokens":5,"total_tokens":5}}"#;
    assert_eq!(judge(Api::Embeddings, vectors).unwrap().unwrap().total(), 5);
    let response =
        br#"{"object":"response","error":null,"usage":{"input_tokens":1,"output_tokens":2}}"#;
    assert_eq!(judge(Api::Responses, response).unwrap().unwrap().total(), 3);
}

#[test]
fn the_first_choice_says_something() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let is_answer = |choices: &str| {
        let body = format!(r#"{{"choices":{choices}}}"#);
        let judged = judge(Api::ChatCompletions, body.as_bytes());
        if let Err(what) = &judged {
            assert_eq!(*what, NotAnAnswer::Malformed);
        }
        judged.is_ok()
    };
    for choices in [
        r#"[{"message":{}}]"#,
        r#"[ {"index":0, "message": {"content":null}, "text":null}, 1]"#,
        r#"[{"text":""}]"#,
    ] {
        assert!(is_answer(choices), "{choices}");
    }
    for choices in [
        &*deep,
        "{}",
        "7",
        "\"\"",
        "[null]",
        "[{}]",
        r#"[{"message":null}]"#,
        r#"[{"message":"hi"}]"#,
        r#"[{"text":{}}]"#,
    ] {
        assert!(!is_answer(choices), "{choices}");
    }
}

#[test]
fn no_part_of_an_answer_passes_for_the_whole() {
    let answer = ANSWER.trim();
    for end in 0..answer.len() {
        assert!(
            judge(Api::ChatCompletions, &answer.as_bytes()[..end]).is_err(),
            "{end}"
        );
    }
}

#[test]
fn what_is_no_answer() {
    let cases: [(&[u8], &str); 11] = [
        (b"", "empty"),
        (b" \r\n", "empty"),
        (b"<!DOCTYPE html><title>502</title>", "html"),
        (b"\n<html>", "html"),
        (b"upstream connect error", "malformed"),
        (b"[]", "malformed"),
        (b"{\"choices\":[]} {}", "malformed"),
        (b"{\"choices\":\"\xff\"}", "malformed"),
        (b"{\"detail\":\"Not Found\"}", "malformed"),
        (br#"{"error":{"message":"m"}}"#, "error_in_200"),
        (br#"{"object":"error","message":"m"}"#, "error_in_200"),
    ];
    for (body, label) in cases {
        let what = judge(Api::ChatCompletions, body).unwrap_err();
        assert_eq!(what.label(), label, "{}", body.escape_ascii());
    }
    let failed =
        br#"{"object":"response","status":"failed","error":{"code":"server_error","message":"m"}}"#;
    let reported = Reported {
        blame: Blame::Server,
        message: "m".into(),
    };
    assert_eq!(
        judge(Api::Responses, failed),
        Err(NotAnAnswer::Error(reported))
    );
}
