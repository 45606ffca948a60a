//! Chat completions → neutral.

mod reply;
mod request;
mod stream;

use serde::{Deserialize, Deserializer};
use serde_json::{Value, value::RawValue};

use crate::dialect::{
    neutral::{Media, Stop, seal},
    openai::turns::source,
};

pub use reply::reply;
pub use request::request;
pub use stream::Events;

/// A text that may also come in pieces; what is not text of either kind is nothing.
#[derive(Debug, Default)]
struct Said {
    text: String,
    /// What Mistral's models thought, which comes as a piece of the content.
    thought: String,
}

impl<'de> Deserialize<'de> for Said {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?.get();
        let mut said = Self::default();
        // A text is the rule; only for the rest a tree is built.
        if raw.starts_with('"') {
            said.text = serde_json::from_str(raw).map_err(serde::de::Error::custom)?;
        } else if let Ok(Value::Array(pieces)) = serde_json::from_str(raw) {
            for piece in &pieces {
                said.text
                    .push_str(piece["text"].as_str().unwrap_or_default());
                for thought in piece["thinking"].as_array().into_iter().flatten() {
                    let text = thought["text"].as_str().unwrap_or_default();
                    said.thought.push_str(text);
                }
            }
        }
        Ok(said)
    }
}

/// What a message, or a chunk's delta, says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Message {
    content: Option<Said>,
    refusal: Option<String>,
    reasoning_content: Option<String>,
    reasoning: Option<String>,
    tool_calls: Option<Vec<Call>>,
    /// What the model drew, which OpenRouter has beside the text.
    images: Option<Value>,
}

impl Message {
    /// Returns what the model drew.
    fn images(&self) -> impl Iterator<Item = Media> {
        let images = self.images.as_ref().and_then(Value::as_array);
        let images = images.into_iter().flatten();
        images.filter_map(|image| {
            Some(Media {
                source: source(image["image_url"]["url"].as_str()?.to_owned()),
                name: None,
                detail: None,
            })
        })
    }

    /// Takes the thought; a provider that says it under two names says it once.
    fn take_thought(&mut self) -> Option<String> {
        let in_pieces = self
            .content
            .as_mut()
            .map(|said| std::mem::take(&mut said.thought));
        filled(self.reasoning_content.take())
            .or(filled(self.reasoning.take()))
            .or(filled(in_pieces))
    }
}

/// A call of a tool, or a piece of one.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Call {
    index: Option<u32>,
    id: Option<String>,
    function: Option<Function>,
    custom: Option<Text>,
    extra_content: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Function {
    name: Option<String>,
    #[serde(deserialize_with = "arguments")]
    arguments: Option<String>,
}

/// A call of a custom tool.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Text {
    name: Option<String>,
    input: Option<String>,
}

/// Reads a call's arguments; some compatible servers have the object where its
/// text belongs.
fn arguments<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let raw = <&RawValue>::deserialize(deserializer)?.get();
    Ok(match raw.as_bytes().first() {
        Some(b'"') => Some(serde_json::from_str(raw).map_err(serde::de::Error::custom)?),
        Some(b'{') => Some(raw.to_owned()),
        _ => None,
    })
}

impl Call {
    /// Returns Gemini's seal, as its own compatible API has it.
    fn signature(&self) -> Option<String> {
        let signed = &self.extra_content.as_ref()?["google"]["thought_signature"];
        signed.as_str().map(seal::of_gemini)
    }
}

/// A text, unless it is empty.
fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// Returns the id of a call that came without one, in the answer of this name.
fn call_id(answer: &str, choice: u32, call: u32) -> String {
    format!("call_{answer}_{choice}_{call}")
}

/// Reads a `finish_reason`; `None` for a word that says that the answer failed.
/// A word that is new is the end: the answer is whole.
///
/// With calls it is their turn whatever the word: OpenAI itself says `stop`
/// where the client named the tool to call, and so do compatible servers
/// everywhere else.
fn stop(reason: &str, has_calls: bool) -> Option<Stop> {
    Some(match reason {
        "length" | "max_tokens" | "model_length" => Stop::Length,
        "tool_calls" | "function_call" => Stop::ToolCalls,
        "content_filter" => Stop::Filter,
        "stop_sequence" => Stop::Sequence(None),
        // OpenRouter, DeepSeek and vLLM.
        "error" | "insufficient_system_resource" | "abort" => return None,
        _ if has_calls => Stop::ToolCalls,
        _ => Stop::End,
    })
}
