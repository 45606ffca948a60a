//! What OpenAI refuses and many a server that speaks its dialect lets pass.
//!
//! The sentences are those of OpenAI's own errors, where it is known for one.

mod responses;

use std::collections::HashSet;

use serde_json::Value;

use super::super::ask::{flag, is_name, unknown};
use super::super::reply::Reply;
use super::error::error;
use super::read::{self, picture};

pub(super) use responses::responses;

/// Longest id of a call, in bytes.
const ID: usize = 40;

/// Fields of a request of chat.
///
/// *Source*: OpenAI's API reference and openai-python's `CompletionCreateParams`.
#[rustfmt::skip]
const CHAT: [&str; 37] = [
    "audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs",
    "max_completion_tokens", "max_tokens", "messages", "metadata", "modalities", "model", "moderation", "n",
    "parallel_tool_calls", "prediction", "presence_penalty", "prompt_cache_key", "prompt_cache_options",
    "prompt_cache_retention", "reasoning_effort", "response_format", "safety_identifier", "seed",
    "service_tier", "stop", "store", "stream", "stream_options", "temperature", "tool_choice", "tools",
    "top_logprobs", "top_p", "user", "verbosity", "web_search_options",
];

type Checked = Result<(), Box<Reply>>;

fn wrong(param: &str, message: &str) -> Checked {
    let param = (!param.is_empty()).then_some(param);
    Err(Box::new(error(400, "invalid_value", param, message)))
}

fn no_unknown(body: &Value, known: &[&str]) -> Checked {
    match unknown(body, known) {
        None => Ok(()),
        Some(name) => {
            let text = format!("Unrecognized request argument supplied: {name}");
            Err(Box::new(error(400, "unknown_parameter", Some(name), &text)))
        }
    }
}

/// Checks a request of chat.
pub(super) fn chat(body: &Value, messages: &[Value]) -> Checked {
    no_unknown(body, &CHAT)?;
    sampling(body)?;
    let model = body["model"].as_str().unwrap_or_default();
    let always_reasons = ["o1", "o3", "o4"].iter().any(|it| model.starts_with(it));
    if always_reasons && body.get("parallel_tool_calls").is_some() {
        let text = "Unsupported parameter: 'parallel_tool_calls' is not supported with this model.";
        let param = Some("parallel_tool_calls");
        return Err(Box::new(error(400, "unsupported_parameter", param, text)));
    }
    if body.get("max_tokens").is_some() && body.get("max_completion_tokens").is_some() {
        let text =
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.";
        return wrong("max_tokens", text);
    }
    let stops = body.get("stop").and_then(Value::as_array);
    if stops.is_some_and(|stops| stops.len() > 4) {
        return wrong(
            "stop",
            "Invalid 'stop': array too long. Expected at most 4.",
        );
    }
    if body.get("stream_options").is_some_and(|it| !it.is_null()) && !flag(body.get("stream")) {
        let text = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
        return wrong("stream_options", text);
    }
    words(body)?;
    tools(body, |tool| match tool["type"].as_str()? {
        kind @ ("function" | "custom") => tool.get(kind),
        _ => None,
    })?;
    format(body, messages)?;
    for (at, message) in messages.iter().enumerate() {
        shape(at, message, body["model"].as_str().unwrap_or_default())?;
    }
    pairs(messages)
}

/// Checks what is said in one of a few words, and what says how likely tokens were.
fn words(body: &Value) -> Checked {
    #[rustfmt::skip]
    let known: [(&str, &[&str]); 3] = [
        ("reasoning_effort", &["none", "minimal", "low", "medium", "high", "xhigh", "max"]),
        ("verbosity", &["low", "medium", "high"]),
        ("service_tier", &["auto", "default", "flex", "scale", "priority"]),
    ];
    for (name, known) in known {
        let value = body.get(name).filter(|value| !value.is_null());
        let is_known = |value: &Value| value.as_str().is_some_and(|it| known.contains(&it));
        if !value.is_none_or(is_known) {
            let text = format!("Invalid value for '{name}'. Supported values are: {known:?}.");
            return wrong(name, &text);
        }
    }
    let Some(others) = body.get("top_logprobs").filter(|it| !it.is_null()) else {
        return Ok(());
    };
    if others.as_u64().is_none_or(|others| others > 20) {
        let text = "Invalid 'top_logprobs': expected an integer from 0 to 20.";
        return wrong("top_logprobs", text);
    }
    if !flag(body.get("logprobs")) {
        let text = "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.";
        return wrong("top_logprobs", text);
    }
    Ok(())
}

