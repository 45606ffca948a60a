//! The price of an answer is told on.

use serde_json::{Value, json};

use super::*;
use crate::dialect::translate::Translation;

const CHAT: Api = Api::ChatCompletions;

/// A whole chat answer, or the last chunk of one, with a tier.
fn said(what: &str, tier: &Value) -> String {
    let text = json!({"role": "assistant", "content": "hi"});
    json!({"id": "c", "model": "m", "service_tier": tier, "choices": [
        {"index": 0, what: text, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}})
    .to_string()
}

#[test]
fn a_response_says_the_tier_that_the_chat_answer_said() {
    for (tier, told) in [
        (json!("flex"), json!("flex")),
        (json!("priority"), json!("priority")),
        // What SDKs do not know.
        (json!("on_demand"), Value::Null),
        (json!(7), Value::Null),
        (Value::Null, Value::Null),
    ] {
        let whole = answered(CHAT, Api::Responses, said("message", &tier).as_bytes());
        let whole: Value = serde_json::from_slice(&whole).unwrap();
        assert_eq!(whole["service_tier"], told, "{tier}: {whole}");
        assert_eq!(whole["usage"]["total_tokens"], 5);

        let mut translation = Translation::new(CHAT, Api::Responses, true, 9);
        let mut out = Vec::new();
        for data in [&*said("delta", &tier), "[DONE]"] {
            let event = format!("data: {data}\n\n");
            translation.event(event.as_bytes(), &mut out).unwrap();
        }
        translation.finish(&mut out).unwrap();
        let out = String::from_utf8(out).unwrap();
        let (_, last) = out.trim_end().rsplit_once("data: ").unwrap();
        let last: Value = serde_json::from_str(last).unwrap();
        assert_eq!(last["type"], "response.completed");
        assert_eq!(last["response"]["service_tier"], told, "{tier}: {last}");
    }
}
