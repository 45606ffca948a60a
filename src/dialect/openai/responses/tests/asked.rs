//! Conversations as a client of responses says them: no codec does, since no
//! provider is sent any.

use serde_json::{Map, Value, json};

use crate::dialect::{
    neutral::{
        Conversation, Detail, Effort, Json, Media, OutputFormat, Part, Reasoning, Role, Sampling,
        Source, Tool, ToolChoice, custom::unwrapped,
    },
    openai::{responses::REDACTED, turns::data_url},
};

/// Writes the request that says `asked`, of which all must be [`sayable`].
pub(crate) fn request(asked: &Conversation) -> Vec<u8> {
    let mut body = Map::new();
    let mut set = |name: &str, value: Value| {
        if !value.is_null() {
            body.insert(name.to_owned(), value);
        }
    };
    let mut input = Vec::new();
    if !asked.system.is_empty() {
        input.push(message("developer", &all_said(&asked.system)));
    }
    for turn in &asked.turns {
        match turn.role {
            Role::System => input.push(message("developer", &all_said(&turn.parts))),
            Role::User => user(&turn.parts, &mut input),
            Role::Assistant => input.extend(turn.parts.iter().map(answered)),
        }
    }
    set("input", json!(input));
    set("tools", asked.tools.iter().map(tool).collect());
    let named = |name: &String| {
        let is_custom = |tool: &Tool| tool.name == *name && tool.custom.is_some();
        let is_custom = asked.tools.iter().any(is_custom);
        json!({"type": if is_custom { "custom" } else { "function" }, "name": name})
    };
    let word = asked.tool_choice.as_ref().map(|choice| match choice {
        ToolChoice::Auto => json!("auto"),
        ToolChoice::None => json!("none"),
        ToolChoice::Any => json!("required"),
        ToolChoice::Named(name) => named(name),
    });
    let only: Vec<_> = asked.allowed_tools.iter().map(named).collect();
    set(
        "tool_choice",
        match only.is_empty() {
            true => json!(word),
            false => json!({"type": "allowed_tools", "mode": word, "tools": only}),
        },
    );
    set("parallel_tool_calls", json!(asked.parallel_tools));
    let mut text = json!({"format": format(&asked.format)});
    let value = |json: &Option<Json>| -> Value {
        let value = json.as_ref().map(|it| serde_json::from_str(it.get()));
        value.map_or(Value::Null, Result::unwrap)
    };
    text["verbosity"] = value(&asked.openai.verbosity);
    set("text", text);
    set("service_tier", value(&asked.openai.service_tier));
    set("store", value(&asked.openai.store));
    set("metadata", value(&asked.openai.metadata));
    set("prompt_cache_key", value(&asked.openai.prompt_cache_key));
    set("safety_identifier", json!(asked.openai.safety_identifier));
    set("user", json!(asked.user));
    set("max_output_tokens", json!(asked.sampling.max_tokens));
    set("temperature", json!(asked.sampling.temperature));
    set("top_p", json!(asked.sampling.top_p));
    if let Some(others) = asked.sampling.logprobs {
        set("include", json!(["message.output_text.logprobs"]));
        set("top_logprobs", json!(others));
    }
    let effort = asked.reasoning.map(|reasoning| match reasoning {
        Reasoning::Effort(Effort::Minimal) => "minimal",
        Reasoning::Effort(Effort::Low) => "low",
        Reasoning::Effort(Effort::Medium) => "medium",
        Reasoning::Effort(Effort::High) => "high",
        Reasoning::Effort(Effort::Higher) => "xhigh",
        Reasoning::Effort(Effort::Max) => "max",
        Reasoning::Off | Reasoning::Adaptive | Reasoning::Budget(_) => "none",
    });
    let summary = (asked.shows_thoughts == Some(true)).then_some("auto");
    set("reasoning", json!({"effort": effort, "summary": summary}));
    set("stream", json!(asked.stream));
    set("model", json!("m"));
    serde_json::to_vec(&body).unwrap()
}

