pub(crate) mod back;
mod choice;
mod media;
mod refused;

use serde_json::{Value, json};

use super::super::{read, write, write::Variant};
use crate::dialect::{
    neutral::{
        Conversation, Effort, Feature, Json, Lost, Media, OpenAi, OutputFormat, Part, Reasoning,
        Role, Source, Thought, Tool, ToolCall, ToolChoice, ToolResult, Turn, testing,
    },
    request::BadRequest,
};

fn asked(body: &Value) -> (Conversation, String) {
    let mut lost = Lost::default();
    let body = serde_json::to_vec(body).unwrap();
    let conversation = read::request(&body, &mut lost).unwrap();
    (conversation, lost.to_string())
}

fn refused(body: &Value) -> BadRequest {
    let body = serde_json::to_vec(body).unwrap();
    read::request(&body, &mut Lost::default()).unwrap_err()
}

fn written(conversation: &Conversation, variant: Variant) -> (Value, Lost) {
    let mut lost = Lost::default();
    let body = write::request(conversation, "m", variant, &mut lost);
    (serde_json::from_slice(&body).unwrap(), lost)
}

/// Two weather tools called at once, an image, and all that can be set.
fn rich() -> Value {
    json!({
        "model": "gpt-5.1",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "developer", "content": [{"type": "text", "text": "No jokes."}]},
            {"role": "user", "content": [
                {"type": "text", "text": "Wetter in Köln und Rom?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk=", "detail": "auto"}},
                {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
                {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,aGk="}},
                {"type": "file", "file": {"file_id": "file-1"}},
                {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "mp3"}},
            ]},
            {"role": "assistant", "content": null, "reasoning_content": "Two cities.", "refusal": null,
             "annotations": [], "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\": \"Köln\"}"}},
                {"id": "c2", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\"Rom\"}"},
                 "extra_content": {"google": {"thought_signature": "seal"}}},
            ]},
            {"role": "tool", "tool_call_id": "c1", "content": "rain"},
            {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "sun"}]},
            {"role": "user", "content": "And now?"},
            {"role": "system", "content": "Hurry."},
        ],
        "tools": [{"type": "function", "function": {"name": "weather", "description": "d", "strict": true,
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"],
                "additionalProperties": false}}}],
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
        "parallel_tool_calls": false,
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "strict": true, "schema": {"type": "object"}}},
        "max_completion_tokens": 100, "max_tokens": 200,
        "temperature": 0.5, "top_p": 0.25, "stop": ["a", "b"], "seed": -7,
        "presence_penalty": 1.0, "frequency_penalty": -1.0, "n": 2,
        "reasoning_effort": "low", "user": "u",
        "stream": true, "stream_options": {"include_usage": true},
    })
}

fn text(text: &str) -> Part {
    Part::Text(text.to_owned())
}

fn result(id: &str, said: &str) -> Part {
    Part::ToolResult(ToolResult {
        id: id.to_owned(),
        name: Some("weather".to_owned()),
        content: vec![text(said)],
        is_error: false,
    })
}

#[test]
fn everything_has_its_place() {
    let (got, lost) = asked(&rich());
    assert_eq!(lost, "");
    assert_eq!(got.system, [text("Be brief."), text("No jokes.")]);
    let roles: Vec<_> = got.turns.iter().map(|turn| turn.role).collect();
    let expected = [Role::User, Role::Assistant, Role::User, Role::System];
    assert_eq!(roles, expected);
    assert_eq!(got.turns[0].parts.len(), 6);
    let image = Media {
        source: Source::Inline {
            mime: "image/png".to_owned(),
            data: "aGk=".to_owned(),
        },
        name: None,
        detail: None,
    };
    assert_eq!(got.turns[0].parts[1], Part::Image(image));
    let thought = Thought {
        text: "Two cities.".to_owned(),
        ..Thought::default()
    };
    assert_eq!(got.turns[1].parts[0], Part::Thought(thought));
    let call = ToolCall {
        id: "c2".to_owned(),
        name: "weather".to_owned(),
        arguments: r#"{"city":"Rom"}"#.to_owned(),
        signature: Some("gemini:seal".to_owned()),
        custom: false,
    };
    assert_eq!(got.turns[1].parts[2], Part::ToolCall(call));
    let results = [result("c1", "rain"), result("c2", "sun"), text("And now?")];
    assert_eq!(got.turns[2].parts, results);
    assert_eq!(
        got.tool_choice,
        Some(ToolChoice::Named("weather".to_owned()))
    );
    assert_eq!(got.sampling.max_tokens, Some(100));
    assert_eq!(got.sampling.stop, ["a", "b"]);
    assert_eq!(got.sampling.candidates, Some(2));
    assert_eq!(got.reasoning, Some(Reasoning::Effort(Effort::Low)));
    assert!(got.stream);
}

