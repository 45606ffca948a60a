//! Reads what a request of Messages asks for; it has been checked.

use serde_json::Value;

use super::super::ask::{Ask, Choice, Format, count, flag, image, image_at, result, text_of};
use super::super::tools::Tool;

/// What is asked.
pub(super) fn request(body: &Value) -> Ask {
    let messages = body["messages"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let users = messages
        .iter()
        .rev()
        .filter(|message| message["role"] == "user");
    let mut texts = users.map(|message| text_of(message.get("content")));
    let is_own = |message: &Value| message["role"] == "assistant";
    let since = messages.iter().rposition(is_own).map_or(0, |at| at + 1);
    let fresh = messages.get(since..).unwrap_or_default();
    let parts: Vec<&Value> = fresh.iter().flat_map(parts).collect();
    let prompt: usize = messages.iter().map(|message| 4 + count(message)).sum();
    let choice = &body["tool_choice"];
    let stops = body["stop_sequences"].as_array().into_iter().flatten();
    Ask {
        prompt_tokens: 3 + prompt + count(&body["system"]),
        limit: body["max_tokens"].as_u64(),
        stops: stops.filter_map(Value::as_str).map(str::to_owned).collect(),
        said: texts.find(|text| !text.is_empty()).unwrap_or_default(),
        tools: tools(body),
        choice: match (choice["type"].as_str(), choice["name"].as_str()) {
            (Some("none"), _) => Choice::None,
            (Some("any"), _) => Choice::Any,
            (Some("tool"), Some(name)) => Choice::Named(name.to_owned()),
            _ => Choice::Auto,
        },
        single: flag(choice.get("disable_parallel_tool_use")),
        told: parts.iter().any(|part| part["type"] == "tool_result"),
        seen: parts.iter().flat_map(|part| seen(part)).collect(),
        format: match schema(body) {
            Some(schema) => Format::Schema(schema.clone()),
            None => Format::Text,
        },
        thinks: matches!(
            body["thinking"]["type"].as_str(),
            Some("enabled" | "adaptive")
        ),
    }
}

/// The schema that an answer must fit.
pub(super) fn schema(body: &Value) -> Option<&Value> {
    let today = body
        .get("output_config")
        .and_then(|config| config.get("format"));
    let format = today.or_else(|| body.get("output_format"));
    format?.get("schema")
}

fn parts(message: &Value) -> &[Value] {
    message["content"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
}

fn tools(body: &Value) -> Vec<Tool> {
    let tools = body["tools"].as_array().into_iter().flatten();
    // A tool without a schema is one that the provider runs itself.
    let tool = |tool: &Value| {
        Some(Tool {
            name: tool["name"].as_str()?.to_owned(),
            schema: tool.get("input_schema")?.clone(),
            custom: false,
        })
    };
    tools.filter_map(tool).collect()
}

fn seen(part: &Value) -> Vec<String> {
    match part["type"].as_str() {
        Some("image") => picture(&part["source"]).into_iter().collect(),
        Some("tool_result") => {
            let inner = part["content"].as_array().into_iter().flatten();
            let images = inner.flat_map(seen);
            let text = result(&text_of(part.get("content")));
            std::iter::once(text).chain(images).collect()
        }
        _ => Vec::new(),
    }
}

/// What is said of an image; none if it is not what it should be.
pub(super) fn picture(source: &Value) -> Option<String> {
    match source["type"].as_str()? {
        "base64" => image(source["media_type"].as_str()?, source["data"].as_str()?),
        "url" => Some(image_at(source["url"].as_str()?)),
        "file" => Some(image_at(source["file_id"].as_str()?)),
        _ => None,
    }
}
