//! `generationConfig`, and the tools.

use serde::Serialize;

use crate::dialect::{
    gemini::model::Model,
    neutral::{
        Conversation, Effort, Feature, Json, Lost, OutputFormat, Reasoning, Tool, ToolChoice,
    },
};

/// The most texts at which an answer may stop.
///
/// # Source
///
/// Google, `GenerationConfig.stopSequences`.
const MAX_STOPS: usize = 5;

/// A `GenerationConfig`.
#[derive(Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Config<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop_sequences: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    candidate_count: Option<u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    response_logprobs: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_mime_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_json_schema: Option<&'a Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_config: Option<Thinking>,
}

#[derive(Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Thinking {
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_budget: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_level: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    include_thoughts: Option<bool>,
}

/// Returns the `generationConfig`; none if all is left to the model.
pub(super) fn config<'a>(
    asked: &'a Conversation,
    model: Model,
    lost: &mut Lost,
) -> Option<Config<'a>> {
    let sampling = &asked.sampling;
    let seed = sampling.seed.and_then(|seed| i32::try_from(seed).ok());
    if sampling.seed.is_some() && seed.is_none() {
        lost.feature(Feature::Seed);
    }
    let logprobs = sampling.logprobs.filter(|_| model.takes_logprobs());
    if logprobs != sampling.logprobs {
        lost.feature(Feature::Logprobs);
    }
    let [presence_penalty, frequency_penalty] = [
        (sampling.presence_penalty, Feature::PresencePenalty),
        (sampling.frequency_penalty, Feature::FrequencyPenalty),
    ]
    .map(|(penalty, feature)| {
        let takes = model.takes_penalties();
        if !takes && penalty.is_some_and(|it| it != 0.0) {
            lost.feature(feature);
        }
        penalty.filter(|_| takes)
    });
    let candidates = sampling.candidates;
    let candidate_count = candidates.filter(|many| *many == 1 || model.takes_candidates());
    if candidate_count != candidates {
        lost.feature(Feature::Candidates);
    }
    // An empty text asks for nothing, and is refused.
    let mut stop_sequences: Vec<_> = sampling.stop.iter().map(String::as_str).collect();
    stop_sequences.retain(|text| !text.is_empty());
    if stop_sequences.len() > MAX_STOPS {
        stop_sequences.truncate(MAX_STOPS);
        lost.feature(Feature::Stop);
    }
    // Before the third generation, JSON and tools at once are refused.
    let json = asked.tools.is_empty() || model.is_third();
    let (response_mime_type, response_json_schema) = match &asked.format {
        OutputFormat::Text => (None, None),
        OutputFormat::JsonObject if json => (Some("application/json"), None),
        OutputFormat::JsonSchema { schema, .. } if json => (Some("application/json"), Some(schema)),
        OutputFormat::JsonObject => {
            lost.feature(Feature::JsonObject);
            (None, None)
        }
        OutputFormat::JsonSchema { .. } => {
            lost.feature(Feature::JsonSchema);
            (None, None)
        }
    };
    let config = Config {
        max_output_tokens: sampling.max_tokens,
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        top_k: sampling.top_k,
        stop_sequences,
        seed,
        presence_penalty,
        frequency_penalty,
        candidate_count,
        response_logprobs: logprobs.is_some(),
        logprobs: logprobs.filter(|others| *others > 0),
        response_mime_type,
        response_json_schema,
        thinking_config: match asked.reasoning {
            Some(reasoning) => thinking(reasoning, model, lost).map(|it| Thinking {
                include_thoughts: it.include_thoughts.and(asked.shows_thoughts.or(Some(true))),
                ..it
            }),
            None => (asked.shows_thoughts == Some(true) && model.thinks()).then_some(Thinking {
                include_thoughts: Some(true),
                ..Thinking::default()
            }),
        },
    };
    (config != Config::default()).then_some(config)
}

