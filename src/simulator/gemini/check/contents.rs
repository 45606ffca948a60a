//! The turns of a conversation: who may say what, and what must follow what.

use serde_json::Value;

use super::super::answer::sealed;
use super::super::read::{field, inline, is_model, items, standard};
use super::{Checked, no_unknown, wrong};

/// What a part may hold: one of these.
#[rustfmt::skip]
const DATA: [&str; 9] = [
    "text", "inlineData", "fileData", "functionCall", "functionResponse", "executableCode",
    "codeExecutionResult", "toolCall", "toolResponse",
];
/// What may stand beside it.
#[rustfmt::skip]
const BESIDE: [&str; 5] = [
    "thought", "thoughtSignature", "videoMetadata", "partMetadata", "mediaResolution",
];
/// Seals of calls that another model made.
///
/// *Source*: Google, "Thought signatures", "FAQs".
const FOREIGN: [&str; 2] = [
    "skip_thought_signature_validator",
    "context_engineering_is_the_way_to_go",
];

/// Checks all turns; with `seals`, also that calls came back with theirs.
pub(super) fn all(contents: &[Value], seals: bool) -> Checked {
    for (at, content) in contents.iter().enumerate() {
        let place = format!("contents[{at}]");
        no_unknown(&place, content, &["role", "parts"])?;
        match content.get("role").map(Value::as_str) {
            None if contents.len() == 1 => {}
            Some(Some("user" | "model" | "function")) => {}
            _ => return wrong("Please use a valid role: user, model."),
        }
        parts(&place, content, is_model(content))?;
    }
    pairs(contents)?;
    if seals {
        sealed_calls(contents)
    } else {
        Ok(())
    }
}

/// Checks the parts of a turn.
pub(super) fn parts(place: &str, content: &Value, model: bool) -> Checked {
    let list = items(content, "parts");
    if list.is_empty() {
        return wrong(format!(
            "* GenerateContentRequest.{place}.parts: contents.parts must not be empty.\n"
        ));
    }
    let known: Vec<&str> = DATA.into_iter().chain(BESIDE).collect();
    for (at, part) in list.iter().enumerate() {
        let place = format!("{place}.parts[{at}]");
        no_unknown(&place, part, &known)?;
        let held = DATA
            .iter()
            .filter(|name| field(part, name).is_some())
            .count();
        if held != 1 {
            let text = "required oneof field 'data' must have one initialized field";
            return wrong(format!("* GenerateContentRequest.{place}.data: {text}\n"));
        }
        if let Some(call) = field(part, "functionCall") {
            no_unknown(
                &format!("{place}.function_call"),
                call,
                &["id", "name", "args"],
            )?;
            if !model || !name(call) || !field(call, "args").is_none_or(Value::is_object) {
                return wrong(format!(
                    "Invalid value at '{place}.function_call': a model's call has a name and a Struct of args."
                ));
            }
        }
        if let Some(response) = field(part, "functionResponse") {
            let known = [
                "id",
                "name",
                "response",
                "willContinue",
                "scheduling",
                "parts",
            ];
            no_unknown(&format!("{place}.function_response"), response, &known)?;
            if !name(response) {
                return wrong(format!(
                    "* GenerateContentRequest.{place}.function_response.name: Name cannot be empty.\n"
                ));
            }
            if model || !response["response"].is_object() {
                return wrong(format!(
                    "Invalid value at '{place}.function_response.response' (type.googleapis.com/google.protobuf.Struct)"
                ));
            }
        }
        if let Some(data) = field(part, "inlineData") {
            no_unknown(&format!("{place}.inline_data"), data, &["mimeType", "data"])?;
            let text = |name: &str| {
                field(data, name)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
            };
            if text("mimeType").is_empty() || inline("", text("data")).is_none() {
                return wrong(format!(
                    "Invalid value at '{place}.inline_data' (TYPE_BYTES), Base64 decoding failed"
                ));
            }
        }
        if let Some(file) = field(part, "fileData") {
            no_unknown(
                &format!("{place}.file_data"),
                file,
                &["mimeType", "fileUri"],
            )?;
            if field(file, "fileUri").is_none() {
                return wrong("Unsupported file uri: ");
            }
        }
    }
    Ok(())
}

