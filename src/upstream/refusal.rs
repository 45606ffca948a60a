//! What a provider that refuses a request says, for a client of another dialect.

use serde_json::Value;

use super::error_body::envelope;
use crate::dialect::{Api, Reported};

/// OpenAI's code for a conversation that is longer than the model can read.
const TOO_LONG: &str = "context_length_exceeded";

/// A refusal, in the words that clients act on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// The provider's own words to people, at most [`Reported::MAX_MESSAGE`]
    /// bytes; may be empty.
    pub message: String,
    /// OpenAI's word for the reason, said by the provider or known by its words.
    pub code: Option<String>,
    /// The field that is at fault.
    pub param: Option<String>,
}

impl Refusal {
    /// Reads the body of an error, whoever wrote it.
    ///
    /// # Source
    ///
    /// OpenAI, "Error codes", for the codes. Anthropic says `prompt is too long: 212003 tokens > 200000
    /// maximum` and `model: claude-9`, Gemini `The input token count (1200000) exceeds the maximum number of
    /// tokens allowed (1048575)` and `models/gemini-9 is not found for API version v1beta`.
    pub fn read(body: &[u8]) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let (_, inner) = envelope(&body);
        let text = |name: &str| inner.get(name).and_then(Value::as_str);
        let message = inner.as_str().or_else(|| text("message"));
        let message = message.unwrap_or_default();
        let is_word = |text: &&str| {
            let fair = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.[]".contains(&byte);
            !text.is_empty() && text.len() <= 128 && text.bytes().all(fair)
        };
        let has = |words: &str| message.contains(words);
        let is_unknown = || {
            matches!(
                text("type").or(text("status")),
                Some("not_found_error" | "NOT_FOUND")
            )
        };
        let known = if has("prompt is too long")
            || has("exceeds the maximum number of tokens allowed")
        {
            (Some(TOO_LONG), Some("messages"))
        } else if is_unknown() && (message.starts_with("model:") || message.starts_with("models/"))
        {
            (Some("model_not_found"), Some("model"))
        } else {
            (None, None)
        };
        let said = |name, known: Option<&str>| {
            let word = text(name).filter(is_word).or(known);
            word.map(str::to_owned)
        };
        Self {
            message: message[..message.floor_char_boundary(Reported::MAX_MESSAGE)].to_owned(),
            code: said("code", known.0),
            param: said("param", known.1),
        }
    }

    /// Names the field at fault as a client of `asked` does: chat's names, which
    /// [`Self::read`] makes or finds, are not those of responses.
    #[must_use]
    pub fn to_client_of(mut self, asked: Api) -> Self {
        if asked == Api::Responses {
            self.param = self.param.as_deref().map(in_responses);
        }
        self
    }

    /// Returns the words by which clients of Anthropic's know the reason, where
    /// they are not the provider's.
    pub(crate) fn in_anthropics_words(&self) -> Option<String> {
        const WORDS: &str = "prompt is too long";
        let is_unsaid = self.code.as_deref() == Some(TOO_LONG) && !self.message.contains(WORDS);
        is_unsaid.then(|| format!("{WORDS}: {}", self.message))
    }
}

/// Returns the name in a request of responses of what is `param` in one of chat.
fn in_responses(param: &str) -> String {
    let end = param.find(['.', '[']).unwrap_or(param.len());
    let (field, rest) = param.split_at(end);
    match field {
        // Turns and items are not counted alike.
        "messages" => "input".to_owned(),
        "max_tokens" | "max_completion_tokens" => "max_output_tokens".to_owned(),
        "response_format" => format!("text.format{}", rest.replacen(".json_schema", "", 1)),
        "verbosity" => "text.verbosity".to_owned(),
        "reasoning_effort" => "reasoning.effort".to_owned(),
        "logprobs" => "include".to_owned(),
        "tools" | "tool_choice" => format!("{field}{}", rest.replacen(".function", "", 1)),
        _ => param.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> [String; 3] {
        let Refusal {
            message,
            code,
            param,
        } = Refusal::read(body.as_bytes());
        [message, code.unwrap_or_default(), param.unwrap_or_default()]
    }

    #[test]
    fn the_reason_is_said_in_words_that_programs_know() {
        for (body, expected) in [
            (
                r#"{"error":{"message":"m","code":"context_length_exceeded","param":"messages[0].content"}}"#,
                ["m", "context_length_exceeded", "messages[0].content"],
            ),
            (
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9 tokens"}}"#,
                ["prompt is too long: 9 tokens", TOO_LONG, "messages"],
            ),
            (
                r#"{"type":"error","error":{"type":"not_found_error","message":"model: claude-9"}}"#,
                ["model: claude-9", "model_not_found", "model"],
            ),
            (
                r#"[{"error":{"code":400,"message":"The input token count (9) exceeds the maximum number of tokens allowed (8).","status":"INVALID_ARGUMENT"}}]"#,
                [
                    "The input token count (9) exceeds the maximum number of tokens allowed (8).",
                    TOO_LONG,
                    "messages",
                ],
            ),
            (
                r#"{"error":{"message":"m","code":"a \n b"}}"#,
                ["m", "", ""],
            ),
            (r#"{"error":"m"}"#, ["m", "", ""]),
            ("<html>", ["", "", ""]),
        ] {
            assert_eq!(read(body), expected, "{body}");
        }
        let long = format!(r#"{{"message":"{}"}}"#, "ö".repeat(400));
        assert_eq!(read(&long)[0].len(), Reported::MAX_MESSAGE);
    }

    #[test]
    fn clients_of_responses_find_the_field_at_fault() {
        for (chat, responses) in [
            ("messages", "input"),
            ("messages[3].content[0].type", "input"),
            ("max_completion_tokens", "max_output_tokens"),
            ("response_format", "text.format"),
            ("response_format.json_schema.schema", "text.format.schema"),
            ("tools[0].function.parameters", "tools[0].parameters"),
            ("reasoning_effort", "reasoning.effort"),
            ("temperature", "temperature"),
        ] {
            let refusal = Refusal {
                param: Some(chat.to_owned()),
                ..Refusal::default()
            };
            let of = |api| refusal.clone().to_client_of(api).param.unwrap();
            assert_eq!(of(Api::Responses), responses);
            assert_eq!(of(Api::ChatCompletions), chat);
        }
    }

    #[test]
    fn a_prompt_too_long_is_called_so_to_clients_of_anthropics() {
        let of = |body: &str| Refusal::read(body.as_bytes()).in_anthropics_words();
        let openai = r#"{"error":{"message":"m","code":"context_length_exceeded"}}"#;
        assert_eq!(of(openai).as_deref(), Some("prompt is too long: m"));
        assert_eq!(of(r#"{"error":{"message":"prompt is too long: 9"}}"#), None);
        assert_eq!(of(r#"{"error":{"message":"m"}}"#), None);
    }
}
