//! What Anthropic refuses. The sentences are those of its own errors, where they are known.

mod messages;
mod schema;

use std::collections::HashSet;

use serde_json::Value;

use super::super::ask::{is_name, unknown};
use super::read;

/// Fields that both calls take.
///
/// *Source*: Anthropic's API reference and anthropic-sdk-python's `MessageCreateParams`.
#[rustfmt::skip]
const BOTH: [&str; 13] = [
    "cache_control", "messages", "model", "output_config", "speed", "system", "thinking", "tool_choice", "tools",
    "user_profile_id", "workspace_id", "diagnostics", "inference_geo",
];
/// Fields of a call that makes an answer.
const CREATE: [&str; 6] = [
    "container",
    "max_tokens",
    "metadata",
    "service_tier",
    "stop_sequences",
    "stream",
];
/// Fields that the versions of the API from 2026 on have no more.
const SAMPLED: [&str; 3] = ["temperature", "top_k", "top_p"];
/// Fields that want an `anthropic-beta`.
#[rustfmt::skip]
const BETA: [&str; 8] = [
    "billing_policy", "compaction", "context_management", "fallback_credit_token", "fallbacks", "mcp_servers",
    "output_format", "thread",
];
/// Least budget of thinking, in tokens.
const BUDGET: u64 = 1_024;
/// Longest name of a tool.
const NAME: usize = 128;

/// What is wrong, in a sentence.
type Checked = Result<(), String>;

fn wrong(text: impl Into<String>) -> Checked {
    Err(text.into())
}

/// What kind of request it is.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    /// Only to count, not to make an answer.
    pub(super) counting: bool,
    /// Whether it asks for what is not yet for all.
    pub(super) beta: bool,
    /// Whether its version still takes how answers are drawn.
    pub(super) sampled: bool,
}

/// Checks the body of a request.
pub(super) fn request(body: &Value, kind: Kind) -> Checked {
    let mut known = BOTH.to_vec();
    if !kind.counting {
        known.extend(CREATE);
        known.extend(SAMPLED.iter().filter(|_| kind.sampled));
    }
    if kind.beta {
        known.extend(BETA);
    }
    no_unknown("", body, &known)?;
    if !kind.counting {
        drawn(body)?;
    }
    system(&body["system"])?;
    tools(body)?;
    thinking(body)?;
    fits_schemas(body)?;
    if let Some(schema) = read::schema(body) {
        schema::fits("output_config.format.schema", schema)?;
    }
    no_unknown(
        "output_config.",
        &body["output_config"],
        &["effort", "format", "task_budget"],
    )?;
    effort(body)?;
    let Some(list) = body["messages"].as_array() else {
        return wrong("messages: Field required");
    };
    messages::all(list, has_thinking(body), kind.sampled)
}

fn no_unknown(place: &str, object: &Value, known: &[&str]) -> Checked {
    match unknown(object, known) {
        Some(name) => wrong(format!("{place}{name}: Extra inputs are not permitted")),
        None => Ok(()),
    }
}

/// Checks what decides on the drawing of an answer.
fn drawn(body: &Value) -> Checked {
    match body.get("max_tokens").map(Value::as_u64) {
        None => return wrong("max_tokens: Field required"),
        Some(None) => return wrong("max_tokens: Input should be a valid integer"),
        Some(Some(0)) => return wrong("max_tokens: must be greater than or equal to 1"),
        Some(Some(_)) => {}
    }
    for name in ["temperature", "top_p"] {
        let value = body.get(name).map(|value| value.as_f64().unwrap_or(-1.0));
        if value.is_some_and(|value| !(0.0..=1.0).contains(&value)) {
            return wrong(format!("{name}: range: 0..1"));
        }
    }
    if body
        .get("top_k")
        .is_some_and(|value| value.as_u64().is_none())
    {
        return wrong("top_k: Input should be a valid integer");
    }
    if body.get("stream").is_some_and(|value| !value.is_boolean()) {
        return wrong("stream: Input should be a valid boolean");
    }
    if let Some(stops) = body.get("stop_sequences") {
        let Some(stops) = stops.as_array() else {
            return wrong("stop_sequences: Input should be a valid list");
        };
        let blank = |stop: &Value| stop.as_str().is_none_or(|stop| stop.trim().is_empty());
        if stops.iter().any(blank) {
            return wrong("stop_sequences: each stop sequence must contain non-whitespace");
        }
    }
    if let Some(what) = body["metadata"]["user_id"].as_str().and_then(personal) {
        return wrong(format!(
            "metadata.user_id: user_id appears to contain {what}"
        ));
    }
    no_unknown("metadata.", &body["metadata"], &["user_id"])
}

/// What a name of a user tells of a person.
fn personal(user: &str) -> Option<&'static str> {
    let is_address = |word: &str| word.split_once('@').is_some_and(|(_, at)| at.contains('.'));
    let digits = user.bytes().filter(u8::is_ascii_digit).count();
    if user.split_whitespace().any(is_address) {
        Some("an email address")
    } else if user.starts_with('+') && digits >= 8 {
        Some("a phone number")
    } else {
        None
    }
}

fn system(system: &Value) -> Checked {
    match system {
        Value::Null | Value::String(_) => Ok(()),
        Value::Array(blocks) => {
            let good = |block: &Value| {
                let text = block["text"].as_str().unwrap_or_default();
                block["type"] == "text" && !text.is_empty()
            };
            match blocks.iter().all(good) {
                true => Ok(()),
                false => wrong("system: text content blocks must be non-empty"),
            }
        }
        _ => wrong("system: Input should be a valid string or a list of text blocks"),
    }
}