/// The numbers that chat and responses share.
fn sampling(body: &Value) -> Checked {
    for (name, low, high) in [
        ("temperature", 0.0, 2.0),
        ("top_p", 0.0, 1.0),
        ("presence_penalty", -2.0, 2.0),
        ("frequency_penalty", -2.0, 2.0),
    ] {
        let value = body.get(name).filter(|value| !value.is_null());
        let good = |value: &Value| value.as_f64().is_some_and(|it| (low..=high).contains(&it));
        if !value.is_none_or(good) {
            let text = format!("Invalid '{name}': expected a number from {low} to {high}.");
            return wrong(name, &text);
        }
    }
    for name in [
        "max_tokens",
        "max_completion_tokens",
        "max_output_tokens",
        "n",
    ] {
        let value = body.get(name).filter(|value| !value.is_null());
        if value.is_some_and(|value| value.as_u64().is_none_or(|it| it == 0)) {
            return wrong(
                name,
                &format!("Invalid '{name}': expected an integer of 1 or more."),
            );
        }
    }
    Ok(())
}

/// Checks the tools and what is said of them; `inner` finds what a tool is, if it is the client's own.
fn tools<'a>(body: &'a Value, inner: impl Fn(&'a Value) -> Option<&'a Value>) -> Checked {
    let Some(tools) = body.get("tools").filter(|tools| !tools.is_null()) else {
        for name in ["tool_choice", "parallel_tool_calls"] {
            if body
                .get(name)
                .is_some_and(|it| !it.is_null() && it != "none" && it != "auto")
            {
                let text = format!("'{name}' is only allowed when 'tools' are specified.");
                return wrong(name, &text);
            }
        }
        return Ok(());
    };
    let Some(tools) = tools.as_array().filter(|tools| !tools.is_empty()) else {
        return wrong(
            "tools",
            "Invalid 'tools': empty array. Expected an array with minimum length 1.",
        );
    };
    let mut names = HashSet::new();
    for (at, tool) in tools.iter().enumerate() {
        if !tool["type"].is_string() {
            return wrong(
                "tools",
                &format!("Missing required parameter: 'tools[{at}].type'."),
            );
        }
        let Some(function) = inner(tool) else {
            continue;
        };
        let name = function["name"].as_str().unwrap_or_default();
        if !is_name(name, 64) || !names.insert(name) {
            let text = format!(
                "Invalid 'tools[{at}].function.name': expected a name of its own that matches '^[a-zA-Z0-9_-]+$'."
            );
            return wrong("tools", &text);
        }
        let parameters = function.get("parameters").filter(|it| !it.is_null());
        if parameters.is_some_and(|schema| schema["type"].as_str().is_some_and(|it| it != "object"))
        {
            let text = format!(
                "Invalid schema for function '{name}': schema must be a JSON Schema of 'type: \"object\"'."
            );
            return wrong("tools", &text);
        }
        if flag(function.get("strict")) && !parameters.is_some_and(is_closed) {
            let text = format!(
                "Invalid schema for function '{name}': 'additionalProperties' is required to be supplied and to be false, and 'required' to name every property."
            );
            return wrong("tools", &text);
        }
    }
    let choice = body.get("tool_choice");
    // A set of tools is one level deeper in chat.
    let set = choice.map(|choice| choice.get("allowed_tools").unwrap_or(choice));
    let set = set.and_then(|set| set.get("tools")?.as_array());
    for tool in set.into_iter().flatten() {
        let tool = read::inner(tool);
        if !names.contains(tool["name"].as_str().unwrap_or_default()) {
            let text = "Invalid value for 'tool_choice': an allowed tool was not specified in the 'tools' parameter.";
            return wrong("tool_choice", text);
        }
    }
    let choice = choice.map(read::inner);
    match choice.and_then(|choice| choice.get("name")?.as_str()) {
        Some(name) if !names.contains(name) => {
            let text = format!(
                "Invalid value for 'tool_choice': no function named '{name}' was specified in the 'tools' parameter."
            );
            wrong("tool_choice", &text)
        }
        _ => Ok(()),
    }
}

