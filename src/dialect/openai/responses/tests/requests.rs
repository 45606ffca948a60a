use proptest::prelude::*;
use serde_json::{Value, json};

use super::{super::read, asked};
use crate::dialect::{
    neutral::{
        Conversation, Effort, Lost, Media, OutputFormat, Part, Reasoning, Role, Source, Thought,
        Tool, ToolCall, ToolChoice, ToolResult, testing,
    },
    openai::chat::{self, tests::requests::back::sayable_to, write::Variant},
    request::BadRequest,
};

fn understood(body: &Value) -> (Conversation, String) {
    let mut lost = Lost::default();
    let body = serde_json::to_vec(body).unwrap();
    let conversation = read::request(&body, &mut lost).unwrap();
    (conversation, lost.to_string())
}

fn refused(body: &Value) -> BadRequest {
    let body = serde_json::to_vec(body).unwrap();
    read::request(&body, &mut Lost::default()).unwrap_err()
}

fn text(text: &str) -> Part {
    Part::Text(text.to_owned())
}

/// The third request of a Codex session, but for its length.
fn codex() -> Value {
    json!({
        "model": "gpt-5.1-codex",
        "instructions": "You are a coding agent.",
        "input": [
            {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "<permissions>"}]},
            {"type": "message", "role": "user", "content": [
                {"type": "input_text", "text": "Räum auf"},
                {"type": "input_image", "image_url": "data:image/png;base64,aGk=", "detail": "auto"},
            ]},
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Look first."}],
             "content": null, "encrypted_content": "seal"},
            {"type": "message", "role": "assistant", "content": [
                {"type": "output_text", "text": "Looking.", "annotations": [], "logprobs": []}], "phase": "commentary"},
            {"type": "function_call", "id": "fc_1", "status": "completed", "name": "shell", "arguments": "{\"command\":[\"ls\"]}", "call_id": "c1"},
            {"type": "function_call", "name": "shell", "arguments": "{}", "call_id": "c2"},
            {"type": "function_call_output", "call_id": "c1", "output": "a.txt"},
            {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "b"}]},
        ],
        "tools": [{"type": "function", "name": "shell", "description": "Runs", "strict": false, "parameters": {"type": "object"}}],
        "tool_choice": "auto", "parallel_tool_calls": false,
        "reasoning": {"effort": "medium", "summary": "auto"},
        "store": false, "stream": true, "include": ["reasoning.encrypted_content"], "prompt_cache_key": "k",
        "text": {"verbosity": "medium"},
    })
}

#[test]
fn codex_is_understood() {
    let (got, lost) = understood(&codex());
    assert_eq!(lost, "");
    let system = [text("You are a coding agent."), text("<permissions>")];
    assert_eq!(got.system, system);
    let roles: Vec<_> = got.turns.iter().map(|turn| turn.role).collect();
    assert_eq!(roles, [Role::User, Role::Assistant, Role::User]);
    let call = |id: &str, arguments: &str| {
        Part::ToolCall(ToolCall {
            id: id.to_owned(),
            name: "shell".to_owned(),
            arguments: arguments.to_owned(),
            signature: None,
            custom: false,
        })
    };
    let thought = Part::Thought(Thought {
        text: "Look first.".to_owned(),
        signature: Some("seal".to_owned()),
        redacted: false,
    });
    let said = [
        thought,
        text("Looking."),
        call("c1", r#"{"command":["ls"]}"#),
        call("c2", "{}"),
    ];
    assert_eq!(got.turns[1].parts, said);
    let result = |id: &str, said: &str| {
        Part::ToolResult(ToolResult {
            id: id.to_owned(),
            name: Some("shell".to_owned()),
            content: vec![text(said)],
            is_error: false,
        })
    };
    assert_eq!(
        got.turns[2].parts,
        [result("c1", "a.txt"), result("c2", "b")]
    );
    assert!(matches!(&got.tools[..], [Tool { name, strict: Some(false), .. }] if name == "shell"));
    assert_eq!(got.reasoning, Some(Reasoning::Effort(Effort::Medium)));
    assert_eq!(got.parallel_tools, Some(false));
    assert!(got.stream);
}

#[test]
fn all_that_can_be_set_has_its_place() {
    let (got, lost) = understood(&json!({
        "model": "m",
        "input": [{"role": "user", "content": [
            {"type": "input_file", "file_url": "https://example.com/a.pdf"},
            {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,aGk="},
            {"type": "input_image", "file_id": "file-1"},
        ]}],
        "text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": true}},
        "tool_choice": {"type": "function", "name": "f"},
        "max_output_tokens": 7, "temperature": 0.5, "top_p": 0.25, "safety_identifier": "u",
        "service_tier": "auto", "truncation": "disabled", "background": false, "metadata": {}, "top_logprobs": 0,
    }));
    assert_eq!(lost, "");
    let sources: Vec<_> = got.turns[0]
        .parts
        .iter()
        .map(|part| match part {
            Part::Image(Media { source, .. }) | Part::File(Media { source, .. }) => Some(source),
            _ => None,
        })
        .collect();
    assert!(matches!(
        &sources[..],
        [
            Some(Source::Url { .. }),
            Some(Source::Inline { .. }),
            Some(Source::Uploaded(_))
        ]
    ));
    assert!(
        matches!(&got.format, OutputFormat::JsonSchema { name: Some(name), strict: Some(true), .. } if name == "n")
    );
    assert_eq!(got.tool_choice, Some(ToolChoice::Named("f".to_owned())));
    let sampling = &got.sampling;
    assert_eq!(
        (sampling.max_tokens, sampling.temperature, sampling.top_p),
        (Some(7), Some(0.5), Some(0.25))
    );
    assert_eq!(got.end_user(), Some("u"));
    let (plain, _) = understood(&json!({"model": "m", "input": "hi"}));
    assert_eq!(plain.turns[0].parts, [text("hi")]);
}

