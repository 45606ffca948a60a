//! JSON that is carried over as it was written.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// Appends the name of an object's next field and the colon behind it.
pub(in crate::dialect) fn push_key(name: &str, first: &mut bool, out: &mut String) -> Option<()> {
    out.push_str(if std::mem::take(first) { "" } else { "," });
    out.push_str(&serde_json::to_string(name).ok()?);
    out.push(':');
    Some(())
}

/// One whole JSON value as its author wrote it: a tool's schema, a call's
/// arguments. Never taken apart, so that neither the order of its names nor its
/// numbers change.
#[derive(Clone, Debug)]
pub struct Json(Box<RawValue>);

impl Json {
    /// Takes `text` if it is one whole JSON value.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().map(Self)
    }

    /// Takes `value`, written on one line.
    pub fn of(value: &serde_json::Value) -> Option<Self> {
        serde_json::value::to_raw_value(value).ok().map(Self)
    }

    /// Returns `{}`.
    pub fn empty_object() -> Self {
        Self(RawValue::from_string("{}".to_owned()).unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }

    /// Returns the text.
    pub fn get(&self) -> &str {
        self.0.get()
    }

    /// Returns the value as it is written.
    pub fn raw(&self) -> &RawValue {
        &self.0
    }

    /// Tells whether it is an object.
    pub fn is_object(&self) -> bool {
        self.get().starts_with('{')
    }
}

impl PartialEq for Json {
    /// By the letter.
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl Eq for Json {}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(Self)
    }
}
