//! A whole answer of Messages, read.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::block::{Block, StopDetails, stop};
use crate::dialect::{
    NotAnAnswer,
    anthropic::usage::Counts,
    neutral::{Choice, Part, Reply, ids::name_of_answer},
};

#[derive(Deserialize)]
struct Message<'a> {
    id: Option<String>,
    model: Option<String>,
    #[serde(borrow)]
    content: Vec<Block<'a>>,
    #[serde(borrow)]
    stop_reason: Cow<'a, str>,
    stop_sequence: Option<String>,
    stop_details: Option<StopDetails>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

/// Reads a whole body that was judged as an answer.
///
/// Why the model refused (`stop_details.explanation`) becomes the last part.
/// Citations have no place in the neutral form.
///
/// # Errors
///
/// [`NotAnAnswer::Malformed`] for a body without content or without a reason to
/// end: none is made up.
pub fn reply(body: &[u8]) -> Result<Reply, NotAnAnswer> {
    let message: Message<'_> = serde_json::from_slice(body).map_err(|_| NotAnAnswer::Malformed)?;
    let blocks = message.content.into_iter().enumerate();
    let id = message.id.unwrap_or_default();
    let name = name_of_answer(&id, body);
    let parts = blocks.filter_map(|(at, block)| block.part(&name, at));
    let mut parts: Vec<_> = parts.collect();
    let has_calls = parts.iter().any(|part| matches!(part, Part::ToolCall(_)));
    let stop = stop(&message.stop_reason, message.stop_sequence, has_calls);
    let refusal = message.stop_details.and_then(StopDetails::refusal);
    parts.extend(refusal.map(Part::Refusal));
    Ok(Reply {
        id,
        model: message.model.unwrap_or_default(),
        created: None,
        choices: vec![Choice {
            parts,
            logprobs: Vec::new(),
            stop,
        }],
        usage: message
            .usage
            .and_then(|raw| Counts::read(raw.get()).usage()),
    })
}
