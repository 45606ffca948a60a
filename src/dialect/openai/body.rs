//! A client's body, taken apart field by field, so that an error can name the
//! place and an unknown field can be named.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::dialect::{
    neutral::{Json, Members, Part},
    request::BadRequest,
};

/// Says what is wrong, of a place that the callers add with [`Within`].
pub(super) fn wrong(what: impl Into<String>) -> BadRequest {
    BadRequest {
        param: None,
        message: what.into(),
    }
}

/// Adds, from the inside out, where in the body it is wrong.
pub(super) trait Within {
    /// In the field `name`.
    fn within(self, name: &str) -> Self;
    /// In the entry `index` of a list.
    fn at(self, index: usize) -> Self;
}

impl<T> Within for Result<T, BadRequest> {
    fn within(self, name: &str) -> Self {
        self.map_err(|wrong| placed(name.to_owned(), wrong))
    }

    fn at(self, index: usize) -> Self {
        self.map_err(|wrong| placed(format!("[{index}]"), wrong))
    }
}

fn placed(place: String, wrong: BadRequest) -> BadRequest {
    let param = match wrong.param {
        None => place,
        Some(inner) if inner.starts_with('[') => place + &inner,
        Some(inner) => place + "." + &inner,
    };
    BadRequest {
        param: Some(param),
        ..wrong
    }
}

/// Makes a sentence for the client of a fault whose place is complete.
pub(super) fn told(wrong: BadRequest) -> BadRequest {
    let message = match &wrong.param {
        Some(param) => format!("`{param}` {}.", wrong.message),
        None => format!("The body {}.", wrong.message),
    };
    BadRequest { message, ..wrong }
}

/// Returns the body as text.
pub(super) fn utf8(body: &[u8]) -> Result<&str, BadRequest> {
    str::from_utf8(body).map_err(|_| wrong("is not valid UTF-8"))
}

/// Takes an object apart; fields that are `null` are not there.
pub(super) fn fields(json: &str) -> Result<Vec<(Cow<'_, str>, &str)>, BadRequest> {
    let Members(all) = Members::said(json).ok_or_else(|| wrong("must be a JSON object"))?;
    Ok(all
        .into_iter()
        .map(|(name, raw)| (name, raw.get()))
        .collect())
}

/// Takes a list apart.
pub(super) fn list(json: &str) -> Result<Vec<&str>, BadRequest> {
    let list: Vec<&RawValue> = serde_json::from_str(json).map_err(|_| wrong("must be a list"))?;
    Ok(list.into_iter().map(RawValue::get).collect())
}

fn value<T: DeserializeOwned>(json: &str, what: &str) -> Result<T, BadRequest> {
    serde_json::from_str(json).map_err(|_| wrong(format!("must be {what}")))
}

/// Reads a text.
pub(super) fn text(json: &str) -> Result<String, BadRequest> {
    value(json, "a string")
}

/// Reads `true` or `false`.
pub(super) fn flag(json: &str) -> Result<bool, BadRequest> {
    value(json, "true or false")
}

/// Reads a number.
pub(super) fn number(json: &str) -> Result<f64, BadRequest> {
    value(json, "a number")
}

/// Reads a whole number.
pub(super) fn integer(json: &str) -> Result<i64, BadRequest> {
    value(json, "a whole number")
}

/// Reads how many of something.
pub(super) fn count(json: &str) -> Result<u64, BadRequest> {
    value(json, "a whole number of 0 or more")
}

/// Takes an object that nobody here looks into.
pub(super) fn object(json: &str) -> Result<Json, BadRequest> {
    Json::parse(json)
        .filter(Json::is_object)
        .ok_or_else(|| wrong("must be a JSON object"))
}

/// Takes a field that has to be there.
pub(super) fn needed<T>(field: Option<T>, name: &str) -> Result<T, BadRequest> {
    field.ok_or_else(|| wrong("is missing")).within(name)
}

/// Reads a text or a list of parts, each as `read` does; empty texts, which
/// other dialects refuse, are left out.
pub(super) fn parts(
    raw: &str,
    mut read: impl FnMut(&str) -> Result<Option<Part>, BadRequest>,
) -> Result<Vec<Part>, BadRequest> {
    let mut parts = Vec::new();
    if raw.starts_with('"') {
        parts.push(Part::Text(text(raw)?));
    } else if raw.starts_with('[') {
        for (at, raw) in list(raw)?.into_iter().enumerate() {
            parts.extend(read(raw).at(at)?);
        }
    } else {
        return Err(wrong("must be a string or a list of parts"));
    }
    parts.retain(|part| !matches!(part, Part::Text(text) if text.is_empty()));
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_names_its_place_from_the_outside_in() {
        let inner: Result<(), _> = Err(wrong("must be a string"));
        let outer = inner.within("content").at(2).within("messages");
        let told = told(outer.unwrap_err());
        assert_eq!(told.param.as_deref(), Some("messages[2].content"));
        assert_eq!(told.message, "`messages[2].content` must be a string.");
    }

    #[test]
    fn what_is_null_is_not_there() {
        let fields = fields(r#"{"a":null,"\u0062":[1, 2]}"#).unwrap();
        assert_eq!(fields, [("b".into(), "[1, 2]")]);
    }
}