/// Refuses what is in the web, and not with Google.
///
/// *Source*: Google, "File input methods", "External HTTP / Signed URLs".
pub(super) fn none_elsewhere(contents: &[Value]) -> Checked {
    let parts = contents.iter().flat_map(|content| items(content, "parts"));
    let mut places = parts.filter_map(|part| field(field(part, "fileData")?, "fileUri")?.as_str());
    let googles = [
        "generativelanguage.googleapis.com/",
        "youtube.com/",
        "youtu.be/",
    ];
    let is_elsewhere = |place: &&str| {
        place.starts_with("http") && !googles.iter().any(|googles| place.contains(googles))
    };
    match places.find(is_elsewhere) {
        Some(place) => wrong(format!("Invalid or unsupported file uri: {place}")),
        None => Ok(()),
    }
}

fn name(of: &Value) -> bool {
    of["name"].as_str().is_some_and(|name| !name.is_empty())
}

fn names<'a>(content: &'a Value, kind: &str) -> Vec<&'a str> {
    let of = items(content, "parts").iter();
    let mut names: Vec<&str> = of
        .filter_map(|part| field(part, kind)?["name"].as_str())
        .collect();
    names.sort_unstable();
    names
}

/// Calls come right after a turn of the user and are answered, one for one, in the next.
fn pairs(contents: &[Value]) -> Checked {
    let mut open: Vec<&str> = Vec::new();
    for (at, content) in contents.iter().enumerate() {
        let told = names(content, "functionResponse");
        if told.is_empty() && !open.is_empty() {
            return wrong(
                "Please ensure that function response turn comes immediately after a function call turn.",
            );
        }
        if told.len() != open.len() {
            return wrong(
                "Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.",
            );
        }
        if told != open {
            return wrong(format!(
                "Please ensure that function responses are named as their calls: {told:?}, {open:?}"
            ));
        }
        open = names(content, "functionCall");
        let before = at.checked_sub(1).and_then(|before| contents.get(before));
        if !open.is_empty() && before.is_none_or(is_model) {
            return wrong(
                "Please ensure that function call turn comes immediately after a user turn or after a function response turn.",
            );
        }
    }
    match open.is_empty() {
        true => Ok(()),
        false => wrong(
            "Please ensure that function response turn comes immediately after a function call turn.",
        ),
    }
}

/// In the turn that goes on, the first call of each step carries its seal.
fn sealed_calls(contents: &[Value]) -> Checked {
    let is_asked =
        |content: &Value| !is_model(content) && names(content, "functionResponse").is_empty();
    let since = contents.iter().rposition(is_asked).map_or(0, |at| at + 1);
    for (at, content) in contents.iter().enumerate().skip(since) {
        let calls = items(content, "parts").iter();
        let first = calls
            .filter_map(|part| Some((part, field(part, "functionCall")?)))
            .next();
        let Some((part, call)) = first else { continue };
        let name = call["name"].as_str().unwrap_or_default();
        let none = serde_json::json!({});
        let seal = field(part, "thoughtSignature").and_then(Value::as_str);
        let good = |given: &str| {
            FOREIGN.contains(&given)
                || standard(given) == sealed(name, field(call, "args").unwrap_or(&none))
        };
        match seal {
            None => {
                return wrong(format!(
                    "Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly, and missing thought_signature may lead to degraded model performance. Additional data, function call `default_api:{name}`, position {at}."
                ));
            }
            Some(seal) if !good(seal) => return wrong("Thought signature is not valid."),
            Some(_) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn seals_are_known_in_either_alphabet_of_base64() {
        let mut seals = (0..).map(|number| (number, sealed("f", &json!({"n": number}))));
        let (number, seal) = seals.find(|(_, seal)| seal.contains(['+', '/'])).unwrap();
        let spelt = seal.replace('+', "-").replace('/', "_");
        for (given, good) in [
            (&seal, true),
            (&spelt, true),
            (&sealed("g", &json!({})), false),
        ] {
            let call = json!({"functionCall": {"name": "f", "args": {"n": number}}, "thoughtSignature": given});
            let contents = [
                json!({"role": "user", "parts": [{"text": "hi"}]}),
                json!({"role": "model", "parts": [call]}),
            ];
            assert_eq!(sealed_calls(&contents).is_ok(), good, "{given}");
        }
    }
}