#[test]
fn what_is_written_is_what_was_read() {
    let (conversation, _) = asked(&rich());
    let (body, lost) = written(&conversation, Variant::Compatible);
    assert!(lost.is_empty(), "{lost}");
    let (again, _) = asked(&body);
    let mut expected = conversation;
    expected.system = vec![text("Be brief.\n\nNo jokes.")];
    assert_eq!(again, expected);
    assert_eq!(body["stream_options"]["include_usage"], true);
}

#[test]
fn openai_and_the_compatible_have_their_own_words() {
    let (conversation, _) = asked(&rich());
    let (openai, lost) = written(&conversation, Variant::OpenAi);
    // It hears nothing.
    assert_eq!(lost.to_string(), "not carried over: file, thought");
    assert_eq!(openai["max_completion_tokens"], 100);
    assert_eq!(openai.get("max_tokens"), None);
    assert!(!openai.to_string().contains("reasoning_content"));
    assert!(!openai.to_string().contains("extra_content"));
    let (compatible, _) = written(&conversation, Variant::Compatible);
    assert_eq!(compatible["max_tokens"], 100);
    assert_eq!(compatible.get("max_completion_tokens"), None);
    assert_eq!(
        compatible["messages"][2]["reasoning_content"],
        "Two cities."
    );
}

