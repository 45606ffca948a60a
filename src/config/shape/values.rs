//! Values with a form of their own.

use std::{borrow::Cow, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::Error};

use crate::config::units;

/// A duration such as `10s`.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct Dur(pub(in crate::config) Duration);

/// A number of bytes such as `32MiB`.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct Size(pub(in crate::config) usize);

/// A list whose items keep their place when one of them is broken.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(in crate::config) struct List<T>(Vec<Option<T>>);

impl<T> List<T> {
    /// Returns the sound items, each with its index in the file.
    pub(in crate::config) fn iter(&self) -> impl Iterator<Item = (usize, &T)> {
        let items = self.0.iter().enumerate();
        items.filter_map(|(index, item)| Some((index, item.as_ref()?)))
    }

    /// Says whether every item is sound.
    pub(in crate::config) fn is_whole(&self) -> bool {
        self.0.iter().all(Option::is_some)
    }

    /// Says whether there are no items, broken ones included.
    pub(in crate::config) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'de> Deserialize<'de> for Dur {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(from)?;
        units::duration(&text).map(Self).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(from)?;
        let bytes = units::size(&text).map_err(D::Error::custom)?;
        usize::try_from(bytes).map(Self).map_err(D::Error::custom)
    }
}

impl JsonSchema for Dur {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "breakerbox-duration",
            "formatMaximum": units::LONGEST_WRITTEN,
            "pattern": r"^(0|[0-9]+(\.[0-9]+)? *(ms|s|m|h|d)|.*\$\{.*)$",
        })
    }
}

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "breakerbox-size",
            "pattern": r"^([0-9]+(\.[0-9]+)? *(B|KB|MB|GB|KiB|MiB|GiB)|.*\$\{.*)$",
        })
    }
}

impl<T: JsonSchema> JsonSchema for List<T> {
    fn schema_name() -> Cow<'static, str> {
        Vec::<T>::schema_name()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Vec::<T>::json_schema(generator)
    }
}
