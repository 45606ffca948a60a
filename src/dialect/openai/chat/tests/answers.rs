use proptest::prelude::*;
use serde_json::{Value, json};

use super::{super::read, super::write, chunks, deltas, gathered, stream};
use crate::dialect::{
    NotAnAnswer, Usage,
    neutral::{Delta, Part, Reply, Stop, ToolCall, Unreadable, testing},
};

fn answer(message: &Value, reason: &Value) -> Result<Reply, NotAnAnswer> {
    let body = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_700_000_001, "model": "gpt-5.1",
        "choices": [{"index": 0, "message": message, "finish_reason": reason, "logprobs": null}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21,
            "prompt_tokens_details": {"cached_tokens": 4}, "completion_tokens_details": {"reasoning_tokens": 5}},
        "service_tier": "default", "system_fingerprint": "fp",
    });
    read::reply(&serde_json::to_vec(&body).unwrap())
}

fn call(id: &str, arguments: &str) -> Part {
    Part::ToolCall(ToolCall {
        id: id.to_owned(),
        name: "weather".to_owned(),
        arguments: arguments.to_owned(),
        signature: None,
        custom: false,
    })
}

#[test]
fn an_answer_is_read_whole() {
    let reply = answer(
        &json!({"role": "assistant", "content": "Grüße", "refusal": null, "reasoning_content": "hm"}),
        &json!("stop"),
    );
    let reply = reply.unwrap();
    assert_eq!(
        (&*reply.id, &*reply.model, reply.created),
        ("chatcmpl-1", "gpt-5.1", Some(1_700_000_001))
    );
    assert_eq!(reply.choices[0].stop, Stop::End);
    assert!(
        matches!(&reply.choices[0].parts[..], [Part::Thought(thought), Part::Text(text)]
        if thought.text == "hm" && text == "Grüße")
    );
    let usage = Usage {
        input: 9,
        output: 12,
        cached: 4,
        reasoning: 5,
    };
    assert_eq!(reply.usage, Some(usage));
}

#[test]
fn content_may_come_in_pieces() {
    let reply = answer(
        &json!({"content": [
            {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
            {"type": "text", "text": "yes"},
        ]}),
        &json!("stop"),
    );
    assert!(
        matches!(&reply.unwrap().choices[0].parts[..], [Part::Thought(thought), Part::Text(text)]
        if thought.text == "hm" && text == "yes")
    );
}

#[test]
fn an_answer_ends_for_the_reason_it_gives() {
    let stop = |reason: Value| {
        answer(&json!({"content": "x"}), &reason).map(|it| it.choices[0].stop.clone())
    };
    assert_eq!(stop(json!("length")), Ok(Stop::Length));
    assert_eq!(stop(json!("content_filter")), Ok(Stop::Filter));
    assert_eq!(stop(json!("brand_new")), Ok(Stop::End));
    assert_eq!(stop(json!(null)), Ok(Stop::End), "some never say");
    for none in [json!("error"), json!("insufficient_system_resource")] {
        assert_eq!(stop(none), Err(NotAnAnswer::Malformed));
    }
    let calls = json!({"content": null, "tool_calls": [
        {"type": "function", "function": {"name": "weather", "arguments": "{}"}},
    ]});
    let object = json!({"tool_calls": [{"function": {"name": "weather", "arguments": {"a": 1}}}]});
    let reply = answer(&object, &json!("stop")).unwrap();
    assert_eq!(
        reply.choices[0].parts,
        [call("call_chatcmpl-1_0_0", r#"{"a":1}"#)]
    );
    let reply = answer(&calls, &json!("stop")).unwrap();
    assert_eq!(reply.choices[0].stop, Stop::ToolCalls);
    assert_eq!(reply.choices[0].parts, [call("call_chatcmpl-1_0_0", "{}")]);
}

/// As OpenAI sends it: the role first, two calls in pieces, the usage last.
const STREAM: &str = r#"
{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000001,"model":"gpt-5.1","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}],"usage":null}
{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000001,"model":"gpt-5.1","choices":[{"index":0,"delta":{"content":"Grü"},"finish_reason":null}],"usage":null}
{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000001,"model":"gpt-5.1","choices":[{"index":0,"delta":{"content":"ße 🎉"},"finish_reason":null}],"usage":null}
{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000001,"model":"gpt-5.1","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"weather","arguments":""}}]},"finish_reason":null}],"usage":null}
{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000001,"model":"gpt-5.1","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"city\":"}},{"index":1,"id":"c2","type":"function","function":{"name":"weather","arguments":"{"}}]},"finish_reason":null}],"usage":null}
{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000001,"model":"gpt-5.1","choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"function":{"arguments":"}"}},{"index":0,"function":{"arguments":"1}"}}]},"finish_reason":null}],"usage":null}
{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000001,"model":"gpt-5.1","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}],"usage":null}
{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000001,"model":"gpt-5.1","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":12,"total_tokens":21}}
[DONE]"#;

