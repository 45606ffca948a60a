//! Custom tools, from a client of OpenAI's dialect to every provider and back.

use serde_json::{Value, json};

use super::*;
use crate::dialect::translate::{Asked, Translation, Written, answer};

pub(super) const PATCH: &str = "*** Begin Patch\n+\"né\" \\ 🎉\n*** End Patch\n";
/// A name that most providers refuse.
const NAME: &str = "apply.patch";
const NATIVE: (Api, Variant, &str) = (Api::ChatCompletions, Variant::OpenAi, "gpt-5.2");
/// Who knows functions only.
pub(super) const OTHERS: [(Api, Variant, &str); 4] = [
    (Api::ChatCompletions, Variant::OpenAi, "gpt-4o"),
    (Api::ChatCompletions, Variant::Compatible, "m"),
    (Api::Messages, Variant::OpenAi, "claude-sonnet-4-5"),
    (Api::GenerateContent, Variant::OpenAi, "gemini-3-pro"),
];

/// What Codex sends, a patch later.
fn responses() -> Value {
    json!({"model": "m", "input": [
        {"role": "user", "content": "Mend it."},
        {"type": "custom_tool_call", "id": "ctc_1", "status": "completed", "call_id": "c1", "name": NAME, "input": PATCH},
        {"type": "custom_tool_call_output", "call_id": "c1", "output": "Done."}],
        "tools": [{"type": "function", "name": "shell", "parameters": {"type": "object"}, "strict": false},
            {"type": "custom", "name": NAME, "description": "Edits files.",
            "format": {"type": "grammar", "syntax": "lark", "definition": "start: /a+/"}}],
        "tool_choice": {"type": "custom", "name": NAME}})
}

/// The same in chat, which nests more.
fn chat() -> Value {
    json!({"model": "m", "messages": [
        {"role": "user", "content": "Mend it."},
        {"role": "assistant", "content": null, "tool_calls": [
            {"id": "c1", "type": "custom", "custom": {"name": NAME, "input": PATCH}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "Done."}],
        "tools": [{"type": "function", "function": {"name": "shell", "parameters": {"type": "object"}, "strict": false}},
            {"type": "custom", "custom": {"name": NAME, "description": "Edits files.",
            "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: /a+/"}}}}],
        "tool_choice": {"type": "custom", "custom": {"name": NAME}}})
}

pub(super) fn asked(from: Api, body: &Value) -> Asked {
    let peek = request::peek(&body.to_string().into(), from).unwrap();
    Asked::read(&peek).unwrap()
}

pub(super) fn told(asked: &Asked, (to, variant, model): (Api, Variant, &str)) -> (Value, Written) {
    let written = asked.write(to, variant, model);
    (serde_json::from_slice(&written.body).unwrap(), written)
}

#[test]
fn both_calls_of_openais_say_the_same_of_it() {
    let read = |from, body: Value| {
        let mut lost = Lost::default();
        let asked = read_request(from, body.to_string().as_bytes(), false, &mut lost);
        assert!(lost.is_empty(), "{from:?}: {lost}");
        asked
    };
    let of_responses = read(Api::Responses, responses());
    assert_eq!(of_responses, read(Api::ChatCompletions, chat()));
    // Chat may well be sent the flat form, too.
    let mut flat = chat();
    flat["tools"][1]["custom"]["format"] = responses()["tools"][1]["format"].clone();
    assert_eq!(of_responses, read(Api::ChatCompletions, flat));
    let mut only = responses();
    only["tool_choice"] = json!({"type": "allowed_tools", "mode": "required", "tools": [{"type": "custom", "name": NAME}]});
    let mut only_of_chat = chat();
    only_of_chat["tool_choice"] = json!({"type": "allowed_tools", "allowed_tools": {"mode": "required",
        "tools": [{"type": "custom", "custom": {"name": NAME}}]}});
    let only = read(Api::Responses, only);
    assert_eq!(only.allowed_tools, [NAME]);
    assert_eq!(only, read(Api::ChatCompletions, only_of_chat));
}

