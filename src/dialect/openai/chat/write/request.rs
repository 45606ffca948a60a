//! What a client asks.

mod exact;
mod message;
mod tools;

use std::borrow::Cow;

use serde::Serialize;

use super::model::{Model, hears};
use crate::dialect::neutral::{
    Conversation, Feature, Json, Lost, OpenAi, OutputFormat, Part, Reasoning, Role, Sampling,
    ToolChoice, ids,
};
use message::{Message, Reader};
use tools::{Choice, Tool};

/// Whose words to use where OpenAI and those compatible with it differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// OpenAI and Azure: the limit is `max_completion_tokens`, since reasoning
    /// models refuse `max_tokens`; unknown fields of messages are errors.
    OpenAi,
    /// Everyone else: the limit is `max_tokens`, the one name that all know;
    /// calls go with the thought before them (`reasoning_content`), which
    /// DeepSeek and Moonshot demand, and with Gemini's seal.
    Compatible,
}

/// What this dialect cannot say at all.
pub const CANNOT: &[Feature] = &[
    Feature::ToolResultImage,
    Feature::ToolResultError,
    Feature::TopK,
];

/// What this dialect can say in part: schemas of an object, and what only
/// OpenAI has, to OpenAI itself, files that are right here (to OpenAI: PDFs, texts,
/// the images of the web, and sound where it is heard), or uploaded documents, up to four stop texts, thoughts that are in words and led to
/// calls, to servers that are not OpenAI's own; and to models that do not
/// reason, or always do, what these take.
pub const IN_PART: &[Feature] = &[
    Feature::AllowedTools,
    Feature::ToolGrammar,
    Feature::HiddenThoughts,
    Feature::Logprobs,
    Feature::Verbosity,
    Feature::ServiceTier,
    Feature::Store,
    Feature::Metadata,
    Feature::ImageUrl,
    Feature::File,
    Feature::UploadedFile,
    Feature::ParallelTools,
    Feature::Temperature,
    Feature::Stop,
    Feature::PresencePenalty,
    Feature::FrequencyPenalty,
    Feature::JsonSchema,
    Feature::Reasoning,
    Feature::Thought,
];

/// Said where an answer must be JSON and nobody has said so in words.
///
/// # Source
///
/// OpenAI, "JSON mode": "'messages' must contain the word 'json' in some form".
const IN_JSON: &str = "Answer in JSON.";

/// The most stop texts that OpenAI takes.
const MAX_STOPS: usize = 4;

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: Vec<Message<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Tool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Choice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<Format<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u64>,
    #[serde(flatten)]
    drawn: Drawn<'a>,
    #[serde(flatten)]
    openai: OpenAi,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
}

/// What models that reason refuse.
#[derive(Default, Serialize)]
struct Drawn<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<f64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    logprobs: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_logprobs: Option<u64>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Format<'a> {
    JsonObject,
    JsonSchema { json_schema: Schema<'a> },
}

#[derive(Serialize)]
struct Schema<'a> {
    name: &'a str,
    schema: &'a Json,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

/// Writes the body of a request for a model that the provider calls `model`;
/// what the dialect cannot say goes to `lost`. A stream is asked for its usage.
pub fn request(
    conversation: &Conversation,
    model: &str,
    variant: Variant,
    lost: &mut Lost,
) -> Vec<u8> {
    let asked = conversation;
    let sampling = &asked.sampling;
    if sampling.top_k.is_some() {
        lost.feature(Feature::TopK);
    }
    let known = Model::of(model);
    let (reasoning_effort, is_as_asked) = match asked.reasoning {
        Some(reasoning) => known.effort(reasoning),
        None => (None, true),
    };
    if !is_as_asked {
        lost.feature(Feature::Reasoning);
    }
    // OpenAI shows none, and most others show all.
    let thinks = asked.reasoning.is_some_and(|it| it != Reasoning::Off);
    if thinks && variant == Variant::Compatible && asked.shows_thoughts == Some(false) {
        lost.feature(Feature::HiddenThoughts);
    }
    let drawn = drawn(sampling, known.takes_sampling(reasoning_effort), lost);
    let (max_tokens, max_completion_tokens) = match variant {
        Variant::OpenAi => (None, sampling.max_tokens),
        Variant::Compatible => (sampling.max_tokens, None),
    };
    // Both are refused where there is nothing to choose from.
    let has_tools = !asked.tools.is_empty();
    if !has_tools && let Some(ToolChoice::Any | ToolChoice::Named(_)) = asked.tool_choice {
        lost.feature(Feature::ToolChoice);
    }
    let parallel_tools = asked.parallel_tools.filter(|_| has_tools);
    let parallel_tool_calls = parallel_tools.filter(|_| known.takes_parallel_calls());
    if parallel_tool_calls.is_none() && parallel_tools == Some(false) {
        lost.feature(Feature::ParallelTools);
    }
    let reader = Reader {
        variant,
        hears: hears(model),
        knows_custom: variant == Variant::OpenAi && known.takes_custom_tools(),
    };
    let body = Body {
        model,
        messages: messages(asked, reader, lost),
        tools: tools::tools(asked, reader, lost),
        tool_choice: tools::choice(asked, reader),
        parallel_tool_calls,
        response_format: format(&asked.format, variant, lost),
        max_tokens,
        max_completion_tokens,
        drawn,
        openai: own(&asked.openai, known, variant, lost),
        seed: sampling.seed,
        n: sampling.candidates,
        reasoning_effort,
        user: match variant {
            Variant::OpenAi => asked.user.as_deref(),
            Variant::Compatible => asked.end_user(),
        }
        .map(ids::of_user),
        stream: asked.stream.then_some(true),
        stream_options: asked.stream.then_some(StreamOptions {
            include_usage: true,
        }),
    };
    // Nothing in it can fail to be written to memory.
    serde_json::to_vec(&body).unwrap_or_default()
}

