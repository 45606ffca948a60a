use super::*;
use crate::dialect::neutral::{Media, Source, Thought, ToolCall, ToolResult};

fn read(body: &str) -> (Conversation, String) {
    let mut lost = Lost::default();
    match request(body.as_bytes(), &mut lost) {
        Ok(conversation) => (conversation, lost.to_string()),
        Err(bad) => panic!("{bad:?}"),
    }
}

/// Reads a request with `more` fields.
fn with(more: &str) -> (Conversation, String) {
    read(&format!(
        r#"{{"model":"claude-sonnet-5","max_tokens":1024,"messages":[{{"role":"user","content":"Hi"}}]{more}}}"#
    ))
}

fn wrong(body: &str) -> (String, String) {
    match request(body.as_bytes(), &mut Lost::default()) {
        Ok(conversation) => panic!("{conversation:?}"),
        Err(bad) => (bad.param.unwrap_or_default(), bad.message),
    }
}

/// What an agent sends in the middle of its work.
const AGENT: &str = r#"{
  "model": "claude-sonnet-5", "max_tokens": 32000, "stream": true, "temperature": 1,
  "system": [
    {"type": "text", "text": "You are an agent.", "cache_control": {"type": "ephemeral"}},
    {"type": "text", "text": "Be brief."}
  ],
  "metadata": {"user_id": "user_17"},
  "stop_sequences": ["END"],
  "tools": [
    {"name": "weather", "description": "Weather of a place", "strict": true,
     "input_schema": {"type": "object", "properties": {"place": {"type": "string"}}},
     "cache_control": {"type": "ephemeral"}, "eager_input_streaming": true},
    {"type": "web_search_20250305", "name": "web_search", "max_uses": 5}
  ],
  "tool_choice": {"type": "auto", "disable_parallel_tool_use": true},
  "thinking": {"type": "enabled", "budget_tokens": 10000},
  "context_management": {"edits": []},
  "messages": [
    {"role": "user", "content": [
      {"type": "text", "text": "What is the weather here?"},
      {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0="}},
      {"type": "image", "source": {"type": "url", "url": "https://a.example/b.png"}},
      {"type": "document", "title": "Map", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}},
      {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Höhe"}},
      {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
      {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "In blocks"}]}}
    ]},
    {"role": "assistant", "content": [
      {"type": "thinking", "thinking": "A tool, then.", "signature": "EqQB"},
      {"type": "redacted_thinking", "data": "EmwK"},
      {"type": "text", "text": "Let me see.", "citations": null},
      {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}},
      {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"place": "Köln", "n": 1.0}}
    ]},
    {"role": "user", "content": [
      {"type": "tool_result", "tool_use_id": "toolu_1", "is_error": true, "content": "gone"},
      {"type": "tool_result", "tool_use_id": "toolu_2", "content": [
        {"type": "text", "text": "a"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "/9j/"}}
      ]},
      {"type": "tool_result", "tool_use_id": "toolu_3"}
    ]},
    {"role": "system", "content": "Hurry."}
  ]
}"#;

fn inline(mime: &str, data: &str) -> Source {
    Source::Inline {
        mime: mime.to_owned(),
        data: data.to_owned(),
    }
}

fn result(id: &str, name: Option<&str>, content: Vec<Part>, is_error: bool) -> Part {
    Part::ToolResult(ToolResult {
        id: id.to_owned(),
        name: name.map(str::to_owned),
        content,
        is_error,
    })
}

fn text(text: &str) -> Part {
    Part::Text(text.to_owned())
}

