use serde_json::{Value, json};

use super::*;
use crate::dialect::{anthropic::read, sse};

fn start() -> Delta {
    Delta::Start {
        id: "chatcmpl-1".to_owned(),
        model: "gpt-5".to_owned(),
        created: None,
        usage: None,
    }
}

fn text(text: &str) -> Delta {
    Delta::Text {
        choice: 0,
        text: text.to_owned(),
    }
}

fn thought(text: &str) -> Delta {
    Delta::Thought {
        choice: 0,
        text: text.to_owned(),
    }
}

fn seal(signature: &str, redacted: bool) -> Delta {
    Delta::Signature {
        choice: 0,
        signature: signature.to_owned(),
        redacted,
    }
}

fn call(call: u32) -> Delta {
    Delta::CallStart {
        choice: 0,
        call,
        id: format!("call_{call}"),
        name: format!("tool_{call}"),
        signature: None,
        custom: false,
    }
}

fn piece(call: u32, piece: &str) -> Delta {
    Delta::CallArguments {
        choice: 0,
        call,
        piece: piece.to_owned(),
    }
}

fn stopped(stop: Stop) -> Delta {
    Delta::Stop { choice: 0, stop }
}

fn write(deltas: &[Delta]) -> Vec<u8> {
    let mut events = Events::new(1_700_000_000);
    let mut out = Vec::new();
    for delta in deltas {
        events.write(delta, &mut out);
    }
    out
}

fn events(bytes: &[u8]) -> Vec<Value> {
    let text = String::from_utf8_lossy(bytes);
    let events = text.split_inclusive("\n\n").map(|event| {
        let event = sse::Event::parse(event.as_bytes());
        let value: Value = serde_json::from_slice(&event.data).unwrap_or_default();
        assert_eq!(value["type"], String::from_utf8_lossy(event.name).as_ref());
        value
    });
    events.collect()
}

#[test]
fn no_text_beside_something_else_is_blank() {
    let text = |text: &str| Delta::Text {
        choice: 0,
        text: text.to_owned(),
    };
    let thought = || Delta::Thought {
        choice: 0,
        text: "hm".to_owned(),
    };
    let said = |deltas: &[Delta]| {
        let end = [
            Delta::Stop {
                choice: 0,
                stop: Stop::End,
            },
            Delta::End,
        ];
        let message = accumulate(&write(&[deltas, &end].concat()));
        let text = |block: &Value| block["text"].as_str().unwrap_or("…").to_owned();
        let blocks = message["content"].as_array().cloned().unwrap_or_default();
        blocks.iter().map(text).collect::<Vec<_>>()
    };
    let (blank, more) = (text("\n"), text("\u{2003}\n"));
    let parts = [blank.clone(), thought(), more.clone()];
    assert_eq!(said(&parts), ["…"]);
    let parts = [blank.clone(), more.clone(), text(" so"), blank.clone()];
    assert_eq!(said(&parts), ["\n\u{2003}\n so\n"]);
    let parts = [blank.clone(), thought(), more.clone(), text("so")];
    assert_eq!(said(&parts), ["…", "\u{2003}\nso"]);
    // A part of nothing else.
    assert_eq!(said(&[blank, more]), ["\n\u{2003}\n"]);
}

