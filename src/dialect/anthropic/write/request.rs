//! A conversation, written as a request of Messages.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    messages::{self, Message, System},
    schema,
    tools::{self, Choice, Tool},
};
use crate::dialect::{
    anthropic::{model::Model, read::MIN_BUDGET},
    neutral::{Conversation, Effort, Feature, Lost, OutputFormat, Reasoning},
};

/// What this dialect cannot say at all.
pub const CANNOT: &[Feature] = &[
    Feature::ToolGrammar,
    Feature::SystemInConversation,
    Feature::SilentUser,
    Feature::UploadedFile,
    Feature::JsonObject,
    Feature::Temperature,
    Feature::Seed,
    Feature::PresencePenalty,
    Feature::FrequencyPenalty,
    Feature::Candidates,
    Feature::ImageDetail,
    Feature::AllowedTools,
    Feature::Logprobs,
    Feature::Verbosity,
    Feature::ServiceTier,
    Feature::Store,
    Feature::Metadata,
];

/// What this dialect can say in part: addresses with `http` and `https`, PDFs
/// and text, schemas whose objects are closed, without bounds, conditions and recursion and
/// by models that fit them, exact calls by the same, a choice where there are tools,
/// stop texts that are not just space, thinking that goes with the rest of the
/// request and leaves it room, without
/// `top_k`, thoughts that bear its own seal, and users by other than their
/// address or phone number.
pub const IN_PART: &[Feature] = &[
    Feature::ImageUrl,
    Feature::File,
    Feature::JsonSchema,
    Feature::StrictTools,
    Feature::ToolChoice,
    Feature::TopK,
    Feature::Stop,
    Feature::Reasoning,
    Feature::Thought,
    Feature::User,
];

/// The least `top_p` beside thinking.
///
/// # Source
///
/// Anthropic, "Extended thinking", "Feature compatibility".
const MIN_TOP_P_THINKING: f64 = 0.95;

#[derive(Debug, Serialize)]
struct Body<'a> {
    model: &'a str,
    #[serde(flatten)]
    drawn: Option<Drawn<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<System<'a>>,
    messages: Vec<Message<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Tool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Choice<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<Shown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_config: Option<Config<'a>>,
}

/// What `count_tokens` does not take.
#[derive(Debug, Serialize)]
struct Drawn<'a> {
    max_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop_sequences: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata<'a>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
}

#[derive(Debug, Serialize)]
struct Metadata<'a> {
    user_id: &'a str,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Thinking {
    Enabled { budget_tokens: u64 },
    Disabled,
    Adaptive,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    thinking: Thinking,
    #[serde(skip_serializing_if = "Option::is_none")]
    display: Option<&'static str>,
}

impl Shown {
    fn of(thinking: Thinking, of: &Conversation, model: Model) -> Self {
        let thinks = !matches!(thinking, Thinking::Disabled);
        let wish = of.shows_thoughts.filter(|_| thinks);
        // What it does anyway need not be said.
        let wish = wish.filter(|_| wish != model.shows_thoughts());
        let word = |shows| if shows { "summarized" } else { "omitted" };
        Self {
            thinking,
            display: wish.map(word),
        }
    }
}

#[derive(Debug, Serialize)]
struct Config<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<Format<'a>>,
}

#[derive(Debug, Serialize)]
struct Format<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    schema: Cow<'a, RawValue>,
}

/// Writes the body of `POST /v1/messages` for the upstream's `model`.
///
/// An effort is said as adaptive thinking with that effort, a budget as a
/// budget, and each as the other where the model knows that one only; what a
/// model refuses to be told by its name is left out. A schema's name is not said, since it means
/// nothing here, nor whether it must fit: it always must.
pub fn request(conversation: &Conversation, model: &str, lost: &mut Lost) -> Vec<u8> {
    let known = Model::of(model);
    let wish = wish(conversation, known, lost);
    let mut body = body(conversation, wish, model, lost);
    let thinking = body.thinking.map(|it| it.thinking);
    body.drawn = Some(drawn(conversation, known, wish, thinking, lost));
    written(&body)
}

/// Writes the body of `POST /v1/messages/count_tokens`.
pub(in crate::dialect::anthropic) fn counted(
    conversation: &Conversation,
    model: &str,
    lost: &mut Lost,
) -> Vec<u8> {
    let wish = wish(conversation, Model::of(model), lost);
    written(&body(conversation, wish, model, lost))
}

