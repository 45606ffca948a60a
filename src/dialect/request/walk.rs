//! The fields of a request's body that are read.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// What one pass finds; borrows from the body where it can.
#[derive(Default)]
pub(super) struct Fields<'de> {
    /// Whether these are Gemini's fields; else they are OpenAI's and Anthropic's.
    pub(super) gemini: bool,
    /// The field the pass is in or, after an error, was in.
    pub(super) current: Option<Cow<'de, str>>,
    /// What is wrong with `current`, where it is not the JSON.
    pub(super) wrong: Option<String>,
    /// The model and the same as written, quotes included.
    pub(super) model: Option<(String, &'de RawValue)>,
    pub(super) stream: bool,
    pub(super) include_usage: bool,
    /// The part of `stream_options` to replace, and by what, to ask for usage.
    pub(super) ask_usage: Option<(&'de str, &'static str)>,
    /// The largest of the limits; a client that sets two means either.
    pub(super) max_output_tokens: Option<u64>,
    pub(super) n: Option<u64>,
    /// Where a Gemini body repeats the model of its path: of its own, and of the
    /// question whose tokens are to be counted.
    pub(super) repeated: [Option<&'de RawValue>; 2],
    /// Which fields there were, a bit each.
    seen: u16,
}

/// The fields that are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Model,
    Stream,
    StreamOptions,
    MaxTokens,
    MaxCompletionTokens,
    MaxOutputTokens,
    N,
    GenerationConfig,
    Repeated,
    Question,
}

impl Field {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "model" => Self::Model,
            "stream" => Self::Stream,
            "stream_options" => Self::StreamOptions,
            "max_tokens" => Self::MaxTokens,
            "max_completion_tokens" => Self::MaxCompletionTokens,
            "max_output_tokens" => Self::MaxOutputTokens,
            "n" => Self::N,
            _ => return None,
        })
    }

    /// Gemini's, in either spelling.
    fn of_gemini(name: &str) -> Option<Self> {
        Some(match name {
            "generationConfig" | "generation_config" => Self::GenerationConfig,
            "generateContentRequest" | "generate_content_request" => Self::Question,
            "model" => Self::Repeated,
            _ => return None,
        })
    }
}

/// Gemini's names for the limits; what cannot be read, only the provider can judge.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct GenerationConfig<'a> {
    #[serde(borrow, alias = "max_output_tokens")]
    max_output_tokens: Option<&'a RawValue>,
    #[serde(borrow, alias = "candidate_count")]
    candidate_count: Option<&'a RawValue>,
}

/// A whole request of which `:countTokens` asks how long it is.
#[derive(Deserialize)]
struct Question<'a> {
    #[serde(borrow)]
    model: Option<&'a RawValue>,
}

impl<'de> Fields<'de> {
    /// Takes the value `raw` of `field`, or says what is wrong with it.
    fn take(&mut self, field: Field, raw: &'de RawValue) -> Result<(), Cow<'static, str>> {
        let bit = 1 << field as u8;
        if self.seen & bit != 0 {
            return Err("is there twice".into());
        }
        self.seen |= bit;
        match field {
            Field::Model => {
                let model =
                    serde_json::from_str::<String>(raw.get()).map_err(|_| "must be a string")?;
                if model.is_empty() {
                    return Err("must not be empty".into());
                }
                self.model = Some((model, raw));
            }
            Field::Stream => self.stream = flag(raw)?,
            Field::StreamOptions => self.take_stream_options(raw.get())?,
            Field::N => self.n = count(raw),
            Field::GenerationConfig => {
                let config: GenerationConfig<'_> =
                    serde_json::from_str(raw.get()).map_err(|_| "must be an object")?;
                self.max_output_tokens = config.max_output_tokens.and_then(count);
                self.n = config.candidate_count.and_then(count);
            }
            Field::Repeated => self.repeated[0] = Some(raw),
            Field::Question => {
                // What it is, if no object with one model, only the provider can judge.
                let question: Option<Question<'_>> = serde_json::from_str(raw.get()).ok();
                self.repeated[1] = question.and_then(|question| question.model);
            }
            Field::MaxTokens | Field::MaxCompletionTokens | Field::MaxOutputTokens => {
                self.max_output_tokens = self.max_output_tokens.max(count(raw));
            }
        }
        Ok(())
    }

    fn take_stream_options(&mut self, raw: &'de str) -> Result<(), Cow<'static, str>> {
        #[derive(Deserialize)]
        struct Options<'a> {
            #[serde(borrow, default, deserialize_with = "present")]
            include_usage: Option<&'a RawValue>,
        }
        if raw == "null" {
            self.ask_usage = Some((raw, r#"{"include_usage":true}"#));
            return Ok(());
        }
        let inside = raw
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'))
            .ok_or("must be an object")?;
        let options: Options<'_> =
            serde_json::from_str(raw).map_err(|_| "has `include_usage` twice")?;
        match options.include_usage {
            Some(asked) => {
                self.include_usage =
                    flag(asked).map_err(|_| "must have true or false as `include_usage`")?;
                self.ask_usage = Some((asked.get(), "true"));
            }
            None if inside.trim_ascii().is_empty() => {
                self.ask_usage = Some((&inside[..0], r#""include_usage":true"#));
            }
            None => self.ask_usage = Some((&inside[..0], r#""include_usage":true,"#)),
        }
        Ok(())
    }
}

/// Keeps a `null` that `Option` would swallow: its place is needed.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

fn flag(raw: &RawValue) -> Result<bool, &'static str> {
    match raw.get() {
        "true" => Ok(true),
        "false" | "null" => Ok(false),
        _ => Err("must be true or false"),
    }
}

/// Returns a count, or `None` for what only the provider can judge, such as
/// the -1 that some take for "no limit".
fn count(raw: &RawValue) -> Option<u64> {
    serde_json::from_str::<u64>(raw.get()).ok()
}

/// Walks over the fields of a body's object.
pub(super) struct Walk<'f, 'de>(pub(super) &'f mut Fields<'de>);

impl<'de> DeserializeSeed<'de> for Walk<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, 'de> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let fields = self.0;
        while let Some(Name(name)) = map.next_key()? {
            let field = match fields.gemini {
                true => Field::of_gemini(&name),
                false => Field::of(&name),
            };
            fields.current = Some(name);
            match field {
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
                Some(field) => {
                    let raw = map.next_value()?;
                    if let Err(wrong) = fields.take(field, raw) {
                        let name = fields.current.as_deref().unwrap_or_default();
                        fields.wrong = Some(format!("`{name}` {wrong}."));
                        return Err(A::Error::custom("refused"));
                    }
                }
            }
            fields.current = None;
        }
        Ok(())
    }
}

/// The name of a field, borrowed unless it has escapes.
struct Name<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Name<'de>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("the name of a field")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(Read)
    }
}
