use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{echo::Echo, read, write};
use crate::dialect::{
    Api, Kind, Usage,
    neutral::{Broken, Choice, Delta, Lost, Part, Reply, Stop, Thought, ToolCall, testing},
    openai::{event, response},
};

const NOW: u64 = 1_700_000_000;

fn written(deltas: &[Delta]) -> Vec<u8> {
    let mut events = write::Events::new(NOW);
    let mut out = Vec::new();
    for delta in deltas {
        events.write(delta, &mut out);
    }
    out
}

/// The JSON of each event; its name is its `type`, and they are numbered.
fn events(stream: &[u8]) -> Vec<Value> {
    let text = str::from_utf8(stream).unwrap();
    let mut all = Vec::new();
    for event in text.split_terminator("\n\n") {
        let (name, data) = event.split_once('\n').unwrap();
        let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(name.strip_prefix("event: "), data["type"].as_str());
        assert_eq!(data["sequence_number"], all.len());
        all.push(data);
    }
    all
}

fn answer(parts: Vec<Part>, stop: Stop) -> Reply {
    Reply {
        id: "msg_1".to_owned(),
        model: "claude".to_owned(),
        created: None,
        choices: vec![Choice {
            logprobs: Vec::new(),
            parts,
            stop,
        }],
        usage: Some(Usage {
            input: 9,
            output: 12,
            cached: 4,
            reasoning: 5,
        }),
    }
}

