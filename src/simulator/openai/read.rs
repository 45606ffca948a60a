//! Reads what a request of chat or responses asks for.

use serde_json::Value;

use super::super::ask::{Ask, Choice, Format, count, image, image_at, result, text_of};
use super::super::tools::Tool;

/// What a request of chat asks for; its messages are a list.
pub(super) fn chat(body: &Value, messages: &[Value]) -> Ask {
    let role = |message: &Value| {
        message
            .get("role")
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let is = |message: &&Value, wanted: &str| role(message).as_deref() == Some(wanted);
    let prompt: usize = messages.iter().map(|message| 4 + count(message)).sum();
    let texts = messages.iter().rev().filter(|message| is(message, "user"));
    let mut texts = texts.map(|message| text_of(message.get("content")));
    // What came since the assistant spoke.
    let fresh: Vec<&Value> = {
        let mut fresh: Vec<&Value> = messages
            .iter()
            .rev()
            .take_while(|message| !is(message, "assistant"))
            .collect();
        fresh.reverse();
        fresh
    };
    let mut seen = Vec::new();
    for message in &fresh {
        let content = message.get("content");
        if is(message, "tool") {
            seen.push(result(&text_of(content)));
        }
        let parts = content.and_then(Value::as_array).into_iter().flatten();
        let images = parts.filter_map(|part| part.get("image_url")?.get("url")?.as_str());
        seen.extend(images.filter_map(picture));
    }
    let limit = ["max_completion_tokens", "max_tokens"].iter();
    Ask {
        prompt_tokens: 3 + prompt,
        limit: limit.clone().find_map(|key| body.get(*key)?.as_u64()),
        stops: stops(body),
        said: texts.next().unwrap_or_default(),
        tools: tools(body),
        choice: choice(body),
        single: body.get("parallel_tool_calls") == Some(&Value::Bool(false)),
        told: fresh.iter().any(|message| is(message, "tool")),
        seen,
        format: format(body.get("response_format"), |format| {
            format.get("json_schema")?.get("schema").cloned()
        }),
        thinks: thinks(body.get("reasoning_effort")),
    }
}

/// What a request of responses asks for.
pub(super) fn responses(body: &Value, input: &Value) -> Ask {
    let items = input.as_array().map(Vec::as_slice).unwrap_or_default();
    let kind = |item: &Value| item.get("type").and_then(Value::as_str).map(str::to_owned);
    let is_result = |item: &&Value| {
        matches!(
            kind(item).as_deref(),
            Some("function_call_output" | "custom_tool_call_output")
        )
    };
    let is_own = |item: &&Value| {
        matches!(
            kind(item).as_deref(),
            Some("function_call" | "custom_tool_call")
        ) || item.get("role").and_then(Value::as_str) == Some("assistant")
    };
    let users = items
        .iter()
        .rev()
        .filter(|item| item.get("role").and_then(Value::as_str) == Some("user"));
    let mut texts = users.map(|item| text_of(item.get("content")));
    let said = match input.as_str() {
        Some(text) => text.to_owned(),
        None => texts.next().unwrap_or_default(),
    };
    let since = items
        .iter()
        .rposition(|item| is_own(&item))
        .map_or(0, |at| at + 1);
    let mut seen = Vec::new();
    for item in items.get(since..).unwrap_or_default() {
        if is_result(&item) {
            seen.push(result(&text_of(item.get("output"))));
        }
        let parts = item
            .get("content")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let images = parts.filter_map(|part| part.get("image_url")?.as_str());
        seen.extend(images.filter_map(picture));
    }
    let formats = body.get("text").and_then(|text| text.get("format"));
    Ask {
        prompt_tokens: 3 + count(input) + body.get("instructions").map_or(0, count),
        limit: body.get("max_output_tokens").and_then(Value::as_u64),
        stops: Vec::new(),
        said,
        tools: tools(body),
        choice: choice(body),
        single: body.get("parallel_tool_calls") == Some(&Value::Bool(false)),
        told: items
            .get(since..)
            .is_some_and(|fresh| fresh.iter().any(|item| is_result(&item))),
        seen,
        format: format(formats, |format| format.get("schema").cloned()),
        thinks: thinks(body.get("reasoning").and_then(|it| it.get("effort"))),
    }
}

/// The texts that end an answer: one or several.
pub(super) fn stops(body: &Value) -> Vec<String> {
    match body.get("stop") {
        Some(Value::String(stop)) => vec![stop.clone()],
        Some(Value::Array(stops)) => {
            let stops = stops.iter().filter_map(Value::as_str);
            stops.map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}

/// What is said of an image: at an address, or in a data URL. What is neither is passed over.
pub(super) fn picture(url: &str) -> Option<String> {
    match url.strip_prefix("data:") {
        None => Some(image_at(url)),
        Some(rest) => {
            let (kind, data) = rest.split_once(";base64,")?;
            image(kind, data)
        }
    }
}

/// Chat wraps a tool in an object of its own; responses do not.
pub(super) fn inner(value: &Value) -> &Value {
    let kinds = ["function", "custom"].iter();
    let mut inner = kinds.filter_map(|kind| value.get(*kind));
    inner.next().unwrap_or(value)
}

fn name(value: &Value) -> Option<String> {
    value.get("name")?.as_str().map(str::to_owned)
}

fn tools(body: &Value) -> Vec<Tool> {
    let tools = body.get("tools").and_then(Value::as_array);
    let tools = tools.into_iter().flatten();
    let allowed = allowed(body).and_then(|set| set.get("tools")?.as_array());
    let may = |name: &String| {
        let is_of = |tool: &Value| inner(tool)["name"] == name.as_str();
        allowed.is_none_or(|tools| tools.iter().any(is_of))
    };
    let tool = |tool: &Value| {
        let custom = tool["type"] == "custom";
        let tool = inner(tool);
        Some(Tool {
            name: name(tool).filter(may)?,
            schema: tool.get("parameters").cloned().unwrap_or_default(),
            custom,
        })
    };
    tools.filter_map(tool).collect()
}

/// The set of tools of which some may be called, which chat wraps as well.
fn allowed(body: &Value) -> Option<&Value> {
    let choice = body.get("tool_choice");
    let choice = choice.filter(|choice| choice["type"] == "allowed_tools")?;
    Some(choice.get("allowed_tools").unwrap_or(choice))
}

fn choice(body: &Value) -> Choice {
    if let Some(set) = allowed(body) {
        return match set["mode"] == "required" {
            true => Choice::Any,
            false => Choice::Auto,
        };
    }
    match body.get("tool_choice") {
        Some(Value::String(word)) if word == "none" => Choice::None,
        Some(Value::String(word)) if word == "required" => Choice::Any,
        Some(choice) => name(inner(choice)).map_or(Choice::Auto, Choice::Named),
        None => Choice::Auto,
    }
}

fn format(format: Option<&Value>, schema: impl Fn(&Value) -> Option<Value>) -> Format {
    let kind = format.and_then(|format| format.get("type")?.as_str());
    match (kind, format) {
        (Some("json_object"), _) => Format::Json,
        (Some("json_schema"), Some(format)) => schema(format).map_or(Format::Json, Format::Schema),
        _ => Format::Text,
    }
}

fn thinks(effort: Option<&Value>) -> bool {
    let effort = effort.and_then(Value::as_str);
    effort.is_some_and(|effort| !matches!(effort, "none" | "minimal"))
}
