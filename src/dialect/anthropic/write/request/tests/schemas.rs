//! Schemas of tools and answers.

use super::*;

#[test]
fn schemas_are_those_of_objects() {
    for (given, expected) in [
        (None, r#"{"type":"object","properties":{}}"#),
        (Some("{ }"), r#"{"type":"object","properties":{}}"#),
        (
            Some(r#"{"properties":{"b":1,"a":1.0}}"#),
            r#"{"type":"object","properties":{"b":1,"a":1.0}}"#,
        ),
        (
            Some(r#"{"required":[],"type":"object"}"#),
            r#"{"required":[],"type":"object"}"#,
        ),
    ] {
        let conversation = Conversation {
            tools: vec![tool(given)],
            ..asked(vec![text("a")])
        };
        let body = request(&conversation, "m", &mut Lost::default());
        let body = String::from_utf8_lossy(&body);
        let expected = format!(r#""input_schema":{expected}}}"#);
        assert!(body.contains(&expected), "{body}");
    }
}

#[test]
fn a_schema_that_comes_back_to_itself_is_asked_for_in_no_answer_and_no_exact_call() {
    let schema = r##"{"type":"object","properties":{"next":{"$ref":"#"}}}"##;
    let mut asked = Conversation {
        format: OutputFormat::JsonSchema {
            name: None,
            schema: Json::parse(schema).unwrap(),
            strict: Some(true),
        },
        ..asked(vec![text("a")])
    };
    let (body, lost) = written(&asked);
    assert_eq!(body["output_config"], Value::Null);
    assert_eq!(lost, "not carried over: json_schema");
    asked.format = OutputFormat::Text;
    asked.tools = vec![Tool {
        strict: Some(true),
        ..tool(Some(schema))
    }];
    let (body, lost) = written(&asked);
    assert_eq!(body["tools"][0]["strict"], Value::Null);
    assert_eq!(lost, "not carried over: strict_tools");
}

#[test]
fn answers_and_exact_calls_fit_schemas_that_are_closed() {
    let open = r#"{"type":"object","properties":{"b":{"type":"string"}}}"#;
    let closed =
        r#"{"type":"object","properties":{"b":{"type":"string"}},"additionalProperties":false}"#;
    let mut conversation = Conversation {
        tools: vec![tool(Some(open))],
        format: OutputFormat::JsonSchema {
            name: None,
            schema: Json::parse(open).unwrap(),
            strict: None,
        },
        ..asked(vec![text("a")])
    };
    let said = |conversation: &Conversation| {
        let mut lost = Lost::default();
        let body = request(conversation, "m", &mut lost);
        assert!(lost.is_empty(), "{lost}");
        String::from_utf8(body).unwrap()
    };
    let body = said(&conversation);
    assert!(
        body.contains(&format!(r#""input_schema":{open}"#)),
        "{body}"
    );
    assert!(body.contains(&format!(r#""schema":{closed}"#)), "{body}");
    conversation.tools[0].strict = Some(true);
    let body = said(&conversation);
    assert!(
        body.contains(&format!(r#""input_schema":{closed}"#)),
        "{body}"
    );
}

#[test]
fn models_that_fit_no_schema_are_asked_for_none() {
    let schema = r#"{"type":"object","properties":{},"additionalProperties":false}"#;
    let asked = |strict| Conversation {
        tools: vec![Tool {
            strict: Some(strict),
            ..tool(Some(schema))
        }],
        format: OutputFormat::JsonSchema {
            name: None,
            schema: Json::parse(schema).unwrap(),
            strict: Some(true),
        },
        ..asked(vec![text("a")])
    };
    let said = |model: &str, strict| {
        let mut lost = Lost::default();
        let body = request(&asked(strict), model, &mut lost);
        let body: Value = serde_json::from_slice(&body).unwrap();
        let format = body["output_config"]["format"]["type"].clone();
        (format, body["tools"][0]["strict"].clone(), lost.to_string())
    };
    for old in ["claude-3-7-sonnet-latest", "claude-sonnet-4-0"] {
        let named = "not carried over: json_schema, strict_tools".to_owned();
        assert_eq!(said(old, true), (Value::Null, Value::Null, named));
        let named = "not carried over: json_schema".to_owned();
        assert_eq!(said(old, false), (Value::Null, Value::Null, named));
    }
    for new in ["claude-opus-4-1", "claude-haiku-4-5", "m"] {
        assert_eq!(
            said(new, true),
            (json!("json_schema"), json!(true), String::new())
        );
    }
}