#[test]
fn a_wrong_one_is_refused_with_its_place() {
    for (at, value, place) in [
        ("/tools/1/name", Value::Null, "tools[1].name"),
        (
            "/tools/1/format/type",
            json!("ebnf"),
            "tools[1].format.type",
        ),
        (
            "/tools/1/format/syntax",
            Value::Null,
            "tools[1].format.syntax",
        ),
        (
            "/tools/1/format/definition",
            json!(1),
            "tools[1].format.definition",
        ),
        ("/input/1/input", json!({}), "input[1].input"),
        ("/input/1/call_id", Value::Null, "input[1].call_id"),
        ("/tool_choice/name", Value::Null, "tool_choice.name"),
    ] {
        let mut body = responses();
        *body.pointer_mut(at).unwrap() = value;
        let peek = request::peek(&body.to_string().into(), Api::Responses).unwrap();
        let wrong = Asked::read(&peek).unwrap_err();
        assert_eq!(wrong.param.as_deref(), Some(place));
    }
}

#[test]
fn openais_newer_models_are_told_of_it_as_it_is() {
    for (from, body) in [
        (Api::Responses, responses()),
        (Api::ChatCompletions, chat()),
    ] {
        let (body, written) = told(&asked(from, &body), NATIVE);
        assert!(written.lost.is_empty(), "{}", written.lost);
        let fair = &body["tools"][1]["custom"]["name"];
        assert_ne!(*fair, NAME);
        // But for the name, which OpenAI would refuse.
        let expected = chat().to_string().replace(NAME, fair.as_str().unwrap());
        let mut expected: Value = serde_json::from_str(&expected).unwrap();
        expected["model"] = json!("gpt-5.2");
        assert_eq!(body, expected);
    }
}

#[test]
fn all_others_are_told_of_a_function_of_one_text() {
    for other in OTHERS {
        let (body, written) = told(&asked(Api::Responses, &responses()), other);
        assert_eq!(written.lost.to_string(), "not carried over: tool_grammar");
        let all = body.to_string();
        assert!(!all.contains("custom"), "{all}");
        let [tool, call] = match other.0 {
            Api::ChatCompletions => ["/tools/1/function", "/messages/1/tool_calls/0/function"],
            Api::Messages => ["/tools/1", "/messages/1/content/0"],
            _ => [
                "/tools/0/functionDeclarations/1",
                "/contents/1/parts/0/functionCall",
            ],
        };
        let [tool, call] = [tool, call].map(|at| body.pointer(at).unwrap());
        let schema = ["parameters", "input_schema", "parametersJsonSchema"];
        let schema = schema.iter().find_map(|name| tool.get(*name)).unwrap();
        assert_eq!(schema["properties"], json!({"input": {"type": "string"}}));
        let described = tool["description"].as_str().unwrap();
        assert!(described.starts_with("Edits files.\n\n") && described.ends_with("start: /a+/"));
        let arguments = ["arguments", "input", "args"];
        let arguments = arguments.iter().find_map(|name| call.get(*name)).unwrap();
        let arguments = match arguments {
            Value::String(text) => serde_json::from_str(text).unwrap(),
            object => object.clone(),
        };
        assert_eq!(arguments, json!({"input": PATCH}));
    }
}

/// A whole answer of `sent` that calls `name` for the patch.
pub(super) fn calling(sent: Api, name: &str) -> Value {
    let input = json!({"input": PATCH});
    match sent {
        Api::ChatCompletions => {
            json!({"id": "c", "choices": [{"finish_reason": "tool_calls", "message": {
            "tool_calls": [{"id": "c2", "function": {"name": name, "arguments": input.to_string()}}]}}]})
        }
        Api::Messages => {
            json!({"id": "c", "model": "m", "stop_reason": "tool_use", "usage": {}, "content": [
            {"type": "tool_use", "id": "c2", "name": name, "input": input}]})
        }
        _ => {
            json!({"responseId": "c", "candidates": [{"finishReason": "STOP", "content": {"parts": [
            {"functionCall": {"id": "c2", "name": name, "args": input}}]}}]})
        }
    }
}

/// The tool's name in a body.
fn name_in(body: &Value) -> String {
    let places = [
        "/tools/1/custom/name",
        "/tools/1/function/name",
        "/tools/1/name",
        "/tools/0/functionDeclarations/1/name",
    ];
    let name = places.iter().find_map(|at| body.pointer(at)?.as_str());
    name.unwrap().to_owned()
}

