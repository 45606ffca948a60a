use super::*;
use crate::dialect::{
    Usage,
    neutral::{Stop, Thought, ToolCall},
};

const WHOLE: &str = r#"{
  "id": "msg_01XFDUDYJgAACzvnptvVoYEL", "type": "message", "role": "assistant",
  "model": "claude-sonnet-5",
  "content": [
    {"type": "thinking", "thinking": "A tool, then.", "signature": "EqQB"},
    {"type": "redacted_thinking", "data": "EmwK"},
    {"type": "text", "text": "Let me see. \"日本\"", "citations": null},
    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}},
    {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"place": "Köln", "n": 1.0}, "caller": {"type": "direct"}},
    {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}}
  ],
  "stop_reason": "tool_use", "stop_sequence": null, "container": null,
  "usage": {"input_tokens": 25, "cache_creation_input_tokens": 100, "cache_read_input_tokens": 1000,
            "output_tokens": 40, "output_tokens_details": {"thinking_tokens": 9}, "service_tier": "standard"}
}"#;

fn call(id: &str, name: &str, arguments: &str) -> Part {
    Part::ToolCall(ToolCall {
        id: id.to_owned(),
        name: name.to_owned(),
        arguments: arguments.to_owned(),
        signature: None,
        custom: false,
    })
}

fn thought(text: &str, signature: &str, redacted: bool) -> Part {
    Part::Thought(Thought {
        text: text.to_owned(),
        signature: Some(signature.to_owned()),
        redacted,
    })
}

#[test]
fn an_answer_is_read_whole() {
    assert_eq!(
        reply(WHOLE.as_bytes()),
        Ok(Reply {
            id: "msg_01XFDUDYJgAACzvnptvVoYEL".to_owned(),
            model: "claude-sonnet-5".to_owned(),
            created: None,
            choices: vec![Choice {
                logprobs: Vec::new(),
                parts: vec![
                    thought("A tool, then.", "EqQB", false),
                    thought("", "EmwK", true),
                    Part::Text("Let me see. \"日本\"".to_owned()),
                    call("toolu_1", "weather", r#"{"place": "Köln", "n": 1.0}"#),
                    call("toolu_2", "now", "{}"),
                ],
                stop: Stop::ToolCalls,
            }],
            usage: Some(Usage {
                input: 1_125,
                output: 40,
                cached: 1_000,
                reasoning: 9
            }),
        })
    );
}

fn stop_of(more: &str) -> Result<Stop, NotAnAnswer> {
    let body = format!(r#"{{"type":"message","content":[],{more}}}"#);
    let mut read = reply(body.as_bytes())?;
    Ok(read.choices.remove(0).stop)
}

#[test]
fn reasons_to_end() {
    for (more, stop) in [
        (r#""stop_reason":"end_turn""#, Stop::End),
        (r#""stop_reason":"max_tokens""#, Stop::Length),
        (
            r#""stop_reason":"model_context_window_exceeded""#,
            Stop::Length,
        ),
        (r#""stop_reason":"pause_turn""#, Stop::Length),
        (
            r#""stop_reason":"stop_sequence","stop_sequence":"END""#,
            Stop::Sequence(Some("END".to_owned())),
        ),
        (r#""stop_reason":"refusal""#, Stop::Filter),
        (r#""stop_reason":"brand_new""#, Stop::End),
    ] {
        assert_eq!(stop_of(more), Ok(stop));
    }
}

#[test]
fn no_reason_to_end_is_made_up() {
    for more in [r#""usage":{}"#, r#""stop_reason":null"#] {
        assert_eq!(stop_of(more), Err(NotAnAnswer::Malformed), "{more}");
    }
    for body in ["", "{}", "[]", r#"{"content":7,"stop_reason":"end_turn"}"#] {
        assert_eq!(reply(body.as_bytes()), Err(NotAnAnswer::Malformed));
    }
}

#[test]
fn a_refusal_says_why() {
    let body = br#"{"content":[],"stop_reason":"refusal","stop_details":{"type":"refusal","category":"bio","explanation":"Not this."}}"#;
    let parts = reply(body).map(|mut read| read.choices.remove(0).parts);
    assert_eq!(parts, Ok(vec![Part::Refusal("Not this.".to_owned())]));
}

proptest::proptest! {
    #[test]
    fn no_bytes_are_too_odd(at in 0..WHOLE.len(), byte: u8) {
        let mut body = WHOLE.as_bytes().to_vec();
        body[at] = byte;
        let _ = reply(&body);
        let _ = reply(&body[..at]);
    }
}
