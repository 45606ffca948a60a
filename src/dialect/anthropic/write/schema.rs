//! Schemas that an answer or a call must fit.

use std::{borrow::Cow, collections::HashMap};

use serde_json::{Value, value::RawValue};

use crate::dialect::neutral::{Feature, Json, Lost, Members, Readings, push_key};

/// The most levels of a schema that are looked at.
const DEEPEST: u32 = 64;

/// Bounds, which Anthropic answers with 400; `minItems` is one if it is above 1.
const BOUNDS: [&str; 15] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "maxItems",
    "uniqueItems",
    "contains",
    "minContains",
    "maxContains",
    "minProperties",
    "maxProperties",
    "propertyNames",
];

/// Returns `schema` with every object of it closed to further properties, which
/// Anthropic wants said and other dialects leave out, and without bounds on
/// numbers, texts and lists. Nothing else changes.
///
/// An object that is explicitly open, or has no property of its own, cannot be
/// said so: that is lost, and so is a bound.
///
/// # Source
///
/// Anthropic, "Structured outputs", "JSON Schema limitations":
/// `additionalProperties` must be set to `false` for objects; constraints of
/// numbers and strings, and of arrays beyond a `minItems` of 0 or 1, are errors.
pub(super) fn closed<'a>(schema: &'a Json, lost: &mut Lost) -> Cow<'a, RawValue> {
    let mut out = String::with_capacity(schema.get().len() + 32);
    let mut readings = Readings::of(schema.get());
    let written = close(schema.get(), DEEPEST, &mut readings, &mut out, lost);
    let written = written.and_then(|()| RawValue::from_string(out).ok());
    // One that is too deep goes as it is, for the provider to judge.
    written.map_or_else(|| Cow::Borrowed(schema.raw()), Cow::Owned)
}

