use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::dialect::{
    Usage,
    anthropic::read,
    neutral::{Choice, Media, Source, Stop, Thought, ToolCall},
};

fn written(reply_of: &Reply) -> Value {
    serde_json::from_slice(&reply(reply_of, 1_700_000_000)).unwrap_or_default()
}

fn text(text: &str) -> Part {
    Part::Text(text.to_owned())
}

fn call(arguments: &str) -> Part {
    Part::ToolCall(ToolCall {
        id: "call.1".to_owned(),
        name: "f".to_owned(),
        arguments: arguments.to_owned(),
        signature: Some("not ours".to_owned()),
        custom: false,
    })
}

fn answer(parts: Vec<Part>, stop: Stop) -> Reply {
    Reply {
        choices: vec![Choice {
            logprobs: Vec::new(),
            parts,
            stop,
        }],
        ..Reply::default()
    }
}

#[test]
fn an_answer_of_everything() {
    let thought = Part::Thought(Thought {
        text: "Hm.".to_owned(),
        ..Thought::default()
    });
    let image = Part::Image(Media {
        source: Source::Uploaded("f".to_owned()),
        name: None,
        detail: None,
    });
    let parts = vec![
        thought,
        text(""),
        text("Hi"),
        image,
        Part::Refusal("No.".to_owned()),
        call(r#" {"b":1,"a":1.0} "#),
        call(""),
        call("[1]"),
        call("{"),
    ];
    let stop = Stop::Sequence(Some("END".to_owned()));
    let reply = Reply {
        model: "gpt-5".to_owned(),
        usage: Some(Usage {
            input: 30,
            output: 12,
            cached: 10,
            reasoning: 0,
        }),
        ..answer(parts, stop)
    };
    let call =
        |input: Value| json!({"type": "tool_use", "id": "call.1", "name": "f", "input": input});
    assert_eq!(
        written(&reply),
        json!({
            "id": "msg_1700000000", "type": "message", "role": "assistant", "model": "gpt-5",
            "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": "breakerbox:unsealed"},
                {"type": "text", "text": "Hi"},
                {"type": "text", "text": "No."},
                call(json!({"b": 1, "a": 1.0})),
                call(json!({})),
                call(json!({"arguments": "[1]"})),
                call(json!({"arguments": "{"})),
            ],
            "stop_reason": "stop_sequence", "stop_sequence": "END",
            "usage": {"input_tokens": 20, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 10, "output_tokens": 12},
        })
    );
}

#[test]
fn reasons_to_end() {
    for (stop, word) in [
        (Stop::End, "end_turn"),
        (Stop::Length, "max_tokens"),
        (Stop::ToolCalls, "tool_use"),
        (Stop::Sequence(None), "stop_sequence"),
        (Stop::Filter, "refusal"),
    ] {
        assert_eq!(written(&answer(vec![], stop))["stop_reason"], word);
    }
}

fn part() -> impl Strategy<Value = Part> {
    let sealed = |redacted| {
        move |(text, signature): (String, String)| {
            Part::Thought(Thought {
                text: if redacted { String::new() } else { text },
                signature: Some(signature),
                redacted,
            })
        }
    };
    prop_oneof![
        "\\PC{0,8}[a-z]".prop_map(Part::Text),
        ("\\PC{0,9}", "[a-z]{1,9}").prop_map(sealed(false)),
        ("", "[a-z]{1,9}").prop_map(sealed(true)),
        ("[a-z_]{1,9}", "[a-z]{1,9}", "\\PC{0,9}").prop_map(|(id, name, text)| {
            Part::ToolCall(ToolCall {
                id,
                name,
                arguments: json!({"z": text, "a": [1.0, null]}).to_string(),
                signature: None,
                custom: false,
            })
        }),
    ]
}

proptest! {
    #[test]
    fn there_and_back(
        parts in proptest::collection::vec(part(), 0..8),
        stop in prop_oneof![
            Just(Stop::End), Just(Stop::Length), Just(Stop::ToolCalls), Just(Stop::Filter),
            proptest::option::of("[a-z]{1,4}").prop_map(Stop::Sequence),
        ],
        (output, input, cached, reasoning) in (0..99_u64, 0..99_u64, 0..99_u64, 0..99_u64),
    ) {
        let usage = Usage {
            input,
            output,
            cached: cached.min(input),
            reasoning: reasoning.min(output),
        };
        let there = Reply {
            id: "msg_1".to_owned(),
            model: "m".to_owned(),
            usage: Some(usage),
            ..answer(parts, stop)
        };
        prop_assert_eq!(read::reply(&reply(&there, 0)), Ok(there));
    }
}

#[test]
fn no_text_beside_something_else_is_blank() {
    let text = |text: &str| Part::Text(text.to_owned());
    let thought = || {
        Part::Thought(Thought {
            text: "hm".to_owned(),
            ..Thought::default()
        })
    };
    let said = |parts: Vec<Part>| {
        let body: Value =
            serde_json::from_slice(&reply(&answer(parts, Stop::End), 0)).unwrap_or_default();
        let text = |block: &Value| block["text"].as_str().unwrap_or("…").to_owned();
        let blocks = body["content"].as_array().cloned().unwrap_or_default();
        blocks.iter().map(text).collect::<Vec<_>>()
    };
    assert_eq!(said(vec![text("\n"), thought(), text(" ")]), ["…"]);
    assert_eq!(said(vec![thought(), text("\nso")]), ["…", "\nso"]);
    assert_eq!(said(vec![text("\n")]), ["\n"]);
}

#[test]
fn a_model_that_says_why_it_would_not_answer_has_refused() {
    let said = |parts| {
        let choices = vec![Choice {
            logprobs: Vec::new(),
            parts,
            stop: Stop::End,
        }];
        let body = reply(
            &Reply {
                choices,
                ..Reply::default()
            },
            9,
        );
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        body["stop_reason"].clone()
    };
    assert_eq!(said(vec![Part::Refusal("No.".to_owned())]), "refusal");
    assert_eq!(said(vec![Part::Text("Yes.".to_owned())]), "end_turn");
}
