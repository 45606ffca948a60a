//! JSON of a client, taken apart level by level, that knows where it is.

use std::{borrow::Cow, fmt};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::dialect::{
    neutral::{Lost, Members},
    request::BadRequest,
};

/// A JSON value and its place in the body.
#[derive(Clone, Copy)]
pub(super) struct Node<'a, 'p> {
    json: &'a str,
    step: Step<'p>,
    parent: Option<&'p Node<'a, 'p>>,
}

#[derive(Clone, Copy)]
enum Step<'p> {
    Root,
    Name(&'p str),
    Index(usize),
}

impl<'a, 'p> Node<'a, 'p> {
    /// Returns the body itself.
    pub(super) fn root(json: &'a str) -> Self {
        Self {
            json,
            step: Step::Root,
            parent: None,
        }
    }

    /// Returns the value as it was written.
    pub(super) fn json(&self) -> &'a str {
        self.json
    }

    /// Says that the value is not what it must be.
    pub(super) fn wrong(&self, expected: &str) -> BadRequest {
        let at = self.to_string();
        match self.step {
            Step::Root => BadRequest {
                param: None,
                message: format!("The body must be {expected}."),
            },
            _ => BadRequest {
                message: format!("`{at}` must be {expected}."),
                param: Some(at),
            },
        }
    }

    /// Takes the value as a `T`, or says that it must be `expected`.
    fn take<T: Deserialize<'a>>(&self, expected: &str) -> Result<T, BadRequest> {
        serde_json::from_str(self.json).map_err(|_| self.wrong(expected))
    }

    pub(super) fn string(&self) -> Result<String, BadRequest> {
        self.take("a string")
    }

    pub(super) fn flag(&self) -> Result<bool, BadRequest> {
        self.take("true or false")
    }

    pub(super) fn count(&self) -> Result<u64, BadRequest> {
        self.take("a whole number, 0 or more")
    }

    /// Takes a number from 0 to 1.
    pub(super) fn share(&self) -> Result<f64, BadRequest> {
        const EXPECTED: &str = "a number from 0 to 1";
        let number: f64 = self.take(EXPECTED)?;
        match (0.0..=1.0).contains(&number) {
            true => Ok(number),
            false => Err(self.wrong(EXPECTED)),
        }
    }

    pub(super) fn is_string(&self) -> bool {
        self.json.starts_with('"')
    }

    /// Takes an array; calls `each` with every element.
    pub(super) fn each(
        &self,
        mut each: impl FnMut(Node<'a, '_>) -> Result<(), BadRequest>,
    ) -> Result<(), BadRequest> {
        let elements: Vec<&'a RawValue> = self.take("an array")?;
        for (index, element) in elements.into_iter().enumerate() {
            each(Node {
                json: element.get(),
                step: Step::Index(index),
                parent: Some(self),
            })?;
        }
        Ok(())
    }

    /// Takes an object.
    pub(super) fn object(&'p self) -> Result<Fields<'a, 'p>, BadRequest> {
        let Members(list) = Members::said(self.json).ok_or_else(|| self.wrong("an object"))?;
        Ok(Fields { of: self, list })
    }
}

impl fmt::Display for Node<'_, '_> {
    /// Writes the place: `messages[2].content`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(out)?;
        }
        match (self.step, self.parent.map(|parent| parent.step)) {
            (Step::Root, _) => Ok(()),
            (Step::Index(index), _) => write!(out, "[{index}]"),
            (Step::Name(name), Some(Step::Root) | None) => out.write_str(name),
            (Step::Name(name), _) => write!(out, ".{name}"),
        }
    }
}

/// The fields of an object. One that is `null` counts as not there; of a name
/// that is there twice the first one counts.
pub(super) struct Fields<'a, 'p> {
    of: &'p Node<'a, 'p>,
    list: Vec<(Cow<'a, str>, &'a RawValue)>,
}

impl<'a> Fields<'a, '_> {
    /// Returns the field `name`, if it is there.
    pub(super) fn get<'f>(&'f self, name: &'f str) -> Option<Node<'a, 'f>> {
        let (_, raw) = self.list.iter().find(|(key, _)| *key == name)?;
        Some(Node {
            json: raw.get(),
            step: Step::Name(name),
            parent: Some(self.of),
        })
    }

    /// Returns the field `name`.
    pub(super) fn need<'f>(&'f self, name: &'f str) -> Result<Node<'a, 'f>, BadRequest> {
        self.get(name).ok_or_else(|| {
            let missing = Node {
                json: "",
                step: Step::Name(name),
                parent: Some(self.of),
            };
            BadRequest {
                param: Some(missing.to_string()),
                message: format!("`{missing}` is missing."),
            }
        })
    }

    /// Notes every field that is not `known` and asks for something, as `place.name`.
    pub(super) fn others(&self, known: &[&str], place: &str, lost: &mut Lost) {
        for (name, raw) in &self.list {
            if !known.contains(&&**name) {
                match place {
                    "" => lost.value(name, raw.get()),
                    place => lost.value(&format!("{place}.{name}"), raw.get()),
                }
            }
        }
    }
}
