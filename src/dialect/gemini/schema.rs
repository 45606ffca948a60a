//! Google's `Schema`, a relative of OpenAPI's, as JSON Schema.

use serde_json::value::RawValue;

use super::{
    line::one_line,
    wire::{Fields, Text, list},
};
use crate::dialect::neutral::{Json, Readings, push_key};

/// The most levels of a schema that are read.
const DEEPEST: u32 = 64;

/// Returns the JSON Schema that says what `schema` says: types in small
/// letters, `nullable` as one more type, counts as numbers. The order of
/// properties stays. `None` for what is no schema.
///
/// `propertyOrdering` is left out: JSON Schema has no word for it.
pub(super) fn to_json_schema(schema: &RawValue) -> Option<Json> {
    let mut out = String::with_capacity(schema.get().len());
    let mut readings = Readings::of(schema.get());
    write(schema, DEEPEST, &mut readings, &mut out)?;
    Json::parse(&out)
}

fn write(schema: &RawValue, levels: u32, readings: &mut Readings, out: &mut String) -> Option<()> {
    let levels = levels.checked_sub(1)?;
    readings.count(schema.get())?;
    // Where a schema may stand, `true` and `false` may, too.
    if matches!(schema.get(), "true" | "false") {
        out.push_str(schema.get());
        return Some(());
    }
    let fields = Fields::read(schema.get())?;
    let nullable = fields
        .named()
        .any(|(name, raw)| name == "nullable" && raw.get() == "true");
    let has_type = fields.named().any(|(name, _)| name == "type");
    out.push('{');
    let mut first = true;
    for (name, raw) in fields.named() {
        if matches!(&*name, "nullable" | "propertyOrdering") {
            continue;
        }
        let name = match &*name {
            "defs" => "$defs",
            "ref" => "$ref",
            "example" => "examples",
            other => other,
        };
        push_key(name, &mut first, out)?;
        match name {
            "type" => types(raw, nullable, out)?,
            "items" | "additionalProperties" => write(raw, levels, readings, out)?,
            "properties" | "$defs" => {
                out.push('{');
                let mut first = true;
                for (name, raw) in Fields::read(raw.get())?.0 {
                    push_key(&name, &mut first, out)?;
                    write(raw, levels, readings, out)?;
                }
                out.push('}');
            }
            "anyOf" | "prefixItems" => {
                out.push('[');
                for (at, raw) in list(raw).into_iter().enumerate() {
                    out.push_str(if at == 0 { "" } else { "," });
                    write(raw, levels, readings, out)?;
                }
                if name == "anyOf" && nullable && !has_type {
                    out.push_str(r#",{"type":"null"}"#);
                }
                out.push(']');
            }
            "examples" => {
                out.push('[');
                out.push_str(&one_line(raw.get()));
                out.push(']');
            }
            "enum" if nullable => {
                out.push('[');
                for value in list(raw) {
                    out.push_str(value.get());
                    out.push(',');
                }
                out.push_str("null]");
            }
            // Counts are 64 bits wide, which Google writes as strings.
            "minItems" | "maxItems" | "minLength" | "maxLength" | "minProperties"
            | "maxProperties" => out.push_str(raw.get().trim_matches('"')),
            _ => out.push_str(&one_line(raw.get())),
        }
    }
    out.push('}');
    Some(())
}

/// Writes a type; JSON Schema's own list of types stays one.
fn types(raw: &RawValue, nullable: bool, out: &mut String) -> Option<()> {
    let mut types = Vec::new();
    for raw in list(raw) {
        let name: Text<'_> = serde_json::from_str(raw.get()).ok()?;
        types.push(name.to_ascii_lowercase());
    }
    if nullable && !types.iter().any(|name| name == "null") {
        types.push("null".to_owned());
    }
    let json = match types.as_slice() {
        [one] => serde_json::to_string(one),
        several => serde_json::to_string(several),
    };
    out.push_str(&json.ok()?);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(schema: &str) -> Option<String> {
        let raw = serde_json::from_str(schema).unwrap();
        to_json_schema(raw).map(|json| json.get().to_owned())
    }

    #[test]
    fn types_become_small_and_the_order_stays() {
        let schema = r#"{"type":"OBJECT","properties":{
            "type":{"type":"STRING","nullable":true,"enum":["A","B"]},
            "any_of":{"any_of":[{"type":"INTEGER"},{"type":"NULL"}],"description":"type: STRING"},
            "a":{"type":"array","items":{"type":"NUMBER"},"min_items":"1"},
            "b":{"nullable":true,"anyOf":[{"type":"BOOLEAN"}],"example":{"x": 1}}},
            "required":["type"],"propertyOrdering":["type"],"additionalProperties":false}"#;
        let expected = concat!(
            r#"{"type":"object","properties":{"#,
            r#""type":{"type":["string","null"],"enum":["A","B",null]},"#,
            r#""any_of":{"anyOf":[{"type":"integer"},{"type":"null"}],"description":"type: STRING"},"#,
            r#""a":{"type":"array","items":{"type":"number"},"minItems":1},"#,
            r#""b":{"anyOf":[{"type":"boolean"},{"type":"null"}],"examples":[{"x": 1}]}},"#,
            r#""required":["type"],"additionalProperties":false}"#
        );
        assert_eq!(converted(schema).unwrap(), expected);
    }

    #[test]
    fn what_is_no_schema() {
        let long = format!(
            r#"{{"type":"STRING","description":"{}"}}"#,
            "x".repeat(1 << 20)
        );
        let deep = |levels: usize| r#"{"items":"#.repeat(levels) + &long + &"}".repeat(levels);
        assert!(converted(&deep(10)).is_some());
        assert_eq!(converted(&deep(60)), None, "each level is read over again");
        assert_eq!(converted("5"), None);
        assert_eq!(converted(r#"{"type":5}"#), None);
        assert_eq!(converted(r#"{"properties":[]}"#), None);
        let deep = format!(r#"{}{{}}{}"#, r#"{"items":"#.repeat(100), "}".repeat(100));
        assert_eq!(converted(&deep), None);
    }
}
