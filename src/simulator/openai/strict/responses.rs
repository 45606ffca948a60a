//! What the Responses API refuses.

use std::collections::HashSet;

use serde_json::Value;

use super::super::error::error;
use super::super::responses::SEAL;
use super::{Checked, no_unknown, sampling, schema, tools, wrong};

/// Fields of a request of responses.
///
/// *Source*: OpenAI's API reference and openai-python's `ResponseCreateParams`.
#[rustfmt::skip]
const FIELDS: [&str; 33] = [
    "access_programs", "background", "context_management", "conversation", "image", "include", "input",
    "instructions", "max_output_tokens", "max_tool_calls", "metadata", "model", "moderation",
    "parallel_tool_calls", "previous_response_id", "prompt", "prompt_cache_key", "prompt_cache_options",
    "prompt_cache_retention", "reasoning", "safety_identifier", "service_tier", "store", "stream",
    "stream_options", "temperature", "text", "tool_choice", "tools", "top_logprobs", "top_p", "truncation",
    "user",
];

/// Checks a request of responses.
pub(in super::super) fn responses(body: &Value, input: &Value) -> Checked {
    no_unknown(body, &FIELDS)?;
    sampling(body)?;
    tools(body, |tool| {
        matches!(tool["type"].as_str(), Some("function" | "custom")).then_some(tool)
    })?;
    let format = &body["text"]["format"];
    if format["type"] == "json_schema" {
        schema(format)?;
    }
    let items = match input {
        Value::String(_) => return Ok(()),
        Value::Array(items) if !items.is_empty() => items,
        _ => {
            return wrong(
                "input",
                "Invalid type for 'input': expected a text or a list of items.",
            );
        }
    };
    for (at, item) in items.iter().enumerate() {
        shape(at, item)?;
    }
    // What went before a conversation that the provider keeps is not known here.
    if body
        .get("previous_response_id")
        .is_some_and(|it| !it.is_null())
    {
        return Ok(());
    }
    pairs(items)
}

fn shape(at: usize, item: &Value) -> Checked {
    let text = |rest: &str| format!("Invalid 'input[{at}]': {rest}");
    let is_text = |name: &str| item[name].is_string();
    // A reference may leave its type out, and so may a message.
    let untyped = match item["role"].is_null() && item["id"].is_string() {
        true => "item_reference",
        false => "message",
    };
    match item["type"].as_str().unwrap_or(untyped) {
        "message" => {
            let role = item["role"].as_str().unwrap_or_default();
            if !matches!(role, "system" | "developer" | "user" | "assistant") {
                return wrong(
                    "input",
                    &text("its role is none of 'system', 'developer', 'user' and 'assistant'."),
                );
            }
            let parts = match &item["content"] {
                Value::String(_) => return Ok(()),
                Value::Array(parts) => parts,
                _ => return wrong("input", &text("its content is missing.")),
            };
            for part in parts {
                let kind = part["type"].as_str().unwrap_or_default();
                let good = match role {
                    "assistant" => matches!(kind, "output_text" | "refusal"),
                    _ => matches!(
                        kind,
                        "input_text" | "input_image" | "input_file" | "input_audio"
                    ),
                };
                if !good {
                    return wrong(
                        "input",
                        &text(&format!("'{kind}' is no part of a message of '{role}'.")),
                    );
                }
            }
            Ok(())
        }
        "function_call" if !(is_text("call_id") && is_text("name") && is_text("arguments")) => {
            wrong(
                "input",
                &text("a call has a call_id, a name and arguments."),
            )
        }
        "custom_tool_call" if !(is_text("call_id") && is_text("name") && is_text("input")) => {
            wrong("input", &text("a call has a call_id, a name and an input."))
        }
        "function_call_output" | "custom_tool_call_output"
            if !is_text("call_id") || item["output"].is_null() =>
        {
            wrong("input", &text("a result has a call_id and an output."))
        }
        "reasoning" if !is_own(&item["encrypted_content"]) => {
            let text = "The encrypted content could not be verified. Reason: Encrypted content could not be decrypted or parsed.";
            Err(Box::new(error(
                400,
                "invalid_encrypted_content",
                None,
                text,
            )))
        }
        "reasoning" if item["encrypted_content"].is_null() && !is_kept(&item["id"], &["rs"]) => {
            not_found(item)
        }
        "item_reference" if !is_kept(&item["id"], &KEPT) => not_found(item),
        // A thought that is not kept must come back sealed or with its id.
        "reasoning" if !item["summary"].is_array() || !has_id(item) => wrong(
            "input",
            &text("a thought has a summary, and an id or a seal."),
        ),
        _ => Ok(()),
    }
}

/// Whether a seal is one of this provider's, if it is one at all.
fn is_own(seal: &Value) -> bool {
    seal.is_null() || seal.as_str().is_some_and(|seal| seal.starts_with(SEAL))
}

/// What the ids of this provider's items begin with.
const KEPT: [&str; 4] = ["msg", "rs", "fc", "ctc"];

/// Whether an item of one of `kinds` may be one that this provider keeps, by its id's form.
fn is_kept(id: &Value, kinds: &[&str]) -> bool {
    let parts = id.as_str().map(|id| id.split_once('_'));
    parts.is_none_or(|parts| {
        parts.is_some_and(|(kind, name)| kinds.contains(&kind) && !name.contains('_'))
    })
}

fn not_found(item: &Value) -> Checked {
    let id = item["id"].as_str().unwrap_or_default();
    let text = format!("Item with id '{id}' not found.");
    Err(Box::new(error(404, "invalid_request_error", None, &text)))
}

fn has_id(item: &Value) -> bool {
    item["id"].is_string() || item["encrypted_content"].is_string()
}

fn pairs(items: &[Value]) -> Checked {
    pairs_of(items, "function_call", "function call")?;
    pairs_of(items, "custom_tool_call", "custom tool call")
}

fn pairs_of(items: &[Value], kind: &str, called: &str) -> Checked {
    let ids = |kind: &str| -> HashSet<&str> {
        let of = items.iter().filter(|item| item["type"] == kind);
        of.filter_map(|item| item["call_id"].as_str()).collect()
    };
    let (calls, outputs) = (ids(kind), ids(&format!("{kind}_output")));
    if let Some(id) = outputs.difference(&calls).next() {
        let text = format!("No tool call found for {called} output with call_id {id}.");
        return wrong("input", &text);
    }
    match calls.difference(&outputs).next() {
        None => Ok(()),
        Some(id) => wrong("input", &format!("No tool output found for {called} {id}.")),
    }
}
