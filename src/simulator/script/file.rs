//! Reads a script from YAML (JSON is YAML), with the place of every error.

use std::path::Path;

use saphyr::{LoadableYamlNode, MarkedYaml, Scalar, YamlData};
use serde_json::{Map, Number, Value};
use serde_path_to_error::Segment;

use super::Script;

/// A script that cannot be obeyed. The text names file, line and column.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct ScriptError(String);

impl Script {
    /// Reads a script from the file at `path`.
    ///
    /// # Errors
    /// When the file cannot be read, and as [`Script::parse`].
    pub fn load(path: &Path) -> Result<Self, ScriptError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| ScriptError(format!("{name}: cannot be read: {error}")))?;
        Self::parse(&name, &text)
    }

    /// Reads a script from `text`; `name` stands for it in errors. An empty text is the default script.
    ///
    /// # Errors
    /// When the text is not YAML, holds an unknown or duplicate key, a value of the wrong type, or values
    /// out of range; the latter all at once, one a line.
    pub fn parse(name: &str, text: &str) -> Result<Self, ScriptError> {
        let documents = MarkedYaml::load_from_str(text).map_err(|error| {
            let at = error.marker();
            let (line, column) = (at.line(), at.col() + 1);
            ScriptError(format!("{name}:{line}:{column}: {}", error.info()))
        })?;
        let root = match documents.as_slice() {
            [] => return Ok(Self::default()),
            [root] => root,
            [_, second, ..] => {
                let text = "one document is expected, here a second begins";
                return Err(ScriptError(format!("{}: {text}", place(name, second))));
            }
        };
        if matches!(root.data, YamlData::Value(Scalar::Null)) {
            return Ok(Self::default());
        }
        if !matches!(root.data, YamlData::Mapping(_)) {
            let text = "a script is a mapping of keys to values";
            return Err(ScriptError(format!("{}: {text}", place(name, root))));
        }
        let value = convert(name, root)?;
        let script: Self = serde_path_to_error::deserialize(value).map_err(|error| {
            let path = error.path().to_string();
            let keys: Vec<String> = error.path().iter().filter_map(key).collect();
            let text = error.into_inner().to_string();
            // An unknown key is wrong itself, not its value.
            let wanted = if text.starts_with("unknown field") {
                Part::Key
            } else {
                Part::Value
            };
            let at = place(name, find(root, &keys, wanted));
            ScriptError(format!("{at}: {path}: {text}"))
        })?;
        let problems: Vec<String> = script
            .problems()
            .into_iter()
            .map(|(path, text)| {
                let keys: Vec<String> = path
                    .split(['.', '[', ']'])
                    .filter(|key| !key.is_empty())
                    .map(str::to_owned)
                    .collect();
                format!(
                    "{}: {path}: {text}",
                    place(name, find(root, &keys, Part::Value))
                )
            })
            .collect();
        if problems.is_empty() {
            Ok(script)
        } else {
            Err(ScriptError(problems.join("\n")))
        }
    }

    /// Passes a script built in code, if it can be obeyed.
    ///
    /// # Errors
    /// When values are out of range; all at once, one a line.
    pub fn checked(self) -> Result<Self, ScriptError> {
        let problems: Vec<String> = self
            .problems()
            .into_iter()
            .map(|(path, text)| format!("{path}: {text}"))
            .collect();
        if problems.is_empty() {
            Ok(self)
        } else {
            Err(ScriptError(problems.join("\n")))
        }
    }
}

fn place(name: &str, node: &MarkedYaml<'_>) -> String {
    let start = node.span.start;
    format!("{name}:{}:{}", start.line(), start.col() + 1)
}

fn key(segment: &Segment) -> Option<String> {
    match segment {
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Map { key } => Some(key.clone()),
        Segment::Enum { variant } => Some(variant.clone()),
        Segment::Unknown => None,
    }
}

/// Which node of an entry is meant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Key,
    Value,
}

/// Follows `keys` as far as the document has them: an unknown variant has no node of its own.
fn find<'a, 'input>(
    root: &'a MarkedYaml<'input>,
    keys: &[String],
    wanted: Part,
) -> &'a MarkedYaml<'input> {
    let (mut node, mut found) = (root, root);
    for key in keys {
        let next = match &node.data {
            YamlData::Sequence(items) => {
                let at = key.parse().ok();
                at.and_then(|at: usize| items.get(at)).map(|it| (it, it))
            }
            YamlData::Mapping(entries) => entries
                .iter()
                .find(|(name, _)| name.data.as_str() == Some(key)),
            _ => None,
        };
        let Some((name, value)) = next else { break };
        node = value;
        found = if wanted == Part::Key { name } else { value };
    }
    found
}

fn convert(name: &str, node: &MarkedYaml<'_>) -> Result<Value, ScriptError> {
    let wrong = |text: &str| ScriptError(format!("{}: {text}", place(name, node)));
    match &node.data {
        YamlData::Value(scalar) => match scalar {
            Scalar::Null => Ok(Value::Null),
            Scalar::Boolean(value) => Ok(Value::Bool(*value)),
            Scalar::Integer(value) => Ok(Value::Number((*value).into())),
            Scalar::FloatingPoint(value) => Number::from_f64(value.into_inner())
                .map(Value::Number)
                .ok_or_else(|| wrong("a finite number is expected")),
            Scalar::String(value) => Ok(Value::String(value.to_string())),
        },
        YamlData::Sequence(items) => items
            .iter()
            .map(|item| convert(name, item))
            .collect::<Result<Vec<_>, _>>()
            .map(Value::Array),
        YamlData::Mapping(entries) => {
            let mut map = Map::new();
            for (key, value) in entries {
                let YamlData::Value(Scalar::String(key)) = &key.data else {
                    let text = "a key must be a word";
                    return Err(ScriptError(format!("{}: {text}", place(name, key))));
                };
                map.insert(key.to_string(), convert(name, value)?);
            }
            Ok(Value::Object(map))
        }
        _ => Err(wrong("tags and aliases have no place in a script")),
    }
}

#[cfg(test)]
mod tests;
