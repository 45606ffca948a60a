//! What Gemini refuses. The sentences are those of its own errors, where they are known.

mod contents;
mod schema;

use std::collections::HashSet;

use serde_json::Value;

use super::read::{field, items};

#[rustfmt::skip]
const REQUEST: [&str; 10] = [
    "contents", "systemInstruction", "tools", "toolConfig", "safetySettings", "generationConfig",
    "cachedContent", "serviceTier", "store", "model",
];
#[rustfmt::skip]
const CONFIG: [&str; 22] = [
    "stopSequences", "responseMimeType", "responseSchema", "responseJsonSchema", "_responseJsonSchema",
    "responseModalities", "candidateCount", "maxOutputTokens", "temperature", "topP", "topK", "seed",
    "presencePenalty", "frequencyPenalty", "responseLogprobs", "logprobs", "enableEnhancedCivicAnswers",
    "speechConfig", "thinkingConfig", "imageConfig", "mediaResolution", "responseFormat",
];
#[rustfmt::skip]
const TOOL: [&str; 9] = [
    "functionDeclarations", "googleSearch", "googleSearchRetrieval", "codeExecution", "urlContext",
    "computerUse", "fileSearch", "googleMaps", "mcpServers",
];
#[rustfmt::skip]
const FUNCTION: [&str; 7] = [
    "name", "description", "behavior", "parameters", "parametersJsonSchema", "response", "responseJsonSchema",
];
/// Most texts that may end an answer.
const STOPS: usize = 5;
/// Longest name of a function.
const NAME: usize = 128;

/// What is wrong with a request.
pub(super) enum Wrong {
    /// A field that there is not, in its place.
    Unknown {
        /// Its name.
        name: String,
        /// The path to it, as protocol buffers write it.
        place: String,
    },
    /// What a sentence says.
    Invalid(String),
}

type Checked = Result<(), Wrong>;

fn wrong(text: impl Into<String>) -> Checked {
    Err(Wrong::Invalid(text.into()))
}

/// Refuses fields that are none of `known`, in either spelling.
fn no_unknown(place: &str, object: &Value, known: &[&str]) -> Checked {
    let keys = object.as_object().into_iter().flatten();
    let plain = |name: &str| name.replace('_', "").to_ascii_lowercase();
    let is_known = |name: &str| known.iter().any(|known| plain(known) == plain(name));
    for (name, _) in keys {
        if !is_known(name) {
            return Err(Wrong::Unknown {
                name: name.clone(),
                place: place.to_owned(),
            });
        }
    }
    Ok(())
}

/// Whether a model seals its calls and wants the seals back.
///
/// *Source*: Google, "Thought signatures": Gemini 3.
pub(super) fn seals(model: &str) -> bool {
    model.starts_with("gemini-3")
}

/// Whether a model says how likely its tokens were.
///
/// *Source*: googleapis/python-genai, issue 1921.
fn tells_logprobs(model: &str) -> bool {
    !model.starts_with("gemini-")
        || model.starts_with("gemini-1")
        || model.starts_with("gemini-2.0")
}

/// Whether a model takes penalties.
///
/// *Source*: google-gemini/cookbook, issue 1290.
fn takes_penalties(model: &str) -> bool {
    tells_logprobs(model)
}

/// Checks the body of a request of generateContent to `model`.
pub(super) fn request(body: &Value, model: &str) -> Checked {
    no_unknown("", body, &REQUEST)?;
    let named = field(body, "model");
    if named.is_some_and(|named| *named != format!("models/{model}").as_str()) {
        return wrong("The model of the body is not that of the path.");
    }
    let contents = items(body, "contents");
    if contents.is_empty() {
        return wrong("* GenerateContentRequest.contents: contents is not specified\n");
    }
    if let Some(system) = field(body, "systemInstruction") {
        no_unknown("system_instruction", system, &["role", "parts"])?;
        contents::parts("system_instruction", system, false)?;
    }
    let names = tools(body)?;
    choice(body, &names)?;
    config(body, model, !names.is_empty())?;
    if model.starts_with("gemini-2.0") {
        contents::none_elsewhere(contents)?;
    }
    contents::all(contents, seals(model))
}

