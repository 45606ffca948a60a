//! Streams in which calls, and what is around them, come in each other's midst.

use super::*;
use crate::dialect::{neutral::Broken, sse::Event, waiting::MAX_WAITING};

fn text(text: &str) -> Delta {
    Delta::Text {
        choice: 0,
        text: text.into(),
    }
}

fn call(call: u32) -> Delta {
    Delta::CallStart {
        choice: 0,
        call,
        id: format!("c{call}"),
        name: "f".into(),
        signature: None,
        custom: false,
    }
}

fn piece(call: u32, piece: &str) -> Delta {
    Delta::CallArguments {
        choice: 0,
        call,
        piece: piece.into(),
    }
}

fn stop() -> Delta {
    Delta::Stop {
        choice: 0,
        stop: Stop::ToolCalls,
    }
}

/// The parts of all chunks, texts as they are and calls as their arguments.
fn parts(out: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(out).unwrap();
    let chunks = text.split_inclusive("\n\n").map(|event| {
        let event = Event::parse(event.as_bytes()).data.to_vec();
        serde_json::from_slice::<Value>(&event).unwrap()
    });
    let parts = chunks.flat_map(|mut chunk| {
        let parts = chunk["candidates"][0]["content"]["parts"].take();
        parts.as_array().cloned().unwrap_or_default()
    });
    let said = parts.map(|part| match &part["functionCall"] {
        Value::Null => part["text"].clone(),
        call => json!([call["id"], call["args"]]),
    });
    said.filter(|part| *part != "").collect()
}

#[test]
fn calls_that_come_mixed_keep_their_arguments_and_their_order() {
    let (mut events, mut out) = (Events::new(0), Vec::new());
    for delta in [
        text("so"),
        call(0),
        call(1),
        piece(0, "{\"a\":"),
        piece(1, "{\"b\":"),
        text("in between"),
        piece(1, "2}"),
        piece(0, "1}"),
        call(2),
        call(3),
        piece(3, "{}"),
        stop(),
        call(4),
        text("after"),
        Delta::End,
    ] {
        events.write(&delta, &mut out);
    }
    assert_eq!(
        parts(&out),
        [
            json!("so"),
            json!(["c0", {"a": 1}]),
            json!(["c1", {"b": 2}]),
            json!("in between"),
            json!(["c2", {}]),
            json!(["c3", {}]),
            json!(["c4", {}]),
            json!("after"),
        ]
    );
}

#[test]
fn what_is_held_back_has_a_limit() {
    let many = "x".repeat(100_000);
    for held in [piece(0, &many), piece(1, &many), text(&many), call(2)] {
        let (mut events, mut out) = (Events::new(0), Vec::new());
        for delta in [call(0), call(1), piece(0, "{\"a\":\"")] {
            events.write(&delta, &mut out);
        }
        let mut written = 0;
        while events.broken().is_none() {
            events.write(&held, &mut out);
            written += 1;
            assert!(written <= MAX_WAITING, "{held:?}");
        }
        for delta in [stop(), Delta::End] {
            events.write(&delta, &mut out);
        }
        assert!(out.is_empty());
    }
}

#[test]
fn no_reason_to_end_is_made_up() {
    let (mut events, mut out) = (Events::new(0), Vec::new());
    for delta in [text("a"), Delta::End] {
        events.write(&delta, &mut out);
    }
    assert_eq!(events.broken(), Some(Broken::Unexplained));
    assert_eq!(parts(&out), ["a"]);
    assert!(!String::from_utf8_lossy(&out).contains("finishReason"));
}
