//! Calls of the request's own tools, and values that fit a schema.

use serde_json::{Map, Value, json};

use super::ask::{Ask, Choice};

/// Most characters in one piece of a stream.
const PIECE: usize = 8;
/// How deep a schema is followed: one may point into itself.
const DEEPEST: usize = 16;

/// A function that may be called.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tool {
    pub(super) name: String,
    /// What its arguments look like.
    pub(super) schema: Value,
    /// Whether it takes a text in the place of arguments.
    pub(super) custom: bool,
}

/// The tools that an answer calls, at most `most`, and the pieces of what they are called with.
///
/// A request with tools gets calls of the tool that its choice names, else of the first ones, unless the
/// choice forbids it, or the request ends with results and does not force another call: then an agent is
/// done. The arguments repeat what was said where a text is asked for.
pub(super) fn called(ask: &Ask, most: usize) -> impl Iterator<Item = (&Tool, Vec<String>)> {
    let most = match &ask.choice {
        Choice::None => 0,
        Choice::Auto if ask.told => 0,
        Choice::Named(_) => 1,
        _ if ask.single => 1,
        Choice::Auto | Choice::Any => most,
    };
    let wanted = ask.tools.iter().filter(|tool| match &ask.choice {
        Choice::Named(name) => *name == tool.name,
        _ => true,
    });
    wanted.take(most).map(|tool| {
        let pieces = match tool.custom {
            true => cut(&ask.said),
            false => pieces(&fitting(&tool.schema, &ask.said)),
        };
        (tool, pieces)
    })
}

/// The JSON text of a value, in pieces.
pub(super) fn pieces(value: &Value) -> Vec<String> {
    cut(&value.to_string())
}

fn cut(text: &str) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    let pieces = letters.chunks(PIECE).map(|piece| piece.iter().collect());
    pieces.collect()
}

/// A value that fits `schema`, in JSON Schema or in Gemini's own dialect of it. What is no schema asks for an
/// empty object. Texts repeat `said`.
pub(super) fn fitting(schema: &Value, said: &str) -> Value {
    match schema.is_object() {
        true => Filler { root: schema, said }.object_or(schema, DEEPEST),
        false => json!({}),
    }
}

struct Filler<'a> {
    root: &'a Value,
    said: &'a str,
}

impl Filler<'_> {
    /// Arguments are an object even when the schema does not say so.
    fn object_or(&self, schema: &Value, depth: usize) -> Value {
        match schema.get("type").is_some() || schema.get("$ref").is_some() {
            true => self.fill(schema, depth),
            false => self.object(schema, depth),
        }
    }

    fn fill(&self, schema: &Value, depth: usize) -> Value {
        if depth == 0 {
            return Value::Null;
        }
        let path = schema.get("$ref").and_then(Value::as_str);
        if let Some(path) = path.and_then(|path| path.strip_prefix('#')) {
            let target = self.root.pointer(path);
            return target.map_or(Value::Null, |target| self.fill(target, depth - 1));
        }
        if let Some(fixed) = schema.get("const").or_else(|| schema.get("enum")?.get(0)) {
            return fixed.clone();
        }
        let choices = ["anyOf", "oneOf", "any_of"].iter();
        let mut choices = choices.filter_map(|key| schema.get(*key)?.get(0));
        if let Some(first) = choices.next() {
            return self.fill(first, depth - 1);
        }
        let kind = schema.get("type");
        let kind = kind.and_then(|kind| kind.as_str().or_else(|| kind.get(0)?.as_str()));
        match kind.map(str::to_ascii_lowercase).as_deref() {
            Some("integer" | "number") => json!(7),
            Some("boolean") => json!(true),
            Some("null") => Value::Null,
            Some("object") => self.object(schema, depth),
            Some("array") => {
                let least = schema.get("minItems").and_then(Value::as_u64);
                let items = schema
                    .get("items")
                    .filter(|_| least.is_some_and(|it| it > 0));
                match items {
                    Some(items) => json!([self.fill(items, depth - 1)]),
                    None => json!([]),
                }
            }
            None if schema.get("properties").is_some() => self.object(schema, depth),
            _ => json!(self.said.chars().take(40).collect::<String>()),
        }
    }

    fn object(&self, schema: &Value, depth: usize) -> Value {
        let properties = schema.get("properties").and_then(Value::as_object);
        let fill = |(name, schema): (&String, &Value)| (name.clone(), self.fill(schema, depth - 1));
        let filled: Map<String, Value> = properties.into_iter().flatten().map(fill).collect();
        Value::Object(filled)
    }
}

#[cfg(test)]
mod tests;
