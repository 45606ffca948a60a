mod back;
mod mixed;

use super::*;
use crate::dialect::{
    gemini::{array::Array, read},
    neutral::{
        Choice, Conversation, Delta, Effort, Feature, Json, Lost, Media, OpenAi, OutputFormat,
        Part, Reasoning, Reply, Role, Source, Stop, Thought, Tool, ToolCall, ToolChoice,
        ToolResult, Turn, testing::samples,
    },
};
use serde_json::{Value, json};

const THIRD: &str = "gemini-3-flash";
const SECOND: &str = "gemini-2.5-flash";

fn written(asked: &Conversation, model: &str) -> (Value, Lost) {
    let mut lost = Lost::default();
    let body = request(asked, model, &mut lost);
    (serde_json::from_slice(&body).unwrap(), lost)
}

fn turn(role: Role, parts: Vec<Part>) -> Turn {
    Turn { role, parts }
}

fn call(id: &str, arguments: &str) -> Part {
    Part::ToolCall(ToolCall {
        id: id.into(),
        name: "f".into(),
        arguments: arguments.into(),
        signature: None,
        custom: false,
    })
}

fn result(id: &str, text: &str) -> ToolResult {
    ToolResult {
        id: id.into(),
        name: None,
        content: vec![Part::Text(text.into())],
        is_error: false,
    }
}

fn inline() -> Media {
    Media {
        source: Source::Inline {
            mime: "image/png".into(),
            data: "AA==".into(),
        },
        name: None,
        detail: None,
    }
}

