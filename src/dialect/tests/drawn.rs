//! Images in the answers of compatible servers.

use serde_json::{Value, json};

use super::*;
use crate::dialect::translate::Translation;

/// An image as OpenRouter tells of one, and one that is none.
fn images() -> Value {
    json!([{"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
        {"type": "image_url", "image_url": "nowhere"}])
}

const IN_WORDS: &str = "[image/png: not carried over]";

#[test]
fn a_whole_answer_keeps_its_images_or_says_that_they_were_there() {
    let message = json!({"role": "assistant", "content": "Look: ", "images": images()});
    let body = json!({"id": "c", "choices": [{"message": message, "finish_reason": "stop"}]});
    let of = |asked| {
        let given = answered(Api::ChatCompletions, asked, body.to_string().as_bytes());
        serde_json::from_slice::<Value>(&given).unwrap()
    };
    let parts = &of(Api::GenerateContent)["candidates"][0]["content"]["parts"];
    let image = json!({"inlineData": {"mimeType": "image/png", "data": "aGk="}});
    assert_eq!(*parts, json!([{"text": "Look: "}, image]));
    let content = &of(Api::Messages)["content"];
    assert_eq!(content[1], json!({"type": "text", "text": IN_WORDS}));
    let content = &of(Api::Responses)["output"][0]["content"];
    assert_eq!(content[1]["text"], IN_WORDS);
}

#[test]
fn a_stream_says_that_there_were_images() {
    let chunk = |delta: Value, reason: Option<&str>| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": reason});
        json!({"id": "c", "choices": [choice]}).to_string()
    };
    let events = [
        chunk(json!({"role": "assistant", "content": "Look: "}), None),
        chunk(json!({"content": "", "images": images()}), None),
        chunk(json!({}), Some("stop")),
        "[DONE]".to_owned(),
    ];
    for asked in CLIENTS.into_iter().filter(|it| *it != Api::ChatCompletions) {
        let mut translation = Translation::new(Api::ChatCompletions, asked, false, 9);
        let mut out = Vec::new();
        for event in &events {
            let event = format!("data: {event}\n\n");
            translation.event(event.as_bytes(), &mut out).unwrap();
        }
        translation.finish(&mut out).unwrap();
        let out = String::from_utf8(out).unwrap();
        assert!(out.contains(IN_WORDS), "{asked:?}: {out}");
        assert!(!out.contains("aGk="), "{asked:?}: {out}");
    }
}
