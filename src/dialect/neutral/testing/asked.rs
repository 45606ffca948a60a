//! What a client asks.

use proptest::{
    collection::vec,
    option::{of, weighted},
    prelude::*,
    sample::select,
};

use crate::dialect::neutral::{
    Conversation, Custom, Detail, Effort, Grammar, Json, Media, OpenAi, OutputFormat, Part,
    Reasoning, Role, Sampling, Source, Thought, Tool, ToolCall, ToolChoice, ToolResult, Turn,
    custom::wrapped,
};

/// Texts with all that breaks a careless writer; never empty.
fn text() -> impl Strategy<Value = String> {
    let pieces = [
        "a", "Hello ", "é", "🎉", "中", "\"", "\\", "\n", "\r", "\t", "{", "}", "data: ", "\u{0}",
        "\u{2028}",
    ];
    vec(select(pieces.to_vec()), 1..8).prop_map(|pieces| pieces.concat())
}

/// Names as every provider takes them for a tool.
fn name() -> impl Strategy<Value = String> {
    select(vec!["get_weather", "search", "run-it", "f_1"]).prop_map(String::from)
}

/// A JSON object, as written by someone.
fn object() -> impl Strategy<Value = Json> {
    select(vec![
        r#"{}"#,
        r#"{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}"#,
        r#"{"z": 1.50, "a": [true, null], "b": {"é": "\n"}}"#,
    ])
    .prop_filter_map("is JSON", Json::parse)
}

/// Where an image lies (`image/…`), or a document.
fn media(image: bool) -> impl Strategy<Value = Media> {
    let (mime, url) = match image {
        true => ("image/png", "https://example.com/a.png"),
        false => ("application/pdf", "https://example.com/a.pdf"),
    };
    let detail = of(select(vec![Detail::Low, Detail::High]));
    let source = prop_oneof![
        Just(Source::Inline {
            mime: mime.to_owned(),
            data: "aGk=".to_owned(),
        }),
        of(Just(mime.to_owned())).prop_map(move |mime| Source::Url {
            url: url.to_owned(),
            mime,
        }),
        Just(Source::Uploaded("file-123".to_owned())),
    ];
    let name = of(Just("a file.pdf".to_owned()));
    (source, name, detail).prop_map(move |(source, name, detail)| Media {
        source,
        name: name.filter(|_| !image),
        detail: detail.filter(|_| image),
    })
}

fn user_part() -> impl Strategy<Value = Part> {
    prop_oneof![
        4 => text().prop_map(Part::Text),
        1 => media(true).prop_map(Part::Image),
        1 => media(false).prop_map(Part::File),
    ]
}

fn thought() -> impl Strategy<Value = Part> {
    prop_oneof![
        3 => (text(), of(Just("c2VhbA==".to_owned()))).prop_map(|(text, signature)| Thought {
            text,
            signature,
            redacted: false,
        }),
        1 => Just(Thought {
            text: String::new(),
            signature: Some("aGlkZGVu".to_owned()),
            redacted: true,
        }),
    ]
    .prop_map(Part::Thought)
}

/// A call whose id is not set yet: of a function mostly.
fn call() -> impl Strategy<Value = ToolCall> {
    let arguments = prop_oneof![
        3 => object().prop_map(|it| (it.get().to_owned(), false)),
        1 => text().prop_map(|it| (wrapped(&it), true)),
    ];
    let seal = weighted(0.2, Just("gemini:c2ln".to_owned()));
    (name(), arguments, seal).prop_map(|(name, (arguments, custom), signature)| ToolCall {
        id: String::new(),
        name,
        arguments,
        signature,
        custom,
    })
}

/// Thought, text, calls: at least one of them, no two texts side by side.
/// The calls are numbered from 0.
pub(super) fn answer() -> impl Strategy<Value = Vec<Part>> {
    let said = prop_oneof![
        6 => text().prop_map(Part::Text),
        1 => text().prop_map(Part::Refusal),
    ];
    (weighted(0.3, thought()), of(said), vec(call(), 0..4))
        .prop_filter("says something", |(_, said, calls)| {
            said.is_some() || !calls.is_empty()
        })
        .prop_map(|(thought, said, calls)| {
            let calls = calls.into_iter().enumerate().map(|(at, call)| {
                let id = format!("call_{at}");
                Part::ToolCall(ToolCall { id, ..call })
            });
            thought.into_iter().chain(said).chain(calls).collect()
        })
}

