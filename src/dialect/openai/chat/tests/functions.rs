//! Tools as they were called before 2024.

use serde_json::{Value, json};

use super::super::read;
use crate::dialect::{
    Api,
    answer_context::AnswerContext,
    neutral::{Lost, Part, ToolChoice},
    openai::chat::write::Variant,
    request,
    translate::{self, Asked, Translation},
};

fn body() -> Value {
    let schema = json!({"type": "object", "properties": {}});
    let function = |name: &str| json!({"name": name, "description": "d", "parameters": schema});
    let call = |name: &str, arguments: &str| {
        json!({"role": "assistant", "content": null,
        "function_call": {"name": name, "arguments": arguments}})
    };
    let result =
        |name: &str, said: &str| json!({"role": "function", "name": name, "content": said});
    json!({"model": "m", "functions": [function("f"), function("g")], "function_call": {"name": "g"}, "messages": [
        {"role": "user", "content": "hi"},
        call("f", "{\"a\":1}"), result("f", "one"), call("f", "{}"), result("f", "two"),
        call("g", "{}"), result("g", "three"), {"role": "user", "content": "so?"}]})
}

#[test]
fn functions_are_tools_and_what_they_returned_finds_its_call() {
    let mut lost = Lost::default();
    let asked = read::request(body().to_string().as_bytes(), &mut lost).unwrap();
    assert_eq!(lost, Lost::default());
    let names: Vec<_> = asked.tools.iter().map(|tool| tool.name.as_str()).collect();
    assert_eq!(names, ["f", "g"]);
    assert_eq!(asked.tool_choice, Some(ToolChoice::Named("g".to_owned())));
    assert_eq!(asked.parallel_tools, Some(false));
    let parts: Vec<_> = asked.turns.iter().flat_map(|turn| &turn.parts).collect();
    let mut calls = parts.iter().filter_map(|part| match part {
        Part::ToolCall(call) => Some((&call.id, &call.name)),
        _ => None,
    });
    let mut said = Vec::new();
    for part in &parts {
        let Part::ToolResult(result) = part else {
            continue;
        };
        let (id, name) = calls.next().unwrap();
        assert_eq!((&result.id, result.name.as_ref()), (id, Some(name)));
        said.extend(result.content.clone());
    }
    let text = |text: &str| Part::Text(text.to_owned());
    assert_eq!(said, ["one", "two", "three"].map(text));
}

#[test]
fn a_choice_may_be_a_word_and_a_result_must_have_its_call() {
    let read = |body: Value| read::request(body.to_string().as_bytes(), &mut Lost::default());
    for (word, choice) in [("auto", ToolChoice::Auto), ("none", ToolChoice::None)] {
        let mut body = body();
        body["function_call"] = json!(word);
        assert_eq!(read(body).unwrap().tool_choice, Some(choice));
    }
    let alone = json!({"messages": [{"role": "function", "name": "f", "content": "x"}]});
    let wrong = read(alone).unwrap_err();
    assert_eq!(
        wrong.message,
        "`messages[0].name` answers no `function_call`."
    );
}

/// The names with which answers to [`body`] are told.
fn names() -> AnswerContext {
    let peek = request::peek(&body().to_string().into(), Api::ChatCompletions).unwrap();
    let asked = Asked::read(&peek).unwrap();
    asked.write(Api::Messages, Variant::OpenAi, "m").context
}

const EVENTS: [&str; 9] = [
    r#"{"type":"message_start","message":{"id":"msg_1","model":"x","usage":{"input_tokens":1}}}"#,
    r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"a","name":"f","input":{}}}"#,
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"a\":1}"}}"#,
    r#"{"type":"content_block_stop","index":0}"#,
    r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"b","name":"g","input":{}}}"#,
    r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{}"}}"#,
    r#"{"type":"content_block_stop","index":1}"#,
    r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":1}}"#,
    r#"{"type":"message_stop"}"#,
];

#[test]
fn an_answer_calls_one_function() {
    let whole = json!({"id": "msg_1", "model": "x", "stop_reason": "tool_use", "content": [
        {"type": "tool_use", "id": "a", "name": "f", "input": {"a": 1}},
        {"type": "tool_use", "id": "b", "name": "g", "input": {}}]});
    let chat = Api::ChatCompletions;
    let told = translate::answer(
        Api::Messages,
        chat,
        &names(),
        whole.to_string().as_bytes(),
        "",
        9,
    );
    let told: Value = serde_json::from_slice(&told.unwrap()).unwrap();
    let choice = &told["choices"][0];
    let called = json!({"name": "f", "arguments": "{\"a\":1}"});
    assert_eq!(choice["message"]["function_call"], called);
    assert_eq!(choice["message"]["tool_calls"], Value::Null);
    assert_eq!(choice["finish_reason"], "function_call");

    let mut translation = Translation::new(Api::Messages, chat, false, 9).with_context(names());
    let mut out = Vec::new();
    for event in EVENTS {
        translation
            .event(format!("data: {event}\n\n").as_bytes(), &mut out)
            .unwrap();
    }
    let (mut name, mut arguments, mut reason) = (String::new(), String::new(), Value::Null);
    for chunk in super::chunks(&out) {
        let choice = &chunk["choices"][0];
        let call = &choice["delta"]["function_call"];
        assert_eq!(choice["delta"]["tool_calls"], Value::Null);
        name.push_str(call["name"].as_str().unwrap_or_default());
        arguments.push_str(call["arguments"].as_str().unwrap_or_default());
        reason = choice["finish_reason"].clone();
    }
    assert_eq!((&*name, &*arguments), ("f", "{\"a\":1}"));
    assert_eq!(reason, "function_call");
}
