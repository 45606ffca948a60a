//! Keys that only count at start: a reload must not pass over a change of them
//! in silence.

use super::{
    Change, Problem, Problems, Shown,
    places::{self, Step},
    span::Span,
    tree::Node,
};

/// The keys, as people write them.
pub(super) const KEYS: [&str; 4] = [
    "server.listen",
    "server.workers",
    "server.tls",
    "admin.listen",
];

const REFUSED: &str = "only a restart can change this";

/// Where they stand in the text of a configuration, or would; ready to be shown
/// if a reload has to refuse them. Two configurations that say the same at other
/// places are equal all the same.
#[derive(Clone, Debug, Default)]
pub struct StartOnly(Vec<Shown>);

impl PartialEq for StartOnly {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl StartOnly {
    /// Looks for them in `text`, whose tree is `tree`; lines show no `secrets`.
    pub(super) fn find(name: &str, text: &str, tree: &Node, secrets: &[Span]) -> Self {
        let problems = KEYS.iter().map(|key| {
            let steps: Vec<_> = key.split('.').map(Step::Key).collect();
            let found = places::find(tree, &steps);
            let problem = Problem::new("start_only", REFUSED);
            let problem = problem.about(places::pointer(&steps), None);
            // A file that has not even the section tells nothing by its first line.
            match found.entry {
                Some(_) => problem.at(found.span()),
                None => problem,
            }
        });
        let problems = Problems::new(name, text, problems.collect(), secrets, true);
        Self(problems.shown())
    }

    /// Returns what a reload has to refuse of `changes`.
    pub(crate) fn refused(&self, changes: &[Change]) -> Vec<Shown> {
        let refused = changes.iter().filter(|it| it.start_only);
        refused
            .map(|change| {
                let key = change.key.as_deref().unwrap_or_default();
                let place = self.0.iter().find(|it| it.key == key).cloned();
                let in_force = change.from.as_deref().unwrap_or("no value");
                Shown {
                    expected: Some(format!("{in_force}, as is in force")),
                    ..place.unwrap_or_else(|| Shown::alone(key, REFUSED.to_owned()))
                }
            })
            .collect()
    }
}
