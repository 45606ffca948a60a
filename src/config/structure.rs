//! Checks a tree against the schema: unknown and missing keys, types, ranges.
//!
//! A walk of our own rather than a JSON Schema validator: it knows what YAML
//! leaves open (is `4.1` a number or a model's name? the schema says), it drops
//! what is broken and goes on with the rest, and it words its findings for
//! people. It understands what the shapes use of JSON Schema; tests compare it
//! with a complete validator.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::{
    places::{self, Step},
    problem::{Problem, near},
    redact,
    tree::{Entry, Kind, Node, Scalar},
};

mod scalar;

/// Returns `tree` as JSON, without what is broken, which goes to `problems`.
/// Broken items of lists become null, so that the others keep their places.
pub(super) fn check(tree: &Node, schema: &Value, problems: &mut Vec<Problem>) -> Value {
    let mut walk = Walk {
        schema,
        path: Vec::new(),
        problems,
    };
    walk.value(tree, schema)
        .unwrap_or_else(|| Value::Object(Map::new()))
}

struct Walk<'a, 'p> {
    schema: &'a Value,
    path: Vec<Step<'a>>,
    problems: &'p mut Vec<Problem>,
}

impl<'a> Walk<'a, '_> {
    /// Returns the value of `node`, or `None` when there is nothing sound.
    fn value(&mut self, node: &'a Node, schema: &'a Value) -> Option<Value> {
        let schema = self.select(node, schema);
        match (&node.kind, kind(schema)) {
            (Kind::Broken, _) => None,
            (Kind::Scalar(scalar), _) if scalar.is_empty() => None,
            (Kind::Map(entries), "object") => Some(self.object(entries, schema)),
            (Kind::List(items), "array") => Some(self.array(items, schema)),
            (Kind::Scalar(scalar), "string" | "integer" | "number") => {
                self.scalar(node, scalar, schema)
            }
            (_, wanted) => {
                let problem =
                    Problem::new("wrong_type", &format!("{} does not fit here", found(node)))
                        .expect(&self.describe(schema));
                let problem = match (wanted, &node.kind) {
                    ("array", Kind::Scalar(_)) => {
                        problem.help("write `[…]` around it, or `- ` in front")
                    }
                    ("array", Kind::Map(_)) => problem.help("start each item with `- `"),
                    _ => problem,
                };
                self.report(node, problem);
                None
            }
        }
    }

    fn object(&mut self, entries: &'a [Entry], schema: &'a Value) -> Value {
        let none = Map::new();
        let known = schema["properties"].as_object().unwrap_or(&none);
        let taken: HashSet<_> = entries.iter().map(|entry| entry.key.as_str()).collect();
        let mut out = Map::new();
        for entry in entries {
            self.path.push(Step::Key(&entry.key));
            match schema["properties"].get(&entry.key) {
                Some(schema) => {
                    if let Some(value) = self.value(&entry.value, schema) {
                        out.insert(entry.key.clone(), value);
                    }
                }
                None => {
                    let names: Vec<_> = known.keys().map(String::as_str).collect();
                    // A key that is there already is hardly what was meant.
                    let free = names.iter().copied().filter(|name| !taken.contains(name));
                    let shown = redact::shown(&entry.key);
                    let problem = Problem::new("unknown_key", &format!("unknown key `{shown}`"))
                        .expect(&format!("one of {}", names.join(", ")))
                        .suggest(near(&entry.key, free))
                        .at(entry.key_span);
                    // YAML 1.1 had it, and people coming from other tools expect it.
                    let problem = match entry.key == "<<" {
                        true => problem.help(
                            "mappings are not merged; what endpoints share goes into the sections `breaker` and `probe`",
                        ),
                        false => problem,
                    };
                    self.push(problem, Some(shown));
                }
            }
            self.path.pop();
        }
        for name in schema["required"].as_array().into_iter().flatten() {
            let Some(name) = name.as_str() else { continue };
            let entry = entries.iter().find(|entry| entry.key == name);
            let span = match entry {
                None => entries.first().map(|entry| entry.key_span),
                Some(entry) if entry.value.is_empty() => Some(entry.key_span),
                Some(_) => continue,
            };
            let what = match entry {
                None => format!("`{name}` is missing"),
                Some(_) => format!("`{name}` is empty"),
            };
            let wanted = self.describe(&schema["properties"][name]);
            let problem = Problem::new("missing_key", &what).expect(&wanted);
            self.push(span.into_iter().fold(problem, Problem::at), None);
        }
        Value::Object(out)
    }

    fn array(&mut self, items: &'a [Node], schema: &'a Value) -> Value {
        let schema = &schema["items"];
        let mut out = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            self.path.push(Step::Item(index));
            if item.is_empty() {
                let problem = Problem::new("missing_value", "this item is empty")
                    .expect(&self.describe(schema));
                self.report(item, problem);
            }
            out.push(self.value(item, schema).unwrap_or(Value::Null));
            self.path.pop();
        }
        Value::Array(out)
    }

    fn scalar(&mut self, node: &Node, scalar: &Scalar, schema: &Value) -> Option<Value> {
        match scalar::read(&scalar.text, schema) {
            Ok(value) => Some(value),
            Err(problem) => {
                // Advice about the value would tell something of it.
                let problem = match scalar.has_variable() {
                    true => problem
                        .help("look at the value of the variable")
                        .suggest(None),
                    false => problem,
                };
                self.report(node, problem);
                None
            }
        }
    }

    /// Follows references and picks the alternative that `node` seems to mean.
    fn select(&self, node: &Node, schema: &'a Value) -> &'a Value {
        let schema = self.resolve(schema);
        let Some(choices) = schema["anyOf"].as_array() else {
            return schema;
        };
        let choices = choices.iter().map(|choice| self.resolve(choice));
        let choices: Vec<_> = choices.filter(|choice| choice["type"] != "null").collect();
        let wanted = match &node.kind {
            Kind::Map(_) => "object",
            Kind::List(_) => "array",
            Kind::Scalar(_) | Kind::Broken => "string",
        };
        let fit = choices.iter().find(|choice| kind(choice) == wanted);
        match (fit, choices.as_slice()) {
            (Some(fit), _) => fit,
            (None, [only]) => only,
            (None, _) => schema,
        }
    }

    fn resolve(&self, schema: &'a Value) -> &'a Value {
        schema["$ref"]
            .as_str()
            .and_then(|reference| self.schema.pointer(reference.strip_prefix('#')?))
            .unwrap_or(schema)
    }

    /// Returns in a few words what `schema` accepts.
    fn describe(&self, schema: &Value) -> String {
        if let Some(choices) = schema["anyOf"].as_array() {
            let choices: Vec<_> = choices
                .iter()
                .filter(|choice| choice["type"] != "null")
                .map(|choice| self.describe(choice))
                .collect();
            return choices.join(", or ");
        }
        let reference = schema["$ref"]
            .as_str()
            .and_then(|path| path.strip_prefix('#'));
        if let Some(schema) = reference.and_then(|path| self.schema.pointer(path)) {
            return self.describe(schema);
        }
        match kind(schema) {
            "object" => {
                let keys = schema["properties"].as_object();
                let keys: Vec<_> = keys
                    .into_iter()
                    .flat_map(Map::keys)
                    .map(String::as_str)
                    .collect();
                format!("a mapping with the keys {}", keys.join(", "))
            }
            "array" => format!("a list, each item {}", self.describe(&schema["items"])),
            _ => scalar::describe(schema),
        }
    }

    fn report(&mut self, node: &Node, problem: Problem) {
        let found = places::Found {
            entry: None,
            node,
            whole: true,
        };
        let problem = problem.at(found.span());
        self.push(problem, found.text());
    }

    fn push(&mut self, problem: Problem, text: Option<String>) {
        let path = places::pointer(&self.path);
        self.problems.push(problem.about(path, text));
    }
}

/// Returns the JSON type a resolved schema asks for; of several, the first that
/// is not null.
pub(super) fn kind(schema: &Value) -> &str {
    match &schema["type"] {
        Value::String(kind) => kind,
        Value::Array(kinds) => kinds
            .iter()
            .filter_map(Value::as_str)
            .find(|kind| *kind != "null")
            .unwrap_or_default(),
        _ if schema["oneOf"].is_array() || schema["enum"].is_array() => "string",
        _ => "",
    }
}

fn found(node: &Node) -> &'static str {
    match &node.kind {
        Kind::Map(_) => "a mapping",
        Kind::List(_) => "a list",
        Kind::Scalar(_) | Kind::Broken => "a single value",
    }
}
