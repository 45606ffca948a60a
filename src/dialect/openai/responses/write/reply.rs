//! A whole answer.

use super::{
    item::{items, status},
    response::{Response, id, stem},
};
use crate::dialect::{ResponseHead, neutral::Reply, openai::responses::echo::Echo};

/// Writes a whole answer that repeats `echo` of its request; `now`, in seconds since 1970, is when it was made
/// where the provider does not say. The dialect has one choice: the first.
pub fn reply(reply: &Reply, echo: &Echo, now: u64) -> Vec<u8> {
    let head = ResponseHead {
        id: id(&reply.id, now),
        created_at: reply.created.unwrap_or(now),
        model: reply.model.clone(),
    };
    let choice = reply.choices.first();
    let status = choice.map_or(("incomplete", None), |choice| status(&choice.stop));
    let output = choice.map(|choice| items(stem(&head.id), choice, status.0));
    let output = output.unwrap_or_default();
    let response = Response::new(&head, status, &output, reply.usage, echo);
    // Nothing in it can fail to be written to memory.
    serde_json::to_vec(&response).unwrap_or_default()
}