/// Checks the body of a request to count, and finds what is to be counted.
pub(super) fn counted<'a>(body: &'a Value, model: &str) -> Result<&'a Value, Wrong> {
    no_unknown("", body, &["contents", "generateContentRequest"])?;
    let Some(inner) = field(body, "generateContentRequest") else {
        let contents = items(body, "contents");
        if contents.is_empty() {
            return Err(Wrong::Invalid(
                "* CountTokensRequest.contents: contents is not specified\n".to_owned(),
            ));
        }
        contents::all(contents, false)?;
        return Ok(body);
    };
    if field(body, "contents").is_some() {
        return Err(Wrong::Invalid(
            "contents and generate_content_request are mutually exclusive.".to_owned(),
        ));
    }
    if field(inner, "model").is_none() {
        return Err(Wrong::Invalid(
            "* GenerateContentRequest.model: unexpected model name format\n".to_owned(),
        ));
    }
    request(inner, model)?;
    Ok(inner)
}

/// Checks the tools; returns the names of the functions.
fn tools(body: &Value) -> Result<HashSet<&str>, Wrong> {
    let mut names = HashSet::new();
    for (at, tool) in items(body, "tools").iter().enumerate() {
        no_unknown(&format!("tools[{at}]"), tool, &TOOL)?;
        for (number, function) in items(tool, "functionDeclarations").iter().enumerate() {
            let place = format!("tools[{at}].function_declarations[{number}]");
            no_unknown(&place, function, &FUNCTION)?;
            let name = function["name"].as_str().unwrap_or_default();
            let start = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
            let fair = |c: char| c.is_ascii_alphanumeric() || "_.:-".contains(c);
            if !start || name.len() > NAME || !name.chars().all(fair) {
                return Err(Wrong::Invalid(format!(
                    "* GenerateContentRequest.{place}.name: Invalid function name. Must start with a letter or an underscore. Must be alphanumeric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of {NAME}.\n"
                )));
            }
            if !names.insert(name) {
                return Err(Wrong::Invalid(format!(
                    "Duplicate function declaration found: {name}"
                )));
            }
            if let Some(parameters) = field(function, "parameters") {
                if field(function, "parametersJsonSchema").is_some() {
                    return Err(Wrong::Invalid(format!(
                        "parameters and parameters_json_schema are mutually exclusive: {name}"
                    )));
                }
                schema::check(&format!("{place}.parameters"), parameters)?;
            }
        }
    }
    Ok(names)
}

fn choice(body: &Value, names: &HashSet<&str>) -> Checked {
    let Some(config) = field(body, "toolConfig") else {
        return Ok(());
    };
    let known = [
        "functionCallingConfig",
        "retrievalConfig",
        "includeServerSideToolInvocations",
    ];
    no_unknown("tool_config", config, &known)?;
    let Some(calling) = field(config, "functionCallingConfig") else {
        return Ok(());
    };
    let place = "tool_config.function_calling_config";
    no_unknown(place, calling, &["mode", "allowedFunctionNames"])?;
    let mode = calling["mode"].as_str().unwrap_or("AUTO");
    if !matches!(
        mode,
        "MODE_UNSPECIFIED" | "AUTO" | "ANY" | "NONE" | "VALIDATED"
    ) {
        return wrong(format!("Invalid value at '{place}.mode': \"{mode}\""));
    }
    if names.is_empty() && mode == "ANY" {
        return wrong("Function calling config is set without function_declarations.");
    }
    let allowed = items(calling, "allowedFunctionNames");
    if !allowed.is_empty() && !matches!(mode, "ANY" | "VALIDATED") {
        return wrong(
            "Function calling mode must be ANY or VALIDATED to use allowed_function_names.",
        );
    }
    let is_known = |name: &&Value| name.as_str().is_some_and(|name| names.contains(name));
    match allowed.iter().find(|name| !is_known(name)) {
        None => Ok(()),
        Some(name) => wrong(format!(
            "allowed_function_names contains {name}, which is not declared."
        )),
    }
}

