//! A request of Messages, read into a conversation.

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use super::{
    content,
    fields::{Fields, Node},
};
use crate::dialect::{
    neutral::{
        Conversation, Effort, Json, Lost, OutputFormat, Part, Reasoning, Role, Sampling, Tool,
        ToolChoice, ToolResult, Turn, seal,
    },
    request::BadRequest,
};

/// The fields that are read, or mean nothing once the request is routed.
const KNOWN: [&str; 17] = [
    "model",
    "messages",
    "system",
    "max_tokens",
    "temperature",
    "top_p",
    "top_k",
    "stop_sequences",
    "stream",
    "metadata",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "output_format",
    "anthropic_version",
    "service_tier",
];

/// The smallest budget for thinking, in tokens.
///
/// # Source
///
/// Anthropic, Messages, `thinking.budget_tokens`.
pub(in crate::dialect::anthropic) const MIN_BUDGET: u64 = 1_024;

/// Reads the body of `POST /v1/messages`.
///
/// `between_tools` thinking is read as none, and named in `lost`.
///
/// # Errors
///
/// [`BadRequest`] for a body that is wrong for Messages, with the place.
pub fn request(body: &[u8], lost: &mut Lost) -> Result<Conversation, BadRequest> {
    let text = text(body)?;
    let root = Node::root(text);
    let fields = root.object()?;
    let mut conversation = conversation(&fields, lost)?;
    conversation.sampling.max_tokens = Some(fields.need("max_tokens")?.count()?);
    Ok(conversation)
}

/// Reads the body of `POST /v1/messages/count_tokens`: the same, but without a limit.
pub(in crate::dialect::anthropic) fn counted(
    body: &[u8],
    lost: &mut Lost,
) -> Result<Conversation, BadRequest> {
    conversation(&Node::root(text(body)?).object()?, lost)
}

fn text(body: &[u8]) -> Result<&str, BadRequest> {
    str::from_utf8(body).map_err(|_| Node::root("").wrong("valid UTF-8"))
}

fn conversation(fields: &Fields<'_, '_>, lost: &mut Lost) -> Result<Conversation, BadRequest> {
    let mut out = Conversation {
        turns: turns(&fields.need("messages")?, lost)?,
        sampling: sampling(fields)?,
        ..Conversation::default()
    };
    if let Some(system) = fields.get("system") {
        content::parts(&system, "system", &mut out.system, lost)?;
    }
    if let Some(tools) = fields.get("tools") {
        tools.each(|tool| {
            out.tools.extend(read_tool(&tool, lost)?);
            Ok(())
        })?;
    }
    if let Some(choice) = fields.get("tool_choice") {
        read_choice(&choice, &mut out, lost)?;
    }
    if let Some(metadata) = fields.get("metadata") {
        let fields = metadata.object()?;
        let user = fields.get("user_id").map(|it| it.string()).transpose()?;
        out.user = user.filter(|it| !it.is_empty());
        fields.others(&["user_id"], "metadata", lost);
    }
    if let Some(stream) = fields.get("stream") {
        out.stream = stream.flag()?;
    }
    let effort = match fields.get("output_config") {
        Some(config) => read_config(&config, &mut out, lost)?,
        None => None,
    };
    // The name this had before `output_config`; clients still send it.
    if let Some(format) = fields.get("output_format") {
        out.format = read_format(&format, lost)?;
    }
    out.reasoning = effort.map(Reasoning::Effort);
    if let Some(thinking) = fields.get("thinking") {
        out.reasoning = Some(read_thinking(&thinking, effort, lost)?);
        out.shows_thoughts = match thinking.object()?.get("display").map(|it| it.json()) {
            Some("\"summarized\"") => Some(true),
            Some("\"omitted\"") => Some(false),
            Some(_) => {
                lost.field("thinking.display");
                None
            }
            None => None,
        };
    }
    if let Some(tier) = fields.get("service_tier")
        && tier.json() != "\"auto\""
    {
        lost.field("service_tier");
    }
    fields.others(&KNOWN, "", lost);
    Ok(out)
}

fn turns(messages: &Node<'_, '_>, lost: &mut Lost) -> Result<Vec<Turn>, BadRequest> {
    let mut turns = Vec::new();
    messages.each(|message| {
        let fields = message.object()?;
        let role = fields.need("role")?;
        let role = match role.json() {
            "\"user\"" => Role::User,
            "\"assistant\"" => Role::Assistant,
            "\"system\"" => Role::System,
            _ => return Err(role.wrong("user, assistant or system")),
        };
        let mut parts = Vec::new();
        content::parts(&fields.need("content")?, "messages", &mut parts, lost)?;
        seal::rejoin(&mut parts);
        fields.others(&["role", "content"], "messages", lost);
        if !parts.is_empty() {
            turns.push(Turn { role, parts });
        }
        Ok(())
    })?;
    if turns.is_empty() {
        return Err(messages.wrong("an array of at least one message that says something"));
    }
    name_results(&mut turns);
    Ok(turns)
}

/// Gives each result the name of the tool that was called: other dialects say it.
fn name_results(turns: &mut [Turn]) {
    let mut names: HashMap<String, String> = HashMap::new();
    for part in turns.iter_mut().flat_map(|turn| &mut turn.parts) {
        match part {
            Part::ToolCall(call) => drop(names.insert(call.id.clone(), call.name.clone())),
            Part::ToolResult(result) => {
                let called = names.get(&result.id);
                result.name = called.and_then(|name| ToolResult::name_of_call(name));
            }
            _ => {}
        }
    }
}

