//! There and back again: nothing that this dialect can say is lost.

use proptest::{collection::vec, option, prelude::*};

use super::*;
use crate::dialect::{
    neutral::{Likely, Logprob, Sampling},
    sse::{Event, Splitter},
};

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,8}",
        "\\PC{1,12}",
        Just("\"\\\n\u{2028}你".to_owned())
    ]
}

fn name() -> impl Strategy<Value = String> {
    "[a-z_]{1,8}"
}

fn json() -> impl Strategy<Value = Json> {
    prop_oneof![
        Just(r#"{"type":"object","properties":{"b":{"type":"string"},"a":{}}}"#),
        Just("{}"),
        Just(r#"{"z":1.50,"a":[null,"x y"]}"#),
    ]
    .prop_map(|text| Json::parse(text).unwrap())
}

fn media(image: bool) -> impl Strategy<Value = Media> {
    let mime = if image {
        "image/png"
    } else {
        "application/pdf"
    };
    let source = prop_oneof![
        Just(Source::Inline {
            mime: mime.into(),
            data: "AA==".into()
        }),
        Just(Source::Url {
            url: "gs://bucket/object".into(),
            mime: Some(mime.into())
        }),
    ];
    source.prop_map(|source| Media {
        source,
        name: None,
        detail: None,
    })
}

fn seal() -> impl Strategy<Value = Option<String>> {
    option::of("gemini:[A-Za-z0-9]{4}")
}

fn call() -> impl Strategy<Value = Part> {
    (name(), name(), json(), seal()).prop_map(|(id, name, json, signature)| {
        Part::ToolCall(ToolCall {
            id,
            name,
            arguments: json.get().into(),
            signature,
            custom: false,
        })
    })
}

fn result() -> impl Strategy<Value = Part> {
    let text = prop_oneof![
        word(),
        Just(r#"{"a":1}"#.to_owned()),
        Just(r#"{"result":"x"}"#.to_owned()),
        Just(r#"{"error": 5}"#.to_owned()),
        Just("[1, 2]".to_owned()),
        Just("5".to_owned()),
        Just("null".to_owned()),
        Just("\"quoted\"".to_owned()),
    ];
    let content = (option::of(text), vec(media(true), 0..2)).prop_map(|(text, media)| {
        let text = text.into_iter().map(Part::Text);
        text.chain(media.into_iter().map(Part::Image)).collect()
    });
    (name(), name(), content, any::<bool>()).prop_map(|(id, name, content, is_error)| {
        Part::ToolResult(ToolResult {
            id,
            name: Some(name),
            content,
            is_error,
        })
    })
}

fn said() -> impl Strategy<Value = Vec<Part>> {
    let part = prop_oneof![
        word().prop_map(Part::Text),
        media(true).prop_map(Part::Image),
        call(),
        (word(), seal()).prop_map(|(text, signature)| Part::Thought(Thought {
            text,
            signature,
            redacted: false
        })),
        Just(Part::Thought(Thought {
            text: String::new(),
            signature: Some("gemini:AAAA".into()),
            redacted: true
        })),
    ];
    // Texts and thoughts in a row are one.
    vec(part, 1..5).prop_map(|mut parts| {
        parts.dedup_by(|next, last| {
            let (last, next) = (&*last, &*next);
            matches!((last, next), (Part::Text(_), Part::Text(_)))
                || matches!((last, next), (Part::Thought(_), Part::Thought(_)))
        });
        parts
    })
}

fn asked() -> impl Strategy<Value = Vec<Part>> {
    let part = prop_oneof![
        word().prop_map(Part::Text),
        media(true).prop_map(Part::Image),
        media(false).prop_map(Part::File),
        result(),
    ];
    vec(part, 1..4)
}

fn sampling() -> impl Strategy<Value = Sampling> {
    let numbers = (
        option::of(0..1_u64 << 40),
        option::of(0.0..2.0),
        option::of(0.0..1.0),
        option::of(1..100_u64),
        vec(word(), 0..5),
        option::of(any::<i32>()),
        option::of(-2.0..2.0),
        option::of(-2.0..2.0),
        option::of(1..8_u64),
        option::of(0..20_u64),
    );
    numbers.prop_map(|it| Sampling {
        max_tokens: it.0,
        temperature: it.1,
        top_p: it.2,
        top_k: it.3,
        stop: it.4,
        seed: it.5.map(i64::from),
        presence_penalty: it.6,
        frequency_penalty: it.7,
        candidates: it.8,
        logprobs: it.9,
    })
}

fn tool() -> impl Strategy<Value = Tool> {
    (name(), option::of(word()), option::of(json())).prop_map(|(name, description, parameters)| {
        Tool {
            name,
            description,
            parameters,
            strict: None,
            custom: None,
        }
    })
}

prop_compose! {
    fn conversation()(
        system in vec(word().prop_map(Part::Text), 0..3),
        turns in vec((asked(), said()), 1..4),
        tools in vec(tool(), 0..3),
        tool_choice in option::of(prop_oneof![
            Just(ToolChoice::Auto),
            Just(ToolChoice::None),
            Just(ToolChoice::Any),
            name().prop_map(ToolChoice::Named),
        ]),
        format in prop_oneof![
            Just(OutputFormat::Text),
            Just(OutputFormat::JsonObject),
            json().prop_map(|schema| OutputFormat::JsonSchema { name: None, schema, strict: None }),
        ],
        sampling in sampling(),
        reasoning in option::of(prop_oneof![
            Just(Reasoning::Adaptive),
            (1..24_576_u64).prop_map(Reasoning::Budget),
            prop_oneof![Just(Effort::Minimal), Just(Effort::Low), Just(Effort::Medium), Just(Effort::High)]
                .prop_map(Reasoning::Effort),
        ]),
        (stream, shows) in any::<(bool, bool)>(),
    ) -> Conversation {
        let turns = turns.into_iter().flat_map(|(asked, said)| {
            [turn(Role::User, asked), turn(Role::Assistant, said)]
        });
        Conversation {
            system, turns: turns.collect(), tool_choice: tool_choice.filter(|_| !tools.is_empty()), tools, format, sampling, reasoning, stream,
            shows_thoughts: reasoning.is_some().then_some(shows), parallel_tools: None, user: None, openai: OpenAi::default(), allowed_tools: Vec::new(), functions: false,
        }
    }
}

fn logprobs() -> impl Strategy<Value = Vec<Logprob>> {
    let likely = || {
        (word(), -40..0_i32).prop_map(|(token, quarters)| Likely {
            token,
            logprob: f64::from(quarters) / 4.0,
            bytes: None,
        })
    };
    let token = (likely(), vec(likely(), 0..3));
    vec(
        token.prop_map(|(chosen, top)| Logprob { chosen, top }),
        0..3,
    )
}

prop_compose! {
    fn answer()(
        id in name(),
        choices in vec((said(), logprobs(), prop_oneof![Just(Stop::End), Just(Stop::Length), Just(Stop::Filter)]), 1..3),
        usage in option::of((0..1_u64 << 23, 0..1_u64 << 23, 0..9_u64, 0..9_u64)),
        foreign in any::<bool>(),
    ) -> Reply {
        let choices = choices.into_iter().map(|(mut parts, logprobs, mut stop)| {
            let calls = parts.iter().any(|part| matches!(part, Part::ToolCall(_)));
            if calls && stop == Stop::End {
                stop = Stop::ToolCalls;
            }
            for part in &mut parts {
                let (Part::ToolCall(ToolCall { signature, .. }) | Part::Thought(Thought { signature, .. })) = part
                else { continue };
                if foreign && signature.is_some() {
                    *signature = Some("another's seal, $".into());
                }
            }
            Choice { parts, logprobs, stop }
        });
        Reply {
            id,
            model: "m".into(),
            created: None,
            choices: choices.collect(),
            usage: usage.map(|(input, output, cached, reasoning)| crate::dialect::Usage {
                input: input + cached,
                output: output + reasoning,
                cached,
                reasoning, tier: None }),
        }
    }
}

/// A name that says nothing, of a model to which all can be said.
const NEWEST: &str = "flash";

proptest! {
    #[test]
    fn requests(asked in conversation()) {
        let mut asked = asked;
        // One tool that must be called is the one that is chosen.
        if asked.tool_choice == Some(ToolChoice::Any) && asked.tools.len() > 1 {
            asked.tools.iter_mut().zip(0..).for_each(|(tool, at)| tool.name = format!("f{at}"));
            asked.allow_only(vec!["f0".to_owned(), "f1".to_owned()], true, &mut Lost::default());
        }
        let mut lost = Lost::default();
        let body = request(&asked, NEWEST, &mut lost);
        prop_assert!(lost.is_empty(), "{}", lost);
        let back = read::request(&body, asked.stream, &mut lost).unwrap();
        prop_assert!(lost.is_empty(), "{}", lost);
        prop_assert_eq!(back, asked);
    }

    #[test]
    fn replies(answer in answer()) {
        let body = reply(&answer, 0);
        prop_assert_eq!(crate::dialect::gemini::judge::answer(&body), Ok(answer.usage));
        prop_assert_eq!(read::reply(&body).unwrap(), answer);
    }

    /// Deltas of a stream, written and read again, are the same but for how a
    /// call is cut; so they are here, as each call comes in one piece.
    #[test]
    fn streams(texts in vec((any::<bool>(), word()), 1..5), json in json(), stop in any::<bool>(), tokens in logprobs()) {
        let choice = 0;
        let mut deltas = vec![Delta::Start { id: "r".into(), model: "m".into(), created: None, usage: None }];
        deltas.extend((!tokens.is_empty()).then_some(Delta::Logprobs { choice, tokens }));
        deltas.extend(texts.into_iter().map(|(thought, text)| match thought {
            true => Delta::Thought { choice, text },
            false => Delta::Text { choice, text },
        }));
        for call in 0..2 {
            deltas.push(Delta::CallStart {
                choice, call, id: format!("c{call}"), name: "f".into(),
                signature: stop.then(|| "foreign".into()), custom: false,
});
            deltas.push(Delta::CallArguments { choice, call, piece: json.get().into() });
        }
        deltas.push(Delta::Usage(crate::dialect::Usage { input: 3, output: 2, cached: 1, reasoning: 1, tier: None }));
        deltas.push(Delta::Stop { choice, stop: if stop { Stop::ToolCalls } else { Stop::Length } });
        deltas.push(Delta::End);

        let (mut events, mut out) = (Events::new(0), Vec::new());
        deltas.iter().for_each(|delta| events.write(delta, &mut out));
        let (mut splitter, mut ends) = (Splitter::default(), Vec::new());
        let block = splitter.push(&out.into(), &mut ends);
        let (mut events, mut back, mut from) = (read::Events::default(), Vec::new(), 0);
        for end in ends {
            events.read(&Event::parse(&block[from..end]), &mut back).unwrap();
            from = end;
        }
        events.finish(&mut back).unwrap();
        prop_assert_eq!(back, deltas);
    }
}