fn config(body: &Value, model: &str, has_functions: bool) -> Checked {
    let Some(config) = field(body, "generationConfig") else {
        return Ok(());
    };
    no_unknown("generation_config", config, &CONFIG)?;
    for (name, high) in [("temperature", 2.0), ("topP", 1.0)] {
        let value = field(config, name).map(|value| value.as_f64().unwrap_or(-1.0));
        if value.is_some_and(|value| !(0.0..=high).contains(&value)) {
            return wrong(format!(
                "* GenerateContentRequest.generation_config.{name}: must be in the range [0.0, {high}]\n"
            ));
        }
    }
    for name in ["maxOutputTokens", "candidateCount"] {
        if field(config, name).is_some_and(|it| it.as_u64().is_none_or(|it| it == 0)) {
            return wrong(format!(
                "* GenerateContentRequest.generation_config.{name}: must be positive.\n"
            ));
        }
    }
    let wants = field(config, "responseLogprobs").is_some_and(|it| *it == true);
    if wants && !tells_logprobs(model) {
        return wrong(format!("Logprobs is not enabled for models/{model}"));
    }
    if let Some(others) = field(config, "logprobs") {
        let in_range = others.as_u64().is_some_and(|others| others <= 20);
        if !wants || !in_range {
            return wrong(
                "* GenerateContentRequest.generation_config.logprobs: must be in the range [0, 20], and response_logprobs true.\n",
            );
        }
    }
    let penalties = ["presencePenalty", "frequencyPenalty"];
    if !takes_penalties(model) && penalties.iter().any(|it| field(config, it).is_some()) {
        return wrong(format!("Penalty is not enabled for models/{model}"));
    }
    let many = field(config, "candidateCount").is_some_and(|it| it.as_u64() > Some(1));
    if many && seals(model) {
        return wrong("Multiple candidates is not enabled for this model");
    }
    if items(config, "stopSequences").len() > STOPS {
        return wrong(format!(
            "* GenerateContentRequest.generation_config.stop_sequences: must be at most {STOPS}.\n"
        ));
    }
    if let Some(thinking) = field(config, "thinkingConfig") {
        let known = ["includeThoughts", "thinkingBudget", "thinkingLevel"];
        no_unknown("generation_config.thinking_config", thinking, &known)?;
        if field(thinking, "thinkingBudget").is_some() && field(thinking, "thinkingLevel").is_some()
        {
            return wrong("You can only set only one of thinking budget and thinking level.");
        }
        // *Source*: Google, "Gemini thinking", table of thinking levels.
        let level = field(thinking, "thinkingLevel").and_then(Value::as_str);
        let is_pro = model.starts_with("gemini-3-pro") || model.starts_with("gemini-3.1-pro");
        let refused = match level.map(str::to_ascii_uppercase).as_deref() {
            Some("MEDIUM") => model.starts_with("gemini-3-pro"),
            Some("MINIMAL") => is_pro,
            _ => false,
        };
        if refused {
            let level = level.unwrap_or_default();
            return wrong(format!(
                "Thinking level {level} is not supported for this model. Please retry with other thinking level."
            ));
        }
    }
    let kind = field(config, "responseMimeType").and_then(Value::as_str);
    let is_json = kind == Some("application/json");
    let given = field(config, "responseSchema");
    if (given.is_some() || field(config, "responseJsonSchema").is_some())
        && !is_json
        && kind != Some("text/x.enum")
    {
        return wrong(
            "response_schema is only supported with response_mime_type 'application/json'.",
        );
    }
    // Gemini 3 is the first that does both.
    if is_json && has_functions && !seals(model) {
        return wrong(
            "Function calling with a response mime type: 'application/json' is unsupported",
        );
    }
    match given {
        Some(given) => schema::check("generation_config.response_schema", given),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_model_refuses_another_takes() {
        let config = |config: Value| json!({"contents": [{"parts": [{"text": "hi"}]}], "generationConfig": config});
        let level = |level: &str| config(json!({"thinkingConfig": {"thinkingLevel": level}}));
        let shown = |uri: &str| json!({"contents": [{"parts": [{"fileData": {"fileUri": uri}}]}]});
        for (body, refuses, takes) in [
            (
                config(json!({"presencePenalty": 0})),
                "gemini-2.5-flash",
                "gemini-2.0-flash",
            ),
            (
                config(json!({"candidateCount": 2})),
                "gemini-3.1-flash-lite",
                "gemini-2.5-pro",
            ),
            (
                level("MEDIUM"),
                "gemini-3-pro-preview",
                "gemini-3.1-pro-preview",
            ),
            (level("minimal"), "gemini-3.1-pro-preview", "gemini-3-flash"),
            (
                shown("https://example.com/a.png"),
                "gemini-2.0-flash",
                "gemini-2.5-flash",
            ),
        ] {
            assert!(request(&body, refuses).is_err(), "{refuses} {body}");
            assert!(request(&body, takes).is_ok(), "{takes} {body}");
        }
        let film = shown("https://www.youtube.com/watch?v=a");
        assert!(request(&film, "gemini-2.0-flash").is_ok());
    }
}
