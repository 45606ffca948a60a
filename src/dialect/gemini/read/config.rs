//! `generationConfig`.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::wrong;
use crate::dialect::{
    gemini::{
        line::one_line,
        schema,
        wire::{Fields, Text, list},
    },
    neutral::{Conversation, Effort, Json, Lost, OutputFormat, Reasoning},
    request::BadRequest,
};

/// Reads `generationConfig`.
pub(super) fn read(
    raw: &RawValue,
    asked: &mut Conversation,
    lost: &mut Lost,
) -> Result<(), BadRequest> {
    let fields = Fields::read(raw.get()).ok_or_else(|| wrong("generationConfig", "an object"))?;
    let sampling = &mut asked.sampling;
    let mut format = Format::default();
    for (name, raw) in fields.named() {
        let at = || format!("generationConfig.{name}");
        match &*name {
            "maxOutputTokens" => sampling.max_tokens = Some(count(raw, at)?),
            "temperature" => sampling.temperature = Some(number(raw, at)?),
            "topP" => sampling.top_p = Some(number(raw, at)?),
            "topK" => sampling.top_k = Some(count(raw, at)?),
            "candidateCount" => sampling.candidates = Some(count(raw, at)?),
            "seed" => sampling.seed = Some(number(raw, at)? as i64),
            "presencePenalty" => sampling.presence_penalty = Some(number(raw, at)?),
            "frequencyPenalty" => sampling.frequency_penalty = Some(number(raw, at)?),
            "stopSequences" => {
                for raw in list(raw) {
                    let text: Result<String, _> = serde_json::from_str(raw.get());
                    let text = text.map_err(|_| wrong(at(), "a list of strings"))?;
                    // An empty one asks for nothing, and is refused elsewhere.
                    sampling
                        .stop
                        .extend(Some(text).filter(|text| !text.is_empty()));
                }
            }
            "responseMimeType" => {
                let mime: Text<'_> =
                    serde_json::from_str(raw.get()).map_err(|_| wrong(at(), "a string"))?;
                match &*mime {
                    "application/json" => format.json = true,
                    "" | "text/plain" => {}
                    _ => lost.field("responseMimeType"),
                }
            }
            "responseSchema" => {
                let schema = schema::to_json_schema(raw);
                format.schema = Some(schema.ok_or_else(|| wrong(at(), "a schema"))?);
            }
            "responseJsonSchema" => format.schema = Json::parse(&one_line(raw.get())),
            "thinkingConfig" => {
                (asked.reasoning, asked.shows_thoughts) = thinking(raw)?;
            }
            "responseLogprobs" if raw.get() == "true" => {
                sampling.logprobs.get_or_insert(0);
            }
            "logprobs" => match count(raw, at)? {
                0 => {}
                others => sampling.logprobs = Some(others),
            },
            "responseModalities" if is_text_only(raw) => {}
            other => lost.value(&format!("generationConfig.{other}"), raw.get()),
        }
    }
    asked.format = match format {
        Format {
            schema: Some(schema),
            ..
        } => OutputFormat::JsonSchema {
            name: None,
            schema,
            strict: None,
        },
        Format { json: true, .. } => OutputFormat::JsonObject,
        Format { json: false, .. } => OutputFormat::Text,
    };
    Ok(())
}

/// Tells whether an answer is to be what it is anyway.
fn is_text_only(modalities: &RawValue) -> bool {
    let all = list(modalities);
    all.iter()
        .all(|it| it.get().eq_ignore_ascii_case("\"text\""))
}

#[derive(Default)]
struct Format {
    json: bool,
    schema: Option<Json>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Thinking<'a> {
    #[serde(alias = "thinking_budget")]
    thinking_budget: Option<f64>,
    #[serde(borrow, alias = "thinking_level")]
    thinking_level: Option<Text<'a>>,
    #[serde(alias = "include_thoughts")]
    include_thoughts: Option<bool>,
}

/// Reads `thinkingConfig`, and whether thoughts are shown; those that are wanted
/// without a word on how many mean as many as the model likes.
fn thinking(raw: &RawValue) -> Result<(Option<Reasoning>, Option<bool>), BadRequest> {
    const PATH: &str = "generationConfig.thinkingConfig";
    let thinking: Thinking<'_> =
        serde_json::from_str(raw.get()).map_err(|_| wrong(PATH, "an object of its fields"))?;
    let shown = thinking.include_thoughts;
    if let Some(budget) = thinking.thinking_budget {
        let reasoning = match budget {
            ..0.0 => Reasoning::Adaptive,
            0.0 => Reasoning::Off,
            tokens => Reasoning::Budget(tokens as u64),
        };
        return Ok((Some(reasoning), shown));
    }
    let level = thinking.thinking_level.as_deref().unwrap_or_default();
    let effort = match level.to_ascii_uppercase().as_str() {
        "" | "THINKING_LEVEL_UNSPECIFIED" => {
            let wanted = shown == Some(true);
            return Ok((wanted.then_some(Reasoning::Adaptive), shown));
        }
        "MINIMAL" => Effort::Minimal,
        "LOW" => Effort::Low,
        "MEDIUM" => Effort::Medium,
        "HIGH" => Effort::High,
        "XHIGH" => Effort::Higher,
        _ => {
            let expected = "`MINIMAL`, `LOW`, `MEDIUM` or `HIGH`";
            return Err(wrong(format!("{PATH}.thinkingLevel"), expected));
        }
    };
    Ok((Some(Reasoning::Effort(effort)), shown))
}

/// Reads a number; one in quotes is one as well.
fn number(raw: &RawValue, path: impl FnOnce() -> String) -> Result<f64, BadRequest> {
    let number = raw.get().trim_matches('"').parse();
    let number = number.ok().filter(|number: &f64| number.is_finite());
    number.ok_or_else(|| wrong(path(), "a number"))
}

fn count(raw: &RawValue, path: impl Fn() -> String) -> Result<u64, BadRequest> {
    match number(raw, &path)? {
        count if count >= 0.0 && count.fract() == 0.0 => Ok(count as u64),
        _ => Err(wrong(path(), "a whole number, 0 or more")),
    }
}
