//! What OpenAI wants of schemas, and of one that must be kept to exactly.

use serde_json::Value;

use crate::dialect::neutral::Json;

/// What is refused at the top level of a tool's schema, beside `anyOf`, `oneOf`
/// and `allOf`.
///
/// # Source
///
/// OpenAI's 400 `invalid_function_parameters`; nspady/google-calendar-mcp, issue
/// 39; goruck/home-generative-agent, pull request 545.
pub(super) const REFUSED: [&str; 3] = ["enum", "const", "not"];

/// Tells whether `strict` may stand beside `schema`: every object in it names
/// all its properties as required and allows no others.
///
/// # Source
///
/// OpenAI, "Structured outputs", "Supported schemas"; everything else is
/// answered with 400 `invalid_function_parameters`.
pub(super) fn may_be_strict(schema: &Json) -> bool {
    serde_json::from_str(schema.get()).is_ok_and(|schema: Value| is_exact(&schema))
}

/// Tells whether `schema` is one of an object, and says so.
pub(super) fn is_of_object(schema: &Json) -> bool {
    serde_json::from_str(schema.get()).is_ok_and(|schema: Value| schema["type"] == "object")
}

fn is_exact(schema: &Value) -> bool {
    match schema {
        Value::Array(items) => items.iter().all(is_exact),
        Value::Object(keys) => {
            let properties = schema["properties"].as_object();
            let required = schema["required"].as_array();
            let is_required =
                |name: &String| required.is_some_and(|it| it.iter().any(|it| it == name));
            let is_closed = schema["additionalProperties"] == false
                && properties.is_none_or(|it| it.keys().all(is_required));
            (schema["type"] != "object" || is_closed) && keys.values().all(is_exact)
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_object_is_closed_and_all_of_it_required() {
        let strict = |schema: &str| may_be_strict(&Json::parse(schema).unwrap());
        assert!(strict(
            r#"{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}"#
        ));
        for open in [
            r#"{"type":"object"}"#,
            r#"{"type":"object","properties":{},"additionalProperties":true}"#,
            r#"{"type":"object","properties":{"a":{}},"additionalProperties":false}"#,
            r#"{"anyOf":[{"type":"array","items":{"type":"object"}}]}"#,
        ] {
            assert!(!strict(open), "{open}");
        }
    }
}
