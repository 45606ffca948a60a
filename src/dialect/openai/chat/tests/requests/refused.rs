//! What OpenAI would refuse and other dialects say.

use super::*;

#[test]
fn json_is_asked_for_in_words_as_well() {
    let hello = |said: &str| {
        let turn = Turn {
            role: Role::User,
            parts: vec![text(said)],
        };
        let asked = Conversation {
            turns: vec![turn],
            format: OutputFormat::JsonObject,
            ..Conversation::default()
        };
        written(&asked, Variant::OpenAi).0["messages"][0]["content"].clone()
    };
    assert_eq!(hello("hello"), "Answer in JSON.");
    assert_eq!(hello("Hello in Json"), "Hello in Json");
}

#[test]
fn a_tool_that_openai_would_refuse_as_strict_is_not() {
    let tool = |parameters: &str| Tool {
        name: "t".to_owned(),
        description: None,
        parameters: Json::parse(parameters),
        strict: Some(true),
        custom: None,
    };
    let open = r#"{"type":"object","properties":{"a":{}}}"#;
    let closed = r#"{"type":"object","additionalProperties":false}"#;
    for (schema, strict, told) in [
        (closed, json!(true), ""),
        (open, Value::Null, "not carried over: strict_tools"),
    ] {
        let asked = Conversation {
            tools: vec![tool(schema)],
            turns: vec![Turn {
                role: Role::User,
                parts: vec![text("hi")],
            }],
            ..Conversation::default()
        };
        let (body, lost) = written(&asked, Variant::OpenAi);
        assert_eq!(body["tools"][0]["function"]["strict"], strict);
        assert_eq!(lost.to_string(), told);
    }
}

#[test]
fn openai_itself_is_asked_for_objects_only() {
    let format = |schema: &str| OutputFormat::JsonSchema {
        name: None,
        schema: Json::parse(schema).unwrap(),
        strict: None,
    };
    for (schema, is_object) in [
        (r#"{"type":"object","properties":{}}"#, true),
        (r#"{"type":"array","items":{"type":"object"}}"#, false),
        (r#"{"anyOf":[{"type":"object"}]}"#, false),
    ] {
        let asked = Conversation {
            system: vec![text("hi")],
            format: format(schema),
            ..Conversation::default()
        };
        for variant in [Variant::OpenAi, Variant::Compatible] {
            let (body, lost) = written(&asked, variant);
            let is_said = is_object || variant == Variant::Compatible;
            assert_eq!(body["response_format"].is_object(), is_said, "{schema}");
            let told = if is_said {
                ""
            } else {
                "not carried over: json_schema"
            };
            assert_eq!(lost.to_string(), told);
        }
    }
}

#[test]
fn nothing_said_is_still_a_request() {
    let gone = Part::Image(Media {
        source: Source::Uploaded("f".to_owned()),
        name: None,
        detail: None,
    });
    let turns = vec![Turn {
        role: Role::User,
        parts: vec![gone],
    }];
    let asked = Conversation {
        turns,
        ..Conversation::default()
    };
    let (body, lost) = written(&asked, Variant::OpenAi);
    assert_eq!(body["messages"], json!([{"role": "user", "content": "."}]));
    assert_eq!(
        lost.to_string(),
        "not carried over: silent_user, uploaded_file"
    );
}

#[test]
fn an_image_has_a_media_type_without_parameters() {
    for kind in [
        "image/png",
        "image/png;charset=utf-8",
        "image/png; charset=utf-8;name=a",
    ] {
        let url = format!("data:{kind};base64,aGk=");
        let image = json!({"type": "image_url", "image_url": {"url": url}});
        let body = json!({"model": "m", "messages": [{"role": "user", "content": [image]}]});
        let (read, lost) = asked(&body);
        let inline = Source::Inline {
            mime: "image/png".to_owned(),
            data: "aGk=".to_owned(),
        };
        let Part::Image(media) = &read.turns[0].parts[0] else {
            panic!("{read:?}");
        };
        assert_eq!((&media.source, lost.as_str()), (&inline, ""), "{kind}");
    }
}

/// Claude Code names its user in 190 bytes, and vLLM a call in 46.
#[test]
fn names_and_ids_that_are_too_long_are_shorter_and_still_one_for_one() {
    let (user, id) = ("u".repeat(190), format!("chatcmpl-tool-{}", "c".repeat(32)));
    let body = json!({"user": user, "messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "tool_calls": [
            {"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}},
            {"id": format!("{id}2"), "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": id, "content": "done"},
        {"role": "tool", "tool_call_id": format!("{id}2"), "content": "done"}]});
    let (conversation, _) = asked(&body);
    for variant in [Variant::OpenAi, Variant::Compatible] {
        let (told, lost) = written(&conversation, variant);
        assert_eq!(lost, Lost::default());
        assert_eq!(told["user"].as_str().unwrap().len(), 43, "{variant:?}");
        let calls = [0, 1].map(|at| &told["messages"][1]["tool_calls"][at]["id"]);
        let results = [2, 3].map(|at| &told["messages"][at]["tool_call_id"]);
        assert_eq!(calls, results, "{variant:?}");
        assert_ne!(calls[0], calls[1], "{variant:?}");
        let longest = if variant == Variant::OpenAi {
            40
        } else {
            id.len()
        };
        assert_eq!(calls[0].as_str().unwrap().len(), longest, "{variant:?}");
    }
}