fn rich() -> Reply {
    let call = |id: &str, arguments: &str| {
        Part::ToolCall(ToolCall {
            id: id.to_owned(),
            name: "shell".to_owned(),
            arguments: arguments.to_owned(),
            signature: None,
            custom: false,
        })
    };
    let thought = Part::Thought(Thought {
        text: "hm".to_owned(),
        signature: Some("seal".to_owned()),
        redacted: false,
    });
    let parts = vec![
        thought,
        Part::Text("Grüße".to_owned()),
        call("c1", r#"{"a":1}"#),
        call("c2", ""),
    ];
    answer(parts, Stop::ToolCalls)
}

#[test]
fn a_stream_has_its_events_in_order() {
    let all = events(&written(&testing::deltas(&rich(), 3)));
    let names: Vec<_> = all
        .iter()
        .map(|event| {
            event["type"]
                .as_str()
                .unwrap()
                .strip_prefix("response.")
                .unwrap()
        })
        .collect();
    assert_eq!(
        names,
        [
            "created",
            "in_progress",
            "output_item.added",
            "reasoning_summary_part.added",
            "reasoning_summary_text.delta",
            "reasoning_summary_text.done",
            "reasoning_summary_part.done",
            "output_item.done",
            "output_item.added",
            "content_part.added",
            "output_text.delta",
            "output_text.delta",
            "output_text.done",
            "content_part.done",
            "output_item.done",
            "output_item.added",
            "function_call_arguments.delta",
            "function_call_arguments.delta",
            "function_call_arguments.delta",
            "output_item.added",
            "function_call_arguments.done",
            "output_item.done",
            "function_call_arguments.done",
            "output_item.done",
            "completed",
        ]
    );
    assert_eq!(all[0]["response"]["status"], "in_progress");
    assert_eq!(all[0]["response"]["output"], json!([]));
    assert_eq!(all[0]["response"]["usage"], Value::Null);
    let message = json!({"type": "message", "id": "msg_msg_1_1", "status": "completed", "role": "assistant",
        "content": [{"type": "output_text", "annotations": [], "logprobs": [], "text": "Grüße"}]});
    assert_eq!(all[14]["item"], message);
    assert_eq!(
        (&all[14]["output_index"], &all[10]["item_id"]),
        (&json!(1), &message["id"])
    );
    let call = json!({"type": "function_call", "id": "fc_msg_1_2", "status": "completed", "call_id": "c1",
        "name": "shell", "arguments": "{\"a\":1}"});
    assert_eq!(all[21]["item"], call);
    let whole = &all[24]["response"];
    assert_eq!(
        (&whole["id"], &whole["status"]),
        (&json!("resp_msg_1"), &json!("completed"))
    );
    assert_eq!(whole["output"].as_array().unwrap().len(), 4);
    assert_eq!(whole["output"][1], message);
    assert_eq!(
        whole["usage"]["output_tokens_details"]["reasoning_tokens"],
        5
    );
}

#[test]
fn what_is_cut_off_says_so() {
    for (stop, reason) in [
        (Stop::Length, "max_output_tokens"),
        (Stop::Filter, "content_filter"),
    ] {
        let reply = answer(vec![Part::Text("half".to_owned())], stop);
        let all = events(&written(&testing::deltas(&reply, 9)));
        let last = all.last().unwrap();
        assert_eq!(last["type"], "response.incomplete");
        assert_eq!(last["response"]["status"], "incomplete");
        assert_eq!(last["response"]["incomplete_details"]["reason"], reason);
        assert_eq!(last["response"]["output"][0]["status"], "incomplete");
    }
}

#[test]
fn without_a_reason_nothing_ends() {
    let mut deltas = testing::deltas(&rich(), 9);
    deltas.retain(|delta| !matches!(delta, Delta::Stop { .. }));
    let all = events(&written(&deltas));
    assert_eq!(all.last().unwrap()["type"], "response.output_item.added");
}

#[test]
fn what_comes_behind_the_reason_is_ended_as_well() {
    let mut deltas = testing::deltas(&rich(), 9);
    let stop = deltas
        .iter()
        .position(|it| matches!(it, Delta::Stop { .. }));
    let text = "after".to_owned();
    deltas.insert(stop.unwrap() + 1, Delta::Text { choice: 0, text });
    let all = events(&written(&deltas));
    let count = |kind: &str| all.iter().filter(|event| event["type"] == kind).count();
    let items = count("response.output_item.added");
    assert_eq!(count("response.output_item.done"), items);
    let output = all.last().unwrap()["response"]["output"]
        .as_array()
        .unwrap();
    assert_eq!(output.len(), items);
    assert_eq!(output[items - 1]["content"][0]["text"], "after");
    let open = output.iter().filter(|item| item["status"] == "in_progress");
    assert_eq!(open.count(), 0, "{output:?}");
}

#[test]
fn the_relay_knows_who_and_where_the_stream_is() {
    let mut events = write::Events::new(NOW);
    let mut out = Vec::new();
    assert_eq!(events.last_sequence(), None);
    let deltas = testing::deltas(&rich(), 9);
    events.write(&deltas[0], &mut out);
    let head = events.head();
    assert_eq!(
        (&*head.id, head.created_at, &*head.model),
        ("resp_msg_1", NOW, "claude")
    );
    // `created` and `in_progress`.
    assert_eq!(events.last_sequence(), Some(1));
    out.clear();
    events.write(&deltas[1], &mut out);
    let text = str::from_utf8(&out).unwrap();
    let last = text.split_inclusive("\n\n").last().unwrap();
    let last = event::judge(Api::Responses, last.as_bytes());
    assert_eq!(events.last_sequence(), last.sequence);
}

#[test]
fn an_answer_too_long_to_repeat_is_not_held() {
    let mut events = write::Events::new(NOW);
    let mut out = Vec::new();
    events.write(&testing::deltas(&rich(), 9)[0], &mut out);
    let text = "x".repeat(1 << 20);
    for _ in 0..20 {
        let delta = Delta::Text {
            choice: 0,
            text: text.clone(),
        };
        events.write(&delta, &mut out);
    }
    assert_eq!(events.broken(), Some(Broken::TooLarge));
    out.clear();
    events.write(&Delta::End, &mut out);
    assert!(out.is_empty());
}

#[test]
fn other_choices_are_not_mixed_in() {
    let mut reply = rich();
    reply.choices.push(reply.choices[0].clone());
    let one = written(&testing::deltas(&rich(), 9));
    assert_eq!(written(&testing::deltas(&reply, 9)), one);
}

proptest! {
    #[test]
    fn the_last_event_says_what_a_whole_answer_says(reply in testing::reply(), piece in 1..9_usize) {
        let all = events(&written(&testing::deltas(&reply, piece)));
        let whole: Value = serde_json::from_slice(&write::reply(&reply, &Echo::default(), NOW)).unwrap();
        prop_assert_eq!(&all.last().unwrap()["response"], &whole);
        let done = |event: &&Value| event["type"] == "response.output_item.done";
        let mut items: Vec<_> = all.iter().filter(done).collect();
        items.sort_by_key(|event| event["output_index"].as_u64());
        let items: Vec<_> = items.into_iter().map(|event| event["item"].clone()).collect();
        prop_assert_eq!(Value::from(items), whole["output"].clone());
    }

    #[test]
    fn what_is_written_passes_as_an_answer(reply in testing::reply()) {
        let usage = response::judge(Api::Responses, &write::reply(&reply, &Echo::default(), NOW));
        prop_assert_eq!(usage, Ok(reply.usage));
        let out = written(&testing::deltas(&reply, 3));
        let text = String::from_utf8(out).unwrap();
        let judged: Vec<_> = text.split_inclusive("\n\n").map(|it| event::judge(Api::Responses, it.as_bytes())).collect();
        prop_assert!(judged[0].created.is_some());
        prop_assert_eq!(&judged.last().unwrap().kind, &Kind::Terminal);
        prop_assert_eq!(judged.last().unwrap().usage, reply.usage);
    }

    #[test]
    fn an_answer_can_be_given_back(reply in testing::reply()) {
        let whole: Value = serde_json::from_slice(&write::reply(&reply, &Echo::default(), NOW)).unwrap();
        let body = serde_json::to_vec(&json!({"input": whole["output"]})).unwrap();
        let mut lost = Lost::default();
        let conversation = read::request(&body, &mut lost).unwrap();
        prop_assert!(lost.is_empty(), "{}", lost);
        prop_assert_eq!(&conversation.turns[0].parts, &reply.choices[0].parts);
    }
}