#[test]
fn what_has_no_place_is_named() {
    let (conversation, lost) = asked(&json!({
        "messages": [
            {"role": "user", "name": "bob", "content": [
                {"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}},
                {"type": "video_url", "video_url": {"url": "x"}},
            ]},
            {"role": "assistant", "content": "", "audio": {"id": "a"}, "tool_calls": [
                {"id": "c", "type": "mcp", "mcp": {"name": "patch", "input": ""}}]},
        ],
        "tools": [{"type": "mcp", "mcp": {"name": "patch"}}],
        "tool_choice": {"type": "mcp", "mcp": {"name": "patch"}},
        "logit_bias": {"1": 2}, "logprobs": false, "metadata": {}, "store": true,
        "modalities": ["text"], "reasoning_effort": "xhigh",
    }));
    assert_eq!(
        lost,
        "not carried over: logit_bias, messages.audio, messages.content.cache_control, \
         messages.content.video_url, messages.name, messages.tool_calls.mcp, \
         tool_choice.mcp, tools.mcp"
    );
    assert_eq!(conversation.turns.len(), 1);
    assert_eq!(conversation.tool_choice, None);
}

#[test]
fn a_wrong_body_is_refused_with_its_place() {
    let message = |message: Value| json!({"messages": [message]});
    let cases = [
        (json!([]), None, "The body must be a JSON object."),
        (json!({}), Some("messages"), "`messages` is missing."),
        (
            json!({"messages": []}),
            Some("messages"),
            "`messages` must have at least one message.",
        ),
        (
            message(json!({"content": "x"})),
            Some("messages[0].role"),
            "`messages[0].role` is missing.",
        ),
        (
            message(json!({"role": "user", "content": 7})),
            Some("messages[0].content"),
            "`messages[0].content` must be a string or a list of parts.",
        ),
        (
            message(json!({"role": "user", "content": [{"type": "image_url", "image_url": {}}]})),
            Some("messages[0].content[0].image_url.url"),
            "`messages[0].content[0].image_url.url` is missing.",
        ),
        (
            message(json!({"role": "assistant", "tool_calls": [{"id": "c", "function": {}}]})),
            Some("messages[0].tool_calls[0].function.name"),
            "`messages[0].tool_calls[0].function.name` is missing.",
        ),
        (
            json!({"messages": [{"role": "user", "content": ""}], "temperature": "hot"}),
            Some("temperature"),
            "`temperature` must be a number.",
        ),
        (
            json!({"tool_choice": {"type": "function", "function": {}}}),
            Some("tool_choice.function.name"),
            "`tool_choice.function.name` is missing.",
        ),
        (
            json!({"stop": ["a", 1]}),
            Some("stop[1]"),
            "`stop[1]` must be a string.",
        ),
    ];
    for (body, param, message) in cases {
        let refused = refused(&body);
        assert_eq!(refused.param.as_deref(), param, "{body}");
        assert_eq!(refused.message, message);
    }
}

/// A conversation that has `feature`, and nothing else that is odd.
fn with(feature: Feature) -> Conversation {
    let mut asked = Conversation::default();
    let media = |source| Media {
        source,
        name: None,
        detail: None,
    };
    let url = || Source::Url {
        url: "https://example.com".to_owned(),
        mime: None,
    };
    let returned = |content: Part, is_error| {
        vec![Part::ToolResult(ToolResult {
            id: "c".to_owned(),
            name: None,
            content: vec![content],
            is_error,
        })]
    };
    let mut parts = vec![text("hi")];
    let mut role = Role::User;
    let tool = Tool {
        name: "t".to_owned(),
        description: None,
        parameters: Json::parse(r#"{"type":"object","additionalProperties":false}"#),
        strict: Some(true),
        custom: None,
    };
    match feature {
        Feature::SystemInConversation => role = Role::System,
        Feature::SilentUser => parts = vec![text("")],
        Feature::ImageUrl => parts = vec![Part::Image(media(url()))],
        Feature::File => parts = vec![Part::File(media(url()))],
        Feature::UploadedFile => {
            parts.push(Part::Image(media(Source::Uploaded("f".to_owned()))));
        }
        Feature::ToolResultImage => parts = returned(Part::Image(media(url())), false),
        Feature::ToolResultError => parts = returned(text("failed"), true),
        Feature::ToolChoice => {
            asked.tool_choice = Some(ToolChoice::Any);
            asked.tools = vec![Tool {
                name: "f".to_owned(),
                description: None,
                parameters: None,
                strict: None,
                custom: None,
            }];
        }
        Feature::ParallelTools => asked.parallel_tools = Some(false),
        Feature::StrictTools => asked.tools = vec![tool],
        Feature::JsonObject => asked.format = OutputFormat::JsonObject,
        Feature::JsonSchema => {
            asked.format = OutputFormat::JsonSchema {
                name: None,
                schema: tool.parameters.unwrap_or_else(Json::empty_object),
                strict: None,
            }
        }
        Feature::Temperature => asked.sampling.temperature = Some(2.0),
        Feature::TopK => asked.sampling.top_k = Some(3),
        Feature::Stop => asked.sampling.stop = vec!["x".to_owned(); 5],
        Feature::Seed => asked.sampling.seed = Some(1),
        Feature::PresencePenalty => asked.sampling.presence_penalty = Some(1.0),
        Feature::FrequencyPenalty => asked.sampling.frequency_penalty = Some(1.0),
        Feature::Candidates => asked.sampling.candidates = Some(2),
        Feature::Reasoning => asked.reasoning = Some(Reasoning::Effort(Effort::High)),
        Feature::Thought => {
            role = Role::Assistant;
            parts = vec![Part::Thought(Thought {
                text: "hm".to_owned(),
                ..Thought::default()
            })];
        }
        Feature::User => asked.user = Some("u".to_owned()),
        other => {
            let mut samples = testing::samples().into_iter();
            return samples.find(|it| it.feature == other).unwrap().asked;
        }
    }
    asked.turns = vec![Turn { role, parts }];
    asked
}

#[test]
fn each_feature_is_said_or_named() {
    for variant in [Variant::OpenAi, Variant::Compatible] {
        for feature in Feature::ALL {
            let (body, lost) = written(&with(feature), variant);
            let mut expected = Lost::default();
            // As these are said here, chat has no place for them.
            let odd = [
                Feature::File,
                Feature::UploadedFile,
                Feature::Stop,
                Feature::Thought,
            ];
            // Nothing else was said here.
            if feature == Feature::File || feature == Feature::Thought {
                expected.feature(Feature::SilentUser);
            }
            let openais = [
                Feature::ToolGrammar,
                Feature::AllowedTools,
                Feature::HiddenThoughts,
                Feature::Verbosity,
                Feature::ServiceTier,
                Feature::Store,
                Feature::Metadata,
            ];
            let refused_by_openai = variant == Variant::OpenAi && feature == Feature::ToolSchema;
            let only_openais = variant == Variant::Compatible && openais.contains(&feature);
            // Only what is kept has notes.
            if only_openais && feature == Feature::Metadata {
                expected.feature(Feature::Store);
            }
            if write::CANNOT.contains(&feature)
                || odd.contains(&feature)
                || only_openais
                || refused_by_openai
            {
                expected.feature(feature);
            }
            assert_eq!(lost, expected, "{feature:?}: {body}");
        }
    }
}

#[test]
fn models_that_reason_and_those_that_do_not() {
    let lost = |feature, model: &str| {
        let mut lost = Lost::default();
        let body = write::request(&with(feature), model, Variant::OpenAi, &mut lost);
        let body: Value = serde_json::from_slice(&body).unwrap();
        let name = match feature {
            Feature::Reasoning => "reasoning_effort",
            feature => feature.label(),
        };
        assert_eq!(body[name].is_null(), !lost.is_empty(), "{model}: {body}");
        !lost.is_empty()
    };
    for feature in write::IN_PART {
        let says = match feature {
            Feature::Reasoning => ["o3", "gpt-4o"],
            Feature::Temperature
            | Feature::PresencePenalty
            | Feature::FrequencyPenalty
            | Feature::Logprobs => ["gpt-4o", "o3"],
            Feature::Verbosity => ["gpt-5", "gpt-4o"],
            _ => continue,
        };
        assert_eq!(says.map(|model| lost(*feature, model)), [false, true]);
    }
    assert!(lost(Feature::Temperature, "gpt-5") && !lost(Feature::Temperature, "gpt-5.2"));
}

#[test]
fn not_to_reason_is_told_to_who_knows_the_word() {
    let off = Conversation {
        reasoning: Some(Reasoning::Off),
        ..with(Feature::User)
    };
    for (model, word, named) in [
        ("gpt-4o", Value::Null, false),
        ("gpt-5.1", json!("none"), false),
        ("o3", json!("low"), true),
        ("llama-3", Value::Null, true),
    ] {
        let mut lost = Lost::default();
        let body = write::request(&off, model, Variant::OpenAi, &mut lost);
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["reasoning_effort"], word, "{model}");
        assert_eq!(!lost.is_empty(), named, "{model}");
    }
}

#[test]
fn images_that_tools_returned_follow_the_results() {
    let (body, _) = written(&with(Feature::ToolResultImage), Variant::OpenAi);
    let roles = [&body["messages"][0]["role"], &body["messages"][1]["role"]];
    assert_eq!(roles, ["tool", "user"]);
    assert_eq!(body["messages"][1]["content"][0]["type"], "image_url");
}

/// The call of a tool that nobody knows goes with its result, which nobody could place.
#[test]
fn the_result_of_a_call_that_is_left_out_is_left_out_too() {
    let (conversation, lost) = asked(&json!({"messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": null, "tool_calls": [
            {"id": "c1", "type": "mcp", "mcp": {"name": "patch", "input": "x"}},
            {"id": "c2", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "patched"},
        {"role": "tool", "tool_call_id": "c2", "content": "done"}]}));
    assert_eq!(lost, "not carried over: messages.tool_calls.mcp");
    let results = conversation.turns.iter().flat_map(|turn| &turn.parts);
    let results: Vec<_> = results
        .filter_map(|part| match part {
            Part::ToolResult(result) => Some(result.id.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(results, ["c2"]);
}
