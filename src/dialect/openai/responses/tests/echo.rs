//! What a translated response repeats of its request.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::dialect::{
    Api,
    openai::chat::write::Variant,
    request::peek,
    translate,
    translate::{Asked, Translation},
};

/// What a client of responses is told by an answer of chat, whole and by the
/// last event of a stream.
fn told(request: &Value) -> [Value; 2] {
    let body = Bytes::from(request.to_string());
    let asked = Asked::read(&peek(&body, Api::Responses).unwrap()).unwrap();
    let names = asked
        .write(Api::ChatCompletions, Variant::OpenAi, "m")
        .context;
    let answer = json!({"id": "c", "model": "m", "choices": [{"index": 0, "finish_reason": "stop",
        "message": {"role": "assistant", "content": "hi"}}]});
    let (from, to) = (Api::ChatCompletions, Api::Responses);
    let whole = translate::answer(from, to, &names, answer.to_string().as_bytes(), "", 9);
    let whole = serde_json::from_slice(&whole.unwrap()).unwrap();

    let mut translation = Translation::new(from, to, false, 9).with_context(names);
    let chunk = json!({"id": "c", "model": "m", "choices": [{"index": 0, "finish_reason": "stop",
        "delta": {"content": "hi"}}]});
    let mut out = Vec::new();
    for event in [chunk.to_string(), "[DONE]".to_owned()] {
        let event = format!("data: {event}\n\n");
        translation.event(event.as_bytes(), &mut out).unwrap();
    }
    translation.finish(&mut out).unwrap();
    let out = String::from_utf8(out).unwrap();
    let events = out.lines().filter_map(|line| line.strip_prefix("data: "));
    let mut events = events.map(|event| serde_json::from_str::<Value>(event).unwrap());
    let responses = events.find_map(|mut event| Some(event.get_mut("response")?.take()));
    [whole, responses.unwrap()]
}

#[test]
fn a_response_repeats_what_was_asked() {
    let said = json!({
        "instructions": "be kind", "max_output_tokens": 50, "metadata": {"a": "b"}, "parallel_tool_calls": false,
        "prompt_cache_key": "k", "reasoning": {"effort": "low"}, "safety_identifier": "s", "temperature": 0.5,
        "text": {"format": {"type": "json_object"}, "verbosity": "low"}, "tool_choice": "required", "top_p": 0.9,
        "tools": [{"type": "function", "name": "a.b", "parameters": {"type": "object"}}], "user": "u",
        "max_tool_calls": 3, "top_logprobs": 2,
    });
    let mut request = said.clone();
    request["model"] = json!("m");
    request["input"] = json!("hi, in JSON");
    for response in told(&request) {
        for (name, value) in said.as_object().unwrap() {
            assert_eq!(&response[name], value, "{name}");
        }
        // Nothing is kept, whatever was asked.
        assert_eq!(response["store"], false);
    }
}

#[test]
fn what_was_not_asked_is_the_default() {
    for response in told(&json!({"model": "m", "input": "hi", "temperature": null})) {
        for (name, value) in [
            ("instructions", json!(null)),
            ("max_output_tokens", json!(null)),
            ("metadata", json!({})),
            ("parallel_tool_calls", json!(true)),
            ("reasoning", json!({"effort": null, "summary": null})),
            ("temperature", json!(null)),
            ("text", json!({"format": {"type": "text"}})),
            ("tool_choice", json!("auto")),
            ("tools", json!([])),
            ("top_p", json!(null)),
        ] {
            assert_eq!(response[name], value, "{name}");
        }
        assert!(response.get("temperature").is_some());
        assert!(response.get("top_logprobs").is_none());
    }
}
