//! Schemas that an answer or a call must fit.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::dialect::neutral::{Feature, Json, Lost, push_key};

/// The most levels of a schema that are looked at.
const DEEPEST: u32 = 64;

/// Returns `schema` with every object of it closed to further properties, which
/// Anthropic wants said and other dialects leave out. Nothing else changes.
///
/// An object that is explicitly open, or has no property of its own, cannot be
/// said so: that is lost.
///
/// # Source
///
/// Anthropic, "Structured outputs", "JSON Schema limitations":
/// `additionalProperties` must be set to `false` for objects.
pub(super) fn closed<'a>(schema: &'a Json, lost: &mut Lost) -> Cow<'a, RawValue> {
    let mut out = String::with_capacity(schema.get().len() + 32);
    let written = close(schema.get(), DEEPEST, &mut out, lost);
    let written = written.and_then(|()| RawValue::from_string(out).ok());
    // One that is too deep goes as it is, for the provider to judge.
    written.map_or_else(|| Cow::Borrowed(schema.raw()), Cow::Owned)
}

fn close(schema: &str, levels: u32, out: &mut String, lost: &mut Lost) -> Option<()> {
    let levels = levels.checked_sub(1)?;
    let Ok(Fields(fields)) = serde_json::from_str(schema) else {
        // Where a schema may stand, `true` and `false` may, too.
        out.push_str(schema);
        return Some(());
    };
    let field = |wanted: &str| fields.iter().find(|(name, _)| name == wanted);
    let has_properties = field("properties").is_some();
    let is_object = match field("type") {
        Some((_, kind)) => kind.get().contains("\"object\""),
        None => has_properties,
    };
    let is_open = match field("additionalProperties") {
        Some((_, more)) => more.get() != "false",
        None => !has_properties,
    };
    if is_object && is_open {
        lost.feature(Feature::JsonSchema);
    }
    out.push('{');
    let mut first = true;
    for (name, raw) in &fields {
        push_key(name, &mut first, out)?;
        match (&**name, raw.get().as_bytes().first()) {
            ("properties" | "$defs" | "definitions", Some(b'{')) => {
                let Fields(inner) = serde_json::from_str(raw.get()).ok()?;
                out.push('{');
                let mut first = true;
                for (name, raw) in inner {
                    push_key(&name, &mut first, out)?;
                    close(raw.get(), levels, out, lost)?;
                }
                out.push('}');
            }
            ("anyOf" | "allOf" | "oneOf" | "prefixItems", Some(b'[')) => {
                let inner: Vec<&RawValue> = serde_json::from_str(raw.get()).ok()?;
                out.push('[');
                for (at, raw) in inner.into_iter().enumerate() {
                    out.push_str(if at == 0 { "" } else { "," });
                    close(raw.get(), levels, out, lost)?;
                }
                out.push(']');
            }
            ("items", Some(b'{')) => close(raw.get(), levels, out, lost)?,
            ("additionalProperties", _) if is_object => out.push_str("false"),
            _ => out.push_str(raw.get()),
        }
    }
    if is_object && field("additionalProperties").is_none() {
        push_key("additionalProperties", &mut first, out)?;
        out.push_str("false");
    }
    out.push('}');
    Some(())
}

/// The fields of an object, in order and as written.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Fields<'de>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(schema: &str) -> (String, String) {
        let mut lost = Lost::default();
        let json = Json::parse(schema).unwrap();
        let raw = closed(&json, &mut lost).get().to_owned();
        (raw, lost.to_string())
    }

    #[test]
    fn every_object_is_closed_and_the_order_stays() {
        let schema = r##"{"type":"object","properties":{
            "z":{"type":["object","null"],"properties":{"type":{"type":"string"}}},
            "a":{"type":"array","items":{"properties":{"n":{"type":"number","maximum":1.0}},"additionalProperties":false}},
            "m":{"anyOf":[{"$ref":"#/$defs/x"},true]}},
            "required":["z"],"$defs":{"x":{"type":"object","properties":{}}}}"##;
        let expected = concat!(
            r##"{"type":"object","properties":{"##,
            r##""z":{"type":["object","null"],"properties":{"type":{"type":"string"}},"additionalProperties":false},"##,
            r##""a":{"type":"array","items":{"properties":{"n":{"type":"number","maximum":1.0}},"additionalProperties":false}},"##,
            r##""m":{"anyOf":[{"$ref":"#/$defs/x"},true]}},"##,
            r##""required":["z"],"$defs":{"x":{"type":"object","properties":{},"additionalProperties":false}},"##,
            r##""additionalProperties":false}"##,
        );
        assert_eq!(written(schema), (expected.to_owned(), String::new()));
    }

    #[test]
    fn an_object_that_is_open_is_told_of() {
        for open in [
            r#"{"type":"object"}"#,
            r#"{"type":"object","properties":{},"additionalProperties":{"type":"string"}}"#,
        ] {
            let (schema, lost) = written(open);
            assert!(
                schema.ends_with(r#""additionalProperties":false}"#),
                "{schema}"
            );
            assert_eq!(lost, "not carried over: json_schema");
        }
    }

    #[test]
    fn what_is_no_object_or_too_deep_stays() {
        for schema in [r#"{"type":"string"}"#, "true"] {
            assert_eq!(written(schema), (schema.to_owned(), String::new()));
        }
        let deep = format!(r#"{}{{}}{}"#, r#"{"items":"#.repeat(100), "}".repeat(100));
        assert_eq!(written(&deep).0, deep);
    }
}
