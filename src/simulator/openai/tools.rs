//! Calls of the request's own tools.

use serde_json::{Map, Value, json};

/// Most characters of an argument in one piece of a stream.
const PIECE: usize = 8;

/// A call of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ToolCall {
    pub(super) name: String,
    /// The arguments' JSON text, as a stream sends it.
    pub(super) pieces: Vec<String>,
}

/// Decides whether to answer with a call, and makes it.
///
/// A request with tools gets a call of the tool that `tool_choice` names, else of the first, unless
/// `tool_choice` is `none` or the request ends with a tool's result: then an agent is done. The arguments
/// repeat `said` where a text is asked for.
pub(super) fn call(body: &Value, said: &str, after_result: bool) -> Option<ToolCall> {
    let tools = body.get("tools")?.as_array()?;
    let choice = body.get("tool_choice");
    if after_result || choice.and_then(Value::as_str) == Some("none") {
        return None;
    }
    // Chat wraps the function in an object of its own; responses do not.
    let inner = |value: &'_ Value| value.get("function").unwrap_or(value).clone();
    let name_of = |tool: &Value| tool.get("name").and_then(Value::as_str).map(str::to_owned);
    let wanted = choice.map(inner).and_then(|choice| name_of(&choice));
    let (name, tool) = tools
        .iter()
        .map(inner)
        .filter_map(|tool| Some((name_of(&tool)?, tool)))
        .find(|(name, _)| wanted.as_ref().is_none_or(|wanted| wanted == name))?;
    let arguments = arguments(tool.get("parameters"), said).to_string();
    let letters: Vec<char> = arguments.chars().collect();
    let pieces = letters.chunks(PIECE).map(|piece| piece.iter().collect());
    Some(ToolCall {
        name,
        pieces: pieces.collect(),
    })
}

fn arguments(schema: Option<&Value>, said: &str) -> Value {
    let properties = schema.and_then(|schema| schema.get("properties")?.as_object());
    let fill = |(name, schema): (&String, &Value)| {
        let value = match schema.get("enum").and_then(|values| values.get(0)) {
            Some(first) => first.clone(),
            None => match schema.get("type").and_then(Value::as_str) {
                Some("integer" | "number") => json!(7),
                Some("boolean") => json!(true),
                Some("array") => json!([]),
                Some("object") => arguments(Some(schema), said),
                Some("null") => Value::Null,
                _ => json!(said.chars().take(40).collect::<String>()),
            },
        };
        (name.clone(), value)
    };
    let filled: Map<String, Value> = properties.into_iter().flatten().map(fill).collect();
    Value::Object(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(choice: &Value) -> Value {
        let tool = |name: &str| {
            json!({"type": "function", "function": {"name": name, "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string"}, "days": {"type": "integer"},
                "unit": {"enum": ["C", "F"]}, "exact": {"type": "boolean"},
            }}}})
        };
        json!({"tools": [tool("weather"), tool("news")], "tool_choice": choice})
    }

    #[test]
    fn arguments_obey_the_schema() {
        let call = call(&request(&json!("auto")), "Zürich", false).expect("a call");
        assert_eq!(call.name, "weather");
        let arguments: Value = serde_json::from_str(&call.pieces.concat()).expect("JSON");
        let expected = json!({"city": "Zürich", "days": 7, "unit": "C", "exact": true});
        assert_eq!(arguments, expected);
        assert!(call.pieces.len() > 1);
    }

    #[test]
    fn the_choice_is_obeyed() {
        let named = json!({"type": "function", "function": {"name": "news"}});
        let call_of = |choice: Value| call(&request(&choice), "", false).map(|call| call.name);
        assert_eq!(call_of(named).as_deref(), Some("news"));
        assert_eq!(call_of(json!("required")).as_deref(), Some("weather"));
        assert_eq!(call_of(json!("none")), None);
        assert_eq!(call(&request(&json!("auto")), "", true), None);
        assert_eq!(call(&json!({"tools": []}), "", false), None);
        assert_eq!(call(&json!({}), "", false), None);
    }
}
