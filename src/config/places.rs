//! From the path of a value to where it stands in the file.

use super::{
    redact,
    span::Span,
    tree::{Entry, Kind, Node},
};

/// One step of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// Into a mapping.
    Key(&'a str),
    /// Into a list; counts from 0.
    Item(usize),
}

/// Writes `steps` as a JSON Pointer (RFC 6901).
pub(super) fn pointer(steps: &[Step<'_>]) -> String {
    steps
        .iter()
        .map(|step| match step {
            Step::Key(key) => format!(
                "/{}",
                redact::clean(&key.replace('~', "~0").replace('/', "~1"))
            ),
            Step::Item(index) => format!("/{index}"),
        })
        .collect()
}

/// What was found at the end of a path, or as far as the file has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'a> {
    /// The key in front of the value, when it stands in a mapping.
    pub(super) entry: Option<&'a Entry>,
    pub(super) node: &'a Node,
    /// Whether the whole path was there.
    pub(super) whole: bool,
}

/// Follows `steps` from `root` as far as the file goes.
pub(super) fn find<'a>(root: &'a Node, steps: &[Step<'_>]) -> Found<'a> {
    let mut found = Found {
        entry: None,
        node: root,
        whole: true,
    };
    for step in steps {
        match (step, &found.node.kind) {
            (Step::Key(key), Kind::Map(entries)) => {
                if let Some(entry) = entries.iter().find(|entry| entry.key == *key) {
                    found.entry = Some(entry);
                    found.node = &entry.value;
                    continue;
                }
            }
            (Step::Item(index), Kind::List(items)) => {
                if let Some(item) = items.get(*index) {
                    found.entry = None;
                    found.node = item;
                    continue;
                }
            }
            _ => {}
        }
        found.whole = false;
        break;
    }
    found
}

impl Found<'_> {
    /// Returns what to underline: a scalar itself; for a list or mapping the
    /// key that names it, else its first key or item.
    pub(super) fn span(&self) -> Span {
        match (&self.node.kind, self.entry) {
            (Kind::Scalar(scalar), Some(entry)) if scalar.raw.is_empty() => entry.key_span,
            (Kind::Scalar(_) | Kind::Broken, _) => self.node.span,
            (_, Some(entry)) => entry.key_span,
            (Kind::Map(entries), None) => match entries.first() {
                Some(entry) => entry.key_span,
                None => self.node.span,
            },
            (Kind::List(_), None) => self.node.span,
        }
    }

    /// Returns the text of a scalar as the file has it, when it may be shown.
    pub(super) fn text(&self) -> Option<String> {
        match &self.node.kind {
            Kind::Scalar(_) if self.node.secret => Some(redact::MASK.to_owned()),
            Kind::Scalar(scalar) => Some(redact::shown(&scalar.raw)),
            _ => None,
        }
    }
}