#[test]
fn what_chat_says_as_well_is_carried_over_to_models_that_take_it() {
    let (conversation, lost) = understood(&json!({
        "input": "hi", "store": true, "metadata": {"a": "b"}, "service_tier": "flex", "text": {"verbosity": "low"},
    }));
    assert_eq!(lost, "");
    let said = |conversation: &Conversation, model, variant| {
        let mut lost = Lost::default();
        let body = chat::write::request(conversation, model, variant, &mut lost);
        let body: Value = serde_json::from_slice(&body).unwrap();
        let names = ["store", "metadata", "service_tier", "verbosity"];
        let said: Vec<_> = names.map(|name| body[name].clone()).into();
        (json!(said).to_string(), lost.to_string())
    };
    let all = r#"[true,{"a":"b"},"flex","low"]"#;
    assert_eq!(
        said(&conversation, "gpt-5.2", Variant::OpenAi),
        (all.to_owned(), String::new())
    );
    assert_eq!(
        said(&conversation, "gpt-4o", Variant::OpenAi),
        (
            r#"[true,{"a":"b"},"flex",null]"#.to_owned(),
            "not carried over: verbosity".to_owned()
        )
    );
    assert_eq!(
        said(&conversation, "m", Variant::Compatible),
        (
            "[null,null,null,null]".to_owned(),
            "not carried over: metadata, service_tier, store, verbosity".to_owned()
        )
    );
    let (unkept, _) = understood(&json!({"input": "hi", "store": false, "metadata": {"a": "b"}}));
    assert_eq!(
        said(&unkept, "gpt-5.2", Variant::OpenAi),
        (
            "[null,null,null,null]".to_owned(),
            "not carried over: metadata".to_owned()
        )
    );
}

#[test]
fn a_set_of_tools_is_kept_beside_them() {
    let tool =
        |name: &str| json!({"type": "function", "name": name, "parameters": {"type": "object"}});
    for (mode, choice) in [("required", ToolChoice::Any), ("auto", ToolChoice::Auto)] {
        let (conversation, lost) = understood(&json!({
            "input": "hi", "tools": [tool("a"), tool("b"), tool("c")],
            "tool_choice": {"type": "allowed_tools", "mode": mode, "tools": [
                {"type": "function", "name": "a"}, {"type": "function", "name": "c"}]},
        }));
        let names: Vec<_> = conversation.tools.iter().map(|it| &*it.name).collect();
        assert_eq!(names, ["a", "b", "c"]);
        assert_eq!(conversation.allowed_tools, ["a", "c"]);
        assert_eq!(conversation.tool_choice, Some(choice));
        assert_eq!(lost, "");
    }
}