/// Returns what only OpenAI knows, as far as the model takes it.
///
/// # Source
///
/// OpenAI, API reference, "Chat completions": models before GPT-5 have a `verbosity` of `medium` only, and
/// `metadata` is refused where `store` is off, as it is unless it is said.
fn own(of: &OpenAi, model: Model, variant: Variant, lost: &mut Lost) -> OpenAi {
    if variant != Variant::OpenAi {
        of.lose(lost);
        return OpenAi::default();
    }
    let mut said = of.clone();
    let unsaid = OpenAi {
        verbosity: said.verbosity.take_if(|_| !model.takes_verbosity()),
        metadata: said.metadata.take_if(|_| of.store.is_none()),
        ..OpenAi::default()
    };
    unsaid.lose(lost);
    said
}

fn drawn<'a>(of: &'a Sampling, takes: bool, lost: &mut Lost) -> Drawn<'a> {
    let stops = if takes { MAX_STOPS } else { 0 };
    if of.stop.len() > stops {
        lost.feature(Feature::Stop);
    }
    if takes {
        return Drawn {
            temperature: of.temperature,
            top_p: of.top_p,
            stop: &of.stop[..of.stop.len().min(stops)],
            presence_penalty: of.presence_penalty,
            frequency_penalty: of.frequency_penalty,
            logprobs: of.logprobs.is_some(),
            top_logprobs: of.logprobs.filter(|others| *others > 0),
        };
    }
    if of.logprobs.is_some() {
        lost.feature(Feature::Logprobs);
    }
    // The defaults say nothing, and nothing is lost with them.
    let says = |value: Option<f64>, default: f64| value.is_some_and(|it| it != default);
    if says(of.top_p, 1.0) {
        lost.field("top_p");
    }
    for (value, default, feature) in [
        (of.temperature, 1.0, Feature::Temperature),
        (of.presence_penalty, 0.0, Feature::PresencePenalty),
        (of.frequency_penalty, 0.0, Feature::FrequencyPenalty),
    ] {
        if says(value, default) {
            lost.feature(feature);
        }
    }
    Drawn::default()
}

fn messages<'a>(asked: &'a Conversation, reader: Reader, lost: &mut Lost) -> Vec<Message<'a>> {
    let mut messages = Vec::with_capacity(asked.turns.len() + 1);
    // Who wants JSON must say so in words as well, or is refused.
    let json = asked.format == OutputFormat::JsonObject && !speaks_of_json(asked);
    let more = json.then_some(IN_JSON);
    message::instructions(&asked.system, more, lost, &mut messages);
    for turn in &asked.turns {
        match turn.role {
            Role::System => message::instructions(&turn.parts, None, lost, &mut messages),
            Role::User => message::user(&turn.parts, reader, lost, &mut messages),
            Role::Assistant => message::assistant(&turn.parts, reader, lost, &mut messages),
        }
    }
    // Refused where there are none.
    if messages.is_empty() {
        lost.feature(Feature::SilentUser);
        messages.push(message::nothing());
    }
    messages
}

fn speaks_of_json(asked: &Conversation) -> bool {
    let turns = asked.turns.iter().flat_map(|turn| &turn.parts);
    asked.system.iter().chain(turns).any(|part| match part {
        Part::Text(text) => {
            let mut words = text.as_bytes().windows(4);
            words.any(|it| it.eq_ignore_ascii_case(b"json"))
        }
        _ => false,
    })
}

/// # Source
///
/// OpenAI, "Structured outputs", "Supported schemas": the root must be an
/// object, and is refused otherwise. Compatible servers take any.
fn format<'a>(format: &'a OutputFormat, variant: Variant, lost: &mut Lost) -> Option<Format<'a>> {
    match format {
        OutputFormat::Text => None,
        OutputFormat::JsonObject => Some(Format::JsonObject),
        OutputFormat::JsonSchema { schema, .. }
            if variant == Variant::OpenAi && !exact::is_of_object(schema) =>
        {
            lost.feature(Feature::JsonSchema);
            None
        }
        OutputFormat::JsonSchema {
            name,
            schema,
            strict,
        } => Some(Format::JsonSchema {
            json_schema: Schema {
                // The dialect demands one.
                name: name.as_deref().unwrap_or("answer"),
                schema,
                strict: *strict,
            },
        }),
    }
}
