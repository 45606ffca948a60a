//! Answers, from every provider's dialect to every client's: nothing is lost
//! that both can say.

use proptest::prelude::*;

use super::{readers, *};
use crate::dialect::{
    neutral::{
        Delta, Likely, Part, Stop,
        testing::{deltas, reply},
    },
    translate::Translation,
};

/// A token and its probability.
type Likelihood = (String, f64);

/// What a client can see of the first answer, whatever its dialect.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    said: String,
    thought: String,
    calls: Vec<(String, String, serde_json::Value)>,
    /// Which of them are of custom tools.
    customs: Vec<String>,
    logprobs: Vec<(Likelihood, Vec<Likelihood>)>,
    stop: Option<Stop>,
    usage: Option<Usage>,
    refuses: bool,
    has_text: bool,
}

fn seen(reply: &Reply) -> Seen {
    let mut seen = Seen {
        usage: reply.usage,
        ..Seen::default()
    };
    let choice = &reply.choices[0];
    for part in &choice.parts {
        seen.refuses |= matches!(part, Part::Refusal(_));
        match part {
            // Only some dialects know a refusal from a text.
            Part::Text(text) | Part::Refusal(text) => seen.said.push_str(text),
            Part::Thought(thought) => seen.thought.push_str(&thought.text),
            Part::ToolCall(call) => {
                let arguments = serde_json::from_str(&call.arguments).unwrap();
                seen.customs.extend(call.custom.then(|| call.id.clone()));
                seen.calls
                    .push((call.id.clone(), call.name.clone(), arguments));
            }
            other => panic!("{other:?}"),
        }
    }
    let likely = |it: &Likely| (it.token.clone(), it.logprob);
    let told = choice.logprobs.iter();
    let told = told.map(|it| (likely(&it.chosen), it.top.iter().map(likely).collect()));
    seen.logprobs = told.collect();
    seen.has_text = choice
        .parts
        .iter()
        .any(|part| matches!(part, Part::Text(_)));
    seen.stop = Some(match &choice.stop {
        // Only Anthropic knows it from the end.
        Stop::Sequence(_) => Stop::End,
        stop => stop.clone(),
    });
    seen
}

/// What of it a client of `asked` can be told.
fn sayable(asked: Api, mut seen: Seen) -> Seen {
    // In the others its words are all there is of a refusal.
    let refuses = std::mem::take(&mut seen.refuses);
    let has_text = std::mem::take(&mut seen.has_text);
    // It has a place for them beside texts only.
    if asked == Api::Messages || (asked == Api::Responses && !has_text) {
        seen.logprobs.clear();
    }
    // To the others they are functions.
    if asked.dialect() != Dialect::OpenAi {
        seen.customs.clear();
    }
    if asked == Api::Messages {
        if refuses && seen.stop == Some(Stop::End) {
            seen.stop = Some(Stop::Filter);
        }
        // A text that is nothing but blank is none beside others.
        seen.said.retain(|c| !c.is_whitespace());
        // Its libraries crash without a count.
        seen.usage.get_or_insert_default();
    }
    seen
}

/// Writes the stream that says `reply` as a provider of `sent` does.
fn streamed(sent: Api, reply: &Reply, piece: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let deltas: Vec<Delta> = deltas(reply, piece);
    match sent.dialect() {
        Dialect::OpenAi => {
            let mut writer = chat::write::Events::new(9, true);
            deltas.iter().for_each(|it| writer.write(it, &mut out));
        }
        Dialect::Anthropic => {
            let mut writer = anthropic::write::Events::new(9);
            deltas.iter().for_each(|it| writer.write(it, &mut out));
        }
        Dialect::Gemini => {
            let mut writer = gemini::write::Events::new(9);
            deltas.iter().for_each(|it| writer.write(it, &mut out));
        }
    }
    out
}

fn translated(sent: Api, asked: Api, stream: &[u8]) -> Vec<u8> {
    let mut translation = Translation::new(sent, asked, true, 9);
    let mut out = Vec::new();
    for event in std::str::from_utf8(stream).unwrap().split_inclusive("\n\n") {
        translation.event(event.as_bytes(), &mut out).unwrap();
    }
    translation.finish(&mut out).unwrap();
    out
}

fn pairs() -> impl Iterator<Item = (Api, Api)> {
    let of = |sent| CLIENTS.into_iter().map(move |asked| (sent, asked));
    PROVIDERS
        .into_iter()
        .flat_map(of)
        .filter(|(sent, asked)| sent != asked)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_whole_answer_survives_every_pair(reply in reply()) {
        for (sent, asked) in pairs() {
            let body = write_reply(sent, &reply);
            let expected = sayable(asked, seen(&readers::reply(sent, &body)));
            let given = answered(sent, asked, &body);
            let told = sayable(asked, seen(&readers::reply(asked, &given)));
            prop_assert_eq!(told, expected, "{:?} {:?}", sent, asked);
        }
    }

    #[test]
    fn a_streamed_answer_survives_every_pair(reply in reply(), piece in 1..9_usize) {
        for (sent, asked) in pairs() {
            let stream = streamed(sent, &reply, piece);
            let expected = sayable(asked, seen(&readers::stream(sent, &stream)));
            let given = translated(sent, asked, &stream);
            let told = sayable(asked, seen(&readers::stream(asked, &given)));
            prop_assert_eq!(told, expected, "{:?} {:?}", sent, asked);
        }
    }
}