/// Takes out what responses cannot say, and puts the rest as they put it.
pub(crate) fn sayable(mut asked: Conversation) -> Conversation {
    asked.sampling = Sampling {
        max_tokens: asked.sampling.max_tokens,
        temperature: asked.sampling.temperature,
        top_p: asked.sampling.top_p,
        logprobs: asked.sampling.logprobs,
        ..Sampling::default()
    };
    asked.reasoning = asked
        .reasoning
        .filter(|it| matches!(it, Reasoning::Effort(_) | Reasoning::Off));
    asked.shows_thoughts = asked.shows_thoughts.filter(|shows| *shows);
    let plain = |json: &mut Json| {
        let value: Value = serde_json::from_str(json.get()).unwrap();
        *json = Json::of(&value).unwrap();
    };
    for tool in asked.tools.iter_mut().filter(|it| it.custom.is_none()) {
        tool.parameters.iter_mut().for_each(plain);
    }
    if let OutputFormat::JsonSchema { schema, .. } = &mut asked.format {
        plain(schema);
    }
    for part in asked.turns.iter_mut().flat_map(|turn| &mut turn.parts) {
        match part {
            Part::Image(media) | Part::File(media) => untyped(media),
            Part::ToolCall(call) => call.signature = None,
            Part::ToolResult(result) => {
                result.is_error = false;
                for part in &mut result.content {
                    if let Part::Image(media) | Part::File(media) = part {
                        untyped(media);
                    }
                }
            }
            _ => {}
        }
    }
    asked
}

/// An address has no type here.
fn untyped(media: &mut Media) {
    if let Source::Url { mime, .. } = &mut media.source {
        *mime = None;
    }
}

fn message(role: &str, content: &[Value]) -> Value {
    json!({"type": "message", "role": role, "content": content})
}

fn user(parts: &[Part], input: &mut Vec<Value>) {
    let mut content = Vec::new();
    for part in parts {
        match part {
            Part::ToolResult(result) => {
                let output: Vec<_> = result.content.iter().map(said).collect();
                input.push(
                    json!({"type": "function_call_output", "call_id": result.id, "output": output}),
                );
            }
            part => content.push(said(part)),
        }
    }
    if !content.is_empty() {
        input.push(message("user", &content));
    }
}

fn answered(part: &Part) -> Value {
    match part {
        Part::Text(text) => message("assistant", &[json!({"type": "output_text", "text": text})]),
        Part::Refusal(text) => message("assistant", &[json!({"type": "refusal", "refusal": text})]),
        Part::ToolCall(call) if call.custom => {
            json!({"type": "custom_tool_call", "call_id": call.id, "name": call.name,
            "input": unwrapped(&call.arguments)})
        }
        Part::ToolCall(call) => {
            json!({"type": "function_call", "call_id": call.id, "name": call.name,
            "arguments": call.arguments})
        }
        Part::Thought(thought) => {
            let mark = if thought.redacted { REDACTED } else { "" };
            let seal = thought.signature.as_ref();
            json!({"type": "reasoning", "summary": [{"type": "summary_text", "text": thought.text}],
                "encrypted_content": seal.map(|seal| format!("{mark}{seal}"))})
        }
        other => panic!("{other:?}"),
    }
}

fn all_said(parts: &[Part]) -> Vec<Value> {
    parts.iter().map(said).collect()
}

fn said(part: &Part) -> Value {
    match part {
        Part::Text(text) => json!({"type": "input_text", "text": text}),
        Part::Image(media) => {
            let detail = media.detail.map(|detail| match detail {
                Detail::Low => "low",
                Detail::High => "high",
            });
            let mut image = json!({"type": "input_image", "detail": detail});
            match &media.source {
                Source::Url { url, .. } => image["image_url"] = json!(url),
                Source::Inline { mime, data } => image["image_url"] = json!(data_url(mime, data)),
                Source::Uploaded(id) => image["file_id"] = json!(id),
            }
            image
        }
        Part::File(media) => {
            let mut file = json!({"type": "input_file", "filename": media.name});
            match &media.source {
                Source::Url { url, .. } => file["file_url"] = json!(url),
                Source::Inline { mime, data } => file["file_data"] = json!(data_url(mime, data)),
                Source::Uploaded(id) => file["file_id"] = json!(id),
            }
            file
        }
        other => panic!("{other:?}"),
    }
}

fn tool(tool: &Tool) -> Value {
    if let Some(custom) = &tool.custom {
        let format = custom.grammar.as_ref().map(|grammar| {
            json!({"type": "grammar", "syntax": grammar.syntax, "definition": grammar.definition})
        });
        return json!({"type": "custom", "name": tool.name, "description": custom.description, "format": format});
    }
    json!({"type": "function", "name": tool.name, "description": tool.description,
        "parameters": tool.parameters, "strict": tool.strict})
}

fn format(format: &OutputFormat) -> Value {
    match format {
        OutputFormat::Text => json!({"type": "text"}),
        OutputFormat::JsonObject => json!({"type": "json_object"}),
        OutputFormat::JsonSchema {
            name,
            schema,
            strict,
        } => json!({"type": "json_schema", "name": name, "schema": schema, "strict": strict}),
    }
}
