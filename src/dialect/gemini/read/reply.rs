//! Whole answers.

use super::part;
use crate::dialect::{
    NotAnAnswer,
    gemini::wire::{self, Answer},
    neutral::{Choice, Part, Reply, Stop},
};

/// Reads a whole answer. A prompt that was refused is one choice that says
/// nothing and ended by the filter.
///
/// # Errors
///
/// [`NotAnAnswer::Malformed`] for a body that [`judge`](crate::dialect::gemini::judge)
/// would not have let through: not one whole object, or a candidate that does
/// not say why it ended.
pub fn reply(body: &[u8]) -> Result<Reply, NotAnAnswer> {
    let answer: Answer<'_> = serde_json::from_slice(body).map_err(|_| NotAnAnswer::Malformed)?;
    let mut reply = Reply {
        usage: answer.usage_metadata.and_then(wire::usage),
        ..Reply::default()
    };
    if answer.is_blocked() {
        reply.choices.push(Choice {
            parts: Vec::new(),
            stop: Stop::Filter,
        });
    }
    reply.id = answer
        .response_id
        .map_or_else(String::new, |id| id.0.into_owned());
    reply.model = answer
        .model_version
        .map_or_else(String::new, |id| id.0.into_owned());
    for candidate in answer.candidates.into_iter().flatten() {
        let choice = reply.choices.len();
        let mut parts = Vec::new();
        let mut calls = 0;
        let mut found = Vec::with_capacity(2);
        for part in candidate
            .content
            .and_then(|it| it.parts)
            .into_iter()
            .flatten()
        {
            part::read(part, || call_id(&reply.id, choice, calls), &mut found);
            for part in found.drain(..) {
                calls += u32::from(matches!(part, Part::ToolCall(_)));
                part::join(&mut parts, part);
            }
        }
        let reason = candidate.finish_reason.ok_or(NotAnAnswer::Malformed)?;
        let stop = stop(&reason, calls > 0);
        reply.choices.push(Choice { parts, stop });
    }
    match reply.choices.is_empty() {
        true => Err(NotAnAnswer::Malformed),
        false => Ok(reply),
    }
}

/// Returns why an answer ended.
///
/// Whatever is none of the model's own reasons is [`Stop::Filter`]: the
/// provider cut the answer off, be it by `SAFETY` or by
/// `MALFORMED_FUNCTION_CALL`, and no other dialect has a nearer word.
pub(super) fn stop(reason: &str, calls: bool) -> Stop {
    match reason {
        "STOP" if calls => Stop::ToolCalls,
        "STOP" => Stop::End,
        "MAX_TOKENS" => Stop::Length,
        _ => Stop::Filter,
    }
}

/// Returns the id of a call that Gemini gave none: the same for the same
/// answer, and another one in every answer of a conversation, since the id of
/// the answer is in it. What other dialects do not take in ids is left out.
pub(super) fn call_id(answer: &str, choice: usize, call: u32) -> String {
    let fair = |c: &char| c.is_ascii_alphanumeric() || "_-".contains(*c);
    let answer: String = answer.chars().filter(fair).take(40).collect();
    let mut id = String::from("call_");
    if !answer.is_empty() {
        id.push_str(&answer);
        id.push('_');
    }
    if choice > 0 {
        id.push_str(&choice.to_string());
        id.push('_');
    }
    id.push_str(&call.to_string());
    id
}