/// Puts a stream together as the official libraries do, and checks on the way
/// what they and their users rely on.
fn accumulate(bytes: &[u8]) -> Value {
    let mut events = events(bytes).into_iter();
    let mut message = events.next().unwrap_or_default()["message"].take();
    let mut open = None;
    let mut arguments = String::new();
    let mut ended = false;
    for mut event in events {
        let content = message["content"].as_array().map_or(0, Vec::len) as u64;
        let kind = event["type"].as_str().unwrap_or_default().to_owned();
        assert!(!ended || kind == "message_stop", "{kind} behind the end");
        match kind.as_str() {
            "content_block_start" => {
                assert_eq!((open, event["index"].as_u64()), (None, Some(content)));
                open = event["index"].as_u64();
                arguments.clear();
                if let Some(content) = message["content"].as_array_mut() {
                    content.push(event["content_block"].take());
                }
            }
            "content_block_delta" => {
                assert_eq!((event["index"].as_u64(), open), (open, Some(content - 1)));
                let block = &mut message["content"][content as usize - 1];
                let delta = &event["delta"];
                let (field, more) = match (delta["type"].as_str(), block["type"].as_str()) {
                    (Some("text_delta"), Some("text")) => ("text", &delta["text"]),
                    (Some("thinking_delta"), Some("thinking")) => ("thinking", &delta["thinking"]),
                    (Some("signature_delta"), Some("thinking")) => {
                        block["signature"] = delta["signature"].clone();
                        continue;
                    }
                    (Some("input_json_delta"), Some("tool_use")) => {
                        arguments.push_str(delta["partial_json"].as_str().unwrap_or_default());
                        continue;
                    }
                    other => panic!("{other:?}"),
                };
                let so_far = block[field].as_str().unwrap_or_default();
                block[field] = format!("{so_far}{}", more.as_str().unwrap_or_default()).into();
            }
            "content_block_stop" => {
                assert_eq!((event["index"].as_u64(), open), (open, Some(content - 1)));
                open = None;
                if !arguments.is_empty() {
                    message["content"][content as usize - 1]["input"] =
                        serde_json::from_str(&arguments).unwrap_or_default();
                }
            }
            "message_delta" => {
                assert_eq!(open, None);
                message["stop_reason"] = event["delta"]["stop_reason"].take();
                message["stop_sequence"] = event["delta"]["stop_sequence"].take();
                message["usage"] = event["usage"].take();
                ended = true;
            }
            "message_stop" => return message,
            other => panic!("{other}"),
        }
    }
    panic!("no message_stop");
}

fn tool_use(call: u32, input: &Value) -> Value {
    json!({"type": "tool_use", "id": format!("call_{call}"), "name": format!("tool_{call}"), "input": input})
}

#[test]
fn an_answer_of_everything() {
    let out = write(&[
        start(),
        thought("A "),
        thought("tool."),
        seal("EqQB", false),
        thought("More."),
        seal("EmwK", true),
        text("Let me "),
        text("see: \"日本\""),
        call(0),
        piece(0, "{\"place\":"),
        piece(0, "\"Köln\"}"),
        call(1),
        stopped(Stop::ToolCalls),
        Delta::Usage(Usage {
            input: 30,
            output: 12,
            cached: 10,
            reasoning: 4,
        }),
        Delta::End,
        text("late"),
    ]);
    assert_eq!(
        accumulate(&out),
        json!({
            "id": "chatcmpl-1", "type": "message", "role": "assistant", "model": "gpt-5",
            "content": [
                {"type": "thinking", "thinking": "A tool.", "signature": "EqQB"},
                {"type": "thinking", "thinking": "More.", "signature": "breakerbox:unsealed"},
                {"type": "redacted_thinking", "data": "EmwK"},
                {"type": "text", "text": "Let me see: \"日本\""},
                tool_use(0, &json!({"place": "Köln"})),
                tool_use(1, &json!({})),
            ],
            "stop_reason": "tool_use", "stop_sequence": null,
            "usage": {"input_tokens": 20, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 10,
                      "output_tokens": 12, "output_tokens_details": {"thinking_tokens": 4}},
        })
    );
}

#[test]
fn each_delta_comes_out_at_once() {
    let mut events = Events::new(0);
    for delta in [start(), text("a"), call(0), piece(0, "{"), piece(0, "}")] {
        let mut out = Vec::new();
        events.write(&delta, &mut out);
        assert!(!out.is_empty(), "{delta:?}");
    }
    // The next call closes one that is whole.
    let mut out = Vec::new();
    events.write(&call(1), &mut out);
    assert!(String::from_utf8_lossy(&out).starts_with("event: content_block_stop\n"));
}

#[test]
fn calls_that_come_mixed_are_set_apart() {
    let out = write(&[
        start(),
        call(0),
        call(1),
        piece(1, "{\"b\":"),
        piece(0, "{\"a\":"),
        text("in "),
        text("between"),
        piece(1, "2}"),
        call(2),
        piece(0, "1}"),
        piece(2, "{\"c\":3}"),
        piece(1, " "),
        text("after"),
        stopped(Stop::ToolCalls),
        Delta::End,
    ]);
    assert_eq!(
        accumulate(&out)["content"],
        json!([
            tool_use(0, &json!({"a": 1})),
            tool_use(1, &json!({"b": 2})),
            {"type": "text", "text": "in between"},
            tool_use(2, &json!({"c": 3})),
            {"type": "text", "text": "after"},
        ])
    );
}

