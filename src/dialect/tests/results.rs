//! Where the results of tools go: right behind their calls, and nowhere without.

use serde_json::{Value, json};

use super::*;

/// Returns the input of responses for steps such as `call a`, `dev`, `out a`;
/// what is no other step is said by the user.
fn input(steps: &str) -> Value {
    let items = steps.split(", ").map(|step| match step.split_once(' ') {
        Some(("call", id)) => {
            json!({"type": "function_call", "call_id": id, "name": "f", "arguments": "{}"})
        }
        Some(("out", id)) => json!({"type": "function_call_output", "call_id": id, "output": "1"}),
        Some(("custom_call", id)) => {
            json!({"type": "custom_tool_call", "call_id": id, "name": "g", "input": "x"})
        }
        Some(("custom_out", id)) => {
            json!({"type": "custom_tool_call_output", "call_id": id, "output": "1"})
        }
        Some((kind, id)) => json!({"type": kind, "call_id": id}),
        None if step == "dev" => json!({"type": "message", "role": "developer", "content": step}),
        None => json!({"role": "user", "content": step}),
    });
    items.collect()
}

/// Returns the same for the messages of chat.
fn messages(steps: &str) -> Value {
    let items = steps.split(", ").map(|step| match step.split_once(' ') {
        Some(("call", id)) => json!({"role": "assistant", "tool_calls": [
            {"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}}]}),
        Some((_, id)) => json!({"role": "tool", "tool_call_id": id, "content": "1"}),
        None if step == "dev" => json!({"role": "system", "content": step}),
        None => json!({"role": "user", "content": step}),
    });
    items.collect()
}

/// Returns the steps that a provider is told.
fn steps(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut steps = Vec::new();
    let mut add =
        |kind: &str, said: &Value| steps.push(format!("{kind}{}", said.as_str().unwrap()));
    for message in list(&body["messages"])
        .iter()
        .chain(&list(&body["contents"]))
    {
        match message["role"].as_str() {
            Some("tool") => add("out ", &message["tool_call_id"]),
            _ if message["content"].is_string() => add("", &message["content"]),
            _ => {}
        }
        for part in list(&message["tool_calls"]) {
            add("call ", &part["id"]);
        }
        for part in list(&message["content"]) {
            match part["type"].as_str() {
                Some("tool_use") => add("call ", &part["id"]),
                Some("tool_result") => add("out ", &part["tool_use_id"]),
                _ => add("", &part["text"]),
            }
        }
        for part in list(&message["parts"]) {
            if part["functionCall"].is_object() {
                add("call ", &part["functionCall"]["id"]);
            } else if part["functionResponse"].is_object() {
                add("out ", &part["functionResponse"]["id"]);
            } else {
                add("", &part["text"]);
            }
        }
    }
    steps.join(", ")
}

/// Checks what every provider is told; only chat has instructions in the midst.
fn are_told(from: Api, body: &Value, expected: &str) {
    let mut lost = Lost::default();
    let asked = read_request(from, body.to_string().as_bytes(), false, &mut lost);
    let openai = chat::write::request(&asked, "gpt-5.2", Variant::OpenAi, &mut lost);
    assert_eq!(steps(&openai), expected, "{from:?} to OpenAI: {body}");
    for to in PROVIDERS {
        let expected = match to {
            Api::ChatCompletions => expected.to_owned(),
            _ => expected.replace(", dev", ""),
        };
        let told = write_request(to, &asked, "some-model", &mut lost);
        assert_eq!(steps(&told), expected, "{from:?} to {to:?}: {body}");
    }
}

#[test]
fn results_come_right_behind_their_calls() {
    for (said, told) in [
        ("hi, call a, dev, out a", "hi, call a, out a, dev"),
        ("hi, call a, wait, out a", "hi, call a, out a, wait"),
        (
            "hi, call a, wait, dev, out a, so",
            "hi, call a, out a, wait, dev, so",
        ),
        (
            "hi, call a, call b, out a, dev, out b",
            "hi, call a, call b, out a, out b, dev",
        ),
        (
            "hi, call a, call b, out a, wait, out b, so",
            "hi, call a, call b, out a, out b, wait, so",
        ),
        (
            "hi, call a, dev, call b, out b, out a",
            "hi, call a, out a, dev, call b, out b",
        ),
        // An id may be used again.
        (
            "hi, call a, out a, so, call a, dev, out a",
            "hi, call a, out a, so, call a, out a, dev",
        ),
        ("hi, call a, out a, wait", "hi, call a, out a, wait"),
    ] {
        are_told(Api::Responses, &json!({"input": input(said)}), told);
        let custom = said
            .replace("call", "custom_call")
            .replace("out", "custom_out");
        are_told(Api::Responses, &json!({"input": input(&custom)}), told);
        // Calls side by side are of one message there, which this does not write.
        if !said.contains("call b") {
            are_told(
                Api::ChatCompletions,
                &json!({"messages": messages(said)}),
                told,
            );
        }
    }
}

#[test]
fn what_an_unknown_call_returned_is_left_out_with_it() {
    for kind in ["local_shell_call", "some_call_of_tomorrow"] {
        let said = format!("hi, {kind} a, call b, out a, out b");
        are_told(
            Api::Responses,
            &json!({"input": input(&said)}),
            "hi, call b, out b",
        );
    }
}
