mod back;
mod models;
mod schemas;
mod silent;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::dialect::neutral::{
    Json, Media, OpenAi, Part, Role, Sampling, Source, Thought, Tool, ToolCall, ToolChoice,
    ToolResult, Turn, testing::samples,
};

fn written(of: &Conversation) -> (Value, String) {
    let mut lost = Lost::default();
    let body = request(of, "claude-sonnet-4-6", &mut lost);
    let value = serde_json::from_slice(&body).unwrap_or_default();
    (value, lost.to_string())
}

fn text(text: &str) -> Part {
    Part::Text(text.to_owned())
}

fn turn(role: Role, parts: Vec<Part>) -> Turn {
    Turn { role, parts }
}

fn asked(parts: Vec<Part>) -> Conversation {
    Conversation {
        turns: vec![turn(Role::User, parts)],
        ..Conversation::default()
    }
}

fn call(id: &str, arguments: &str) -> Part {
    Part::ToolCall(ToolCall {
        id: id.to_owned(),
        name: "f".to_owned(),
        arguments: arguments.to_owned(),
        signature: None,
        custom: false,
    })
}

fn result(id: &str, content: Vec<Part>) -> Part {
    Part::ToolResult(ToolResult {
        id: id.to_owned(),
        name: None,
        content,
        is_error: false,
    })
}

fn thought(signature: Option<&str>) -> Part {
    Part::Thought(Thought {
        text: "Hm.".to_owned(),
        signature: signature.map(str::to_owned),
        redacted: false,
    })
}

fn file(mime: &str, data: &str) -> Part {
    Part::File(Media {
        source: Source::Inline {
            mime: mime.to_owned(),
            data: data.to_owned(),
        },
        name: None,
        detail: None,
    })
}

fn at(url: &str) -> Source {
    Source::Url {
        url: url.to_owned(),
        mime: None,
    }
}

fn media(source: Source) -> Media {
    Media {
        source,
        name: None,
        detail: None,
    }
}

fn tool(parameters: Option<&str>) -> Tool {
    Tool {
        name: "f".to_owned(),
        description: None,
        parameters: parameters.and_then(Json::parse),
        strict: None,
        custom: None,
    }
}

#[test]
fn turns_come_as_anthropic_wants_them() {
    let conversation = Conversation {
        system: vec![text("Be brief.")],
        turns: vec![
            turn(Role::Assistant, vec![text("Welcome.")]),
            turn(Role::User, vec![text(""), text("a")]),
            turn(Role::System, vec![text("Hurry.")]),
            turn(Role::User, vec![text(" \n"), text("b")]),
            turn(
                Role::Assistant,
                vec![call("functions.f:0", "{\"x\":1.0}"), call("c2", "")],
            ),
            turn(
                Role::User,
                vec![text("and?"), result("functions.f:0", vec![text("1")])],
            ),
            turn(Role::User, vec![result("c2", vec![])]),
            turn(Role::Assistant, vec![]),
            turn(Role::Assistant, vec![text("So far "), text("so \n")]),
        ],
        ..Conversation::default()
    };
    let (body, lost) = written(&conversation);
    let t = |text: &str| json!({"type": "text", "text": text});
    let odd = &body["messages"][3]["content"][0]["id"];
    assert_eq!(
        body,
        json!({
            "model": "claude-sonnet-4-6", "max_tokens": 16384,
            "system": [t("Be brief."), t("Hurry.")],
            "messages": [
                {"role": "user", "content": [t(".")]},
                {"role": "assistant", "content": [t("Welcome.")]},
                {"role": "user", "content": [t("a"), t("b")]},
                {"role": "assistant", "content": [
                    {"type": "tool_use", "id": odd, "name": "f", "input": {"x": 1.0}},
                    {"type": "tool_use", "id": "c2", "name": "f", "input": {}},
                ]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": odd, "content": [t("1")]},
                    {"type": "tool_result", "tool_use_id": "c2"},
                    t("and?"),
                ]},
                {"role": "assistant", "content": [t("So far "), t("so")]},
                {"role": "user", "content": [t(".")]},
            ],
        })
    );
    assert_eq!(
        lost,
        "not carried over: silent_user, system_in_conversation"
    );
}

/// Returns `max_tokens`, `thinking` and `output_config` for a wish and a limit.
fn thinking(reasoning: Reasoning, max_tokens: Option<u64>) -> (Value, String) {
    let conversation = Conversation {
        reasoning: Some(reasoning),
        sampling: Sampling {
            max_tokens,
            ..Sampling::default()
        },
        ..asked(vec![text("a")])
    };
    let (mut body, lost) = written(&conversation);
    let fields = ["max_tokens", "thinking", "output_config"].map(|name| body[name].take());
    (json!(fields), lost)
}

