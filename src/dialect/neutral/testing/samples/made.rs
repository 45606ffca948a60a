//! The pieces they are made of.

use crate::dialect::neutral::{
    Conversation, Custom, Grammar, Json, Media, Part, Reasoning, Role, Source, Thought, Tool,
    ToolCall, ToolResult, Turn,
};

pub(super) fn text(text: &str) -> Part {
    Part::Text(text.to_owned())
}

pub(super) fn turn(role: Role, parts: Vec<Part>) -> Turn {
    Turn { role, parts }
}

pub(super) fn plain() -> Conversation {
    Conversation {
        turns: vec![turn(Role::User, vec![text("hi")])],
        ..Conversation::default()
    }
}

/// Media without a name.
pub(crate) fn media(source: Source) -> Media {
    Media {
        source,
        name: None,
        detail: None,
    }
}

/// Media that come along, in base64.
pub(crate) fn inline(mime: &str, data: &str) -> Media {
    media(Source::Inline {
        mime: mime.to_owned(),
        data: data.to_owned(),
    })
}

pub(super) fn at(url: &str, mime: Option<&str>) -> Media {
    media(Source::Url {
        url: url.to_owned(),
        mime: mime.map(str::to_owned),
    })
}

pub(super) fn says(part: Part) -> Conversation {
    let mut asked = plain();
    asked.turns[0].parts.push(part);
    asked
}

pub(super) fn thinks(text: &str, signature: Option<&str>, redacted: bool) -> Part {
    Part::Thought(Thought {
        text: text.to_owned(),
        signature: signature.map(str::to_owned),
        redacted,
    })
}

/// A call of a tool and what it returned, with `thought` ahead of them.
pub(super) fn called(
    thought: Option<Part>,
    signature: Option<&str>,
    content: Part,
    is_error: bool,
) -> Conversation {
    let mut asked = plain();
    asked.tools = vec![tool(None)];
    let call = Part::ToolCall(ToolCall {
        id: "call_1".to_owned(),
        name: "f".to_owned(),
        arguments: "{}".to_owned(),
        signature: signature.map(str::to_owned),
        custom: false,
    });
    let said = thought.into_iter().chain([call]).collect();
    asked.turns.push(turn(Role::Assistant, said));
    let result = Part::ToolResult(ToolResult {
        id: "call_1".to_owned(),
        name: Some("f".to_owned()),
        content: vec![content],
        is_error,
    });
    asked.turns.push(turn(Role::User, vec![result]));
    asked
}

pub(super) fn answered(part: Part) -> Conversation {
    let mut asked = plain();
    let said = vec![part, text("hello")];
    asked.turns.push(turn(Role::Assistant, said));
    asked.turns.push(turn(Role::User, vec![text("so?")]));
    asked
}

pub(super) fn tool(strict: Option<bool>) -> Tool {
    Tool {
        name: "f".to_owned(),
        description: Some("d".to_owned()),
        parameters: Json::parse(
            r#"{"type":"object","properties":{},"additionalProperties":false}"#,
        ),
        strict,
        custom: None,
    }
}

pub(super) fn custom(grammar: Option<&str>) -> Tool {
    let grammar = grammar.map(|definition| Grammar {
        syntax: "lark".to_owned(),
        definition: definition.to_owned(),
    });
    let description = Some("d".to_owned());
    Tool::custom(
        "f".to_owned(),
        Custom {
            description,
            grammar,
        },
    )
}

/// The schema of arguments that are one of two objects.
pub(super) const ONE_OF: &str = r#"{"type":"object","oneOf":[
    {"properties":{"a":{"type":"string"}},"required":["a"]},
    {"properties":{"b":{"type":"string"}},"required":["b"]}]}"#;

pub(super) fn two_tools() -> Vec<Tool> {
    let other = Tool {
        name: "g".to_owned(),
        ..tool(None)
    };
    vec![tool(None), other]
}

pub(super) fn with(change: impl FnOnce(&mut Conversation)) -> Conversation {
    let mut asked = plain();
    change(&mut asked);
    asked
}

pub(super) fn with_tool(change: impl FnOnce(&mut Conversation)) -> Conversation {
    with(|asked| {
        asked.tools = vec![tool(None)];
        change(asked);
    })
}

pub(super) fn reasons(reasoning: Reasoning) -> Conversation {
    with(|asked| asked.reasoning = Some(reasoning))
}
