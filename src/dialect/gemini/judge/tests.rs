use super::*;

const ANSWER: &str = r#"{
  "candidates": [{"content": {"parts": [{"text": "\"error\": [DONE] 你好"}], "role": "model"},
    "finishReason": "STOP", "index": 0, "avgLogprobs": -0.1}],
  "usageMetadata": {"promptTokenCount": 12, "candidatesTokenCount": 3, "totalTokenCount": 25,
    "cachedContentTokenCount": 4, "toolUsePromptTokenCount": 2, "thoughtsTokenCount": 8,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 12}]},
  "modelVersion": "gemini-2.5-flash", "responseId": "mAitaLmkHPPlz7IPvtfUqQ4"
}"#;

fn kinds(events: &[&str]) -> Vec<Kind> {
    let mut stream = Stream::default();
    let judge = |data: &&str| {
        stream
            .event(format!("data: {data}\r\n\r\n").as_bytes())
            .kind
    };
    events.iter().map(judge).collect()
}

#[test]
fn an_answer_tells_its_usage() {
    let usage = Usage {
        input: 14,
        output: 11,
        cached: 4,
        reasoning: 8,
        tier: None,
    };
    assert_eq!(answer(ANSWER.as_bytes()), Ok(Some(usage)));
    let blocked = br#"{"promptFeedback":{"blockReason":"SAFETY"}}"#;
    assert_eq!(answer(blocked), Ok(None));
    let odd = br#"{"candidates":[{"finishReason":"STOP"}],"usageMetadata":"none"}"#;
    assert_eq!(answer(odd), Ok(None));
}

#[test]
fn no_part_of_an_answer_passes_for_the_whole() {
    for end in 0..ANSWER.len() {
        assert!(answer(&ANSWER.as_bytes()[..end]).is_err(), "{end}");
    }
}

#[test]
fn what_is_no_answer() {
    for (body, label) in [
        ("", "empty"),
        (" \r\n", "empty"),
        ("<!DOCTYPE html>", "html"),
        ("upstream connect error", "malformed"),
        ("[]", "malformed"),
        ("{}", "malformed"),
        (r#"{"candidates":[]}"#, "malformed"),
        (r#"{"candidates":[{"content":{}}]}"#, "malformed"),
        (r#"{"promptFeedback":{}}"#, "malformed"),
        (r#"{"error":{"code":500}}"#, "error_in_200"),
    ] {
        assert_eq!(
            answer(body.as_bytes()).unwrap_err().label(),
            label,
            "{body}"
        );
    }
}

#[test]
fn a_stream_is_whole_once_every_answer_said_why_it_ended() {
    let text = r#"{"candidates":[{"content":{"parts":[{"text":"a"}]},"index":0}]}"#;
    let other = r#"{"candidates":[{"content":{"parts":[{"text":"b"}]},"index":1}]}"#;
    let stop = r#"{"candidates":[{"finishReason":"STOP","index":null}]}"#;
    let other_stop = r#"{"candidates":[{"finishReason":"MAX_TOKENS","index":1}]}"#;
    let usage = r#"{"usageMetadata":{"promptTokenCount":1}}"#;
    assert_eq!(
        kinds(&[text, other, stop, other_stop, usage]),
        [
            Kind::Content,
            Kind::Content,
            Kind::Content,
            Kind::MayEnd,
            Kind::MayEnd
        ]
    );
    assert_eq!(kinds(&[usage]), [Kind::Content]);
    let blocked = r#"{"promptFeedback":{"blockReason":"OTHER"}}"#;
    assert_eq!(kinds(&[blocked]), [Kind::MayEnd]);
    assert_eq!(
        kinds(&["[DONE]", "", "{", "[]", "5"]),
        [
            Kind::Unfinished,
            Kind::Silent,
            Kind::Malformed,
            Kind::Malformed,
            Kind::Malformed
        ]
    );
    assert_eq!(event(b"\n").kind, Kind::Silent);
    let judged = event(format!("data: {usage}\n\n").as_bytes());
    assert_eq!(judged.usage.unwrap().input, 1);
}

#[test]
fn whose_fault_an_error_is() {
    let of =
        |status: &str| format!(r#"{{"error":{{"code":400,"message":"m","status":"{status}"}}}}"#);
    for (status, blame) in [
        ("RESOURCE_EXHAUSTED", Blame::RateLimit),
        ("UNAUTHENTICATED", Blame::Key),
        ("PERMISSION_DENIED", Blame::Server),
        ("INVALID_ARGUMENT", Blame::Client),
        ("NOT_FOUND", Blame::Client),
        ("FAILED_PRECONDITION", Blame::Client),
        ("UNAVAILABLE", Blame::Overload),
        ("INTERNAL", Blame::Server),
        ("DEADLINE_EXCEEDED", Blame::Server),
        ("NEW_WORD", Blame::Server),
        ("", Blame::Client),
    ] {
        let reported = Reported {
            blame,
            message: "m".into(),
        };
        let expected = Kind::Error {
            reported: reported.clone(),
            in_form: true,
        };
        assert_eq!(kinds(&[&of(status)]), [expected], "{status}");
        let array = format!("[{}]", of(status));
        assert_eq!(error(array.as_bytes()), Some(reported));
    }
    let key = br#"{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.",
        "status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo",
        "reason":"API_KEY_INVALID","domain":"googleapis.com"}]}}"#;
    assert_eq!(error(key).unwrap().blame, Blame::Key);
    let file = br#"{"error":{"code":403,"message":"You do not have permission to access the File x or it may not exist.",
        "status":"PERMISSION_DENIED"}}"#;
    assert_eq!(error(file).unwrap().blame, Blame::Client);
    let leaked = br#"{"error":{"code":403,"message":"Your API key was reported as leaked.","status":"PERMISSION_DENIED"}}"#;
    assert_eq!(error(leaked).unwrap().blame, Blame::Key);
    let text = r#"{"error":"overloaded"}"#;
    assert!(matches!(
        &kinds(&[text])[0],
        Kind::Error { in_form: false, .. }
    ));
    assert_eq!(error(b"{}"), None);
    assert_eq!(error(b"<html>"), None);
}