fn close(
    schema: &str,
    levels: u32,
    readings: &mut Readings,
    out: &mut String,
    lost: &mut Lost,
) -> Option<()> {
    let levels = levels.checked_sub(1)?;
    readings.count(schema)?;
    let Some(Members(fields)) = Members::of(schema) else {
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
        if is_bound(name, raw.get()) {
            lost.feature(Feature::JsonSchema);
            continue;
        }
        push_key(name, &mut first, out)?;
        match (&**name, raw.get().as_bytes().first()) {
            ("properties" | "$defs" | "definitions", Some(b'{')) => {
                let Members(inner) = Members::of(raw.get())?;
                out.push('{');
                let mut first = true;
                for (name, raw) in inner {
                    push_key(&name, &mut first, out)?;
                    close(raw.get(), levels, readings, out, lost)?;
                }
                out.push('}');
            }
            ("anyOf" | "allOf" | "oneOf" | "prefixItems", Some(b'[')) => {
                let inner: Vec<&RawValue> = serde_json::from_str(raw.get()).ok()?;
                out.push('[');
                for (at, raw) in inner.into_iter().enumerate() {
                    out.push_str(if at == 0 { "" } else { "," });
                    close(raw.get(), levels, readings, out, lost)?;
                }
                out.push(']');
            }
            ("items", Some(b'{')) => close(raw.get(), levels, readings, out, lost)?,
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

fn is_bound(name: &str, value: &str) -> bool {
    match name {
        "minItems" => !matches!(value, "0" | "1"),
        name => BOUNDS.contains(&name),
    }
}

/// Tells whether a schema comes back to itself by its references, which
/// Anthropic refuses wherever an answer must fit; one that goes too deep to
/// tell counts as such.
pub(super) fn is_recursive(schema: &Json) -> bool {
    // Only for the few that refer at all a tree is built.
    schema.get().contains("\"$ref\"")
        && serde_json::from_str(schema.get()).is_ok_and(|root: Value| {
            let mut paths = Paths {
                root: &root,
                known: HashMap::from([("", true)]),
            };
            paths.come_back(&root, DEEPEST * 2)
        })
}

/// The places that a schema refers to, and whether each is being looked at.
struct Paths<'a> {
    root: &'a Value,
    known: HashMap<&'a str, bool>,
}

impl<'a> Paths<'a> {
    fn come_back(&mut self, schema: &'a Value, levels: u32) -> bool {
        let Some(levels) = levels.checked_sub(1) else {
            return true;
        };
        match schema {
            Value::Object(fields) => {
                let place = fields.get("$ref").and_then(Value::as_str);
                place.is_some_and(|place| self.leads_back(place, levels))
                    || fields.values().any(|inner| self.come_back(inner, levels))
            }
            Value::Array(list) => list.iter().any(|inner| self.come_back(inner, levels)),
            _ => false,
        }
    }

    fn leads_back(&mut self, place: &'a str, levels: u32) -> bool {
        let Some(place) = place.strip_prefix('#') else {
            return false;
        };
        if let Some(is_open) = self.known.get(place) {
            return *is_open;
        }
        self.known.insert(place, true);
        let target = self.root.pointer(place);
        let leads_back = target.is_some_and(|target| self.come_back(target, levels));
        self.known.insert(place, false);
        leads_back
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
            "a":{"type":"array","items":{"properties":{"n":{"type":"number","default":1.0}},"additionalProperties":false}},
            "m":{"anyOf":[{"$ref":"#/$defs/x"},true]}},
            "required":["z"],"$defs":{"x":{"type":"object","properties":{}}}}"##;
        let expected = concat!(
            r##"{"type":"object","properties":{"##,
            r##""z":{"type":["object","null"],"properties":{"type":{"type":"string"}},"additionalProperties":false},"##,
            r##""a":{"type":"array","items":{"properties":{"n":{"type":"number","default":1.0}},"additionalProperties":false}},"##,
            r##""m":{"anyOf":[{"$ref":"#/$defs/x"},true]}},"##,
            r##""required":["z"],"$defs":{"x":{"type":"object","properties":{},"additionalProperties":false}},"##,
            r##""additionalProperties":false}"##,
        );
        assert_eq!(written(schema), (expected.to_owned(), String::new()));
    }

    #[test]
    fn a_long_one_in_many_levels_goes_as_it_is() {
        let deep = |levels: usize, length: usize| {
            let leaf = format!(
                r#"{{"type":"string","description":"{}"}}"#,
                "x".repeat(length)
            );
            let open = r#"{"type":"object","properties":{"a":"#;
            open.repeat(levels) + &leaf + &"}}".repeat(levels)
        };
        for (levels, length, is_closed) in
            [(60, 100, true), (6, 9 << 20, true), (60, 9 << 20, false)]
        {
            let schema = deep(levels, length);
            let (written, _) = written(&schema);
            let closed = written.matches(r#""additionalProperties":false"#).count();
            assert_eq!(closed, if is_closed { levels } else { 0 }, "{levels}");
            assert_eq!(written == schema, !is_closed, "{levels}");
        }
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
    fn bounds_are_left_out_and_told_of() {
        let said = |schema: &str| written(schema).1 == "not carried over: json_schema";
        for (bound, kept) in [
            (r#"{"minimum":0,"type":"integer"}"#, r#"{"type":"integer"}"#),
            (
                r#"{"type":"number","exclusiveMaximum":2.5}"#,
                r#"{"type":"number"}"#,
            ),
            (
                r#"{"type":"string","minLength":1,"maxLength":9}"#,
                r#"{"type":"string"}"#,
            ),
            (
                r#"{"type":"array","items":{"multipleOf":2},"minItems":2,"uniqueItems":true}"#,
                r#"{"type":"array","items":{}}"#,
            ),
        ] {
            assert_eq!(written(bound).0, kept);
            assert!(said(bound), "{bound}");
        }
        // A property of that name is none, and a list may not be empty.
        for kept in [
            r#"{"properties":{"minimum":{"type":"integer"}},"additionalProperties":false}"#,
            r#"{"type":"array","minItems":1}"#,
        ] {
            assert_eq!(written(kept), (kept.to_owned(), String::new()));
        }
    }

    #[test]
    fn a_schema_that_comes_back_to_itself_is_known() {
        let is = |schema: &str| is_recursive(&Json::parse(schema).unwrap());
        for recursive in [
            r##"{"properties":{"next":{"$ref":"#"}}}"##,
            r##"{"$ref":"#/$defs/n","$defs":{"n":{"properties":{"l":{"anyOf":[{"$ref":"#/$defs/n"}]}}}}}"##,
            r##"{"$defs":{"a":{"items":{"$ref":"#/$defs/b"}},"b":{"items":{"$ref":"#/$defs/a"}}}}"##,
        ] {
            assert!(is(recursive), "{recursive}");
        }
        for straight in [
            r#"{"properties":{"$ref":{"type":"string"}}}"#,
            r##"{"properties":{"a":{"$ref":"#/$defs/x"},"b":{"$ref":"#/$defs/x"}},"$defs":{"x":{"type":"string"}}}"##,
            r#"{"$ref":"https://example.com/schema"}"#,
        ] {
            assert!(!is(straight), "{straight}");
        }
        // Twice each, so that without a memory it would take for ever.
        let wide: Vec<_> = (0..60)
            .map(|at| {
                let next = format!(r##"{{"$ref":"#/$defs/d{}"}}"##, at + 1);
                format!(r#""d{at}":{{"anyOf":[{next},{next}]}}"#)
            })
            .collect();
        let deep = format!(r#"{{"$defs":{{{}}}}}"#, wide.join(","));
        assert!(is(&deep), "too deep to tell");
        let short = format!(r#"{{"$defs":{{{}}}}}"#, wide[40..].join(","));
        assert!(!is(&short));
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
