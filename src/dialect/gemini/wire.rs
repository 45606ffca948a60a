//! The dialect's JSON as it is read: borrowed, and in both spellings, since
//! Google's parser takes `inlineData` and `inline_data` alike.

use std::{borrow::Cow, fmt, ops::Deref};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::dialect::{
    Usage,
    neutral::{Members, says_nothing},
};

/// A string, borrowed unless it has escapes; `Option<Cow<str>>` never borrows.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// Returns a field's name in its one spelling: `fileUri` for `file_uri`.
pub(super) fn camel(name: &str) -> Cow<'_, str> {
    if !name.contains('_') {
        return Cow::Borrowed(name);
    }
    let mut camel = String::with_capacity(name.len());
    for word in name.split('_').filter(|word| !word.is_empty()) {
        let mut letters = word.chars();
        match letters.next() {
            Some(first) if !camel.is_empty() => camel.push(first.to_ascii_uppercase()),
            Some(first) => camel.push(first),
            None => {}
        }
        camel.push_str(letters.as_str());
    }
    Cow::Owned(camel)
}

/// The fields of an object in order, as written; those that are null are left
/// out, which means the same in this dialect.
#[derive(Debug, Default)]
pub(super) struct Fields<'a>(pub(super) Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Fields<'a> {
    /// Reads `json` if it is an object.
    pub(super) fn read(json: &'a str) -> Option<Self> {
        Members::said(json).map(|Members(all)| Self(all))
    }

    /// Returns each field with its name in its one spelling.
    pub(super) fn named(&self) -> impl Iterator<Item = (Cow<'_, str>, &'a RawValue)> {
        self.0.iter().map(|(name, raw)| (camel(name), *raw))
    }
}

/// Returns the values of an array, or the one value that stands for an array
/// of one: Google's parser takes `"parts": {"text": "…"}` as well.
pub(super) fn list(raw: &RawValue) -> Vec<&RawValue> {
    match raw.get().starts_with('[') {
        true => serde_json::from_str(raw.get()).unwrap_or_default(),
        false => vec![raw],
    }
}

/// A part of a content.
#[derive(Debug, Default)]
pub(super) struct Part<'a> {
    pub(super) text: Option<Text<'a>>,
    pub(super) thought: bool,
    pub(super) signature: Option<Text<'a>>,
    pub(super) media: Option<Media<'a>>,
    pub(super) call: Option<Call<'a>>,
    pub(super) response: Option<Response<'a>>,
    /// What else it has and asks for something, by name.
    pub(super) unknown: Vec<String>,
}

/// An `inlineData` or a `fileData`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Media<'a> {
    #[serde(borrow, alias = "mime_type")]
    pub(super) mime_type: Option<Text<'a>>,
    #[serde(borrow, alias = "display_name")]
    pub(super) display_name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) data: Option<Text<'a>>,
    #[serde(borrow, alias = "file_uri")]
    pub(super) file_uri: Option<Text<'a>>,
}

/// A `functionCall`.
#[derive(Debug, Deserialize)]
pub(super) struct Call<'a> {
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) args: Option<&'a RawValue>,
}

/// A `functionResponse`.
#[derive(Debug, Deserialize)]
pub(super) struct Response<'a> {
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) response: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) parts: Option<Vec<Part<'a>>>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Part<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Part<'de>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a part")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut part = Part::default();
                while let Some(name) = map.next_key::<Text<'de>>()? {
                    match &*camel(&name) {
                        "text" => part.text = map.next_value()?,
                        "thought" => {
                            part.thought = map.next_value::<Option<bool>>()?.unwrap_or_default();
                        }
                        "thoughtSignature" => part.signature = map.next_value()?,
                        "inlineData" | "fileData" => {
                            part.media = map.next_value::<Option<_>>()?.or(part.media);
                        }
                        "functionCall" => part.call = map.next_value()?,
                        "functionResponse" => part.response = map.next_value()?,
                        other => {
                            let raw: &RawValue = map.next_value()?;
                            if !says_nothing(raw.get()) {
                                part.unknown.push(other.to_owned());
                            }
                        }
                    }
                }
                Ok(part)
            }
        }
        deserializer.deserialize_map(Read)
    }
}

/// A `GenerateContentResponse`, whole or a chunk of a stream.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Answer<'a> {
    #[serde(borrow)]
    pub(super) candidates: Option<Vec<Candidate<'a>>>,
    #[serde(borrow)]
    pub(super) prompt_feedback: Option<Feedback<'a>>,
    #[serde(borrow)]
    pub(super) usage_metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) model_version: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) response_id: Option<Text<'a>>,
    pub(super) error: Option<IgnoredAny>,
}

impl Answer<'_> {
    /// Tells whether the prompt was refused, so that there is no candidate.
    pub(super) fn is_blocked(&self) -> bool {
        let blocked = |feedback: &Feedback<'_>| feedback.block_reason.is_some();
        self.candidates.as_ref().is_none_or(Vec::is_empty)
            && self.prompt_feedback.as_ref().is_some_and(blocked)
    }
}

/// A `Candidate`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Candidate<'a> {
    #[serde(borrow)]
    pub(super) content: Option<Content<'a>>,
    #[serde(borrow)]
    pub(super) finish_reason: Option<Text<'a>>,
    pub(super) index: Option<u32>,
    #[serde(borrow)]
    pub(super) logprobs_result: Option<&'a RawValue>,
}

/// The `Content` of a candidate.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Content<'a> {
    #[serde(borrow)]
    pub(super) parts: Option<Vec<Part<'a>>>,
}

/// A `PromptFeedback`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Feedback<'a> {
    #[serde(borrow)]
    pub(super) block_reason: Option<Text<'a>>,
}

/// A `UsageMetadata`; read as `f64`, as some write `12.0`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Counts {
    prompt_token_count: Option<f64>,
    tool_use_prompt_token_count: Option<f64>,
    candidates_token_count: Option<f64>,
    thoughts_token_count: Option<f64>,
    cached_content_token_count: Option<f64>,
}

/// Reads a `usageMetadata`; what cannot be read is no reason to fail an answer.
pub(super) fn usage(raw: &RawValue) -> Option<Usage> {
    let counts: Counts = serde_json::from_str(raw.get()).ok()?;
    let (prompt, answer) = (counts.prompt_token_count, counts.candidates_token_count);
    prompt.or(answer)?;
    let thoughts = counts.thoughts_token_count;
    Usage::read(
        &[prompt, counts.tool_use_prompt_token_count],
        &[answer, thoughts],
        counts.cached_content_token_count,
        thoughts,
    )
}
