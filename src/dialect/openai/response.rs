//! Whether a whole body with status 200 is an answer.

#[cfg(test)]
mod tests;

use super::{
    Api,
    shape::{self, Shape},
};
use crate::dialect::{Reported, Usage};

/// Why a body with status 200 is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAnswer {
    /// There is no body.
    #[error("the body is empty")]
    Empty,
    /// The body is a page, as a proxy or a login wall sends it.
    #[error("the body is a web page")]
    Html,
    /// The body is not one whole JSON object of its kind: cut short, or
    /// completions without `choices`.
    #[error("the body is not a whole JSON answer")]
    Malformed,
    /// The body is an error of the provider.
    #[error("the body is an error: {}", .0.message)]
    Error(Reported),
}

impl NotAnAnswer {
    /// Returns a fixed word for metric labels.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Html => "html",
            Self::Malformed => "malformed",
            Self::Error(_) => "error_in_200",
        }
    }
}

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
        None if api.has_choices() && shape.choices.is_none() => Err(NotAnAnswer::Malformed),
        None => Ok(shape.usage()),
    }
}
