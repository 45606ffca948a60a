//! Whether a whole body with status 200 is an answer.

#[cfg(test)]
mod tests;

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
        None if api.has_choices() && shape.choices.is_none() => Err(NotAnAnswer::Malformed),
        None => Ok(shape.usage()),
    }
}
