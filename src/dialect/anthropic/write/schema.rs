//! Schemas that an answer or a call must fit.

#[cfg(test)]
mod tests;

use std::{borrow::Cow, collections::HashMap};

use serde_json::{Value, value::RawValue};

use crate::dialect::neutral::{Feature, Json, Lost, Members, Readings, push_key};

/// The most levels of a schema that are looked at.
const DEEPEST: u32 = 64;

/// What a schema may say as it is.
const KEPT: [&str; 14] = [
    "type",
    "title",
    "description",
    "default",
    "required",
    // The rest says nothing, and is not read.
    "$schema",
    "$id",
    "$anchor",
    "$comment",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "discriminator",
];

/// What a text may be.
const FORMATS: [&str; 10] = [
    "date-time",
    "time",
    "date",
    "duration",
    "email",
    "hostname",
    "uri",
    "ipv4",
    "ipv6",
    "uuid",
];

/// Returns `schema` with no more than Anthropic takes: every object of it closed
/// to further properties, which other dialects leave out, `anyOf` for `oneOf`,
/// and neither bounds on numbers, texts and lists nor conditions. What it takes
/// stays in its order.
///
/// An object that is explicitly open, or has no property of its own, cannot be
/// said so: that is lost, and so is a bound or a condition.
///
/// # Source
///
/// Anthropic, "Structured outputs", "JSON Schema limitations", and
/// anthropic-sdk-python, `lib/_parse/_transform.py`. BerriAI/litellm, pull
/// request 34319: what it refuses beyond (`prefixItems`, `patternProperties` …);
/// issue 37881: a list of types does not go beside an `enum`.
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
    let field = |wanted: &str| {
        let found = fields.iter().find(|(name, _)| name == wanted);
        found.map(|(_, raw)| raw.get())
    };
    let is_object = match field("type") {
        Some(kind) => kind.contains("\"object\""),
        None => field("properties").is_some(),
    };
    let is_open = match field("additionalProperties") {
        Some(more) => more != "false",
        None => field("properties").is_none(),
    };
    if is_object && is_open {
        lost.feature(Feature::JsonSchema);
    }
    // The values tell the types, too.
    let is_listed = field("enum").is_some_and(is_plain_list);
    out.push('{');
    let mut first = true;
    for (name, raw) in &fields {
        let value = raw.get();
        match (&**name, value.as_bytes().first()) {
            ("type", Some(b'[')) if is_listed => {}
            ("type", Some(b'"')) if field("nullable") == Some("true") && !is_listed => {
                push_key(name, &mut first, out)?;
                out.push_str(&format!(r#"[{value},"null"]"#));
            }
            ("nullable", _) if !is_listed && field("type").is_some() => {}
            ("properties" | "$defs" | "definitions", Some(b'{')) => {
                let Members(inner) = Members::of(value)?;
                push_key(name, &mut first, out)?;
                out.push('{');
                let mut first = true;
                for (name, raw) in inner {
                    push_key(&name, &mut first, out)?;
                    close(raw.get(), levels, readings, out, lost)?;
                }
                out.push('}');
            }
            ("anyOf" | "allOf" | "oneOf", Some(b'[')) => {
                let inner: Vec<&RawValue> = serde_json::from_str(value).ok()?;
                let Some(name) = combined(name, &inner, field("anyOf").is_some()) else {
                    lost.feature(Feature::JsonSchema);
                    continue;
                };
                push_key(name, &mut first, out)?;
                out.push('[');
                for (at, raw) in inner.into_iter().enumerate() {
                    out.push_str(if at == 0 { "" } else { "," });
                    close(raw.get(), levels, readings, out, lost)?;
                }
                out.push(']');
            }
            ("items", Some(b'{')) => {
                push_key(name, &mut first, out)?;
                close(value, levels, readings, out, lost)?;
            }
            ("additionalProperties", _) if is_object => {
                push_key(name, &mut first, out)?;
                out.push_str("false");
            }
            // Nothing else is read of what is no object.
            ("additionalProperties", _) => {}
            (name, _) if is_kept(name, value) => {
                push_key(name, &mut first, out)?;
                out.push_str(value);
            }
            _ => lost.feature(Feature::JsonSchema),
        }
    }
    if is_object && field("additionalProperties").is_none() {
        push_key("additionalProperties", &mut first, out)?;
        out.push_str("false");
    }
    out.push('}');
    Some(())
}

/// Returns how schemas that go together are said: Anthropic has no `oneOf`, and
/// no reference in an `allOf`, which of a single one says as much as `anyOf`.
fn combined(name: &str, schemas: &[&RawValue], has_any_of: bool) -> Option<&'static str> {
    let refers = || {
        let is_reference = |schema: &&RawValue| {
            let fields = Members::of(schema.get());
            fields.is_some_and(|Members(it)| it.iter().any(|(name, _)| name == "$ref"))
        };
        schemas.iter().any(is_reference)
    };
    match name {
        "anyOf" => Some("anyOf"),
        "oneOf" if !has_any_of => Some("anyOf"),
        "allOf" if !refers() => Some("allOf"),
        "allOf" if schemas.len() == 1 && !has_any_of => Some("anyOf"),
        _ => None,
    }
}

/// Tells whether Anthropic takes `name` with this value.
fn is_kept(name: &str, value: &str) -> bool {
    let text = || serde_json::from_str::<Cow<'_, str>>(value).unwrap_or_default();
    match name {
        "enum" => is_plain_list(value),
        "const" => !value.starts_with(['{', '[']),
        "minItems" => matches!(value, "0" | "1"),
        "format" => FORMATS.contains(&&*text()),
        "pattern" => !is_elaborate(&text()),
        "$ref" => text().starts_with('#'),
        name => KEPT.contains(&name),
    }
}

/// Tells whether a list holds neither lists nor objects.
fn is_plain_list(value: &str) -> bool {
    let is_plain = |value: &&RawValue| !value.get().starts_with(['{', '[']);
    serde_json::from_str(value).is_ok_and(|list: Vec<&RawValue>| list.iter().all(is_plain))
}

/// Tells whether a pattern looks around itself, for the edge of a word or back
/// to what it has found.
fn is_elaborate(pattern: &str) -> bool {
    let looks = ["(?=", "(?!", "(?<=", "(?<!"];
    let mut escaped = false;
    looks.iter().any(|look| pattern.contains(look))
        || pattern.chars().any(|c| {
            let is_odd = escaped && matches!(c, 'b' | 'B' | 'k' | '1'..='9');
            escaped = !escaped && c == '\\';
            is_odd
        })
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