fn result() -> impl Strategy<Value = (Vec<Part>, bool)> {
    let part = prop_oneof![
        5 => text().prop_map(Part::Text),
        1 => media(true).prop_map(Part::Image),
    ];
    (
        vec(part, 1..3),
        weighted(0.2, Just(())).prop_map(|it| it.is_some()),
    )
}

/// What one side said, what the other answered, and what its calls returned.
type Exchange = (Option<String>, Vec<Part>, Vec<Part>, Vec<(Vec<Part>, bool)>);

fn exchange() -> impl Strategy<Value = Exchange> {
    (
        weighted(0.1, text()),
        vec(user_part(), 1..4),
        answer(),
        vec(result(), 4),
    )
}

/// Users and assistants take turns, the user last; the results of calls lead
/// the turn behind them.
fn turns() -> impl Strategy<Value = Vec<Turn>> {
    (vec(exchange(), 0..4), vec(user_part(), 1..3)).prop_map(|(exchanges, last)| {
        let mut turns = Vec::new();
        let mut owed: Vec<Part> = Vec::new();
        for (at, (system, said, mut answer, outcomes)) in exchanges.into_iter().enumerate() {
            let parts: Vec<_> = owed.drain(..).chain(said).collect();
            turns.push(Turn {
                role: Role::User,
                parts,
            });
            if let Some(text) = system {
                turns.push(Turn {
                    role: Role::System,
                    parts: vec![Part::Text(text)],
                });
            }
            for part in &mut answer {
                let Part::ToolCall(call) = part else { continue };
                call.id = format!("call_{at}_{}", owed.len());
                let (content, is_error) = outcomes[owed.len()].clone();
                owed.push(Part::ToolResult(ToolResult {
                    id: call.id.clone(),
                    name: Some(call.name.clone()),
                    content,
                    is_error,
                }));
            }
            turns.push(Turn {
                role: Role::Assistant,
                parts: answer,
            });
        }
        owed.extend(last);
        turns.push(Turn {
            role: Role::User,
            parts: owed,
        });
        turns
    })
}

/// What is told of a custom tool.
fn custom() -> impl Strategy<Value = Custom> {
    let grammar = Grammar {
        syntax: "lark".to_owned(),
        definition: "start: /a+/".to_owned(),
    };
    (of(text()), of(Just(grammar))).prop_map(|(description, grammar)| Custom {
        description,
        grammar,
    })
}

fn tools() -> impl Strategy<Value = Vec<Tool>> {
    let function = (of(text()), of(object()), of(any::<bool>()));
    let function = function.prop_map(|(description, parameters, strict)| Tool {
        name: String::new(),
        description,
        parameters,
        strict,
        custom: None,
    });
    let custom = custom().prop_map(|it| Tool::custom(String::new(), it));
    vec(prop_oneof![3 => function, 1 => custom], 0..3).prop_map(|tools| {
        let named = |(at, tool)| Tool {
            name: format!("tool_{at}"),
            ..tool
        };
        tools.into_iter().enumerate().map(named).collect()
    })
}

fn choice_of_tool() -> impl Strategy<Value = ToolChoice> {
    prop_oneof![
        Just(ToolChoice::Auto),
        Just(ToolChoice::None),
        Just(ToolChoice::Any),
        Just(ToolChoice::Named("tool_0".to_owned())),
    ]
}

fn format() -> impl Strategy<Value = OutputFormat> {
    let schema = (of(name()), object(), of(any::<bool>()));
    prop_oneof![
        3 => Just(OutputFormat::Text),
        1 => Just(OutputFormat::JsonObject),
        1 => schema.prop_map(|(name, schema, strict)| OutputFormat::JsonSchema {
            name,
            schema,
            strict,
        }),
    ]
}