#[test]
fn a_call_comes_back_as_the_client_knows_the_tool() {
    for other in OTHERS {
        let (body, written) = told(&asked(Api::Responses, &responses()), other);
        let given = calling(other.0, &name_in(&body)).to_string();
        let back = |asked| {
            let given = answer(other.0, asked, &written.context, given.as_bytes(), "", 9);
            serde_json::from_slice::<Value>(&given.unwrap()).unwrap()
        };
        let item = &back(Api::Responses)["output"][0];
        let of = |key: &str| item[key].as_str().unwrap();
        assert_eq!(
            [of("type"), of("status")],
            ["custom_tool_call", "completed"]
        );
        assert_eq!(
            [of("call_id"), of("name"), of("input")],
            ["c2", NAME, PATCH]
        );
        let call = &back(Api::ChatCompletions)["choices"][0]["message"]["tool_calls"][0];
        let custom = json!({"name": NAME, "input": PATCH});
        assert_eq!(
            *call,
            json!({"id": "c2", "type": "custom", "custom": custom})
        );
        // Other tools stay what they are.
        let shell = calling(other.0, "shell").to_string();
        let shell = answer(
            other.0,
            Api::Responses,
            &written.context,
            shell.as_bytes(),
            "",
            9,
        );
        let shell: Value = serde_json::from_slice(&shell.unwrap()).unwrap();
        assert_eq!(shell["output"][0]["type"], "function_call");
    }
}

