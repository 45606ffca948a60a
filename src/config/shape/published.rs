//! The schema as editors get it: variables may stand for any value.

use serde_json::{Map, Value, json};

use super::schema;
use crate::config::structure;

/// What people read about a key, whatever values it takes.
const ANNOTATIONS: [&str; 3] = ["default", "description", "writeOnly"];

/// Returns [`schema`] with `${…}` allowed where a number or one of a few words
/// is asked for: variables are replaced before types are checked.
pub(in crate::config) fn published() -> Value {
    let mut schema = schema().clone();
    open(&mut schema);
    schema
}

fn open(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(open),
        Value::Object(map) => {
            if takes_variables(map) {
                let taken = std::mem::take(map);
                let (outer, inner): (Map<_, _>, Map<_, _>) = taken
                    .into_iter()
                    .partition(|(key, _)| ANNOTATIONS.contains(&key.as_str()));
                *map = outer;
                let variable = json!({ "type": "string", "pattern": r"\$\{" });
                map.insert("anyOf".to_owned(), json!([inner, variable]));
            } else {
                map.values_mut().for_each(open);
            }
        }
        _ => {}
    }
}

fn takes_variables(map: &Map<String, Value>) -> bool {
    let is_schema = map.contains_key("type") || map.contains_key("oneOf");
    let schema = Value::Object(map.clone());
    let words = schema["enum"].is_array() || schema["oneOf"].is_array();
    is_schema && (words || matches!(structure::kind(&schema), "integer" | "number"))
}
