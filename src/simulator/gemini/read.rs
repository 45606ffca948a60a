//! Reads what a request of generateContent asks for; it has been checked.

use serde_json::Value;

use super::super::ask::{Ask, Choice, Format, count, flag, image, image_at, result};
use super::super::tools::Tool;

/// A field in Google's spelling, or in that of its protocol buffers, which it takes as well.
pub(super) fn field<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    let found = object.get(name).or_else(|| object.get(snake(name)));
    found.filter(|value| !value.is_null())
}

fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// The items of a list; none if it is no list.
pub(super) fn items<'a>(object: &'a Value, name: &str) -> &'a [Value] {
    let list = field(object, name).and_then(Value::as_array);
    list.map(Vec::as_slice).unwrap_or_default()
}

fn text<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    field(object, name).and_then(Value::as_str)
}

/// Whether a turn is the model's.
pub(super) fn is_model(content: &Value) -> bool {
    content["role"] == "model"
}

/// What is asked.
pub(super) fn request(body: &Value) -> Ask {
    let contents = items(body, "contents");
    let none = Value::Null;
    let config = field(body, "generationConfig").unwrap_or(&none);
    let since = contents.iter().rposition(is_model).map_or(0, |at| at + 1);
    let fresh = contents.get(since..).unwrap_or_default();
    let parts: Vec<&Value> = fresh
        .iter()
        .flat_map(|content| items(content, "parts"))
        .collect();
    let prompt: usize = contents.iter().map(|content| 4 + count(content)).sum();
    let stops = items(config, "stopSequences")
        .iter()
        .filter_map(Value::as_str);
    Ask {
        prompt_tokens: 3 + prompt + field(body, "systemInstruction").map_or(0, count),
        limit: field(config, "maxOutputTokens").and_then(Value::as_u64),
        stops: stops.map(str::to_owned).collect(),
        said: said(contents),
        tools: tools(body),
        choice: choice(body),
        single: false,
        told: parts
            .iter()
            .any(|part| field(part, "functionResponse").is_some()),
        seen: parts.iter().flat_map(|part| seen(part)).collect(),
        format: format(config),
        thinks: thinks(config),
    }
}

fn said(contents: &[Value]) -> String {
    let users = contents.iter().rev().filter(|content| !is_model(content));
    let mut texts = users.map(|content| {
        let texts = items(content, "parts")
            .iter()
            .filter_map(|part| text(part, "text"));
        texts.collect::<Vec<_>>().join(" ")
    });
    texts.find(|text| !text.is_empty()).unwrap_or_default()
}

fn tools(body: &Value) -> Vec<Tool> {
    let tools = items(body, "tools").iter();
    let functions = tools.flat_map(|tool| items(tool, "functionDeclarations"));
    let allowed = calling(body).map_or(&[][..], |it| items(it, "allowedFunctionNames"));
    let may = |name: &&str| allowed.is_empty() || allowed.iter().any(|it| it == *name);
    let tool = |function: &Value| {
        let schema = ["parametersJsonSchema", "parameters"].iter();
        let schema = schema.clone().find_map(|name| field(function, name));
        Some(Tool {
            name: text(function, "name").filter(may)?.to_owned(),
            schema: schema.cloned().unwrap_or_default(),
            custom: false,
        })
    };
    functions.filter_map(tool).collect()
}

fn calling(body: &Value) -> Option<&Value> {
    field(field(body, "toolConfig")?, "functionCallingConfig")
}

fn choice(body: &Value) -> Choice {
    let Some(config) = calling(body) else {
        return Choice::Auto;
    };
    let allowed = items(config, "allowedFunctionNames");
    match (text(config, "mode"), allowed) {
        (Some("NONE"), _) => Choice::None,
        (Some("ANY"), [name]) => Choice::Named(name.as_str().unwrap_or_default().to_owned()),
        (Some("ANY"), _) => Choice::Any,
        _ => Choice::Auto,
    }
}

fn format(config: &Value) -> Format {
    let schemas = ["responseJsonSchema", "responseSchema"].iter();
    let schema = schemas.clone().find_map(|name| field(config, name));
    match (schema, text(config, "responseMimeType")) {
        (Some(schema), _) => Format::Schema(schema.clone()),
        (None, Some("application/json")) => Format::Json,
        (None, _) => Format::Text,
    }
}

fn thinks(config: &Value) -> bool {
    let Some(config) = field(config, "thinkingConfig") else {
        return false;
    };
    let budget = field(config, "thinkingBudget").and_then(Value::as_i64);
    budget != Some(0)
}

/// Whether thoughts are shown; else they are only counted.
pub(super) fn shows_thoughts(body: &Value) -> bool {
    let config = field(body, "generationConfig").and_then(|it| field(it, "thinkingConfig"));
    config.is_some_and(|config| flag(field(config, "includeThoughts")))
}

fn seen(part: &Value) -> Vec<String> {
    let Some(response) = field(part, "functionResponse") else {
        return shown(part).into_iter().collect();
    };
    let within = items(response, "parts").iter().filter_map(shown);
    returned(response).into_iter().chain(within).collect()
}

fn returned(response: &Value) -> Option<String> {
    let told = field(response, "response")?;
    let inner = ["output", "result", "error"].iter();
    let inner = inner
        .clone()
        .find_map(|name| told.get(*name))
        .unwrap_or(told);
    let words = inner
        .as_str()
        .map_or_else(|| inner.to_string(), str::to_owned);
    Some(result(&words))
}

fn shown(part: &Value) -> Option<String> {
    if let Some(file) = field(part, "fileData") {
        return Some(image_at(text(file, "fileUri")?));
    }
    let data = field(part, "inlineData")?;
    inline(text(data, "mimeType")?, text(data, "data")?)
}

/// What is said of an image whose data is in either alphabet of base64; none if it is in neither.
pub(super) fn inline(kind: &str, data: &str) -> Option<String> {
    image(kind, &standard(data))
}

/// Bytes in base64's standard alphabet that may come in either.
///
/// *Source*: Protocol buffers, "JSON Options": bytes.
pub(super) fn standard(data: &str) -> String {
    data.replace('-', "+").replace('_', "/")
}

/// How many others are asked for in the place of each token, if it is asked how likely they were.
pub(super) fn logprobs(body: &Value) -> Option<u64> {
    let config = field(body, "generationConfig")?;
    field(config, "responseLogprobs").filter(|it| **it == true)?;
    let others = field(config, "logprobs").and_then(Value::as_u64);
    Some(others.unwrap_or(0))
}
