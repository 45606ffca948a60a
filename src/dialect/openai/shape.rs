//! The top level of a provider's JSON, borrowed: one pass, no tree.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::{Value, value::RawValue};

use crate::dialect::{Blame, Reported, Usage, forbidden};

/// The parts of an answer, a chunk or an event that are looked at, as written.
/// Of a name that is there twice the last one counts.
#[derive(Debug, Default)]
pub(super) struct Shape<'a> {
    pub(super) choices: Option<&'a str>,
    pub(super) usage: Option<&'a str>,
    pub(super) response: Option<&'a str>,
    pub(super) sequence_number: Option<&'a str>,
    pub(super) kind: Option<&'a str>,
    error: Option<&'a str>,
    object: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Name {
    Choices,
    Usage,
    Response,
    SequenceNumber,
    Type,
    Error,
    Object,
    #[serde(other)]
    Other,
}

impl<'de> Deserialize<'de> for Shape<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Shape<'de>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape<'de>, A::Error> {
                let mut shape = Shape::default();
                while let Some(name) = map.next_key()? {
                    let slot = match name {
                        Name::Choices => &mut shape.choices,
                        Name::Usage => &mut shape.usage,
                        Name::Response => &mut shape.response,
                        Name::SequenceNumber => &mut shape.sequence_number,
                        Name::Type => &mut shape.kind,
                        Name::Error => &mut shape.error,
                        Name::Object => &mut shape.object,
                        Name::Other => {
                            map.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    };
                    let raw = map.next_value::<&'de RawValue>()?.get();
                    *slot = (raw != "null").then_some(raw);
                }
                Ok(shape)
            }
        }
        deserializer.deserialize_map(Read)
    }
}

impl<'a> Shape<'a> {
    /// Reads `json`, which must be one whole JSON object and nothing more.
    pub(super) fn read(json: &'a str) -> Option<Self> {
        serde_json::from_str(json).ok()
    }

    /// Returns the value of `error`, unless it says that there is none.
    pub(super) fn error(&self) -> Option<&'a str> {
        self.error.filter(|raw| !matches!(*raw, "false" | "\"\""))
    }

    /// Tells whether the object as a whole is an error: `"object": "error"`
    /// as older vLLM has it, `"type": "error"` as responses and others have it.
    pub(super) fn is_error(&self) -> bool {
        self.object == Some("\"error\"") || self.kind == Some("\"error\"")
    }

    /// Tells whether there are choices, or at least something in their place.
    pub(super) fn has_choices(&self) -> bool {
        self.choices.is_some_and(|raw| {
            let inside = raw
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'));
            inside.is_none_or(|inside| !inside.trim_ascii().is_empty())
        })
    }

    /// Returns the usage, if it is there and counts anything.
    pub(super) fn usage(&self) -> Option<Usage> {
        usage(self.usage?)
    }
}

/// Numbers are read as `f64`: some providers write `12.0`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Counts {
    prompt_tokens: Option<f64>,
    input_tokens: Option<f64>,
    completion_tokens: Option<f64>,
    output_tokens: Option<f64>,
    prompt_tokens_details: Option<Details>,
    input_tokens_details: Option<Details>,
    completion_tokens_details: Option<Details>,
    output_tokens_details: Option<Details>,
    prompt_cache_hit_tokens: Option<f64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Details {
    cached_tokens: Option<f64>,
    reasoning_tokens: Option<f64>,
}

/// Reads a `usage` object; what cannot be read is no reason to fail an answer.
pub(super) fn usage(json: &str) -> Option<Usage> {
    let counts: Counts = serde_json::from_str(json).ok()?;
    let input = counts.prompt_tokens.or(counts.input_tokens);
    let output = counts.completion_tokens.or(counts.output_tokens);
    let details = counts.prompt_tokens_details.or(counts.input_tokens_details);
    let cached = details.and_then(|details| details.cached_tokens);
    let cached = cached.or(counts.prompt_cache_hit_tokens);
    let details = counts
        .completion_tokens_details
        .or(counts.output_tokens_details);
    let reasoning = details.and_then(|details| details.reasoning_tokens);
    Usage::read(&[input], &[output], cached, reasoning)
}

/// Reads an error object, or a text in its place; takes its time.
pub(super) fn reported(json: &str) -> Reported {
    let value: Value = serde_json::from_str(json).unwrap_or_default();
    let message = match &value {
        Value::String(text) => text,
        other => other["message"].as_str().unwrap_or_default(),
    };
    Reported {
        blame: blame(&value),
        message: message[..message.floor_char_boundary(Reported::MAX_MESSAGE)].to_owned(),
    }
}

/// Judges by `code`, then `type`, then `status`; the first that tells counts.
fn blame(error: &Value) -> Blame {
    let of_status = |status| match status {
        403 => forbidden::blame(error),
        status => blame_of_status(status),
    };
    ["code", "type", "status"]
        .iter()
        .find_map(|name| match &error[*name] {
            Value::Number(status) => status.as_u64().and_then(of_status),
            Value::String(word) => match word.parse() {
                Ok(status) => of_status(status),
                Err(_) => blame_of_word(word),
            },
            _ => None,
        })
        .unwrap_or(Blame::Server)
}

fn blame_of_status(status: u64) -> Option<Blame> {
    match status {
        401 | 402 => Some(Blame::Key),
        400 | 404 | 413 | 422 => Some(Blame::Client),
        429 => Some(Blame::RateLimit),
        529 => Some(Blame::Overload),
        500..=599 | 408 => Some(Blame::Server),
        _ => None,
    }
}

/// # Source
///
/// OpenAI, "Error codes" and the `code` of a failed response; the same words
/// are used by Azure, vLLM, OpenRouter and the others that are compatible.
/// `slow_down` is of those codes, and Codex waits for it.
fn blame_of_word(word: &str) -> Option<Blame> {
    let word = word.to_ascii_lowercase();
    let has = |part: &str| word.contains(part);
    if has("rate_limit") || has("ratelimit") || has("quota") || has("too_many_requests") {
        Some(Blame::RateLimit)
    } else if has("api_key") || has("authentication") || has("permission") || has("billing") {
        Some(Blame::Key)
    } else if has("invalid")
        || has("badrequest")
        || has("bad_request")
        || has("context_length")
        || has("content_filter")
        || has("content_policy")
        || has("unsupported")
        || has("not_found")
        || has("notfound")
    {
        Some(Blame::Client)
    } else if has("overloaded") || word == "slow_down" {
        Some(Blame::Overload)
    } else if has("server") || has("internal") || has("timeout") {
        Some(Blame::Server)
    } else {
        None
    }
}
