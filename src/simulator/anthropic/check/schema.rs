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

/// What is refused in any schema; words that nobody knows are ignored.
///
/// *Source*: BerriAI/litellm, pull request 34319, which asked for each.
#[rustfmt::skip]
const NEVER: [&str; 11] = [
    "if", "then", "else", "not", "prefixItems", "patternProperties", "propertyNames", "dependentRequired",
    "dependentSchemas", "unevaluatedProperties", "multipleOf",
];
/// What a text may be.
#[rustfmt::skip]
const FORMATS: [&str; 10] = [
    "date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid",
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
    let keys = schema.as_object()?;
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
    if let Some(flaw) = word(schema) {
        return Some(flaw);
    }
    if kind == "array" && schema["minItems"].as_u64().is_some_and(|least| least > 1) {
        return Some(
            "For 'array' type, 'minItems' values other than 0 or 1 are not supported".into(),
        );
    }
    if let Some(place) = schema["$ref"].as_str() {
        let Some(place) = place.strip_prefix('#') else {
            return Some("External '$ref' is not supported".into());
        };
        if place.is_empty() || by.contains(&place) {
            return Some("Recursive schemas are not supported".into());
        }
        let by = [by, &[place]].concat();
        if let Some(found) = root.pointer(place).and_then(|inner| flaw(root, inner, &by)) {
            return Some(found);
        }
    }
    let named = ["properties", "$defs", "definitions"];
    let named = named.iter().filter_map(|name| schema[name].as_object());
    let listed = ["anyOf", "allOf"].iter();
    let listed = listed.filter_map(|name| schema[name].as_array()).flatten();
    let mut inner = named
        .flat_map(|all| all.values())
        .chain(listed)
        .chain(keys.get("items"));
    inner.find_map(|inner| flaw(root, inner, by))
}

/// Returns what is wrong with the words of one schema, whatever is in it.
fn word(schema: &Value) -> Option<String> {
    if schema.get("oneOf").is_some() {
        return Some("Schema type 'oneOf' is not supported".into());
    }
    if let Some(name) = NEVER.iter().find(|name| schema.get(name).is_some()) {
        return Some(format!("property '{name}' is not supported"));
    }
    let mut parts = schema["allOf"].as_array().into_iter().flatten();
    if parts.any(|part| part.get("$ref").is_some()) {
        return Some("'allOf' with '$ref' is not supported".into());
    }
    if let Some(values) = schema["enum"].as_array() {
        let is_odd = |value: &&Value| value.is_object() || value.is_array();
        if values.iter().any(|value| is_odd(&value)) {
            return Some("Complex types in 'enum' are not supported".into());
        }
        if let (Some(value), kinds @ Value::Array(_)) = (values.first(), &schema["type"]) {
            return Some(format!(
                "Invalid schema: Enum value {value} does not match declared type '{kinds}'"
            ));
        }
    }
    let format = schema["format"].as_str();
    if let Some(format) = format.filter(|format| !FORMATS.contains(format)) {
        return Some(format!("String format '{format}' is not supported"));
    }
    let pattern = schema["pattern"].as_str().unwrap_or_default();
    let odd = ["(?=", "(?!", "(?<=", "(?<!", r"\b", r"\1"];
    odd.iter()
        .any(|odd| pattern.contains(odd))
        .then(|| "Invalid regex in 'pattern'".to_owned())
}
