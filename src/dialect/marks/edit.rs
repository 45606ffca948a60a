//! Objects and lists from which something is left out.

use serde_json::value::RawValue;

use crate::dialect::neutral::{Members, push_key};

/// What becomes of a value.
#[derive(Debug)]
pub(super) enum Edit {
    /// It stays as it is written.
    Keep,
    /// It goes, with its name.
    Drop,
    /// This takes its place.
    Put(String),
}

impl Edit {
    /// Tells whether a list has nothing in it any more.
    pub(super) fn empties(&self) -> bool {
        matches!(self, Self::Put(list) if list == "[]")
    }

    /// Appends what becomes of `raw`, behind a comma that `begin` puts there.
    fn apply(self, raw: &str, out: &mut String, begin: impl FnOnce(&mut String)) -> bool {
        let (text, changed) = match &self {
            Self::Keep => (raw, false),
            Self::Put(text) => (text.as_str(), true),
            Self::Drop => return true,
        };
        begin(out);
        out.push_str(text);
        changed
    }
}

/// Edits the members of an object, each by its name and its value as written.
pub(super) fn object(raw: &str, mut edit: impl FnMut(&str, &str) -> Edit) -> Edit {
    let Some(Members(members)) = Members::of(raw) else {
        return Edit::Keep;
    };
    let (mut out, mut first, mut changed) = ("{".to_owned(), true, false);
    for (name, value) in members {
        let value = value.get();
        changed |= edit(&name, value).apply(value, &mut out, |out| {
            // A name that was read can be written.
            push_key(&name, &mut first, out).unwrap_or_default();
        });
    }
    out.push('}');
    put_if(changed, out)
}

/// Edits the entries of a list.
pub(super) fn list(raw: &str, mut edit: impl FnMut(&str) -> Edit) -> Edit {
    let Ok(entries) = serde_json::from_str::<Vec<&RawValue>>(raw) else {
        return Edit::Keep;
    };
    let (mut out, mut changed) = ("[".to_owned(), false);
    for value in entries {
        let value = value.get();
        changed |= edit(value).apply(value, &mut out, |out| {
            out.push_str(if out.len() > 1 { "," } else { "" });
        });
    }
    out.push(']');
    put_if(changed, out)
}

fn put_if(changed: bool, out: String) -> Edit {
    match changed {
        true => Edit::Put(out),
        false => Edit::Keep,
    }
}

/// Returns the member `name` of an object, as it is written.
pub(super) fn member<'a>(raw: &'a str, name: &str) -> Option<&'a str> {
    let Members(members) = Members::of(raw)?;
    let found = members.into_iter().find(|(it, _)| it == name);
    found.map(|(_, value)| value.get())
}

/// Tells whether the member `name` of an object is the text `text`, which has no escapes.
pub(super) fn says(raw: &str, name: &str, text: &str) -> bool {
    let said = member(raw, name).and_then(|it| it.strip_prefix('"')?.strip_suffix('"'));
    said == Some(text)
}
