//! How likely tokens were: a `LogprobsResult`.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::dialect::neutral::{Likely, Logprob};

/// A `LogprobsResult`.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Logprobs<'a> {
    #[serde(borrow)]
    chosen_candidates: Vec<Candidate<'a>>,
    /// One entry for each that was chosen.
    #[serde(borrow)]
    top_candidates: Vec<Top<'a>>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct Top<'a> {
    #[serde(borrow)]
    candidates: Vec<Candidate<'a>>,
}

/// What is empty or 0 is left out on the wire.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
struct Candidate<'a> {
    #[serde(borrow)]
    token: Cow<'a, str>,
    log_probability: f64,
}

/// Reads a `logprobsResult`; what cannot be read is no reason to fail an answer.
pub(super) fn read(raw: Option<&RawValue>) -> Vec<Logprob> {
    let read = raw.and_then(|raw| serde_json::from_str(raw.get()).ok());
    let read: Logprobs<'_> = read.unwrap_or_default();
    let mut tops = read.top_candidates.into_iter();
    let token = |chosen| Logprob {
        chosen: likely(chosen),
        top: tops.next().map_or_else(Vec::new, |top| {
            top.candidates.into_iter().map(likely).collect()
        }),
    };
    read.chosen_candidates.into_iter().map(token).collect()
}

fn likely(of: Candidate<'_>) -> Likely {
    Likely {
        token: of.token.into_owned(),
        logprob: of.log_probability,
        bytes: None,
    }
}

impl<'a> Logprobs<'a> {
    /// Writes tokens; none if there are none.
    pub(super) fn of(tokens: &'a [Logprob]) -> Option<Self> {
        let candidate = |of: &'a Likely| Candidate {
            token: Cow::Borrowed(&of.token),
            log_probability: of.logprob,
        };
        let top = |of: &'a Logprob| Top {
            candidates: of.top.iter().map(candidate).collect(),
        };
        (!tokens.is_empty()).then(|| Self {
            chosen_candidates: tokens.iter().map(|it| candidate(&it.chosen)).collect(),
            top_candidates: tokens.iter().map(top).collect(),
        })
    }
}