fn written(body: &Body<'_>) -> Vec<u8> {
    // Writing to memory fails for maps with odd keys only; this has none.
    serde_json::to_vec(body).unwrap_or_default()
}

/// Returns how much to think, in words that the model knows.
fn wish(of: &Conversation, model: Model, lost: &mut Lost) -> Option<Reasoning> {
    let budget = |effort: Effort| Reasoning::Budget(effort.budget().min(half_the_room(of)));
    match of.reasoning? {
        reasoning if !model.thinks() => {
            if reasoning != Reasoning::Off {
                lost.feature(Feature::Reasoning);
            }
            None
        }
        Reasoning::Budget(tokens) if !model.takes_budgets() => {
            lost.feature(Feature::Reasoning);
            Some(Reasoning::Effort(Effort::of_budget(tokens)))
        }
        Reasoning::Effort(effort) if !model.adapts() => Some(budget(effort.at_most_high(lost))),
        Reasoning::Effort(effort) => Some(Reasoning::Effort(known_effort(effort, model, lost))),
        Reasoning::Adaptive if !model.adapts() => Some(budget(Effort::Medium)),
        reasoning => Some(reasoning),
    }
}

/// Returns the effort, or the nearest that the model knows.
fn known_effort(effort: Effort, model: Model, lost: &mut Lost) -> Effort {
    match model.efforts_above_high() {
        [] => effort.at_most_high(lost),
        [only] if effort > Effort::High && effort != *only => {
            lost.feature(Feature::Reasoning);
            *only
        }
        _ => effort,
    }
}

/// Returns what thinking may take where nobody said exactly how much: at least
/// as much is left to the answer.
fn half_the_room(of: &Conversation) -> u64 {
    of.sampling.max_tokens.map_or(u64::MAX, |most| most / 2)
}

fn body<'a>(
    of: &'a Conversation,
    wish: Option<Reasoning>,
    model: &'a str,
    lost: &mut Lost,
) -> Body<'a> {
    of.lose_openais(lost);
    let known = Model::of(model);
    let messages = messages::messages(of, known, lost);
    let thinking = thinking(of, wish, &messages, lost);
    let effort = match (thinking, wish) {
        (Some(Thinking::Adaptive), Some(Reasoning::Effort(effort))) => Some(match effort {
            Effort::Minimal => {
                lost.feature(Feature::Reasoning);
                "low"
            }
            Effort::Low => "low",
            Effort::Medium => "medium",
            Effort::High => "high",
            Effort::Higher => "xhigh",
            Effort::Max => "max",
        }),
        _ => None,
    };
    let format = match &of.format {
        OutputFormat::Text => None,
        OutputFormat::JsonObject => {
            lost.feature(Feature::JsonObject);
            None
        }
        OutputFormat::JsonSchema { schema, .. }
            if !known.fits_schemas() || schema::is_recursive(schema) =>
        {
            lost.feature(Feature::JsonSchema);
            None
        }
        OutputFormat::JsonSchema { schema, .. } => Some(Format {
            kind: "json_schema",
            schema: schema::closed(schema, lost),
        }),
    };
    Body {
        model,
        drawn: None,
        system: messages::system(of, lost),
        messages,
        tools: tools::tools(of, known, lost),
        tool_choice: tools::choice(of, lost),
        thinking: thinking.map(|it| Shown::of(it, of, Model::of(model))),
        output_config: (effort.is_some() || format.is_some()).then_some(Config { effort, format }),
    }
}

