//! Whole answers.

use super::part;
use crate::dialect::{
    NotAnAnswer,
    gemini::{
        logprobs,
        wire::{self, Answer},
    },
    neutral::{Choice, Part, Reply, Stop, ids::name_of_answer},
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
            logprobs: Vec::new(),
            stop: Stop::Filter,
        });
    }
    reply.id = answer
        .response_id
        .map_or_else(String::new, |id| id.0.into_owned());
    reply.model = answer
        .model_version
        .map_or_else(String::new, |id| id.0.into_owned());
    let name = name_of_answer(&reply.id, body);
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
            part::read(part, || call_id(&name, choice, calls), &mut found);
            for part in found.drain(..) {
                calls += u32::from(matches!(part, Part::ToolCall(_)));
                part::join(&mut parts, part);
            }
        }
        let reason = candidate.finish_reason.ok_or(NotAnAnswer::Malformed)?;
        let stop = stop(&reason, calls > 0);
        reply.choices.push(Choice {
            parts,
            logprobs: logprobs::read(candidate.logprobs_result),
            stop,
        });
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

/// Returns the id of a call that Gemini gave none, in the answer of this name.
pub(super) fn call_id(answer: &str, choice: usize, call: u32) -> String {
    match choice {
        0 => format!("call_{answer}_{call}"),
        choice => format!("call_{answer}_{choice}_{call}"),
    }
}