/// Returns the `thinkingConfig`. Thoughts are asked for along with thinking: who
/// wants it done in another dialect is shown it there as well, mostly.
fn thinking(reasoning: Reasoning, model: Model, lost: &mut Lost) -> Option<Thinking> {
    if !model.thinks() {
        if reasoning != Reasoning::Off {
            lost.feature(Feature::Reasoning);
        }
        return None;
    }
    let of_budget = |tokens: u64| Thinking {
        thinking_budget: i64::try_from(tokens).ok(),
        include_thoughts: (tokens > 0).then_some(true),
        ..Thinking::default()
    };
    let of_level = |level| Thinking {
        thinking_level: Some(level),
        include_thoughts: Some(true),
        ..Thinking::default()
    };
    Some(match reasoning {
        Reasoning::Adaptive => Thinking {
            thinking_budget: Some(-1),
            include_thoughts: Some(true),
            ..Thinking::default()
        },
        Reasoning::Budget(tokens) => {
            let fair = match tokens {
                0 => model.no_budget(),
                tokens => tokens.clamp(model.min_budget(), model.max_budget()),
            };
            if fair != tokens {
                lost.feature(Feature::Reasoning);
            }
            of_budget(fair)
        }
        Reasoning::Effort(effort) if model.is_third() => {
            of_level(match effort.at_most_high(lost) {
                Effort::Minimal if model.has_minimal() => "MINIMAL",
                Effort::Minimal => {
                    lost.feature(Feature::Reasoning);
                    "LOW"
                }
                Effort::Low => "LOW",
                Effort::Medium if model.has_medium() => "MEDIUM",
                Effort::Medium => {
                    lost.feature(Feature::Reasoning);
                    "HIGH"
                }
                Effort::High | Effort::Higher | Effort::Max => "HIGH",
            })
        }
        Reasoning::Effort(effort) => of_budget(effort.at_most_high(lost).budget()),
        // The third generation always thinks: as little as it can.
        Reasoning::Off if model.is_third() => {
            lost.feature(Feature::Reasoning);
            Thinking {
                include_thoughts: None,
                ..of_level(if model.has_minimal() {
                    "MINIMAL"
                } else {
                    "LOW"
                })
            }
        }
        Reasoning::Off => {
            if model.no_budget() > 0 {
                lost.feature(Feature::Reasoning);
            }
            Thinking {
                include_thoughts: None,
                ..of_budget(model.no_budget())
            }
        }
    })
}

/// A `Tool`: all functions are declared in one.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Tools<'a> {
    function_declarations: Vec<Declaration<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Declaration<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters_json_schema: Option<&'a Json>,
}

/// Returns the tools; none if there are none.
pub(super) fn tools<'a>(asked: &'a Conversation, lost: &mut Lost) -> Option<[Tools<'a>; 1]> {
    if asked.tools.iter().any(|tool| tool.strict == Some(true)) {
        lost.feature(Feature::StrictTools);
    }
    if asked.parallel_tools == Some(false) {
        lost.feature(Feature::ParallelTools);
    }
    let declared = |tool: &'a Tool| Declaration {
        name: &tool.name,
        description: tool.description.as_deref(),
        parameters_json_schema: tool.parameters.as_ref(),
    };
    // A set of which one must be called is named beside them all.
    let function_declarations = match asked.tool_choice {
        Some(ToolChoice::Any) => asked.tools.iter().map(declared).collect(),
        _ => asked.callable_tools().map(declared).collect::<Vec<_>>(),
    };
    if function_declarations.len() < asked.tools.len() {
        lost.feature(Feature::AllowedTools);
    }
    (!asked.tools.is_empty()).then_some([Tools {
        function_declarations,
    }])
}

/// A `ToolConfig`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolConfig<'a> {
    function_calling_config: Calling<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Calling<'a> {
    mode: &'static str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    allowed_function_names: &'a [String],
}

/// Returns the `toolConfig`; none if all is left to the model.
pub(super) fn tool_config<'a>(asked: &'a Conversation, lost: &mut Lost) -> Option<ToolConfig<'a>> {
    let choice = asked.tool_choice.as_ref()?;
    // Refused where there is nothing to choose from.
    if asked.tools.is_empty() {
        if let ToolChoice::Any | ToolChoice::Named(_) = choice {
            lost.feature(Feature::ToolChoice);
        }
        return None;
    }
    let (mode, only) = match choice {
        ToolChoice::Auto => ("AUTO", &[][..]),
        ToolChoice::None => ("NONE", &[][..]),
        ToolChoice::Any => ("ANY", asked.allowed_tools.as_slice()),
        ToolChoice::Named(name) => ("ANY", std::slice::from_ref(name)),
    };
    Some(ToolConfig {
        function_calling_config: Calling {
            mode,
            allowed_function_names: only,
        },
    })
}