#[test]
fn an_agents_request_is_read_whole() {
    let (read, lost) = read(AGENT);
    let image = |source| {
        Part::Image(Media {
            source,
            name: None,
            detail: None,
        })
    };
    let file = |source, name: Option<&str>| {
        Part::File(Media {
            source,
            name: name.map(str::to_owned),
            detail: None,
        })
    };
    let thought = |text: &str, signature: &str, redacted| {
        Part::Thought(Thought {
            text: text.to_owned(),
            signature: Some(signature.to_owned()),
            redacted,
        })
    };
    let expected = Conversation {
        system: vec![text("You are an agent."), text("Be brief.")],
        turns: vec![
            Turn {
                role: Role::User,
                parts: vec![
                    text("What is the weather here?"),
                    image(inline("image/png", "iVBORw0=")),
                    image(Source::Url {
                        url: "https://a.example/b.png".to_owned(),
                        mime: None,
                    }),
                    file(inline("application/pdf", "JVBERi0="), Some("Map")),
                    file(inline("text/plain", "SMO2aGU="), None),
                    file(Source::Uploaded("file_1".to_owned()), None),
                    text("In blocks"),
                ],
            },
            Turn {
                role: Role::Assistant,
                parts: vec![
                    thought("A tool, then.", "EqQB", false),
                    thought("", "EmwK", true),
                    text("Let me see."),
                    Part::ToolCall(ToolCall {
                        id: "toolu_1".to_owned(),
                        name: "weather".to_owned(),
                        arguments: r#"{"place": "Köln", "n": 1.0}"#.to_owned(),
                        signature: None,
                        custom: false,
                    }),
                ],
            },
            Turn {
                role: Role::User,
                parts: vec![
                    result("toolu_1", Some("weather"), vec![text("gone")], true),
                    result(
                        "toolu_2",
                        None,
                        vec![text("a"), image(inline("image/jpeg", "/9j/"))],
                        false,
                    ),
                    result("toolu_3", None, Vec::new(), false),
                ],
            },
            Turn {
                role: Role::System,
                parts: vec![text("Hurry.")],
            },
        ],
        tools: vec![Tool {
            name: "weather".to_owned(),
            description: Some("Weather of a place".to_owned()),
            parameters: Json::parse(
                r#"{"type": "object", "properties": {"place": {"type": "string"}}}"#,
            ),
            strict: Some(true),
            custom: None,
        }],
        tool_choice: Some(ToolChoice::Auto),
        parallel_tools: Some(false),
        sampling: Sampling {
            max_tokens: Some(32_000),
            temperature: Some(1.0),
            stop: vec!["END".to_owned()],
            ..Sampling::default()
        },
        reasoning: Some(Reasoning::Budget(10_000)),
        user: Some("user_17".to_owned()),
        stream: true,
        format: OutputFormat::Text,
        ..Conversation::default()
    };
    assert_eq!(read, expected);
    assert_eq!(
        lost,
        "not carried over: context_management, messages.server_tool_use, system.cache_control, tools.cache_control, tools.eager_input_streaming, tools.web_search_20250305"
    );
}