/// # Source
///
/// Anthropic, "Extended thinking": no forced calls of tools beside it; a budget
/// is at least 1,024 tokens and less than `max_tokens`, and needs the thought
/// that led to the calls whose results come now.
fn thinking(
    of: &Conversation,
    wish: Option<Reasoning>,
    messages: &[Message<'_>],
    lost: &mut Lost,
) -> Option<Thinking> {
    let reasoning = wish?;
    if reasoning == Reasoning::Off {
        return Some(Thinking::Disabled);
    }
    let Reasoning::Budget(wanted) = reasoning else {
        if tools::is_forced(of) {
            lost.feature(Feature::Reasoning);
            return None;
        }
        return Some(Thinking::Adaptive);
    };
    let fits = wanted >= MIN_BUDGET && of.sampling.max_tokens.is_none_or(|most| wanted < most);
    let room = if fits { wanted } else { half_the_room(of) };
    if tools::is_forced(of) || room < MIN_BUDGET || messages::is_thoughtless_loop(messages) {
        lost.feature(Feature::Reasoning);
        return None;
    }
    if !fits {
        lost.feature(Feature::Reasoning);
    }
    let budget_tokens = wanted.clamp(MIN_BUDGET, room);
    Some(Thinking::Enabled { budget_tokens })
}

fn drawn<'a>(
    of: &'a Conversation,
    model: Model,
    wish: Option<Reasoning>,
    thinking: Option<Thinking>,
    lost: &mut Lost,
) -> Drawn<'a> {
    let sampling = &of.sampling;
    let thought = match (thinking, wish) {
        (Some(Thinking::Enabled { budget_tokens }), _) => budget_tokens,
        (Some(Thinking::Adaptive), Some(Reasoning::Effort(effort))) => effort.budget(),
        (Some(Thinking::Adaptive), _) => Effort::Medium.budget(),
        _ => 0,
    };
    let thinks = thought > 0;
    let mut note = |cannot: bool, feature| {
        if cannot {
            lost.feature(feature);
        }
    };
    let free = !thinks && model.takes_sampling();
    let temperature = sampling.temperature.filter(|it| free || *it == 1.0);
    let top_k = sampling.top_k.filter(|_| free);
    let stop = sampling.stop.iter().map(String::as_str);
    let stop_sequences: Vec<_> = stop.filter(|it| !it.trim_ascii().is_empty()).collect();
    let is_too_hot = temperature.is_some_and(|it| it > 1.0);
    note(
        is_too_hot || temperature != sampling.temperature,
        Feature::Temperature,
    );
    note(top_k != sampling.top_k, Feature::TopK);
    note(stop_sequences.len() < sampling.stop.len(), Feature::Stop);
    note(sampling.seed.is_some(), Feature::Seed);
    let is_penalty = |penalty: Option<f64>| penalty.is_some_and(|it| it != 0.0);
    note(
        is_penalty(sampling.presence_penalty),
        Feature::PresencePenalty,
    );
    note(
        is_penalty(sampling.frequency_penalty),
        Feature::FrequencyPenalty,
    );
    note(
        sampling.candidates.is_some_and(|it| it > 1),
        Feature::Candidates,
    );
    note(sampling.logprobs.is_some(), Feature::Logprobs);
    Drawn {
        max_tokens: sampling
            .max_tokens
            .unwrap_or(model.max_tokens().saturating_add(thought)),
        // The default need not be said, and newer models refuse even that.
        temperature: temperature
            .filter(|_| model.takes_sampling())
            .map(|it| it.clamp(0.0, 1.0)),
        top_p: top_p(of, model, thinks, lost),
        top_k,
        stop_sequences,
        metadata: user(of, lost).map(|user_id| Metadata { user_id }),
        stream: of.stream,
    }
}

/// Returns who the user is, unless that is an address or a phone number.
///
/// # Source
///
/// Anthropic, Messages, `metadata.user_id`: no identifying information; "user_id
/// appears to contain an email address" is one of its errors.
fn user<'a>(of: &'a Conversation, lost: &mut Lost) -> Option<&'a str> {
    let user = of.end_user()?;
    let is_address = |word: &str| {
        let place = word.split_once('@').map(|(_, place)| place);
        place.is_some_and(|place| place.contains('.'))
    };
    let is_personal = user.split_whitespace().any(is_address) || is_phone_number(user);
    if is_personal {
        lost.feature(Feature::User);
    }
    (!is_personal).then_some(user)
}

/// Tells whether `user` is written as phone numbers are; digits alone may be
/// anything.
fn is_phone_number(user: &str) -> bool {
    let digits = user.bytes().filter(u8::is_ascii_digit).count();
    let between = user.bytes().filter(|byte| b"+-(). ".contains(byte)).count();
    let least = if user.starts_with('+') { 8 } else { 10 };
    between > 0 && digits + between == user.len() && (least..=15).contains(&digits)
}

/// Returns `top_p`, which most models do not take beside `temperature`; the
/// whole of 1 says nothing and is left out.
fn top_p(of: &Conversation, model: Model, thinks: bool, lost: &mut Lost) -> Option<f64> {
    let top_p = of.sampling.top_p.filter(|it| *it < 1.0)?;
    if !model.takes_sampling()
        || of.sampling.temperature.is_some()
        || (thinks && top_p < MIN_TOP_P_THINKING)
    {
        lost.field("top_p");
        return None;
    }
    Some(top_p)
}
