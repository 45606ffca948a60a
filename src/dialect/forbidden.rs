//! Whose fault a 403 is: providers say it of a key, and of what one request asks for.

use serde_json::Value;

use super::Blame;

/// Parts of the words for what a key or its account may not.
///
/// # Source
///
/// OpenAI, "Error codes" (`unsupported_country_region_territory`,
/// `model_not_found` of a project); Anthropic, "Errors" (`permission_error`);
/// Google, `google.rpc.ErrorReason` (`API_KEY_…`, `CONSUMER_…`,
/// `SERVICE_DISABLED`); Moonshot (`access_terminated_error`).
const OF_KEYS: [&str; 15] = [
    "api_key",
    "permission",
    "authentication",
    "scope",
    "country",
    "billing",
    "credit",
    "quota",
    "account",
    "organization",
    "project",
    "consumer_",
    "service_disabled",
    "model_not_found",
    "access_terminated",
];

/// The same, said in words alone.
///
/// # Source
///
/// Gemini API, "Troubleshooting" and its forum (blocked keys and projects).
const SAID_OF_KEYS: [&str; 6] = [
    "api key ",
    "your api key ",
    "your project ",
    "project `",
    "method doesn't allow unregistered callers",
    "you have insufficient permissions",
];

/// How providers refuse what one request has in it: another key's file, a cache
/// that is gone, a prompt.
///
/// # Source
///
/// Gemini API (googleapis/python-genai #1218); xAI, whose word for it is the
/// same as for a key (UKGovernmentBEIS/inspect_ai #2267).
const SAID_OF_REQUESTS: [&str; 3] = [
    "you do not have permission to access the file ",
    "cachedcontent not found",
    "content violates usage guidelines",
];

/// Returns whose fault the 403 is with which `error` came, its value or its
/// body: [`Blame::Client`] or [`Blame::Key`]; `None` if it does not say.
///
/// Of the message only the beginning counts: it may quote what a client wrote,
/// who must not speak for the provider.
pub(crate) fn blame(error: &Value) -> Option<Blame> {
    let text = |name: &str| error.get(name).and_then(Value::as_str);
    // xAI has its words in the place of the object.
    let said = error
        .as_str()
        .or_else(|| text("message").or_else(|| text("error")));
    let said = said.unwrap_or_default().to_ascii_lowercase();
    let details = error.get("details").and_then(Value::as_array);
    let reasons = details.into_iter().flatten();
    let reasons = reasons.filter_map(|detail| detail.get("reason")?.as_str());
    let words = ["code", "type"].into_iter().filter_map(text).chain(reasons);
    let words: Vec<_> = words.map(str::to_ascii_lowercase).collect();
    let begins = |all: &[&str]| all.iter().any(|it| said.starts_with(it));
    let named = |all: &[&str]| {
        words
            .iter()
            .any(|word| all.iter().any(|it| word.contains(it)))
    };
    if is_moderated(error) || begins(&SAID_OF_REQUESTS) {
        Some(Blame::Client)
    } else if named(&OF_KEYS) || begins(&SAID_OF_KEYS) {
        Some(Blame::Key)
    } else {
        None
    }
}

/// # Source
///
/// OpenRouter, "Errors and debugging", "Moderation errors".
fn is_moderated(error: &Value) -> bool {
    let has = |name: &str| {
        let metadata = error.get("metadata").and_then(|it| it.get(name));
        metadata.is_some_and(|it| !it.is_null())
    };
    has("reasons") || has("flagged_input")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(error: &str) -> Option<Blame> {
        blame(&serde_json::from_str(error).unwrap())
    }

    #[test]
    fn what_is_said_of_a_request_is_the_clients() {
        for error in [
            r#"{"code":403,"message":"You do not have permission to access the File x7 or it may not exist.","status":"PERMISSION_DENIED"}"#,
            r#"{"code":403,"message":"CachedContent not found (or permission denied)","status":"PERMISSION_DENIED"}"#,
            r#"{"code":403,"message":"Your chosen model requires moderation and your input was flagged","metadata":{"reasons":["violence"],"flagged_input":"how to …"}}"#,
            r#"{"code":403,"message":"no","metadata":{"flagged_input":"how to …"}}"#,
            r#"{"code":"The caller does not have permission to execute the specified operation","error":"Content violates usage guidelines. Team: t"}"#,
            r#"{"code":"permission-denied","error":"Content violates usage guidelines. "}"#,
            r#""Content violates usage guidelines. ""#,
        ] {
            assert_eq!(of(error), Some(Blame::Client), "{error}");
        }
    }

    #[test]
    fn what_is_said_of_a_key_is_ours() {
        for error in [
            r#"{"type":"permission_error","message":"Your API key does not have permission to use the specified resource"}"#,
            r#"{"code":"unsupported_country_region_territory","message":"Country, region, or territory not supported","type":"request_forbidden"}"#,
            r#"{"code":"model_not_found","message":"Project `p` does not have access to model `m`","type":"invalid_request_error"}"#,
            r#"{"code":403,"message":"Your API key was reported as leaked. Please use another API key.","status":"PERMISSION_DENIED"}"#,
            r#"{"code":403,"message":"Your project has been denied access.","status":"PERMISSION_DENIED"}"#,
            r#"{"code":403,"message":"no","status":"PERMISSION_DENIED","details":[{"reason":"API_KEY_SERVICE_BLOCKED"}]}"#,
            r#"{"code":403,"message":"no","details":[{"x":1},{"reason":"SERVICE_DISABLED"}]}"#,
            r#"{"code":"permission-denied","error":"Access to the chat endpoint is denied"}"#,
        ] {
            assert_eq!(of(error), Some(Blame::Key), "{error}");
        }
    }

    #[test]
    fn what_does_not_say_is_nobodys() {
        for error in [
            r#"{"code":403,"message":"The caller does not have permission","status":"PERMISSION_DENIED"}"#,
            r#"{"type":"forbidden","message":"Request not allowed"}"#,
            r#"{"message":"not yours"}"#,
            r#"{"metadata":{"reasons":null}}"#,
            "null",
            "[]",
            r#""no: your api key""#,
        ] {
            assert_eq!(of(error), None, "{error}");
        }
    }
}