#[test]
fn what_waits_for_a_call_has_a_limit() {
    let many = "x".repeat(100_000);
    for waits in [text(&many), thought(&many), piece(1, &many)] {
        let mut events = Events::new(0);
        let mut out = Vec::new();
        for delta in [start(), call(0), call(1)] {
            events.write(&delta, &mut out);
        }
        let mut written = 0;
        while events.broken().is_none() {
            events.write(&waits, &mut out);
            written += many.len();
            assert!(written < MAX_WAITING + 200_000);
        }
        out.clear();
        events.write(&Delta::End, &mut out);
        assert!(out.is_empty());
    }
}

#[test]
fn no_reason_to_end_is_made_up() {
    let mut stream = Events::new(0);
    let mut out = Vec::new();
    for delta in [start(), text("Hi"), Delta::End] {
        stream.write(&delta, &mut out);
    }
    assert_eq!(stream.broken(), Some(Broken::Unexplained));
    let all = events(&out);
    assert!(all.iter().all(|event| event["type"] != "message_delta"));
}

#[test]
fn the_reason_and_its_text() {
    let out = write(&[
        start(),
        stopped(Stop::Sequence(Some("END".to_owned()))),
        Delta::End,
    ]);
    let message = accumulate(&out);
    assert_eq!(
        (&message["stop_reason"], &message["stop_sequence"]),
        (&json!("stop_sequence"), &json!("END"))
    );
    assert_eq!(message["content"], json!([]));
}

#[test]
fn only_the_first_of_several_answers_has_place() {
    let second = |text: &str| Delta::Text {
        choice: 1,
        text: text.to_owned(),
    };
    let out = write(&[
        start(),
        text("a"),
        second("b"),
        text("c"),
        Delta::Stop {
            choice: 1,
            stop: Stop::Length,
        },
        stopped(Stop::End),
        Delta::End,
    ]);
    let message = accumulate(&out);
    assert_eq!(message["content"], json!([{"type": "text", "text": "ac"}]));
    assert_eq!(message["stop_reason"], "end_turn");
}

fn delta() -> impl proptest::strategy::Strategy<Value = Delta> {
    use proptest::prelude::*;
    let text_of = "[a\"日\\\\ \n]{1,4}";
    prop_oneof![
        text_of.prop_map(|it| text(&it)),
        text_of.prop_map(|it| thought(&it)),
        (text_of, any::<bool>()).prop_map(|(it, redacted)| seal(&it, redacted)),
        (0..4_u32).prop_map(call),
        (0..4_u32, "[{}\"a1:]{1,5}").prop_map(|(at, it)| piece(at, &it)),
    ]
}

proptest::proptest! {
    /// However the pieces are mixed, the stream is one that the libraries and
    /// our own reader take, no word of it is lost, and no text beside others is blank.
    #[test]
    fn any_mix_is_well_formed(mut deltas in proptest::collection::vec(delta(), 0..40)) {
        let said: String = deltas.iter().filter_map(|delta| match delta {
            Delta::Text { text, .. } => Some(text.as_str()),
            _ => None,
        }).collect();
        deltas.insert(0, start());
        deltas.extend([stopped(Stop::End), Delta::End]);
        let out = write(&deltas);
        let message = accumulate(&out);
        let blocks = message["content"].as_array().cloned().unwrap_or_default();
        let texts: String = blocks.iter().filter_map(|it| it["text"].as_str()).collect();
        let words = |text: &str| text.split_whitespace().collect::<String>();
        proptest::prop_assert_eq!(words(&texts), words(&said));
        let is_blank = |it: &Value| it["text"].as_str().is_some_and(|it| it.trim().is_empty());
        proptest::prop_assert!(blocks.len() < 2 || !blocks.iter().any(is_blank));
        let mut reader = read::Events::default();
        let mut read = Vec::new();
        for event in String::from_utf8_lossy(&out).split_inclusive("\n\n") {
            proptest::prop_assert_eq!(
                reader.read(&sse::Event::parse(event.as_bytes()), &mut read),
                Ok(())
            );
        }
        proptest::prop_assert_eq!(read.last(), Some(&Delta::End));
    }
}
