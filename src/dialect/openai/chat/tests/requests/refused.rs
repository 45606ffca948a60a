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
    };
    let open = r#"{"type":"object","properties":{"a":{}}}"#;
    let closed = r#"{"type":"object","additionalProperties":false}"#;
    for (schema, strict, told) in [
        (closed, json!(true), ""),
        (open, Value::Null, "not carried over: strict_tools"),
    ] {
        let asked = Conversation {
            tools: vec![tool(schema)],
            ..Conversation::default()
        };
        let (body, lost) = written(&asked, Variant::OpenAi);
        assert_eq!(body["tools"][0]["function"]["strict"], strict);
        assert_eq!(lost.to_string(), told);
    }
}
