//! What a provider answers.

use proptest::{collection::vec, option::of, prelude::*, sample::select};

use super::asked::answer;
use crate::dialect::{
    Usage,
    neutral::{Choice, Likely, Logprob, Part, Reply, Stop},
};

fn usage() -> impl Strategy<Value = Usage> {
    (0..9_999_u64, 0..9_999_u64, 0..100_u64, 0..100_u64).prop_map(
        |(input, output, cached, reasoning)| Usage {
            input: input + cached,
            output: output + reasoning,
            cached,
            reasoning,
            tier: None,
        },
    )
}

/// How likely a few tokens were: none mostly.
fn logprobs() -> impl Strategy<Value = Vec<Logprob>> {
    let token = select(vec!["Hel", "lo", " \u{fffd}", "🎉", "\"\n"]);
    let bytes = of(vec(any::<u8>(), 0..4));
    let likely = (token, -40..0_i32, bytes).prop_map(|(token, quarters, bytes)| Likely {
        token: token.to_owned(),
        logprob: f64::from(quarters) / 4.0,
        bytes,
    });
    let token =
        (likely.clone(), vec(likely, 0..3)).prop_map(|(chosen, top)| Logprob { chosen, top });
    prop_oneof![2 => Just(Vec::new()), 1 => vec(token, 1..6)]
}

fn choice() -> impl Strategy<Value = Choice> {
    let ends = vec![
        Stop::End,
        Stop::Length,
        Stop::Filter,
        Stop::Sequence(None),
        Stop::Sequence(Some("END".to_owned())),
    ];
    (answer(), logprobs(), select(ends)).prop_map(|(parts, logprobs, end)| {
        let calls = parts.iter().any(|part| matches!(part, Part::ToolCall(_)));
        Choice {
            parts,
            logprobs,
            stop: if calls { Stop::ToolCalls } else { end },
        }
    })
}

/// Whole answers, of one choice mostly.
pub(crate) fn reply() -> impl Strategy<Value = Reply> {
    let choices = prop_oneof![4 => vec(choice(), 1), 1 => vec(choice(), 2..4)];
    (choices, of(usage()), of(1..2_000_000_000_u64)).prop_map(|(choices, usage, created)| Reply {
        id: "answer-1".to_owned(),
        model: "some-model".to_owned(),
        created,
        choices,
        usage,
    })
}