fn tools(body: &Value) -> Checked {
    let tools = match body.get("tools") {
        None => &[],
        Some(Value::Array(tools)) => tools.as_slice(),
        Some(_) => return wrong("tools: Input should be a valid list"),
    };
    let mut names = HashSet::new();
    for (at, tool) in tools.iter().enumerate() {
        // Tools that the provider runs itself carry a type with a date, and rules of their own.
        if tool["type"].as_str().is_some_and(|kind| kind != "custom") {
            continue;
        }
        #[rustfmt::skip]
        let known = [
            "name", "description", "input_schema", "type", "cache_control", "strict", "allowed_callers",
            "defer_loading", "eager_input_streaming", "input_examples",
        ];
        no_unknown(&format!("tools.{at}.custom."), tool, &known)?;
        let name = tool["name"].as_str().unwrap_or_default();
        if !is_name(name, NAME) {
            let text = "String should match pattern '^[a-zA-Z0-9_-]{1,128}$'";
            return wrong(format!("tools.{at}.custom.name: {text}"));
        }
        if !names.insert(name) {
            return wrong("tools: Tool names must be unique.");
        }
        let place = format!("tools.{at}.custom.input_schema");
        match tool.get("input_schema") {
            None => return wrong(format!("{place}: Field required")),
            Some(schema) if schema["type"] != "object" => {
                return wrong(format!("{place}.type: Input should be 'object'"));
            }
            Some(schema) if tool["strict"] == true => {
                schema::fits(&format!("tools.{at}.custom"), schema)?;
            }
            Some(_) => {}
        }
    }
    let Some(choice) = body.get("tool_choice") else {
        return Ok(());
    };
    no_unknown(
        "tool_choice.",
        choice,
        &["type", "name", "disable_parallel_tool_use"],
    )?;
    match choice["type"].as_str() {
        Some("auto" | "any" | "tool") if tools.is_empty() => {
            wrong("tool_choice: may only be specified while providing tools")
        }
        Some("auto" | "any" | "none") => Ok(()),
        Some("tool") => match choice["name"].as_str() {
            Some(name) if names.contains(name) => Ok(()),
            Some(name) => wrong(format!(
                "tool_choice: Tool '{name}' not found in provided tools"
            )),
            None => wrong("tool_choice.tool.name: Field required"),
        },
        _ => wrong("tool_choice: Input should be one of 'auto', 'any', 'tool', 'none'"),
    }
}

/// Refuses schemas to models that fit none.
///
/// *Source*: Anthropic, "Structured outputs": models since 4.5, Opus 4.1 in beta.
fn fits_schemas(body: &Value) -> Checked {
    let model = body["model"].as_str().unwrap_or_default();
    let early = ["claude-3", "-4-0", "-4-2025"];
    if !early.iter().any(|early| model.contains(early)) {
        return Ok(());
    }
    let mut tools = body["tools"].as_array().into_iter().flatten();
    if read::schema(body).is_some() || tools.any(|tool| tool["strict"] == true) {
        return wrong(format!("'{model}' does not support output format."));
    }
    Ok(())
}

/// *Source*: Anthropic, "Effort", table of levels.
fn effort(body: &Value) -> Checked {
    let effort = &body["output_config"]["effort"];
    let model = body["model"].as_str().unwrap_or_default();
    let is_of = |versions: &[&str]| versions.iter().any(|version| model.contains(version));
    let early = is_of(&["-3-", "-4-0", "-4-1", "-4-2025", "-4-5"]);
    let refused = match effort.as_str() {
        None if effort.is_null() => false,
        Some("low" | "medium" | "high") => false,
        Some("xhigh") => early || is_of(&["-4-6"]),
        Some("max") => early,
        _ => {
            return wrong(
                "output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'",
            );
        }
    };
    match refused {
        true => wrong(format!(
            "output_config.effort: {effort} is not supported by this model"
        )),
        false => Ok(()),
    }
}

fn has_thinking(body: &Value) -> bool {
    body["thinking"]["type"] == "enabled"
}

/// *Source*: Anthropic, "Extended thinking", "Feature compatibility".
fn thinking(body: &Value) -> Checked {
    let thinking = &body["thinking"];
    match thinking["type"].as_str() {
        None if thinking.is_null() => return Ok(()),
        Some("disabled") => return no_unknown("thinking.disabled.", thinking, &["type"]),
        Some("adaptive") => {
            no_unknown("thinking.adaptive.", thinking, &["type", "display"])?;
        }
        Some("enabled") => {
            let known = ["type", "budget_tokens", "display"];
            no_unknown("thinking.enabled.", thinking, &known)?;
            let budget = thinking["budget_tokens"].as_u64().unwrap_or(0);
            if budget < BUDGET {
                return wrong(
                    "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
                );
            }
            if body["max_tokens"]
                .as_u64()
                .is_some_and(|most| most <= budget)
            {
                return wrong("`max_tokens` must be greater than `thinking.budget_tokens`.");
            }
        }
        _ => return wrong("thinking: Input should be one of 'enabled', 'disabled', 'adaptive'"),
    }
    if matches!(body["tool_choice"]["type"].as_str(), Some("any" | "tool")) {
        return wrong("Thinking may not be enabled when tool_choice forces tool use.");
    }
    if body["temperature"].as_f64().is_some_and(|heat| heat != 1.0) {
        return wrong("`temperature` may only be set to 1 when thinking is enabled.");
    }
    if body["top_p"].as_f64().is_some_and(|share| share < 0.95) {
        return wrong(
            "`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled.",
        );
    }
    if body.get("top_k").is_some() {
        return wrong("`top_k` must be unset when thinking is enabled.");
    }
    Ok(())
}
