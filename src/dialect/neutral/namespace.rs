//! Tools within a namespace, as Codex puts those of each MCP server. Only
//! responses know them.
//!
//! In the neutral form such a tool is named by both, joined by a character that
//! no provider takes in a name: it is one of the names that go by another, and
//! only who tells a client of responses takes it apart again.

use std::collections::HashSet;

use super::Tool;

/// Stands between a namespace and a name: the unit separator.
const BETWEEN: char = '\u{1f}';

/// Returns the name of a tool within a namespace; what is empty is not there.
pub(in crate::dialect) fn joined(namespace: Option<&str>, name: &str) -> String {
    match namespace {
        Some(space) if !space.is_empty() && !name.is_empty() => format!("{space}{BETWEEN}{name}"),
        _ => name.to_owned(),
    }
}

/// Takes such a name apart.
pub(in crate::dialect) fn apart(name: &str) -> (Option<&str>, &str) {
    let both = name.split_once(BETWEEN);
    both.map_or((None, name), |(space, name)| (Some(space), name))
}

/// Tells whether a client's own name cannot be taken for a joined one.
pub(in crate::dialect) fn is_whole(name: &str) -> bool {
    !name.contains(BETWEEN)
}

/// Returns what those are told who know no namespaces, if they take it: the
/// name that MCP tools had before there were any.
pub(in crate::dialect) fn in_one(name: &str) -> Option<String> {
    let (space, name) = apart(name);
    let space = space?;
    let between = if space.ends_with('_') { "" } else { "__" };
    Some([space, between, name].concat())
}

/// Returns the tools that a client means by `names`, each once: by each that of
/// this name, or else those of a namespace of this name or of this name within
/// one.
pub(in crate::dialect) fn meant(
    tools: &[Tool],
    names: impl IntoIterator<Item = String>,
) -> Vec<String> {
    let all = || tools.iter().map(|tool| tool.name.as_str());
    let whole: HashSet<_> = all().collect();
    let names: HashSet<_> = names.into_iter().collect();
    let says = |name: &str| names.contains(name) && !whole.contains(name);
    let is_meant = |tool: &&str| match apart(tool) {
        _ if names.contains(*tool) => true,
        (Some(space), inner) => says(space) || says(inner),
        (None, _) => false,
    };
    all().filter(is_meant).map(str::to_owned).collect()
}

impl Tool {
    /// Puts the tool into a namespace, and what the namespace is for ahead of
    /// what the tool is for.
    pub(in crate::dialect) fn within(mut self, namespace: &str, about: Option<&str>) -> Self {
        self.name = joined(Some(namespace), &self.name);
        let ahead = |description: &mut Option<String>| {
            let own = description.take();
            let all: Vec<_> = about.into_iter().chain(own.as_deref()).collect();
            *description = (!all.is_empty()).then(|| all.join("\n\n"));
        };
        ahead(&mut self.description);
        if let Some(custom) = &mut self.custom {
            ahead(&mut custom.description);
        }
        self
    }
}