fn framed(lines: &str) -> Vec<u8> {
    let lines = lines.trim().lines();
    lines
        .flat_map(|line| format!("data: {line}\n\n").into_bytes())
        .collect()
}

#[test]
fn a_stream_says_what_the_whole_answer_says() {
    let deltas = deltas(&framed(STREAM)).unwrap();
    assert_eq!(deltas.last(), Some(&Delta::End));
    let reply = gathered(&deltas);
    let parts = [
        Part::Text("Grüße 🎉".to_owned()),
        call("c1", r#"{"city":1}"#),
        call("c2", "{}"),
    ];
    assert_eq!(reply.choices[0].parts, parts);
    assert_eq!(reply.choices[0].stop, Stop::ToolCalls);
    assert_eq!(reply.usage.map(Usage::total), Some(21));
    assert_eq!(
        (&*reply.id, reply.created),
        ("chatcmpl-1", Some(1_700_000_001))
    );
}

/// What `pieces` of `tool_calls` prove to be: id and arguments of each call.
fn calls(pieces: &[Value]) -> Vec<(String, String)> {
    let mut lines: Vec<_> = pieces
        .iter()
        .map(|piece| {
            json!({"id": "x", "choices": [{"index": 0, "delta": {"tool_calls": [piece]}}]})
                .to_string()
        })
        .collect();
    lines
        .push(json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}).to_string());
    let reply = gathered(&deltas(&framed(&lines.join("\n"))).unwrap());
    let calls = reply.choices[0].parts.iter().map(|part| match part {
        Part::ToolCall(call) => (call.id.clone(), call.arguments.clone()),
        other => (format!("{other:?}"), String::new()),
    });
    assert_eq!(reply.choices[0].stop, Stop::ToolCalls);
    calls.collect()
}