/// Quarters, which are the same in binary and decimal.
fn quarters(range: std::ops::RangeInclusive<i32>) -> impl Strategy<Value = Option<f64>> {
    of(range.prop_map(|quarters| f64::from(quarters) / 4.0))
}

fn sampling() -> impl Strategy<Value = Sampling> {
    let counts = (of(1..9_999_u64), of(1..99_u64), of(2..4_u64));
    let logprobs = weighted(0.2, 0..=20_u64);
    let shares = (quarters(0..=8), quarters(0..=4));
    let penalties = (quarters(-8..=8), quarters(-8..=8));
    let rest = (vec(text(), 0..4), of(0..i64::from(i32::MAX)), logprobs);
    (counts, shares, penalties, rest).prop_map(|(counts, shares, penalties, rest)| Sampling {
        max_tokens: counts.0,
        temperature: shares.0,
        top_p: shares.1,
        top_k: counts.1,
        stop: rest.0,
        seed: rest.1,
        presence_penalty: penalties.0,
        frequency_penalty: penalties.1,
        candidates: counts.2,
        logprobs: rest.2,
    })
}

fn reasoning() -> impl Strategy<Value = Reasoning> {
    let efforts = vec![
        Effort::Minimal,
        Effort::Low,
        Effort::Medium,
        Effort::High,
        Effort::Higher,
        Effort::Max,
    ];
    prop_oneof![
        Just(Reasoning::Off),
        Just(Reasoning::Adaptive),
        select(efforts).prop_map(Reasoning::Effort),
        (1_024..32_000_u64).prop_map(Reasoning::Budget),
    ]
}

/// What only OpenAI has.
fn openai() -> impl Strategy<Value = OpenAi> {
    let json = |json| weighted(0.2, Just(json)).prop_map(|it| it.and_then(Json::parse));
    let said = (
        json(r#""low""#),
        json(r#""flex""#),
        json("true"),
        json(r#"{"a":"b"}"#),
        json(r#""key""#),
    );
    (said, weighted(0.2, Just("safe-1".to_owned()))).prop_map(|(said, safety_identifier)| OpenAi {
        verbosity: said.0,
        service_tier: said.1,
        metadata: said.3.filter(|_| said.2.is_some()),
        store: said.2,
        prompt_cache_key: said.4,
        safety_identifier,
    })
}

/// As those know it who know functions only.
pub(crate) fn with_functions_only(mut asked: Conversation) -> Conversation {
    for tool in &mut asked.tools {
        tool.custom = None;
    }
    for part in asked.turns.iter_mut().flat_map(|turn| &mut turn.parts) {
        if let Part::ToolCall(call) = part {
            call.custom = false;
        }
    }
    asked
}

/// Whole conversations, with everything a client may ask for. A tool is chosen
/// only where there are tools.
pub(crate) fn conversation() -> impl Strategy<Value = Conversation> {
    let said = (vec(text().prop_map(Part::Text), 0..3), turns());
    let some = weighted(0.3, Just("tool_0".to_owned()));
    let tools = (tools(), of(choice_of_tool()), of(any::<bool>()), some);
    let how = (format(), sampling(), of(reasoning()));
    let rest = (
        of(Just("user-1".to_owned())),
        any::<(bool, Option<bool>)>(),
        openai(),
    );
    (said, tools, how, rest).prop_map(|(said, tools, how, rest)| {
        let has_tools = !tools.0.is_empty();
        let tool_choice = tools.1.filter(|_| has_tools);
        let of_some = matches!(tool_choice, Some(ToolChoice::Auto | ToolChoice::Any));
        Conversation {
            system: said.0,
            turns: said.1,
            tools: tools.0,
            tool_choice,
            allowed_tools: tools.3.filter(|_| of_some).into_iter().collect(),
            parallel_tools: tools.2.filter(|_| has_tools),
            format: how.0,
            sampling: how.1,
            reasoning: how.2,
            user: rest.0,
            stream: rest.1.0,
            shows_thoughts: rest.1.1,
            functions: false,
            openai: rest.2,
        }
    })
}
