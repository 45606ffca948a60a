//! Schemas that an answer or an exact call must fit.
//!
//! *Source*: Anthropic, "Structured outputs", "JSON Schema limitations".

use serde_json::Value;

use super::{Checked, wrong};

/// What is refused in a schema of each type.
const REFUSED: [(&str, &[&str]); 5] = [
    ("integer", NUMBER),
    ("number", NUMBER),
    ("string", &["minLength", "maxLength"]),
    ("array", &["maxItems", "uniqueItems"]),
    ("object", &["minProperties", "maxProperties"]),
];
const NUMBER: &[&str] = &[
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
];

/// Checks a schema that stands at `place`.
pub(super) fn fits(place: &str, schema: &Value) -> Checked {
    match flaw(schema, schema, &[]) {
        None => Ok(()),
        Some(flaw) => wrong(format!("{place}: {flaw}")),
    }
}

/// Returns what is wrong with `schema`, which stands in `root` behind the references `by`.
fn flaw(root: &Value, schema: &Value, by: &[&str]) -> Option<String> {
    let keys = match schema {
        Value::Array(items) => return items.iter().find_map(|item| flaw(root, item, by)),
        Value::Object(keys) => keys,
        _ => return None,
    };
    let kind = schema["type"].as_str().unwrap_or_default();
    if kind == "object" && schema["additionalProperties"] != false {
        let text = "'additionalProperties' must be explicitly set to false";
        return Some(format!("For 'object' type, {text}"));
    }
    let refused = REFUSED.iter().find(|(of, _)| *of == kind);
    let bound = refused.and_then(|(_, names)| names.iter().find(|name| keys.contains_key(**name)));
    if let Some(name) = bound {
        return Some(format!(
            "For '{kind}' type, property '{name}' is not supported"
        ));
    }
    if kind == "array" && schema["minItems"].as_u64().is_some_and(|least| least > 1) {
        return Some(
            "For 'array' type, 'minItems' values other than 0 or 1 are not supported".into(),
        );
    }
    if let Some(place) = schema["$ref"].as_str().and_then(|it| it.strip_prefix('#')) {
        if place.is_empty() || by.contains(&place) {
            return Some("Recursive schemas are not supported".into());
        }
        let by = [by, &[place]].concat();
        if let Some(found) = root.pointer(place).and_then(|inner| flaw(root, inner, &by)) {
            return Some(found);
        }
    }
    keys.values().find_map(|inner| flaw(root, inner, by))
}
