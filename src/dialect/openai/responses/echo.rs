//! What a response repeats of its request.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::dialect::neutral::Json;

/// The members of a request that its response repeats, as the client wrote them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Echo(Arc<Members>);

/// What is not said is the dialect's default. That nothing was kept, nor cut
/// off where it was too long, is true whatever was asked.
///
/// # Source
///
/// OpenAI, API reference, "Responses", the response object.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
struct Members {
    instructions: Option<Json>,
    max_output_tokens: Option<Json>,
    max_tool_calls: Option<Json>,
    metadata: Option<Json>,
    parallel_tool_calls: Option<Json>,
    prompt_cache_key: Option<Json>,
    reasoning: Option<Json>,
    safety_identifier: Option<Json>,
    temperature: Option<Json>,
    text: Option<Json>,
    tool_choice: Option<Json>,
    tools: Option<Json>,
    top_logprobs: Option<Json>,
    top_p: Option<Json>,
    user: Option<Json>,
}

impl Echo {
    /// Reads them out of a request's body, which has been read without fault.
    pub(in crate::dialect) fn of(body: &[u8]) -> Self {
        Self(Arc::new(serde_json::from_slice(body).unwrap_or_default()))
    }

    /// Returns what a response is to say.
    pub(super) fn repeated(&self) -> Repeated<'_> {
        let of = &*self.0;
        Repeated {
            instructions: of.instructions.as_ref(),
            max_output_tokens: of.max_output_tokens.as_ref(),
            max_tool_calls: of.max_tool_calls.as_ref(),
            metadata: Said(of.metadata.as_ref(), "{}"),
            parallel_tool_calls: Said(of.parallel_tool_calls.as_ref(), "true"),
            prompt_cache_key: of.prompt_cache_key.as_ref(),
            reasoning: Said(of.reasoning.as_ref(), r#"{"effort":null,"summary":null}"#),
            safety_identifier: of.safety_identifier.as_ref(),
            temperature: of.temperature.as_ref(),
            text: Said(of.text.as_ref(), r#"{"format":{"type":"text"}}"#),
            tool_choice: Said(of.tool_choice.as_ref(), r#""auto""#),
            tools: Said(of.tools.as_ref(), "[]"),
            top_logprobs: of.top_logprobs.as_ref(),
            top_p: of.top_p.as_ref(),
            user: of.user.as_ref(),
        }
    }
}

/// The same as a part of the response; those that not every SDK knows are left
/// out unless they were said.
#[derive(Serialize)]
pub(super) struct Repeated<'a> {
    instructions: Option<&'a Json>,
    max_output_tokens: Option<&'a Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tool_calls: Option<&'a Json>,
    metadata: Said<'a>,
    parallel_tool_calls: Said<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_cache_key: Option<&'a Json>,
    reasoning: Said<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    safety_identifier: Option<&'a Json>,
    temperature: Option<&'a Json>,
    text: Said<'a>,
    tool_choice: Said<'a>,
    tools: Said<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_logprobs: Option<&'a Json>,
    top_p: Option<&'a Json>,
    user: Option<&'a Json>,
}

/// What was said, or else the default.
struct Said<'a>(Option<&'a Json>, &'static str);

impl Serialize for Said<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(said) => said.serialize(serializer),
            None => {
                let default: Result<&serde_json::value::RawValue, _> = serde_json::from_str(self.1);
                default
                    .map_err(serde::ser::Error::custom)?
                    .serialize(serializer)
            }
        }
    }
}
