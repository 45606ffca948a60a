//! Whether a whole body with status 200 is an answer.

#[cfg(test)]
mod tests;

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::shape::{self, Shape};
use crate::dialect::{Api, NotAnAnswer, Usage};

/// Judges a whole body with status 200 and returns the usage it tells.
///
/// # Errors
///
/// [`NotAnAnswer`] for a body that must not be passed on as a success.
pub fn judge(api: Api, body: &[u8]) -> Result<Option<Usage>, NotAnAnswer> {
    let text = body.trim_ascii();
    match text.first() {
        None => return Err(NotAnAnswer::Empty),
        Some(b'<') => return Err(NotAnAnswer::Html),
        Some(_) => {}
    }
    let text = str::from_utf8(text).map_err(|_| NotAnAnswer::Malformed)?;
    let shape = Shape::read(text).ok_or(NotAnAnswer::Malformed)?;
    match shape.error() {
        Some(error) => Err(NotAnAnswer::Error(shape::reported(error))),
        None if shape.is_error() => Err(NotAnAnswer::Error(shape::reported(text))),
        None if api.has_choices() && !shape.choices.is_some_and(are_choices) => {
            Err(NotAnAnswer::Malformed)
        }
        None => Ok(shape.usage()),
    }
}

/// Tells whether `json` is a list whose first choice, if there is one, says
/// something.
fn are_choices(json: &str) -> bool {
    serde_json::from_str(json).is_ok_and(|Choices(first)| first.is_none_or(Choice::says))
}

/// The first of them.
struct Choices<'a>(Option<Choice<'a>>);

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    text: Option<&'a RawValue>,
}

impl Choice<'_> {
    fn says(self) -> bool {
        let begins =
            |raw: Option<&RawValue>, with| raw.is_some_and(|it| it.get().starts_with(with));
        begins(self.message, '{') || begins(self.text, '"')
    }
}

impl<'de> Deserialize<'de> for Choices<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Choices<'de>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a list of choices")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Choices<'de>, A::Error> {
                let first = list.next_element()?;
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Choices(first))
            }
        }
        deserializer.deserialize_seq(Read)
    }
}