#[test]
fn calls_are_told_apart_however_a_server_numbers_them() {
    let expect = |pieces: &[Value], expected: &[(&str, &str)]| {
        let calls = calls(pieces);
        let calls: Vec<_> = calls
            .iter()
            .map(|(id, arguments)| (&**id, &**arguments))
            .collect();
        assert_eq!(calls, expected, "{pieces:?}");
    };
    let whole = |id: &str, arguments: &str| json!({"id": id, "function": {"name": "f", "arguments": arguments}});
    // Gemini's compatible API: whole calls, all of index 0 or of none.
    expect(
        &[whole("a", "1"), whole("b", "2")],
        &[("a", "1"), ("b", "2")],
    );
    let mut indexed = [whole("a", "1"), whole("b", "2")];
    for call in &mut indexed {
        call["index"] = json!(0);
    }
    expect(&indexed, &[("a", "1"), ("b", "2")]);
    // The id again, or another one, with every piece.
    let piece = |id: &str, arguments: &str| json!({"index": 0, "id": id, "function": {"arguments": arguments}});
    expect(
        &[whole("a", "1"), piece("a", "2"), piece("zzz", "3")],
        &[("a", "123")],
    );
    // No id at all.
    let bare = |index: u32, name: &str, arguments: &str| json!({"index": index, "id": "", "function": {"name": name, "arguments": arguments}});
    expect(
        &[bare(0, "f", "1"), bare(1, "f", "2"), bare(0, "", "3")],
        &[("call_x_0_0", "13"), ("call_x_0_1", "2")],
    );
    // No id, and every call has the same index: another name, or the same one
    // behind a whole call, is another call; the name again is none.
    expect(
        &[
            bare(0, "f", r#"{"a":"#),
            bare(0, "f", "1}"),
            bare(0, "f", ""),
            bare(0, "f", r#"{"b":2}"#),
            bare(0, "g", r#"{"c":"#),
            bare(0, "", "3}"),
        ],
        &[
            ("call_x_0_0", r#"{"a":1}"#),
            ("call_x_0_1", r#"{"b":2}"#),
            ("call_x_0_2", r#"{"c":3}"#),
        ],
    );
    // Two ids at one index, in turns.
    let mut first = [whole("a", "1"), whole("b", "2")];
    for call in &mut first {
        call["index"] = json!(0);
    }
    let [a, b] = first;
    expect(
        &[a, b, piece("a", "3"), piece("b", "4")],
        &[("a", "13"), ("b", "24")],
    );
}

#[test]
fn azures_first_chunk_is_not_the_answers() {
    let first =
        r#"{"id":"","object":"","created":0,"model":"","prompt_filter_results":[],"choices":[]}"#;
    let deltas = deltas(&framed(&format!("{first}{STREAM}"))).unwrap();
    assert!(matches!(&deltas[0], Delta::Start { id, .. } if id == "chatcmpl-1"));
    assert_eq!(
        deltas
            .iter()
            .filter(|it| matches!(it, Delta::Start { .. }))
            .count(),
        1
    );
}

/// Some servers never say why; their own clients take `[DONE]` for an end, too.
#[test]
fn a_stream_that_is_done_has_ended_though_no_reason_is_given() {
    let open = STREAM.replace(r#""finish_reason":"tool_calls""#, r#""finish_reason":null"#);
    assert_eq!(
        gathered(&deltas(&framed(&open)).unwrap()),
        gathered(&deltas(&framed(STREAM)).unwrap())
    );
    let text: Vec<_> = open
        .lines()
        .filter(|it| !it.contains("tool_calls"))
        .collect();
    let reply = gathered(&deltas(&framed(&text.join("\n"))).unwrap());
    assert_eq!(reply.choices[0].stop, Stop::End);
    // In the middle of a call.
    let cut: Vec<_> = open.lines().filter(|it| !it.contains("1}")).collect();
    assert_eq!(deltas(&framed(&cut.join("\n"))), Err(Unreadable));
}

#[test]
fn a_stream_that_fails_or_says_nothing_is_not_whole() {
    let odd = STREAM.replace(
        r#""finish_reason":"tool_calls""#,
        r#""finish_reason":"error""#,
    );
    assert_eq!(deltas(&framed(&odd)), Err(Unreadable));
    assert_eq!(deltas(b"data: [DONE]\n\n"), Err(Unreadable));
    assert_eq!(deltas(b"data: {\"choices\": 7}\n\n"), Err(Unreadable));
    assert_eq!(deltas(b": ping\n\n"), Ok(vec![]));
}

#[test]
fn chunks_have_the_shape_that_sdks_want() {
    let said = deltas(&framed(STREAM)).unwrap();
    let out = stream(&said, true);
    assert!(out.ends_with(b"data: [DONE]\n\n"));
    let all = chunks(&out);
    for chunk in &all {
        assert_eq!(chunk["id"], "chatcmpl-1");
        assert_eq!(chunk["object"], "chat.completion.chunk");
        assert_eq!(chunk["created"], 1_700_000_001);
        assert_eq!(chunk["model"], "gpt-5.1");
    }
    let first = json!({"index": 0, "delta": {"role": "assistant", "content": ""}, "logprobs": null, "finish_reason": null});
    assert_eq!(all[0]["choices"], json!([first]));
    assert_eq!(all[0]["usage"], Value::Null);
    let begun = &all[3]["choices"][0]["delta"]["tool_calls"][0];
    assert_eq!(
        *begun,
        json!({"index": 0, "id": "c1", "type": "function", "function": {"name": "weather", "arguments": ""}})
    );
    let last = all.last().unwrap();
    assert_eq!(last["choices"], json!([]));
    assert_eq!(last["usage"]["total_tokens"], 21);
    assert_eq!(
        all[all.len() - 2]["choices"][0]["finish_reason"],
        "tool_calls"
    );
}

#[test]
fn the_usage_comes_to_those_who_asked() {
    let said = deltas(&framed(STREAM)).unwrap();
    let all = chunks(&stream(&said, false));
    assert!(
        all.iter()
            .all(|chunk| chunk.get("usage").is_none() && chunk["choices"][0].is_object())
    );
}

/// What chat can say of an answer.
fn sayable(mut reply: Reply) -> Reply {
    for choice in &mut reply.choices {
        choice.parts.retain_mut(|part| match part {
            Part::Thought(thought) => {
                thought.signature = None;
                !thought.redacted
            }
            _ => true,
        });
        if let Stop::Sequence(_) = choice.stop {
            choice.stop = Stop::End;
        }
    }
    reply.created.get_or_insert(1_700_000_000);
    reply
}

proptest! {
    #[test]
    fn an_answer_there_and_back_again(reply in testing::reply()) {
        let expected = sayable(reply.clone());
        let body = write::reply(&reply, false, 1_700_000_000);
        prop_assert_eq!(read::reply(&body), Ok(expected));
    }

    #[test]
    fn a_stream_there_and_back_again(reply in testing::reply(), piece in 1..9_usize) {
        let out = stream(&testing::deltas(&reply, piece), true);
        let again = deltas(&out).unwrap();
        prop_assert_eq!(gathered(&again), sayable(reply));
        let empty = |delta: &Delta| matches!(delta, Delta::Text { text, .. } if text.is_empty());
        prop_assert!(!again.iter().any(empty));
    }

    #[test]
    fn no_event_panics(at in any::<prop::sample::Index>(), with in "[\\[\\]{}\",:0n ]{0,3}", cut in 0..30_usize) {
        let mut text = STREAM.to_owned();
        let at = text.floor_char_boundary(at.index(text.len()));
        let end = text.floor_char_boundary((at + cut).min(text.len())).max(at);
        text.replace_range(at..end, &with);
        let _ = deltas(&framed(&text));
        let _ = read::reply(text.as_bytes());
    }
}