fn format(body: &Value, messages: &[Value]) -> Checked {
    let format = &body["response_format"];
    match format["type"].as_str() {
        None if format.is_null() => Ok(()),
        Some("text") => Ok(()),
        Some("json_object") => {
            let told = messages.iter().any(|message| {
                let content = message["content"].to_string().to_lowercase();
                content.contains("json")
            });
            let text = "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.";
            if told {
                Ok(())
            } else {
                wrong("messages", text)
            }
        }
        Some("json_schema") => schema(&format["json_schema"]),
        _ => wrong(
            "response_format.type",
            "Invalid value for 'response_format.type'.",
        ),
    }
}

/// Checks a schema that answers must fit: its name, that it is an object's, and with `strict` what is asked of its objects.
fn schema(of: &Value) -> Checked {
    let param = "response_format.json_schema";
    if !of["name"].as_str().is_some_and(|name| is_name(name, 64)) {
        return wrong(
            param,
            &format!("Missing required parameter: '{param}.name'."),
        );
    }
    if of["schema"]["type"] != "object" {
        let text = "Invalid schema for response_format: schema must be a JSON Schema of 'type: \"object\"'.";
        return wrong(param, text);
    }
    if flag(of.get("strict")) && !is_closed(&of["schema"]) {
        let text = "Invalid schema for response_format: 'additionalProperties' is required to be supplied and to be false, and 'required' to name every property.";
        return wrong(param, text);
    }
    Ok(())
}

fn is_closed(schema: &Value) -> bool {
    match schema {
        Value::Array(items) => items.iter().all(is_closed),
        Value::Object(keys) => {
            let properties = schema["properties"].as_object();
            let closed = schema["type"] != "object"
                || schema["additionalProperties"] == false
                    && properties.is_none_or(|properties| {
                        let required = schema["required"].as_array();
                        let has = |name: &String| {
                            required.is_some_and(|it| it.iter().any(|it| it == name))
                        };
                        properties.keys().all(has)
                    });
            closed && keys.values().all(is_closed)
        }
        _ => true,
    }
}

/// Checks one message by itself.
fn shape(at: usize, message: &Value, model: &str) -> Checked {
    let param = |rest: &str| format!("messages[{at}]{rest}");
    let role = message["role"].as_str().unwrap_or_default();
    #[rustfmt::skip]
    let known: &[&str] = match role {
        "system" | "developer" | "user" => &["role", "content", "name"],
        "assistant" => &["role", "content", "name", "refusal", "audio", "annotations", "tool_calls", "function_call"],
        "tool" => &["role", "content", "tool_call_id"],
        "function" => &["role", "content", "name"],
        _ => {
            let text = format!("Invalid value: '{role}'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'.");
            return wrong(&param(".role"), &text);
        }
    };
    if let Some(name) = unknown(message, known) {
        let text = format!("Unknown parameter: '{}'.", param(&format!(".{name}")));
        return wrong(&param(""), &text);
    }
    let calls = message["tool_calls"].as_array();
    let optional = role == "assistant" && (calls.is_some() || message["refusal"].is_string());
    match &message["content"] {
        Value::String(_) => {}
        Value::Null if optional => {}
        Value::Array(parts) if !parts.is_empty() => {
            for part in parts {
                content(&param(".content"), role, part, model)?;
            }
        }
        _ => {
            let text = format!(
                "Invalid value for 'content': expected a string, got {}.",
                kind(&message["content"])
            );
            return wrong(&param(".content"), &text);
        }
    }
    for call in calls.into_iter().flatten() {
        let id = call["id"].as_str().unwrap_or_default();
        let (kind, given) = match call["type"].as_str() {
            Some("custom") => ("custom", "input"),
            _ => ("function", "arguments"),
        };
        let function = &call[kind];
        let good = (1..=ID).contains(&id.len())
            && call["type"] == kind
            && function["name"]
                .as_str()
                .is_some_and(|name| is_name(name, 64))
            && function[given].is_string();
        if !good {
            let text = format!(
                "Invalid '{}': expected an id of at most {ID} characters, a type, a name and arguments.",
                param(".tool_calls")
            );
            return wrong(&param(".tool_calls"), &text);
        }
    }
    Ok(())
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Array(_) => "an empty array",
        _ => "something else",
    }
}

