//! What Messages can say comes back as it was.

use proptest::prelude::*;

use super::*;
use crate::dialect::anthropic::read;

fn part() -> impl Strategy<Value = Part> {
    prop_oneof![
        "[a-z\"é日 ]{0,5}[a-z]".prop_map(Part::Text),
        Just(file("application/pdf", "JVBERi0=")),
        Just(file("text/plain", "SMO2aGU=")),
        Just(Part::Image(media(at("https://a.example/b.png")))),
        Just(Part::Image(media(Source::Inline {
            mime: "image/png".to_owned(),
            data: "iVBORw0=".to_owned(),
        }))),
    ]
}

fn exchange() -> impl Strategy<Value = Vec<Turn>> {
    let said = (
        proptest::collection::vec(part(), 1..4),
        "[a-z]{1,4}",
        any::<bool>(),
    );
    said.prop_map(|(parts, id, is_error)| {
        let answer = vec![
            thought(Some("EqQB")),
            text("So"),
            call(&id, r#"{"z":1.0,"a":"é"}"#),
        ];
        let result = Part::ToolResult(ToolResult {
            id,
            name: Some("f".to_owned()),
            content: parts.clone(),
            is_error,
        });
        let results = [vec![result], parts.clone()].concat();
        vec![
            turn(Role::User, parts),
            turn(Role::Assistant, answer),
            turn(Role::User, results),
            turn(Role::Assistant, vec![text("Done")]),
        ]
    })
}

fn reasoning() -> impl Strategy<Value = Option<Reasoning>> {
    proptest::option::of(prop_oneof![
        Just(Reasoning::Off),
        Just(Reasoning::Adaptive),
        (1_024..4_000_u64).prop_map(Reasoning::Budget),
        prop_oneof![
            Just(Effort::Low),
            Just(Effort::High),
            Just(Effort::Higher),
            Just(Effort::Max)
        ]
        .prop_map(Reasoning::Effort),
    ])
}

/// A schema that needs no change.
const CLOSED: &str = r#"{"type":"object","default":{"b":1.0},"additionalProperties":false,"properties":{},"title":"a"}"#;

prop_compose! {
    /// Anything that Messages can say.
    fn sayable()(
        exchanges in proptest::collection::vec(exchange(), 1..4),
        system in proptest::collection::vec("[a-z]{1,5}".prop_map(Part::Text), 0..3),
        choice in proptest::option::of(prop_oneof![
            Just(ToolChoice::Auto), Just(ToolChoice::None), Just(ToolChoice::Any),
            Just(ToolChoice::Named("f".to_owned())),
        ]),
        schema in any::<bool>(),
        wish in reasoning(),
        (max_tokens, cold, top_k) in (4_000..9_000_u64, 0..10_u32, proptest::option::of(1..50_u64)),
        (parallel, strict, stream, shows) in any::<(bool, Option<bool>, bool, Option<bool>)>(),
        user in proptest::option::of("[a-z]{1,9}"),
    ) -> Conversation {
        let forced = matches!(choice, Some(ToolChoice::Any | ToolChoice::Named(_)));
        let reasoning = wish.filter(|wish| *wish == Reasoning::Off || !forced);
        let thinks = reasoning.is_some_and(|wish| wish != Reasoning::Off);
        let schema = schema.then(|| Json::parse(CLOSED)).flatten();
        Conversation {
            system,
            turns: exchanges.concat(),
            tools: vec![Tool { strict, ..tool(Some(CLOSED)) }],
            parallel_tools: (choice.is_some() && choice != Some(ToolChoice::None)).then_some(parallel),
            tool_choice: choice,
            format: schema.map_or(OutputFormat::Text, |schema| OutputFormat::JsonSchema {
                name: None, schema, strict: None,
            }),
            sampling: Sampling {
                max_tokens: Some(max_tokens),
                temperature: (!thinks && cold < 5).then(|| f64::from(cold) / 10.0),
                top_p: (!thinks && cold > 5).then(|| f64::from(cold) / 10.0),
                top_k: top_k.filter(|_| !thinks),
                stop: vec!["END".to_owned()],
                ..Sampling::default()
            },
            reasoning,
            shows_thoughts: shows.filter(|_| thinks),
            user,
            stream,
            openai: OpenAi::default(),
            allowed_tools: Vec::new(), functions: false,
        }
    }
}

proptest! {
    #[test]
    fn there_and_back(there in sayable()) {
        let mut lost = Lost::default();
        let body = request(&there, "m", &mut lost);
        prop_assert_eq!(read::request(&body, &mut lost), Ok(there));
        prop_assert_eq!(lost.to_string(), "");
    }
}
