//! JSON that is carried over as it was written.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// The members of an object, in order and with their values as written.
#[derive(Debug, Default)]
pub(in crate::dialect) struct Members<'a>(pub(in crate::dialect) Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Members<'a> {
    /// Takes `json` apart if it is an object.
    pub(in crate::dialect) fn of(json: &'a str) -> Option<Self> {
        serde_json::from_str(json).ok()
    }

    /// As [`of`](Self::of), without those that are `null`.
    pub(in crate::dialect) fn said(json: &'a str) -> Option<Self> {
        let mut all = Self::of(json)?;
        all.0.retain(|(_, raw)| raw.get() != "null");
        Some(all)
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// `Cow` alone never borrows.
        #[derive(Deserialize)]
        struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Members<'de>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::with_capacity(8);
                while let Some((Name(name), raw)) = map.next_entry()? {
                    members.push((name, raw));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Read)
    }
}

/// Appends the name of an object's next field and the colon behind it.
pub(in crate::dialect) fn push_key(name: &str, first: &mut bool, out: &mut String) -> Option<()> {
    out.push_str(if std::mem::take(first) { "" } else { "," });
    out.push_str(&serde_json::to_string(name).ok()?);
    out.push(':');
    Some(())
}

/// How much of a value whose levels are each read over again may still be
/// read: a deep one must not cost more than a long one.
pub(in crate::dialect) struct Readings(usize);

impl Readings {
    /// How often all of it may be read.
    const MOST: usize = 16;
    /// What may be read of any, in bytes.
    const LEAST: usize = 256 << 10;

    /// What may be read of `whole` and all within it.
    pub(in crate::dialect) fn of(whole: &str) -> Self {
        Self(whole.len().saturating_mul(Self::MOST).max(Self::LEAST))
    }

    /// Counts the reading of `part`; `None` if it was read enough.
    pub(in crate::dialect) fn count(&mut self, part: &str) -> Option<()> {
        self.0 = self.0.checked_sub(part.len())?;
        Some(())
    }
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
