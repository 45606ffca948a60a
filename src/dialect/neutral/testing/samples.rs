//! Conversations that say one thing each, by feature and in words.

mod made;

use crate::dialect::neutral::{
    Conversation, Detail, Effort, Feature, Json, Media, OutputFormat, Part, Reasoning, Role,
    Source, ToolChoice,
};
use made::*;
pub(crate) use made::{inline, media};

/// A conversation that uses `feature` as `what` says, and says nothing else
/// that any dialect has trouble with.
pub(crate) struct Sample {
    /// What a loss of it is named.
    pub(crate) feature: Feature,
    /// What is asked for, in words.
    pub(crate) what: &'static str,
    /// The conversation.
    pub(crate) asked: Conversation,
}

/// Everything the mapping's table has a line for, in its order.
pub(crate) fn samples() -> Vec<Sample> {
    let png = || inline("image/png", "aGk=");
    let image = |media| says(Part::Image(media));
    let file = |media| says(Part::File(media));
    let hm = |signature| answered(thinks("hm", signature, false));
    let object = tool(None).parameters.unwrap_or_else(Json::empty_object);
    let schema = OutputFormat::JsonSchema {
        name: Some("n".to_owned()),
        schema: object.clone(),
        strict: Some(true),
    };
    let list = OutputFormat::JsonSchema {
        name: Some("n".to_owned()),
        schema: Json::parse(r#"{"type":"array","items":{"type":"string"}}"#)
            .unwrap_or(object.clone()),
        strict: None,
    };
    let condition = OutputFormat::JsonSchema {
        name: Some("n".to_owned()),
        schema: Json::parse(
            r#"{"type":"object","properties":{"a":{"type":"string","not":{"const":""}}},"required":["a"],"additionalProperties":false}"#,
        )
        .unwrap_or(object),
        strict: None,
    };
    let system = turn(Role::System, vec![text("be kind")]);
    let hello = turn(Role::Assistant, vec![text("hello")]);
    let behind = [hello, system.clone()];
    let lines = [
        (
            Feature::SystemInConversation,
            "instructions in the middle",
            with(|it| it.turns.push(system)),
        ),
        (
            Feature::SystemInConversation,
            "instructions behind an answer",
            with(|it| it.turns.extend(behind)),
        ),
        (
            Feature::SilentUser,
            "instructions and nothing else",
            Conversation {
                system: vec![text("be kind")],
                ..Conversation::default()
            },
        ),
        (
            Feature::ImageUrl,
            "an image at `https://…`",
            image(at("https://a.example/b.png", None)),
        ),
        (
            Feature::ImageUrl,
            "an image at `gs://…`",
            image(at("gs://b/i.png", None)),
        ),
        (
            Feature::File,
            "an image of another kind (`image/bmp`)",
            image(inline("image/bmp", "aGk=")),
        ),
        (
            Feature::File,
            "a PDF, right here",
            file(inline("application/pdf", "aGk=")),
        ),
        (
            Feature::File,
            "a PDF at `https://…`",
            file(at("https://a.example/b.pdf", Some("application/pdf"))),
        ),
        (
            Feature::File,
            "a text, right here",
            file(inline("text/plain", "aGk=")),
        ),
        (
            Feature::File,
            "sound (`audio/mpeg`), right here",
            file(inline("audio/mpeg", "aGk=")),
        ),
        (
            Feature::File,
            "a film (`video/mp4`), right here",
            file(inline("video/mp4", "aGk=")),
        ),
        (
            Feature::UploadedFile,
            "an image uploaded before",
            image(media(Source::Uploaded("file-1".to_owned()))),
        ),
        (
            Feature::UploadedFile,
            "a file uploaded before",
            file(media(Source::Uploaded("file-1".to_owned()))),
        ),
        (
            Feature::ImageDetail,
            "to look closely at an image",
            image(Media {
                detail: Some(Detail::High),
                ..png()
            }),
        ),
        (
            Feature::ToolResultImage,
            "an image that a tool returned",
            called(None, None, Part::Image(png()), false),
        ),
        (
            Feature::ToolResultError,
            "that a tool failed",
            called(None, None, text("no"), true),
        ),
        (
            Feature::ToolChoice,
            "that tools must be called",
            with_tool(|it| it.tool_choice = Some(ToolChoice::Any)),
        ),
        (
            Feature::ToolChoice,
            "that one tool must be called",
            with_tool(|it| it.tool_choice = Some(ToolChoice::Named("f".to_owned()))),
        ),
        (
            Feature::ToolChoice,
            "that none may be called",
            with_tool(|it| it.tool_choice = Some(ToolChoice::None)),
        ),
        (
            Feature::AllowedTools,
            "that only some tools may be called",
            with(|it| {
                it.tools = two_tools();
                it.allow_only(vec!["f".to_owned()], false);
            }),
        ),
        (
            Feature::AllowedTools,
            "that one of some tools must be called",
            with(|it| {
                it.tools = two_tools();
                it.allow_only(vec!["f".to_owned()], true);
            }),
        ),
        (
            Feature::ParallelTools,
            "one call at a time",
            with_tool(|it| it.parallel_tools = Some(false)),
        ),
        (
            Feature::StrictTools,
            "calls that fit their schema exactly",
            with(|it| it.tools = vec![tool(Some(true))]),
        ),
        (
            Feature::ToolChoice,
            "that a custom tool must be called",
            with(|it| {
                it.tools = vec![custom(None)];
                it.tool_choice = Some(ToolChoice::Named("f".to_owned()));
            }),
        ),
        (
            Feature::ToolGrammar,
            "calls of a custom tool that fit its grammar",
            with(|it| it.tools = vec![custom(Some("start: /a+/"))]),
        ),
        (
            Feature::ToolSchema,
            "calls whose arguments are one of several objects (`oneOf`)",
            with_tool(|it| it.tools[0].parameters = Json::parse(ONE_OF)),
        ),
        (
            Feature::JsonObject,
            "an answer in JSON",
            with(|it| it.format = OutputFormat::JsonObject),
        ),
        (
            Feature::JsonSchema,
            "an answer that fits a schema",
            with(|it| it.format = schema),
        ),
        (
            Feature::JsonSchema,
            "an answer that fits the schema of a list",
            with(|it| it.format = list),
        ),
        (
            Feature::JsonSchema,
            "an answer that fits a schema with a condition (`not`)",
            with(|it| it.format = condition),
        ),
        (
            Feature::Temperature,
            "a temperature of 0.5",
            with(|it| it.sampling.temperature = Some(0.5)),
        ),
        (
            Feature::Temperature,
            "a temperature of 1.5",
            with(|it| it.sampling.temperature = Some(1.5)),
        ),
        (
            Feature::TopK,
            "`top_k`",
            with(|it| it.sampling.top_k = Some(5)),
        ),
        (
            Feature::Stop,
            "four stop texts",
            with(|it| it.sampling.stop = vec!["x".to_owned(); 4]),
        ),
        (
            Feature::Stop,
            "five stop texts",
            with(|it| it.sampling.stop = vec!["x".to_owned(); 5]),
        ),
        (
            Feature::Stop,
            "six stop texts",
            with(|it| it.sampling.stop = vec!["x".to_owned(); 6]),
        ),
        (
            Feature::Seed,
            "a seed",
            with(|it| it.sampling.seed = Some(7)),
        ),
        (
            Feature::PresencePenalty,
            "a presence penalty",
            with(|it| it.sampling.presence_penalty = Some(0.5)),
        ),
        (
            Feature::FrequencyPenalty,
            "a frequency penalty",
            with(|it| it.sampling.frequency_penalty = Some(0.5)),
        ),
        (
            Feature::Candidates,
            "two answers",
            with(|it| it.sampling.candidates = Some(2)),
        ),
        (
            Feature::Logprobs,
            "how likely each token was",
            with(|it| it.sampling.logprobs = Some(2)),
        ),
        (Feature::Reasoning, "not to think", reasons(Reasoning::Off)),
        (
            Feature::Reasoning,
            "to think as much as it likes",
            reasons(Reasoning::Adaptive),
        ),
        (
            Feature::Reasoning,
            "to think hardly",
            reasons(Reasoning::Effort(Effort::Minimal)),
        ),
        (
            Feature::Reasoning,
            "to think some",
            reasons(Reasoning::Effort(Effort::Medium)),
        ),
        (
            Feature::Reasoning,
            "to think hard",
            reasons(Reasoning::Effort(Effort::High)),
        ),
        (
            Feature::Reasoning,
            "to think harder (`xhigh`)",
            reasons(Reasoning::Effort(Effort::Higher)),
        ),
        (
            Feature::Reasoning,
            "to think as hard as it can (`max`)",
            reasons(Reasoning::Effort(Effort::Max)),
        ),
        (
            Feature::Reasoning,
            "to think for 5,000 tokens",
            reasons(Reasoning::Budget(5_000)),
        ),
        (
            Feature::HiddenThoughts,
            "to think, but not to show it",
            with(|it| {
                it.reasoning = Some(Reasoning::Adaptive);
                it.shows_thoughts = Some(false);
            }),
        ),
        (Feature::Thought, "a thought in words", hm(None)),
        (
            Feature::Thought,
            "a thought in words that led to a call",
            called(Some(thinks("hm", None, false)), None, text("yes"), false),
        ),
        (
            Feature::Thought,
            "a thought with Anthropic's seal",
            hm(Some("ErUB")),
        ),
        (
            Feature::Thought,
            "a hidden thought with Anthropic's seal",
            answered(thinks("", Some("ErUB"), true)),
        ),
        (
            Feature::Thought,
            "a thought with Gemini's seal",
            hm(Some("gemini:c2ln")),
        ),
        (
            Feature::Thought,
            "Gemini's seal on a call",
            called(None, Some("gemini:c2ln"), text("yes"), false),
        ),
        (
            Feature::User,
            "who the end user is",
            with(|it| it.user = Some("u".to_owned())),
        ),
        (
            Feature::Verbosity,
            "few words (`verbosity`)",
            with(|it| it.openai.verbosity = Json::parse(r#""low""#)),
        ),
        (
            Feature::ServiceTier,
            "a cheaper tier (`service_tier`)",
            with(|it| it.openai.service_tier = Json::parse(r#""flex""#)),
        ),
        (
            Feature::Store,
            "that the answer be kept (`store`)",
            with(|it| it.openai.store = Json::parse("true")),
        ),
        (
            Feature::Metadata,
            "that a note be kept with it (`metadata`)",
            with(|it| {
                it.openai.store = Json::parse("true");
                it.openai.metadata = Json::parse(r#"{"a":"b"}"#);
            }),
        ),
    ];
    let lines = lines.into_iter().map(|(feature, what, asked)| Sample {
        feature,
        what,
        asked,
    });
    lines.collect()
}