/// The stream that says the same, the arguments in pieces of `piece` characters
/// where they come in pieces.
pub(super) fn streaming(sent: Api, name: &str, native: bool, piece: usize) -> Vec<String> {
    let letters = |text: &str| text.chars().collect::<Vec<_>>();
    let cut = |text: &str| -> Vec<String> {
        letters(text)
            .chunks(piece)
            .map(|it| it.iter().collect())
            .collect()
    };
    let arguments = json!({"input": PATCH}).to_string();
    let events: Vec<Value> = match sent {
        Api::ChatCompletions => {
            let chunk = |delta: Value, reason: Option<&str>| json!({"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]});
            let (kind, written) = if native {
                ("custom", "input")
            } else {
                ("function", "arguments")
            };
            let begin =
                json!({"index": 0, "id": "c2", "type": kind, kind: {"name": name, written: ""}});
            let more = |piece: &String| {
                chunk(
                    json!({"tool_calls": [{"index": 0, kind: {written: piece}}]}),
                    None,
                )
            };
            let pieces = cut(if native { PATCH } else { &arguments });
            let mut all = vec![chunk(json!({"tool_calls": [begin]}), None)];
            all.extend(pieces.iter().map(more));
            all.push(chunk(json!({}), Some("tool_calls")));
            all
        }
        Api::Messages => {
            let mut all = vec![
                json!({"type": "message_start", "message": {"id": "c", "model": "m", "usage": {}}}),
                json!({"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "c2", "name": name, "input": {}}}),
            ];
            all.extend(cut(&arguments).iter().map(|piece| {
                json!({"type": "content_block_delta", "index": 0,
                "delta": {"type": "input_json_delta", "partial_json": piece}})
            }));
            all.push(json!({"type": "content_block_stop", "index": 0}));
            all.push(
                json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {}}),
            );
            all.push(json!({"type": "message_stop"}));
            all
        }
        _ => vec![calling(sent, name)],
    };
    let mut events: Vec<String> = events.iter().map(Value::to_string).collect();
    if sent == Api::ChatCompletions {
        events.push("[DONE]".to_owned());
    }
    events
}

pub(super) fn translated(
    sent: Api,
    asked: Api,
    written: &Written,
    events: &[String],
) -> Vec<Value> {
    let mut translation =
        Translation::new(sent, asked, false, 9).with_context(written.context.clone());
    let mut out = Vec::new();
    for event in events {
        let event = format!("data: {event}\n\n");
        translation.event(event.as_bytes(), &mut out).unwrap();
    }
    translation.finish(&mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let data = data.filter(|data| *data != "[DONE]");
    data.map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

/// Checks a stream of responses, and returns how many pieces the text came in.
fn check_responses(events: &[Value]) -> usize {
    let of = |kind: &str| {
        let kind = format!("response.{kind}");
        let all = events.iter().filter(move |it| it["type"] == kind.as_str());
        all.collect::<Vec<_>>()
    };
    assert!(of("function_call_arguments.delta").is_empty());
    assert!(of("function_call_arguments.done").is_empty());
    let added = &of("output_item.added")[0]["item"];
    assert_eq!(added["type"], "custom_tool_call");
    assert_eq!([&added["name"], &added["input"]], [NAME, ""]);
    let pieces = of("custom_tool_call_input.delta");
    let text: String = pieces
        .iter()
        .map(|it| it["delta"].as_str().unwrap())
        .collect();
    assert_eq!(text, PATCH);
    let done = of("custom_tool_call_input.done");
    assert_eq!(done.len(), 1);
    assert_eq!(
        [&done[0]["input"], &done[0]["item_id"]],
        [&json!(PATCH), &added["id"]]
    );
    let item = &of("output_item.done")[0]["item"];
    assert_eq!([&item["input"], &item["status"]], [PATCH, "completed"]);
    assert_eq!(of("completed")[0]["response"]["output"][0], *item);
    pieces.len()
}

fn check_chat(chunks: &[Value]) {
    let calls = chunks
        .iter()
        .filter_map(|it| it.pointer("/choices/0/delta/tool_calls/0"));
    let calls: Vec<_> = calls.collect();
    assert_eq!(calls[0]["type"], "custom");
    assert_eq!(calls[0]["custom"]["name"], NAME);
    assert!(
        calls
            .iter()
            .all(|it| it["index"] == 0 && it.get("function").is_none())
    );
    let text = calls
        .iter()
        .map(|it| it["custom"]["input"].as_str().unwrap());
    assert_eq!(text.collect::<String>(), PATCH);
    let last = &chunks.last().unwrap()["choices"][0];
    assert_eq!(last["finish_reason"], "tool_calls");
}

#[test]
fn a_streamed_call_comes_back_wherever_it_is_cut() {
    let longest = json!({"input": PATCH}).to_string().chars().count();
    let cases = OTHERS.iter().map(|it| (*it, false)).chain([(NATIVE, true)]);
    for (to, native) in cases {
        let (body, written) = told(&asked(Api::Responses, &responses()), to);
        let name = name_in(&body);
        for piece in 1..=longest {
            let events = streaming(to.0, &name, native, piece);
            let pieces = check_responses(&translated(to.0, Api::Responses, &written, &events));
            // It is told as it comes.
            if to.0 != Api::GenerateContent && piece == 1 {
                assert_eq!(pieces, PATCH.chars().count(), "{to:?}");
            }
            check_chat(&translated(to.0, Api::ChatCompletions, &written, &events));
        }
    }
}

/// Several answers, each with two calls, of which one is cut off.
#[test]
fn calls_in_several_answers_are_kept_apart() {
    let chunk = |choice: u32, delta: Value, reason: Option<&str>| {
        json!({"id": "c", "choices": [{"index": choice, "delta": delta, "finish_reason": reason}]})
            .to_string()
    };
    let (body, written) = told(&asked(Api::ChatCompletions, &chat()), OTHERS[1]);
    let name = name_in(&body);
    let call = |index: u32, id: &str, arguments: &str| json!({"tool_calls": [{"index": index, "id": id, "function": {"name": name, "arguments": arguments}}]});
    let events = [
        chunk(0, call(0, "a", r#"{"input":"1"}"#), None),
        chunk(1, call(0, "b", r#"{"input":"2"}"#), None),
        chunk(0, call(1, "c", r#"{"inp"#), None),
        chunk(1, call(1, "d", r#"{"input":"x\u00"#), None),
        chunk(1, json!({}), Some("length")),
        chunk(0, json!({}), Some("length")),
        "[DONE]".to_owned(),
    ];
    let chunks = translated(
        Api::ChatCompletions,
        Api::ChatCompletions,
        &written,
        &events,
    );
    let mut texts = std::collections::BTreeMap::<_, String>::new();
    for choice in chunks.iter().map(|it| &it["choices"][0]) {
        let call = &choice["delta"]["tool_calls"][0];
        if let Some(text) = call["custom"]["input"].as_str() {
            let place = (choice["index"].as_u64(), call["index"].as_u64());
            texts.entry(place).or_default().push_str(text);
        }
    }
    let texts: Vec<_> = texts.into_values().collect();
    assert_eq!(texts, ["1", r#"{"inp"#, "2", "x"]);
}