#[test]
fn wishes_to_think() {
    const REDUCED: &str = "not carried over: reasoning";
    let enabled = |budget: u64| json!({"type": "enabled", "budget_tokens": budget});
    let adaptive = json!({"type": "adaptive"});
    let none = Value::Null;
    for (wish, max_tokens, expected, lost) in [
        (
            Reasoning::Off,
            None,
            json!([16384, {"type": "disabled"}, none]),
            "",
        ),
        (
            Reasoning::Adaptive,
            None,
            json!([24_576, adaptive, none]),
            "",
        ),
        (
            Reasoning::Effort(Effort::High),
            None,
            json!([40_960, adaptive, {"effort": "high"}]),
            "",
        ),
        (
            Reasoning::Effort(Effort::Minimal),
            Some(100),
            json!([100, adaptive, {"effort": "low"}]),
            REDUCED,
        ),
        (
            Reasoning::Budget(2_000),
            None,
            json!([18_384, enabled(2_000), none]),
            "",
        ),
        (
            Reasoning::Budget(2_000),
            Some(2_001),
            json!([2_001, enabled(2_000), none]),
            "",
        ),
        (
            Reasoning::Budget(2_000),
            Some(2_000),
            json!([2_000, none, none]),
            REDUCED,
        ),
        (
            Reasoning::Budget(9_000),
            Some(4_000),
            json!([4_000, enabled(2_000), none]),
            REDUCED,
        ),
        (
            Reasoning::Budget(512),
            None,
            json!([17_408, enabled(1_024), none]),
            REDUCED,
        ),
        (
            Reasoning::Budget(2_000),
            Some(1_024),
            json!([1_024, none, none]),
            REDUCED,
        ),
    ] {
        assert_eq!(
            thinking(wish, max_tokens),
            (expected, lost.to_owned()),
            "{wish:?} {max_tokens:?}"
        );
    }
}

#[test]
fn a_budget_needs_the_thought_that_led_to_the_calls() {
    for (first, expected) in [(thought(Some("EqQB")), false), (text("Now."), true)] {
        let conversation = Conversation {
            turns: vec![
                turn(Role::User, vec![text("a")]),
                turn(Role::Assistant, vec![first, call("c", "{}")]),
                turn(Role::User, vec![result("c", vec![])]),
            ],
            reasoning: Some(Reasoning::Budget(2_000)),
            ..Conversation::default()
        };
        let (body, lost) = written(&conversation);
        assert_eq!(body["thinking"].is_null(), expected);
        assert_eq!(lost.contains("reasoning"), expected);
    }
}