fn sampling(fields: &Fields<'_, '_>) -> Result<Sampling, BadRequest> {
    let share = |name| fields.get(name).map(|it| it.share()).transpose();
    let count = |name| fields.get(name).map(|it| it.count()).transpose();
    let mut stop = Vec::new();
    if let Some(sequences) = fields.get("stop_sequences") {
        sequences.each(|sequence| {
            stop.push(sequence.string()?);
            Ok(())
        })?;
    }
    Ok(Sampling {
        max_tokens: count("max_tokens")?,
        temperature: share("temperature")?,
        top_p: share("top_p")?,
        top_k: count("top_k")?,
        stop,
        ..Sampling::default()
    })
}

/// Reads a tool; one of the provider's own is lost.
fn read_tool(tool: &Node<'_, '_>, lost: &mut Lost) -> Result<Option<Tool>, BadRequest> {
    let fields = tool.object()?;
    if let Some(kind) = fields.get("type") {
        let kind = kind.string()?;
        if kind != "custom" {
            lost.field(&format!("tools.{kind}"));
            return Ok(None);
        }
    }
    let schema = fields.need("input_schema")?;
    schema.object()?;
    let known = ["type", "name", "description", "input_schema", "strict"];
    fields.others(&known, "tools", lost);
    Ok(Some(Tool {
        name: fields.need("name")?.string()?,
        description: fields
            .get("description")
            .map(|it| it.string())
            .transpose()?,
        parameters: Json::parse(schema.json()),
        strict: fields.get("strict").map(|it| it.flag()).transpose()?,
        custom: None,
    }))
}

fn read_choice(
    choice: &Node<'_, '_>,
    out: &mut Conversation,
    lost: &mut Lost,
) -> Result<(), BadRequest> {
    let fields = choice.object()?;
    let kind = fields.need("type")?;
    out.tool_choice = Some(match kind.json() {
        "\"auto\"" => ToolChoice::Auto,
        "\"any\"" => ToolChoice::Any,
        "\"none\"" => ToolChoice::None,
        "\"tool\"" => ToolChoice::Named(fields.need("name")?.string()?),
        _ => return Err(kind.wrong("auto, any, tool or none")),
    });
    if let Some(disable) = fields.get("disable_parallel_tool_use") {
        out.parallel_tools = Some(!disable.flag()?);
    }
    let known = ["type", "name", "disable_parallel_tool_use"];
    fields.others(&known, "tool_choice", lost);
    Ok(())
}

/// Reads `output_config`, and returns the effort it asks for.
fn read_config(
    config: &Node<'_, '_>,
    out: &mut Conversation,
    lost: &mut Lost,
) -> Result<Option<Effort>, BadRequest> {
    let fields = config.object()?;
    if let Some(format) = fields.get("format") {
        out.format = read_format(&format, lost)?;
    }
    fields.others(&["format", "effort"], "output_config", lost);
    let Some(effort) = fields.get("effort") else {
        return Ok(None);
    };
    Ok(Some(match effort.json() {
        "\"low\"" => Effort::Low,
        "\"medium\"" => Effort::Medium,
        "\"high\"" => Effort::High,
        "\"xhigh\"" => Effort::Higher,
        "\"max\"" => Effort::Max,
        _ => return Err(effort.wrong("low, medium, high, xhigh or max")),
    }))
}

fn read_format(format: &Node<'_, '_>, lost: &mut Lost) -> Result<OutputFormat, BadRequest> {
    let fields = format.object()?;
    let kind = fields.need("type")?;
    if kind.json() != "\"json_schema\"" {
        return Err(kind.wrong("json_schema"));
    }
    let schema = fields.need("schema")?;
    schema.object()?;
    fields.others(&["type", "schema"], "output_config.format", lost);
    Ok(match Json::parse(schema.json()) {
        Some(schema) => OutputFormat::JsonSchema {
            name: None,
            schema,
            strict: None,
        },
        None => OutputFormat::Text,
    })
}

fn read_thinking(
    thinking: &Node<'_, '_>,
    effort: Option<Effort>,
    lost: &mut Lost,
) -> Result<Reasoning, BadRequest> {
    let fields = thinking.object()?;
    fields.others(&["type", "budget_tokens", "display"], "thinking", lost);
    let kind = fields.need("type")?;
    let reasoning = match kind.json() {
        "\"enabled\"" => {
            let node = fields.need("budget_tokens")?;
            let budget = node.count()?;
            if budget < MIN_BUDGET {
                return Err(node.wrong("at least 1024"));
            }
            Reasoning::Budget(budget)
        }
        "\"disabled\"" => Reasoning::Off,
        "\"between_tools\"" => {
            lost.field("thinking.between_tools");
            Reasoning::Off
        }
        "\"adaptive\"" => return Ok(effort.map_or(Reasoning::Adaptive, Reasoning::Effort)),
        _ => return Err(kind.wrong("enabled, disabled, adaptive or between_tools")),
    };
    // Beside these an effort is about the answer's length, which only this API knows.
    if effort.is_some() {
        lost.field("output_config.effort");
    }
    Ok(reasoning)
}
