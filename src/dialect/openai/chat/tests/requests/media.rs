//! Images, documents and sound, and whether calls may come at once.

use super::*;
use crate::dialect::neutral::testing::{inline, media};

fn shown(part: Part, model: &str, variant: Variant) -> (Value, String) {
    let conversation = Conversation {
        turns: vec![Turn {
            role: Role::User,
            parts: vec![text("hi"), part],
        }],
        ..Conversation::default()
    };
    let mut lost = Lost::default();
    let body = write::request(&conversation, model, variant, &mut lost);
    let mut body: Value = serde_json::from_slice(&body).unwrap();
    let content = &mut body["messages"][0]["content"];
    let piece = content.get_mut(1).map(Value::take);
    (piece.unwrap_or_default(), lost.to_string())
}

#[test]
fn openai_is_shown_only_what_it_takes() {
    let file = |mime: &str| Part::File(inline(mime, "aGk="));
    let image = |mime: &str| Part::Image(inline(mime, "aGk="));
    let named = "not carried over: file".to_owned();
    let lost = (Value::Null, named);
    for part in [
        file("video/mp4"),
        file("application/zip"),
        file("audio/mpeg"),
        file("image/bmp"),
        image("image/heic"),
        image("image/bmp"),
        // No text after all.
        Part::File(inline("text/plain", "/w==")),
    ] {
        assert_eq!(shown(part.clone(), "gpt-4o", Variant::OpenAi), lost);
        let (piece, lost) = shown(part, "m", Variant::Compatible);
        assert_eq!(lost, "", "{piece}");
        assert!(piece.is_object());
    }
    let kept = |part, model, kind: &str| {
        let (piece, lost) = shown(part, model, Variant::OpenAi);
        assert_eq!((piece["type"].as_str(), &*lost), (Some(kind), ""));
        piece
    };
    kept(file("application/pdf"), "gpt-4o", "file");
    kept(file("audio/mpeg"), "gpt-4o-audio-preview", "input_audio");
    kept(file("image/png"), "gpt-4o", "image_url");
    for mime in ["image/png", "image/jpeg", "image/gif", "image/webp"] {
        kept(image(mime), "gpt-4o", "image_url");
    }
    for mime in ["text/plain", "text/csv", "application/json"] {
        assert_eq!(kept(file(mime), "gpt-4o", "text")["text"], "hi");
    }
    let at = |url: &str| {
        Part::Image(media(Source::Url {
            url: url.to_owned(),
            mime: None,
        }))
    };
    kept(at("https://example.com/a"), "gpt-4o", "image_url");
    let (_, lost) = shown(at("gs://b/a.png"), "gpt-4o", Variant::OpenAi);
    assert_eq!(lost, "not carried over: image_url");
}

#[test]
fn models_that_cannot_be_told_of_calls_at_once_are_not() {
    for (parallel, model, told, named) in [
        (
            false,
            "o3",
            Value::Null,
            "not carried over: parallel_tool_calls",
        ),
        (true, "o4-mini", Value::Null, ""),
        (false, "gpt-5.2", json!(false), ""),
        (true, "gpt-4o", json!(true), ""),
    ] {
        let conversation = Conversation {
            parallel_tools: Some(parallel),
            tools: vec![Tool {
                name: "f".to_owned(),
                description: None,
                parameters: None,
                strict: None,
                custom: None,
            }],
            ..asked(&json!({"messages": [{"role": "user", "content": "hi"}]})).0
        };
        let mut lost = Lost::default();
        let body = write::request(&conversation, model, Variant::OpenAi, &mut lost);
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["parallel_tool_calls"], told, "{model}");
        assert_eq!(lost.to_string(), named, "{model}");
    }
}