fn content(param: &str, role: &str, part: &Value, model: &str) -> Checked {
    match (part["type"].as_str().unwrap_or_default(), role) {
        ("text", _) if part["text"].is_string() => Ok(()),
        ("refusal", "assistant") if part["refusal"].is_string() => Ok(()),
        ("input_audio", "user") if model.contains("audio") => Ok(()),
        ("input_audio", "user") => wrong(param, "This model does not support audio content."),
        ("file", "user") => match part["file"]["file_data"].as_str() {
            Some(data) if !data.starts_with("data:application/pdf;base64,") => wrong(
                param,
                "Invalid file data: 'file_data'. Expected a base64-encoded data URL with an application/pdf MIME type (e.g. 'data:application/pdf;base64,aW1nIGJ5dGVzIGhlcmU='), but got an unsupported MIME type.",
            ),
            _ => Ok(()),
        },
        ("image_url", "user") => {
            let url = part["image_url"]["url"].as_str().unwrap_or_default();
            let kinds = ["png", "jpeg", "jpg", "gif", "webp"];
            let known = |data: &str| kinds.iter().any(|kind| data.starts_with(kind));
            let fair = url.starts_with("https://")
                || url.starts_with("http://")
                || url.strip_prefix("data:image/").is_some_and(known);
            let detail = part["image_url"].get("detail").and_then(Value::as_str);
            let detail = matches!(detail, None | Some("auto" | "low" | "high"));
            match picture(url).filter(|_| fair) {
                Some(_) if detail => Ok(()),
                Some(_) => wrong(
                    param,
                    "Invalid value for 'detail'. Supported values are: 'low', 'high', and 'auto'.",
                ),
                None => wrong(
                    param,
                    "Invalid image data. Expected a base64-encoded data URL or an address.",
                ),
            }
        }
        (other, role) => {
            let text = format!("Invalid value: '{other}'. It is no part of a message of '{role}'.");
            wrong(param, &text)
        }
    }
}

/// Every call has its result right after it, and every result its call.
fn pairs(messages: &[Value]) -> Checked {
    let mut open: Vec<&str> = Vec::new();
    let unanswered = |open: &[&str]| {
        let text = format!(
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: {}",
            open.join(", ")
        );
        wrong("messages", &text)
    };
    for message in messages {
        if message["role"] == "tool" {
            let id = message["tool_call_id"].as_str().unwrap_or_default();
            let Some(at) = open.iter().position(|open| *open == id) else {
                let text = "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.";
                return wrong("messages", text);
            };
            open.swap_remove(at);
            continue;
        }
        if !open.is_empty() {
            return unanswered(&open);
        }
        let calls = message["tool_calls"].as_array().into_iter().flatten();
        open = calls.filter_map(|call| call["id"].as_str()).collect();
    }
    match open.as_slice() {
        [] => Ok(()),
        open => unanswered(open),
    }
}