/// OpenAI's own, which has no name and is left out.
#[test]
fn where_no_tool_of_a_set_is_left_none_may_be_called() {
    let search = json!([{"type": "web_search"}]);
    for (mode, only) in [
        ("required", &search),
        ("auto", &search),
        ("auto", &json!([])),
    ] {
        let (conversation, lost) = understood(&json!({
            "input": "hi",
            "tools": [{"type": "function", "name": "shell"}, {"type": "custom", "name": "apply_patch"}, search[0]],
            "tool_choice": {"type": "allowed_tools", "mode": mode, "tools": only},
        }));
        assert_eq!(conversation.tool_choice, Some(ToolChoice::None), "{mode}");
        assert_eq!(conversation.tools.len(), 2, "{mode}");
        assert_eq!(
            lost, "not carried over: allowed_tools, tools.web_search",
            "{mode}"
        );
    }
}

#[test]
fn what_has_no_place_is_named() {
    let (_, lost) = understood(&json!({
        "input": [
            {"type": "web_search_call", "id": "w"},
            {"role": "user", "content": [{"type": "input_text", "text": "hi"}, {"type": "input_video"}]},
        ],
        "tools": [{"type": "web_search"}, {"type": "computer_use"}],
        "tool_choice": {"type": "web_search"},
        "text": {"verbosity": "low"}, "truncation": "auto", "store": true, "max_tool_calls": 3,
        "include": ["message.output_text.logprobs"], "metadata": {"a": "b"},
    }));
    assert_eq!(
        lost,
        "not carried over: input.content.input_video, input.web_search_call, max_tool_calls, \
         tool_choice.web_search, tools.computer_use, tools.web_search, truncation"
    );
}

#[test]
fn a_wrong_body_is_refused_with_its_place() {
    let cases = [
        (json!({}), "input"),
        (json!({"input": 7}), "input"),
        (json!({"input": [{"content": "x"}]}), "input[0].role"),
        (
            json!({"input": [{"type": "item_reference", "id": "x"}]}),
            "input[0].type",
        ),
        (
            json!({"input": [{"type": "function_call", "name": "f", "call_id": ""}]}),
            "input[0].call_id",
        ),
        (
            json!({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}),
            "input[0].content[0].image_url",
        ),
        (
            json!({"input": "x", "previous_response_id": "resp_1"}),
            "previous_response_id",
        ),
        (
            json!({"input": "x", "conversation": {"id": "c"}}),
            "conversation",
        ),
        (json!({"input": "x", "background": true}), "background"),
        (
            json!({"input": "x", "reasoning": {"effort": "huge"}}),
            "reasoning.effort",
        ),
        (
            json!({"input": "x", "text": {"format": {"type": "xml"}}}),
            "text.format.type",
        ),
    ];
    for (body, param) in cases {
        let refused = refused(&body);
        assert_eq!(refused.param.as_deref(), Some(param), "{body}");
        assert!(
            refused.message.starts_with(&format!("`{param}` ")),
            "{}",
            refused.message
        );
    }
    let message = refused(&json!({"input": "x", "previous_response_id": "r"})).message;
    assert!(
        message.contains("send the whole conversation in `input`"),
        "{message}"
    );
}

proptest! {
    #[test]
    fn all_that_can_be_said_is_read_and_goes_on_to_chat(conversation in testing::conversation()) {
        let there = asked::sayable(conversation);
        let mut lost = Lost::default();
        let heard = read::request(&asked::request(&there), &mut lost).unwrap();
        prop_assert!(lost.is_empty(), "{}", lost);
        prop_assert_eq!(&heard, &there);
        let there = sayable_to(Variant::OpenAi, heard);
        let body = chat::write::request(&there, "m", Variant::OpenAi, &mut lost);
        prop_assert_eq!(chat::read::request(&body, &mut lost).unwrap(), there);
        prop_assert!(lost.is_empty(), "{}", lost);
    }

    #[test]
    fn no_body_panics(at in any::<prop::sample::Index>(), with in "[\\[\\]{}\",:0n ]{0,3}", cut in 0..30_usize) {
        let mut body = codex().to_string();
        let at = body.floor_char_boundary(at.index(body.len()));
        let end = body.floor_char_boundary((at + cut).min(body.len())).max(at);
        body.replace_range(at..end, &with);
        let _ = read::request(body.as_bytes(), &mut Lost::default());
    }
}