#[test]
fn calls_and_their_results() {
    let asked = Conversation {
        turns: vec![
            turn(Role::User, vec![Part::Text("hi".into())]),
            turn(
                Role::Assistant,
                vec![call("a", r#"{"x":1.50}"#), call("b", "")],
            ),
            turn(
                Role::User,
                vec![Part::ToolResult(result("a", r#"{"y": [1]}"#))],
            ),
            turn(
                Role::User,
                vec![Part::ToolResult(ToolResult {
                    is_error: true,
                    ..result("b", "no")
                })],
            ),
        ],
        ..Conversation::default()
    };
    let expected = json!([
        {"role": "user", "parts": [{"text": "hi"}]},
        {"role": "model", "parts": [
            {"functionCall": {"id": "a", "name": "f", "args": {"x": 1.5}},
             "thoughtSignature": "skip_thought_signature_validator"},
            {"functionCall": {"id": "b", "name": "f", "args": {}}},
        ]},
        {"role": "user", "parts": [
            {"functionResponse": {"id": "a", "name": "f", "response": {"y": [1]}}},
            {"functionResponse": {"id": "b", "name": "f", "response": {"error": "no"}}},
        ]},
    ]);
    let (body, lost) = written(&asked, THIRD);
    assert_eq!(body["contents"], expected);
    assert!(lost.is_empty());
    let (body, _) = written(&asked, SECOND);
    assert_eq!(
        body["contents"][1]["parts"][0].get("thoughtSignature"),
        None
    );
}

#[test]
fn arguments_that_are_no_object_never_become_none() {
    for (arguments, expected) in [
        ("{\n \"a\": \"b c\"\n}", json!({"a": "b c"})),
        ("{\"a\":", json!({"invalid_arguments": "{\"a\":"})),
        ("[1]", json!({"invalid_arguments": "[1]"})),
        (" ", json!({})),
    ] {
        let asked = Conversation {
            turns: vec![turn(Role::Assistant, vec![call("a", arguments)])],
            ..Conversation::default()
        };
        let (body, _) = written(&asked, SECOND);
        let args = &body["contents"][0]["parts"][0]["functionCall"]["args"];
        assert_eq!(*args, expected, "{arguments}");
    }
}

/// A conversation that asks for `feature`.
fn asking(feature: Feature) -> Conversation {
    let mut asked = Conversation {
        turns: vec![turn(Role::User, vec![Part::Text("hi".into())])],
        ..Conversation::default()
    };
    let tool = Tool {
        name: "f".into(),
        description: None,
        parameters: None,
        strict: None,
        custom: None,
    };
    let url = Media {
        source: Source::Url {
            url: "https://example.com/a.PNG?x=1".into(),
            mime: None,
        },
        name: None,
        detail: None,
    };
    let uploaded = Media {
        source: Source::Uploaded("file-1".into()),
        name: None,
        detail: None,
    };
    let schema = Json::empty_object();
    let say = |part| vec![turn(Role::User, vec![part])];
    match feature {
        Feature::SystemInConversation => {
            asked
                .turns
                .push(turn(Role::System, vec![Part::Text("s".into())]));
        }
        Feature::SilentUser => asked.turns = Vec::new(),
        Feature::ImageUrl => asked.turns = say(Part::Image(url)),
        Feature::File => asked.turns = say(Part::File(url)),
        Feature::UploadedFile => asked.turns[0].parts.push(Part::File(uploaded)),
        Feature::ToolResultImage => {
            let content = vec![Part::Image(inline())];
            asked.turns = say(Part::ToolResult(ToolResult {
                content,
                ..result("a", "")
            }));
        }
        Feature::ToolResultError => {
            asked.turns = say(Part::ToolResult(ToolResult {
                is_error: true,
                ..result("a", "x")
            }));
        }
        Feature::ToolChoice => {
            asked.tool_choice = Some(ToolChoice::Any);
            asked.tools.push(tool);
        }
        Feature::ParallelTools => asked.parallel_tools = Some(false),
        Feature::StrictTools => {
            asked.tools.push(Tool {
                strict: Some(true),
                ..tool
            });
        }
        Feature::JsonObject => asked.format = OutputFormat::JsonObject,
        Feature::JsonSchema => {
            asked.format = OutputFormat::JsonSchema {
                name: Some("n".into()),
                schema,
                strict: Some(true),
            };
        }
        Feature::Temperature => asked.sampling.temperature = Some(2.0),
        Feature::TopK => asked.sampling.top_k = Some(1),
        Feature::Stop => asked.sampling.stop = vec!["x".into(); 5],
        Feature::Seed => asked.sampling.seed = Some(-1),
        Feature::PresencePenalty => asked.sampling.presence_penalty = Some(1.0),
        Feature::FrequencyPenalty => asked.sampling.frequency_penalty = Some(1.0),
        Feature::Candidates => asked.sampling.candidates = Some(2),
        Feature::Reasoning => asked.reasoning = Some(Reasoning::Effort(Effort::Low)),
        Feature::Thought => {
            asked.turns = say(Part::Thought(Thought {
                text: "t".into(),
                ..Thought::default()
            }));
        }
        Feature::User => asked.user = Some("u".into()),
        other => {
            let mut samples = samples().into_iter();
            asked = samples.find(|it| it.feature == other).unwrap().asked;
        }
    }
    asked
}

#[test]
fn what_cannot_be_said_is_named() {
    for feature in Feature::ALL {
        let mut expected = Lost::default();
        // A set from which none need be called it does not know, and later
        // models take no penalties, nor tell how likely their tokens were.
        let odd = [
            Feature::AllowedTools,
            Feature::Logprobs,
            Feature::PresencePenalty,
            Feature::FrequencyPenalty,
            Feature::Candidates,
        ];
        if CANNOT.contains(&feature) || odd.contains(&feature) {
            expected.feature(feature);
        }
        // Only what is kept has notes.
        if feature == Feature::Metadata {
            expected.feature(Feature::Store);
        }
        let (_, lost) = written(&asking(feature), THIRD);
        assert_eq!(lost, expected, "{feature:?}");
    }
}

#[test]
fn what_older_models_or_odd_values_lose() {
    let mut with_tools = asking(Feature::StrictTools);
    with_tools.tools[0].strict = None;
    let json = Conversation {
        format: OutputFormat::JsonObject,
        ..with_tools.clone()
    };
    let off = Conversation {
        reasoning: Some(Reasoning::Off),
        ..asking(Feature::TopK)
    };
    let minimal = Conversation {
        reasoning: Some(Reasoning::Effort(Effort::Minimal)),
        ..off.clone()
    };
    let medium = Conversation {
        reasoning: Some(Reasoning::Effort(Effort::Medium)),
        ..asking(Feature::Reasoning)
    };
    let mut no_penalty = asking(Feature::PresencePenalty);
    no_penalty.sampling.presence_penalty = Some(0.0);
    let at = |url: &str| {
        let mut asked = asking(Feature::Reasoning);
        asked.reasoning = None;
        asked.turns[0].parts.push(Part::File(Media {
            source: Source::Url {
                url: url.to_owned(),
                mime: None,
            },
            name: None,
            detail: None,
        }));
        asked
    };
    let document = at("https://example.com/a.pdf");
    let mut photo = asking(Feature::ImageUrl);
    photo.turns[0].parts.push(Part::Text("hi".into()));
    let film = at("https://www.youtube.com/watch?v=a");
    let mut stops = asking(Feature::Stop);
    stops.sampling.stop.push("y".into());
    let mut seed = asking(Feature::Seed);
    seed.sampling.seed = Some(i64::MAX);
    let mut sealed = asking(Feature::Thought);
    sealed.turns[0].parts[0] = Part::Thought(Thought {
        text: "t".into(),
        signature: Some("of another".into()),
        redacted: false,
    });
    for (asked, model, feature) in [
        (&json, SECOND, Some(Feature::JsonObject)),
        (&json, THIRD, None),
        (
            &asking(Feature::ToolResultImage),
            SECOND,
            Some(Feature::ToolResultImage),
        ),
        (&off, THIRD, Some(Feature::Reasoning)),
        (&off, SECOND, None),
        (&off, "gemini-2.5-pro", Some(Feature::Reasoning)),
        (
            &asking(Feature::Reasoning),
            "gemini-2.0-flash",
            Some(Feature::Reasoning),
        ),
        (&asking(Feature::Reasoning), SECOND, None),
        (&minimal, "gemini-3-pro", Some(Feature::Reasoning)),
        (&minimal, THIRD, None),
        (&stops, THIRD, Some(Feature::Stop)),
        (&seed, THIRD, Some(Feature::Seed)),
        (&asking(Feature::Candidates), SECOND, None),
        (&asking(Feature::PresencePenalty), "gemini-2.0-flash", None),
        (&no_penalty, THIRD, None),
        (&medium, "gemini-3-pro-preview", Some(Feature::Reasoning)),
        (&medium, "gemini-3.1-pro-preview", None),
        (&medium, "gemini-3-flash-preview", None),
        (&photo, "gemini-2.0-flash", Some(Feature::ImageUrl)),
        (&document, "gemini-2.0-flash", Some(Feature::File)),
        (&document, SECOND, None),
        (&film, "gemini-2.0-flash", None),
        (&sealed, THIRD, Some(Feature::Thought)),
    ] {
        let mut expected = Lost::default();
        feature.into_iter().for_each(|it| expected.feature(it));
        let (_, lost) = written(asked, model);
        assert_eq!(lost, expected, "{model} {asked:?}");
    }
    let level = |model| {
        let (mut body, _) = written(&medium, model);
        body["generationConfig"]["thinkingConfig"]["thinkingLevel"].take()
    };
    assert_eq!(level("gemini-3-pro-preview"), "HIGH");
    assert_eq!(level("gemini-3.1-pro-preview"), "MEDIUM");
    let (body, _) = written(&no_penalty, THIRD);
    assert_eq!(body["generationConfig"], Value::Null);
    let (body, _) = written(&stops, THIRD);
    assert_eq!(
        body["generationConfig"]["stopSequences"]
            .as_array()
            .unwrap()
            .len(),
        5
    );
    let (body, _) = written(&off, SECOND);
    assert_eq!(
        body["generationConfig"]["thinkingConfig"],
        json!({"thinkingBudget": 0})
    );
    for (asked, sent) in [(0, 0), (100, 512), (512, 512), (513, 513), (30_000, 24_576)] {
        let budget = Conversation {
            reasoning: Some(Reasoning::Budget(asked)),
            ..off.clone()
        };
        let (body, lost) = written(&budget, "gemini-2.5-flash-lite");
        let told = &body["generationConfig"]["thinkingConfig"]["thinkingBudget"];
        assert_eq!((told, lost.is_empty()), (&json!(sent), asked == sent));
    }
    let (body, _) = written(&asking(Feature::ImageUrl), THIRD);
    assert_eq!(
        body["contents"][0]["parts"][0]["fileData"]["mimeType"],
        "image/png"
    );
}

#[test]
fn a_stream_of_chunks() {
    let choice = 0;
    let piece = |piece: &str| Delta::CallArguments {
        choice,
        call: 0,
        piece: piece.into(),
    };
    let deltas = [
        Delta::Start {
            id: "r1".into(),
            model: "m".into(),
            created: Some(5),
            usage: None,
        },
        Delta::Thought {
            choice,
            text: "hm".into(),
        },
        Delta::Signature {
            choice,
            signature: "gemini:U0VBTA==".into(),
            redacted: false,
        },
        Delta::Text {
            choice,
            text: "a\n\"b\" 你".into(),
        },
        Delta::CallStart {
            choice,
            call: 0,
            id: "c1".into(),
            name: "f".into(),
            signature: None,
            custom: false,
        },
        piece("{\"x\":"),
        piece("\n1}"),
        Delta::Stop {
            choice,
            stop: Stop::ToolCalls,
        },
        Delta::Usage(crate::dialect::Usage {
            input: 7,
            output: 5,
            cached: 2,
            reasoning: 1,
        }),
        Delta::End,
    ];
    let (mut events, mut out) = (Events::new(0), Vec::new());
    let mut lengths = Vec::new();
    for delta in &deltas {
        events.write(delta, &mut out);
        lengths.push(out.len());
    }
    assert!(lengths[1] > lengths[0], "a thought is written at once");
    assert_eq!(lengths[3], lengths[5], "a call has no pieces");
    assert!(lengths[6] > lengths[5], "it is written once it is whole");
    let text = String::from_utf8(out.clone()).unwrap();
    let common = r#""modelVersion":"m","responseId":"r1"}"#;
    let chunk = |part: &str| {
        format!(
            "data: {{\"candidates\":[{{\"content\":{{\"parts\":[{part}],\"role\":\"model\"}},\"index\":0}}],{common}\n\n"
        )
    };
    let expected = [
        chunk(r#"{"text":"hm","thought":true}"#),
        chunk(r#"{"text":"","thought":true,"thoughtSignature":"U0VBTA=="}"#),
        chunk(r#"{"text":"a\n\"b\" 你"}"#),
        chunk(
            r#"{"functionCall":{"id":"c1","name":"f","args":{"x":1}},"thoughtSignature":"BreakerboxSealed"}"#,
        ),
        [
            r#"data: {"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},"finishReason":"STOP","index":0}],"#,
            r#""usageMetadata":{"promptTokenCount":7,"candidatesTokenCount":4,"totalTokenCount":12,"#,
            r#""cachedContentTokenCount":2,"thoughtsTokenCount":1},"#,
            common,
            "\n\n",
        ]
        .concat(),
    ];
    assert_eq!(text, expected.concat());

    let (mut array, mut json) = (Array::default(), Vec::new());
    array.push(&out.into(), &mut json);
    array.finish(&mut json);
    let json: Vec<Value> = serde_json::from_slice(&json).unwrap();
    assert_eq!(json.len(), 5);
}

#[test]
fn a_whole_answer() {
    let answer = Reply {
        id: "r1".into(),
        model: "m".into(),
        created: Some(5),
        choices: vec![Choice {
            logprobs: Vec::new(),
            parts: vec![Part::Refusal("no".into())],
            stop: Stop::Filter,
        }],
        usage: None,
    };
    let body: Value = serde_json::from_slice(&reply(&answer, 0)).unwrap();
    let expected = json!({
        "candidates": [{"content": {"parts": [{"text": "no"}], "role": "model"},
                        "finishReason": "SAFETY", "index": 0}],
        "modelVersion": "m", "responseId": "r1",
    });
    assert_eq!(body, expected);
}

#[test]
fn nothing_said_is_still_a_request() {
    let system = vec![Part::Text("Be brief.".into())];
    let silent = Conversation {
        system,
        ..Conversation::default()
    };
    for (asked, instructions) in [
        (&silent, json!({"parts": [{"text": "Be brief."}]})),
        (&asking(Feature::SilentUser), Value::Null),
    ] {
        let (body, lost) = written(asked, THIRD);
        assert_eq!(
            body["contents"],
            json!([{"role": "user", "parts": [{"text": "."}]}])
        );
        assert_eq!(body["systemInstruction"], instructions);
        assert_eq!(lost.to_string(), "not carried over: silent_user");
    }
}
