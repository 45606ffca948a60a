//! Conversations and replies to test translations with.
//!
//! They hold all that the neutral form can, in its usual order: a dialect's test
//! takes out what its dialect cannot say, and compares the rest. What proves
//! nothing is left out: empty texts, results of calls that nobody made.

mod answered;
mod asked;
mod pieces;
mod samples;

use proptest::prelude::*;

use super::{Delta, Part};

pub(crate) use answered::reply;
pub(crate) use asked::{conversation, with_functions_only};
pub(crate) use pieces::{deltas, gathered};
pub(crate) use samples::{inline, media, samples};

proptest! {
    #[test]
    fn what_is_cut_can_be_put_together(reply in reply(), piece in 1..9_usize) {
        let deltas = deltas(&reply, piece);
        prop_assert_eq!(gathered(&deltas), reply);
        prop_assert_eq!(deltas.last(), Some(&Delta::End));
    }

    #[test]
    fn every_result_is_of_a_call_made_before(conversation in conversation()) {
        let mut calls = Vec::new();
        for part in conversation.turns.iter().flat_map(|turn| &turn.parts) {
            match part {
                Part::ToolCall(call) => calls.push(&call.id),
                Part::ToolResult(result) => prop_assert!(calls.contains(&&result.id)),
                _ => {}
            }
        }
    }
}
