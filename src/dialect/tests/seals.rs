//! Gemini's seal on a call goes through every client's hands and back.

use serde_json::{Value, json};

use super::*;
use crate::dialect::translate;

const ANSWER: &str = r#"{"candidates":[{"content":{"role":"model","parts":[
    {"functionCall":{"name":"f","args":{"a":1}},"thoughtSignature":"c2ln"},
    {"functionCall":{"name":"f","args":{"a":2}}}]},"finishReason":"STOP"}],"modelVersion":"g"}"#;

/// The next request of a client that was given `answer`, as its SDK makes it.
fn next(asked: Api, answer: &Value) -> Value {
    let user = json!({"role": "user", "content": "hi"});
    match asked {
        Api::ChatCompletions => {
            let message = &answer["choices"][0]["message"];
            let ids = [0, 1].map(|at| message["tool_calls"][at]["id"].clone());
            let result = |id: &Value| json!({"role": "tool", "tool_call_id": id, "content": "ok"});
            json!({"model": "m", "messages": [user, message, result(&ids[0]), result(&ids[1])]})
        }
        Api::Responses => {
            let mut input = vec![user];
            input.extend(answer["output"].as_array().unwrap().iter().cloned());
            let calls = answer["output"].as_array().unwrap().iter();
            let ids = calls.filter_map(|item| item.get("call_id"));
            input.extend(
                ids.map(
                    |id| json!({"type": "function_call_output", "call_id": id, "output": "ok"}),
                ),
            );
            json!({"model": "m", "input": input})
        }
        _ => {
            let content = &answer["content"];
            let ids = content
                .as_array()
                .unwrap()
                .iter()
                .filter(|it| it["type"] == "tool_use");
            let results: Vec<_> = ids
                .map(|it| json!({"type": "tool_result", "tool_use_id": it["id"], "content": "ok"}))
                .collect();
            json!({"model": "m", "max_tokens": 9, "messages": [
                user, {"role": "assistant", "content": content}, {"role": "user", "content": results}]})
        }
    }
}

#[test]
fn a_seal_on_a_call_comes_back_to_gemini_and_goes_to_nobody_else() {
    for asked in [Api::ChatCompletions, Api::Responses, Api::Messages] {
        let answer = answered(Api::GenerateContent, asked, ANSWER.as_bytes());
        let body = next(asked, &serde_json::from_slice(&answer).unwrap()).to_string();
        let mut lost = Lost::default();
        let heard = read_request(asked, body.as_bytes(), false, &mut lost);
        let gemini = write_request(Api::GenerateContent, &heard, "gemini-3-pro", &mut lost);
        let gemini: Value = serde_json::from_slice(&gemini).unwrap();
        let parts = &gemini["contents"][1]["parts"];
        assert_eq!(parts[0]["thoughtSignature"], "c2ln", "{asked:?}: {gemini}");
        assert_eq!(parts[0]["functionCall"]["args"]["a"], 1);
        assert_eq!(parts[1].get("thoughtSignature"), None);
        assert_eq!(parts.as_array().unwrap().len(), 2);
        assert_eq!(gemini["contents"][2]["parts"].as_array().unwrap().len(), 2);
        assert_eq!(lost.to_string(), "", "{asked:?}");
        let anthropic = write_request(Api::Messages, &heard, "claude-opus-4-6", &mut lost);
        assert!(!String::from_utf8(anthropic).unwrap().contains("c2ln"));
    }
}

#[test]
fn calls_of_two_answers_without_a_name_have_ids_of_their_own() {
    let other = ANSWER.replace("\"a\":2", "\"a\":3");
    let ids = |body: &str| {
        let reply = gemini::read::reply(body.as_bytes()).unwrap();
        let ids: BTreeSet<_> = reply.choices[0]
            .parts
            .iter()
            .filter_map(|part| match part {
                neutral::Part::ToolCall(call) => Some(call.id.clone()),
                _ => None,
            })
            .collect();
        assert_eq!(ids.len(), 2);
        ids
    };
    assert!(ids(ANSWER).is_disjoint(&ids(&other)));
    assert_eq!(ids(ANSWER), ids(ANSWER));
}

#[test]
fn what_a_model_drew_is_never_dropped_in_silence() {
    let drawn = r#"{"candidates":[{"content":{"parts":[{"text":"Here: "},
        {"inlineData":{"mimeType":"image/png","data":"aGk="}}]},"finishReason":"STOP"}]}"#;
    for asked in [Api::ChatCompletions, Api::Responses, Api::Messages] {
        let words = "[image/png: not carried over]";
        let whole = answered(Api::GenerateContent, asked, drawn.as_bytes());
        assert!(
            String::from_utf8(whole).unwrap().contains(words),
            "{asked:?}"
        );
        let mut translation = translate::Translation::new(Api::GenerateContent, asked, false, 9);
        let (event, mut out) = (drawn.replace('\n', ""), Vec::new());
        translation
            .event(format!("data: {event}\n\n").as_bytes(), &mut out)
            .unwrap();
        assert!(String::from_utf8(out).unwrap().contains(words), "{asked:?}");
    }
}