/// Conversations with one thing each that is not said, or not wholly.
fn losses() -> Vec<(Feature, Conversation)> {
    let with = |change: &dyn Fn(&mut Conversation)| {
        let mut conversation = asked(vec![text("a")]);
        change(&mut conversation);
        conversation
    };
    let thinks = Some(Reasoning::Adaptive);
    let shared = samples().into_iter().map(|it| (it.feature, it.asked));
    let mut shared: Vec<_> = shared
        .filter(|(feature, _)| {
            use Feature::*;
            matches!(
                feature,
                ImageDetail
                    | AllowedTools
                    | ToolGrammar
                    | Logprobs
                    | Verbosity
                    | ServiceTier
                    | Store
                    | Metadata
            )
        })
        .collect();
    for (feature, asked) in &mut shared {
        // Only what is kept has notes, but one thing at a time.
        asked
            .openai
            .store
            .take_if(|_| *feature == Feature::Metadata);
    }
    let own = vec![
        (
            Feature::SystemInConversation,
            with(&|it| it.turns.push(turn(Role::System, vec![text("s")]))),
        ),
        (Feature::SilentUser, Conversation::default()),
        (
            Feature::ImageUrl,
            asked(vec![Part::Image(media(at("gs://b/i.png")))]),
        ),
        (Feature::File, asked(vec![file("audio/wav", "AA==")])),
        (
            Feature::File,
            asked(vec![Part::File(media(at("gs://b/f.pdf")))]),
        ),
        (Feature::File, asked(vec![file("text/plain", "/w==")])),
        (
            Feature::UploadedFile,
            asked(vec![Part::File(media(Source::Uploaded(
                "file-1".to_owned(),
            )))]),
        ),
        (
            Feature::ToolChoice,
            with(&|it| it.tool_choice = Some(ToolChoice::Any)),
        ),
        (
            Feature::JsonObject,
            with(&|it| it.format = OutputFormat::JsonObject),
        ),
        (
            Feature::JsonSchema,
            with(&|it| {
                it.format = OutputFormat::JsonSchema {
                    name: None,
                    schema: Json::parse(r#"{"type":"object"}"#).unwrap(),
                    strict: None,
                }
            }),
        ),
        (
            Feature::StrictTools,
            with(&|it| {
                it.tools = vec![Tool {
                    strict: Some(true),
                    ..tool(Some(r##"{"$ref":"#"}"##))
                }];
            }),
        ),
        (
            Feature::Temperature,
            with(&|it| it.sampling.temperature = Some(1.2)),
        ),
        (
            Feature::Temperature,
            with(&|it| (it.sampling.temperature, it.reasoning) = (Some(0.5), thinks)),
        ),
        (
            Feature::TopK,
            with(&|it| (it.sampling.top_k, it.reasoning) = (Some(5), thinks)),
        ),
        (
            Feature::Stop,
            with(&|it| it.sampling.stop = vec!["\n".to_owned(), "END".to_owned()]),
        ),
        (Feature::Seed, with(&|it| it.sampling.seed = Some(0))),
        (
            Feature::PresencePenalty,
            with(&|it| it.sampling.presence_penalty = Some(-0.5)),
        ),
        (
            Feature::FrequencyPenalty,
            with(&|it| it.sampling.frequency_penalty = Some(0.5)),
        ),
        (
            Feature::Candidates,
            with(&|it| it.sampling.candidates = Some(2)),
        ),
        (
            Feature::Reasoning,
            with(&|it| it.reasoning = Some(Reasoning::Budget(1))),
        ),
        (
            Feature::Reasoning,
            with(&|it| {
                it.reasoning = thinks;
                it.tools = vec![tool(None)];
                it.tool_choice = Some(ToolChoice::Any);
            }),
        ),
        (
            Feature::Thought,
            with(&|it| it.turns.push(turn(Role::Assistant, vec![thought(None)]))),
        ),
        (
            Feature::User,
            with(&|it| it.user = Some("ada@example.com".to_owned())),
        ),
    ];
    own.into_iter().chain(shared).collect()
}

#[test]
fn what_is_lost_is_named_and_listed() {
    let mut seen = BTreeSet::new();
    for (feature, conversation) in losses() {
        let (_, lost) = written(&conversation);
        // The loss of all that was said leaves a user who says nothing.
        let lost = match feature {
            Feature::SilentUser => lost,
            _ => lost
                .replace(", silent_user", "")
                .replace("silent_user, ", ""),
        };
        let expected = format!("not carried over: {}", feature.label());
        assert_eq!(lost, expected, "{conversation:?}");
        seen.insert(feature);
    }
    let listed: BTreeSet<_> = CANNOT.iter().chain(IN_PART).copied().collect();
    assert_eq!(seen, listed);
    assert_eq!(listed.len(), CANNOT.len() + IN_PART.len());
}

#[test]
fn images_of_kinds_that_are_refused_are_left_out() {
    for (mime, said) in [
        ("image/bmp", None),
        ("image/webp", Some("image/webp")),
        ("image/jpg", Some("image/jpeg")),
    ] {
        let image = Part::Image(media(Source::Inline {
            mime: mime.to_owned(),
            data: "aGk=".to_owned(),
        }));
        let (body, lost) = written(&asked(vec![text("a"), image]));
        let source = &body["messages"][0]["content"][1]["source"];
        assert_eq!(source["media_type"].as_str(), said);
        assert_eq!(lost.contains("file"), said.is_none(), "{mime}");
    }
}

#[test]
fn a_user_is_not_named_by_what_tells_who_it_is() {
    for (user, is_said) in [
        ("ada@example.com", false),
        ("Ada <ada@example.com>", false),
        ("+49 151 23456789", false),
        ("555-123-4567", false),
        ("user@tenant", true),
        ("1234567890123", true),
        ("2024-01-31", true),
        ("5fe1a8cc-4d92-4e5c-9d54-1b2c3d4e5f60", true),
    ] {
        let mut conversation = asked(vec![text("a")]);
        conversation.user = Some(user.to_owned());
        let (body, lost) = written(&conversation);
        let said = is_said.then_some(user);
        assert_eq!(body["metadata"]["user_id"].as_str(), said);
        assert_eq!(lost.contains("user"), !is_said, "{user}");
    }
}

#[test]
fn anothers_seal_is_never_sent() {
    let conversation = Conversation {
        turns: vec![
            turn(Role::User, vec![text("a")]),
            turn(
                Role::Assistant,
                vec![
                    thought(Some("gemini:c2ln")),
                    thought(Some("ErUB")),
                    text("b"),
                ],
            ),
            turn(Role::User, vec![text("c")]),
        ],
        ..Conversation::default()
    };
    let (body, lost) = written(&conversation);
    assert_eq!(body["messages"][1]["content"][0]["signature"], "ErUB");
    assert_eq!(lost, "not carried over: thought");
}

#[test]
fn what_says_nothing_is_not_lost() {
    let conversation = Conversation {
        sampling: Sampling {
            temperature: Some(1.0),
            top_p: Some(1.0),
            presence_penalty: Some(0.0),
            frequency_penalty: Some(0.0),
            candidates: Some(1),
            ..Sampling::default()
        },
        tool_choice: Some(ToolChoice::None),
        parallel_tools: Some(true),
        ..asked(vec![text("a")])
    };
    let (body, lost) = written(&conversation);
    assert_eq!(lost, "");
    assert!(body["top_p"].is_null() && body["tool_choice"].is_null());
    assert_eq!(body["temperature"], 1.0);
}
