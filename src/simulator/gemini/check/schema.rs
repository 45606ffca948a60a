//! Google's own dialect of JSON Schema, which knows far fewer words.

use serde_json::Value;

use super::super::read::{field, items};
use super::{Checked, no_unknown, wrong};

/// *Source*: Google, Gemini API reference, `Schema`.
#[rustfmt::skip]
const FIELDS: [&str; 22] = [
    "type", "format", "title", "description", "nullable", "enum", "maxItems", "minItems", "properties",
    "required", "minProperties", "maxProperties", "minLength", "maxLength", "pattern", "example", "anyOf",
    "propertyOrdering", "default", "items", "minimum", "maximum",
];

/// Checks a schema that stands at `place`.
pub(super) fn check(place: &str, schema: &Value) -> Checked {
    if !schema.is_object() {
        return wrong(format!(
            "Invalid value at '{place}' (type.googleapis.com/google.ai.generativelanguage.v1beta.Schema)"
        ));
    }
    no_unknown(place, schema, &FIELDS)?;
    let kind = schema["type"]
        .as_str()
        .unwrap_or_default()
        .to_ascii_uppercase();
    let choices = items(schema, "anyOf");
    match kind.as_str() {
        "" if !choices.is_empty() => {}
        "STRING" | "NUMBER" | "INTEGER" | "BOOLEAN" | "ARRAY" | "OBJECT" | "NULL" => {}
        _ => {
            return wrong(format!(
                "Invalid value at '{place}.type' (type.googleapis.com/google.ai.generativelanguage.v1beta.Type), {}",
                schema["type"]
            ));
        }
    }
    if !items(schema, "enum").iter().all(Value::is_string) {
        return wrong(format!("Invalid value at '{place}.enum' (TYPE_STRING)"));
    }
    let format = schema["format"].as_str();
    if kind == "STRING" && format.is_some_and(|it| !matches!(it, "enum" | "date-time")) {
        return wrong(format!(
            "* GenerateContentRequest.{place}.format: only 'enum' and 'date-time' are supported for STRING type\n"
        ));
    }
    for (at, choice) in choices.iter().enumerate() {
        check(&format!("{place}.any_of[{at}]"), choice)?;
    }
    match (kind.as_str(), field(schema, "items")) {
        ("ARRAY", None) => {
            return wrong(format!(
                "* GenerateContentRequest.{place}.items: missing field.\n"
            ));
        }
        (_, Some(items)) => check(&format!("{place}.items"), items)?,
        (_, None) => {}
    }
    let properties = field(schema, "properties").and_then(Value::as_object);
    if kind == "OBJECT" && properties.is_none_or(serde_json::Map::is_empty) {
        return wrong(format!(
            "* GenerateContentRequest.{place}.properties: should be non-empty for OBJECT type\n"
        ));
    }
    for (name, property) in properties.into_iter().flatten() {
        check(&format!("{place}.properties[{name}].value"), property)?;
    }
    let has = |name: &Value| {
        properties.is_some_and(|it| name.as_str().is_some_and(|name| it.contains_key(name)))
    };
    match items(schema, "required").iter().position(|name| !has(name)) {
        None => Ok(()),
        Some(at) => wrong(format!(
            "* GenerateContentRequest.{place}.required[{at}]: property is not defined\n"
        )),
    }
}
