use super::*;
use crate::dialect::{
    Usage,
    neutral::{Choice, Part, Reply, Stop, Thought, ToolCall},
};

/// What the provider streams: `event` and `data` by turns.
const STREAM: &str = r#"event: message_start
data: {"type":"message_start","message":{"id":"msg_01","type":"message","role":"assistant","model":"claude-sonnet-5","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":25,"cache_creation_input_tokens":100,"cache_read_input_tokens":1000,"output_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}

event: ping
data: {"type": "ping"}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"A tool, "}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"then."}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"EqQB"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: content_block_start
data: {"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"EmwK"}}

event: content_block_stop
data: {"type":"content_block_stop","index":1}

event: content_block_start
data: {"type":"content_block_start","index":2,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"Let me "}}

event: content_block_delta
data: {"type":"content_block_delta","index":2,"delta":{"type":"citations_delta","citation":{"type":"page_location"}}}

event: content_block_delta
data: {"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"see: \"日本\""}}

event: content_block_stop
data: {"type":"content_block_stop","index":2}

event: content_block_start
data: {"type":"content_block_start","index":3,"content_block":{"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{}}}

event: content_block_delta
data: {"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"{\"query\": 1}"}}

event: content_block_stop
data: {"type":"content_block_stop","index":3}

event: content_block_start
data: {"type":"content_block_start","index":4,"content_block":{"type":"tool_use","id":"toolu_1","name":"weather","input":{}}}

event: content_block_delta
data: {"type":"content_block_delta","index":4,"delta":{"type":"input_json_delta","partial_json":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":4,"delta":{"type":"input_json_delta","partial_json":"{\"place\":"}}

event: content_block_delta
data: {"type":"content_block_delta","index":4,"delta":{"type":"input_json_delta","partial_json":" \"Köln\"}"}}

event: content_block_stop
data: {"type":"content_block_stop","index":4}

event: content_block_start
data: {"type":"content_block_start","index":5,"content_block":{"type":"tool_use","id":"toolu_2","name":"now","input":{}}}

event: content_block_stop
data: {"type":"content_block_stop","index":5}

event: something_new
data: {"type":"something_new"}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":40}}

event: message_stop
data: {"type":"message_stop"}

"#;

/// The same answer, whole.
fn whole() -> Reply {
    let call = |id: &str, name: &str, arguments: &str| {
        Part::ToolCall(ToolCall {
            id: id.to_owned(),
            name: name.to_owned(),
            arguments: arguments.to_owned(),
            signature: None,
            custom: false,
        })
    };
    let thought = |text: &str, signature: &str, redacted| {
        Part::Thought(Thought {
            text: text.to_owned(),
            signature: Some(signature.to_owned()),
            redacted,
        })
    };
    Reply {
        id: "msg_01".to_owned(),
        model: "claude-sonnet-5".to_owned(),
        created: None,
        choices: vec![Choice {
            logprobs: Vec::new(),
            parts: vec![
                thought("A tool, then.", "EqQB", false),
                thought("", "EmwK", true),
                Part::Text("Let me see: \"日本\"".to_owned()),
                call("toolu_1", "weather", r#"{"place": "Köln"}"#),
                call("toolu_2", "now", "{}"),
            ],
            stop: Stop::ToolCalls,
        }],
        usage: Some(Usage {
            input: 1_125,
            output: 40,
            cached: 1_000,
            reasoning: 0,
        }),
    }
}

fn read(stream: &str) -> Result<Vec<Delta>, Unreadable> {
    let mut events = Events::default();
    let mut out = Vec::new();
    for event in stream.split_inclusive("\n\n") {
        events.read(&sse::Event::parse(event.as_bytes()), &mut out)?;
    }
    Ok(out)
}

/// Puts the pieces together, as a client does.
pub(in crate::dialect::anthropic) fn gather(deltas: &[Delta]) -> Reply {
    let mut reply = Reply::default();
    let mut parts: Vec<Part> = Vec::new();
    let mut stops = Vec::new();
    for delta in deltas {
        match (delta, parts.last_mut()) {
            (
                Delta::Start {
                    id, model, usage, ..
                },
                _,
            ) => {
                reply.id.clone_from(id);
                reply.model.clone_from(model);
                reply.usage = *usage;
            }
            (Delta::Text { text, .. }, Some(Part::Text(last))) => last.push_str(text),
            (Delta::Text { text, .. }, _) => parts.push(Part::Text(text.clone())),
            (Delta::Refusal { text, .. }, _) => parts.push(Part::Refusal(text.clone())),
            (Delta::Thought { text, .. }, Some(Part::Thought(last)))
                if last.signature.is_none() =>
            {
                last.text.push_str(text);
            }
            (Delta::Thought { text, .. }, _) => parts.push(Part::Thought(Thought {
                text: text.clone(),
                ..Thought::default()
            })),
            (
                Delta::Signature {
                    signature,
                    redacted: false,
                    ..
                },
                Some(Part::Thought(last)),
            ) if last.signature.is_none() => last.signature = Some(signature.clone()),
            (
                Delta::Signature {
                    signature,
                    redacted,
                    ..
                },
                _,
            ) => parts.push(Part::Thought(Thought {
                text: String::new(),
                signature: Some(signature.clone()),
                redacted: *redacted,
            })),
            (Delta::CallStart { id, name, .. }, _) => parts.push(Part::ToolCall(ToolCall {
                id: id.clone(),
                name: name.clone(),
                arguments: String::new(),
                signature: None,
                custom: false,
            })),
            (Delta::CallArguments { call, piece, .. }, _) => {
                let calls = parts.iter_mut().filter_map(|part| match part {
                    Part::ToolCall(it) => Some(it),
                    _ => None,
                });
                for (_, it) in calls.enumerate().filter(|(at, _)| *at == *call as usize) {
                    it.arguments.push_str(piece);
                }
            }
            (Delta::Stop { stop, .. }, _) => stops.push(stop.clone()),
            (Delta::Usage(usage), _) => reply.usage = Some(*usage),
            (Delta::Logprobs { .. } | Delta::End, _) => {}
        }
    }
    let stop = stops.pop();
    assert!(stops.is_empty(), "more than one reason to end");
    reply.choices = stop
        .map(|stop| Choice {
            logprobs: Vec::new(),
            parts,
            stop,
        })
        .into_iter()
        .collect();
    reply
}

#[test]
fn the_pieces_are_the_whole() {
    let Ok(deltas) = read(STREAM) else {
        panic!("unreadable");
    };
    assert_eq!(gather(&deltas), whole());
    assert!(matches!(deltas.first(), Some(Delta::Start { .. })));
    let usage = whole().usage;
    assert_eq!(
        deltas[deltas.len() - 3..],
        [
            Delta::Stop {
                choice: 0,
                stop: Stop::ToolCalls
            },
            Delta::Usage(usage.unwrap_or_default()),
            Delta::End
        ]
    );
    let empty = |delta: &Delta| match delta {
        Delta::Text { text, .. } | Delta::Thought { text, .. } => text.is_empty(),
        Delta::CallArguments { piece, .. } => piece.is_empty(),
        _ => false,
    };
    assert!(!deltas.iter().any(empty));
}

#[test]
fn an_end_without_a_reason_is_none() {
    let cut = STREAM.replace(r#""stop_reason":"tool_use""#, r#""stop_reason":null"#);
    assert_eq!(read(&cut), Err(Unreadable));
    let error = r#"{"type":"error","error":{"type":"overloaded_error","message":""}}"#;
    assert_eq!(
        read(&format!("event: error\ndata: {error}\n\n")),
        Err(Unreadable)
    );
    assert_eq!(read("data: {}\n\n"), Err(Unreadable));
}

#[test]
fn a_reason_that_is_new_is_an_end() {
    let new = |word: &str| STREAM.replace(r#""stop_reason":"tool_use""#, word);
    let with_calls = new(r#""stop_reason":"brand_new""#);
    assert_eq!(read(&with_calls), read(STREAM));
    let data = r#"{"type":"message_delta","delta":{"stop_reason":"brand_new"}}"#;
    let end = Delta::Stop {
        choice: 0,
        stop: Stop::End,
    };
    assert_eq!(
        read(&format!("event: message_delta\ndata: {data}\n\n")),
        Ok(vec![end])
    );
}

#[test]
fn a_refusal_says_why() {
    let data = r#"{"type":"message_delta","delta":{"stop_reason":"refusal","stop_details":{"type":"refusal","explanation":"Not this."}},"usage":{}}"#;
    assert_eq!(
        read(&format!("data: {data}\n\n")),
        Ok(vec![
            Delta::Refusal {
                choice: 0,
                text: "Not this.".to_owned()
            },
            Delta::Stop {
                choice: 0,
                stop: Stop::Filter
            }
        ])
    );
}

#[test]
fn an_input_that_comes_at_once_is_taken() {
    let data = r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"","name":"f","input":{"a":1}}}"#;
    let stop = r#"{"type":"content_block_stop","index":0}"#;
    let Ok(deltas) = read(&format!("data: {data}\n\ndata: {stop}\n\n")) else {
        panic!("unreadable");
    };
    assert_eq!(
        deltas,
        [
            Delta::CallStart {
                choice: 0,
                call: 0,
                id: "toolu__0".to_owned(),
                name: "f".to_owned(),
                signature: None,
                custom: false,
            },
            Delta::CallArguments {
                choice: 0,
                call: 0,
                piece: r#"{"a":1}"#.to_owned()
            }
        ]
    );
}

proptest::proptest! {
    #[test]
    fn no_bytes_are_too_odd(at in 0..STREAM.len(), byte: u8) {
        let mut stream = STREAM.as_bytes().to_vec();
        stream[at] = byte;
        let _ = read(&String::from_utf8_lossy(&stream));
    }
}