#[test]
fn choices_of_tools() {
    for (json, choice) in [
        (r#"{"type":"any"}"#, ToolChoice::Any),
        (r#"{"type":"none"}"#, ToolChoice::None),
        (
            r#"{"type":"tool","name":"f"}"#,
            ToolChoice::Named("f".to_owned()),
        ),
    ] {
        let (read, lost) = with(&format!(r#","tool_choice":{json}"#));
        assert_eq!(read.tool_choice, Some(choice));
        assert_eq!((read.parallel_tools, lost.as_str()), (None, ""));
    }
}

#[test]
fn ways_to_think() {
    for (json, reasoning, lost) in [
        (r#""thinking":{"type":"disabled"}"#, Reasoning::Off, ""),
        (r#""thinking":{"type":"adaptive"}"#, Reasoning::Adaptive, ""),
        (
            r#""thinking":{"type":"adaptive"},"output_config":{"effort":"low"}"#,
            Reasoning::Effort(Effort::Low),
            "",
        ),
        (
            r#""output_config":{"effort":"max"}"#,
            Reasoning::Effort(Effort::Max),
            "",
        ),
        (
            r#""thinking":{"type":"enabled","budget_tokens":1024,"display":"omitted"},"output_config":{"effort":"high"}"#,
            Reasoning::Budget(1_024),
            "not carried over: output_config.effort",
        ),
        (
            r#""thinking":{"type":"between_tools"}"#,
            Reasoning::Off,
            "not carried over: thinking.between_tools",
        ),
    ] {
        let (read, said) = with(&format!(",{json}"));
        assert_eq!(
            (read.reasoning, said.as_str()),
            (Some(reasoning), lost),
            "{json}"
        );
    }
}

#[test]
fn a_schema_under_its_name_of_today_and_of_before() {
    let format = r#"{"type":"json_schema","schema":{"type":"object"}}"#;
    for more in [
        format!(r#","output_config":{{"format":{format}}}"#),
        format!(r#","output_format":{format}"#),
    ] {
        let (read, lost) = with(&more);
        let OutputFormat::JsonSchema { schema, .. } = read.format else {
            panic!("{more}");
        };
        assert_eq!((schema.get(), lost.as_str()), (r#"{"type":"object"}"#, ""));
    }
}

#[test]
fn null_is_as_good_as_nothing() {
    let (read, lost) =
        with(r#","temperature":null,"tools":null,"thinking":null,"service_tier":null"#);
    assert_eq!(read, with("").0);
    assert_eq!(lost, "");
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let messages = |content: &str| format!(r#"{{"max_tokens":1,"messages":[{content}]}}"#);
    for (body, param) in [
        ("[]".to_owned(), ""),
        ("{".to_owned(), ""),
        (r#"{"max_tokens":1}"#.to_owned(), "messages"),
        (
            r#"{"messages":[{"role":"user","content":"a"}]}"#.to_owned(),
            "max_tokens",
        ),
        (messages(""), "messages"),
        (messages("7"), "messages[0]"),
        (
            messages(r#"{"role":"tool","content":"a"}"#),
            "messages[0].role",
        ),
        (
            messages(r#"{"role":"user","content":7}"#),
            "messages[0].content",
        ),
        (
            messages(r#"{"role":"user","content":"a"},{"role":"user","content":[{"text":"a"}]}"#),
            "messages[1].content[0].type",
        ),
        (
            messages(
                r#"{"role":"user","content":[{"type":"image","source":{"type":"base64","data":"a"}}]}"#,
            ),
            "messages[0].content[0].source.media_type",
        ),
        (
            messages(
                r#"{"role":"user","content":[{"type":"image","source":{"type":"text","data":"a"}}]}"#,
            ),
            "messages[0].content[0].source",
        ),
        (
            messages(r#"{"role":"user","content":[{"type":"tool_result","tool_use_id":""}]}"#),
            "messages[0].content[0].tool_use_id",
        ),
        (
            messages(
                r#"{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"b","input":"{}"}]}"#,
            ),
            "messages[0].content[0].input",
        ),
    ] {
        let (at, message) = wrong(&body);
        assert_eq!(at, param, "{body}");
        assert!(
            message.contains(param) && message.ends_with('.'),
            "{message}"
        );
    }
    let hi = r#"{"max_tokens":1,"messages":[{"role":"user","content":"a"}],"#;
    for (field, param) in [
        (r#""temperature":1.5"#, "temperature"),
        (r#""top_p":"1""#, "top_p"),
        (r#""max_tokens":-1"#, "max_tokens"),
        (r#""stop_sequences":["a",1]"#, "stop_sequences[1]"),
        (r#""tools":[{"name":"f"}]"#, "tools[0].input_schema"),
        (r#""tool_choice":{"type":"tool"}"#, "tool_choice.name"),
        (r#""tool_choice":{"type":"required"}"#, "tool_choice.type"),
        (
            r#""thinking":{"type":"enabled","budget_tokens":1023}"#,
            "thinking.budget_tokens",
        ),
        (
            r#""output_config":{"effort":"huge"}"#,
            "output_config.effort",
        ),
        (r#""stream":"yes""#, "stream"),
    ] {
        let body = format!("{hi}{field}}}").replacen(
            r#""max_tokens":1,"#,
            if param == "max_tokens" {
                ""
            } else {
                r#""max_tokens":1,"#
            },
            1,
        );
        assert_eq!(wrong(&body).0, param, "{body}");
    }
    assert_eq!(
        wrong(r#"{"max_tokens":1,"messages":[{"role":"user","content":7}]}"#).1,
        "`messages[0].content` must be a string or an array of content blocks."
    );
}

proptest::proptest! {
    #[test]
    fn no_bytes_are_too_odd(at in 0..AGENT.len(), byte: u8) {
        let mut body = AGENT.as_bytes().to_vec();
        body[at] = byte;
        let _ = request(&body, &mut Lost::default());
        let _ = request(&body[..at], &mut Lost::default());
    }
}
