//! What is wrong with a file, told so that it can be mended.

use std::{fmt, path::PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{limits, redact, span::Span};

mod render;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem(Box<Facts>);

/// Boxed, because problems travel in results whose good side is small.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Facts {
    code: &'static str,
    message: String,
    expected: Option<String>,
    help: Option<String>,
    suggestion: Option<String>,
    /// JSON Pointer of the value.
    path: String,
    span: Option<Span>,
    /// The offending text, fit to be shown.
    text: Option<String>,
}

impl Problem {
    pub(super) fn new(code: &'static str, message: &str) -> Self {
        Self(Box::new(Facts {
            code,
            message: message.to_owned(),
            expected: None,
            help: None,
            suggestion: None,
            path: String::new(),
            span: None,
            text: None,
        }))
    }

    /// Says what would have been accepted.
    pub(super) fn expect(mut self, what: &str) -> Self {
        self.0.expected = Some(what.to_owned());
        self
    }

    /// Says how to mend it.
    pub(super) fn help(mut self, how: &str) -> Self {
        self.0.help = Some(how.to_owned());
        self
    }

    /// Says what was probably meant.
    pub(super) fn suggest(mut self, word: Option<&str>) -> Self {
        self.0.suggestion = word.map(redact::shown);
        self
    }

    /// Says that it comes from a flag of the command line, not from the file.
    pub(super) fn given_by(mut self, flag: &str) -> Self {
        self.0.message = format!("{flag}: {}", self.0.message);
        self
    }

    pub(super) fn at(mut self, span: Span) -> Self {
        self.0.span = Some(span);
        self
    }

    /// Says under which JSON Pointer and in which words the file has it.
    pub(super) fn about(mut self, path: String, text: Option<String>) -> Self {
        self.0.path = path;
        self.0.text = text;
        self
    }

    /// Returns whether it is about a value at or below the JSON Pointer `path`.
    pub(super) fn is_below(&self, path: &str) -> bool {
        let rest = self.0.path.strip_prefix(path);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Returns the fixed word for the kind of problem.
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// Returns line and column, both from 1, when it stands somewhere.
    pub fn place(&self) -> Option<(usize, usize)> {
        self.0.span.map(|span| (span.start.line, span.start.column))
    }
}

/// Everything that is wrong with one file, in the order of its lines.
///
/// Displays as text for people, each problem with its line. Never holds a
/// secret or the value of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    name: String,
    /// The lines that problems point at.
    lines: Vec<render::Line>,
    list: Vec<Problem>,
    files: Files,
}

/// The files that settings name, as far as they were looked for. Not shown: a
/// name may come from a variable.
#[derive(Clone, Default, PartialEq, Eq)]
struct Files(Vec<PathBuf>);

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} files", self.0.len())
    }
}

/// One problem as the admin API shows it; what is not known is `None`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Shown {
    /// Line, from 1.
    pub line: Option<usize>,
    /// Column, from 1.
    pub column: Option<usize>,
    /// The key concerned, such as `endpoints[0].provider`; may be empty.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What would have been accepted.
    pub expected: Option<String>,
    /// What was probably meant.
    pub suggestion: Option<String>,
    /// How to mend it.
    pub help: Option<String>,
    /// The offending line, secrets hidden.
    pub text: Option<String>,
}

impl Shown {
    /// A problem with no place in a file.
    pub fn alone(key: &str, message: String) -> Self {
        Self {
            line: None,
            column: None,
            key: key.to_owned(),
            message,
            expected: None,
            suggestion: None,
            help: None,
            text: None,
        }
    }

    /// Returns where and what in one line: `line 2: endpoints[0].weight: …`.
    pub(crate) fn in_a_line(&self) -> String {
        let line = self.line.map(|it| format!("line {it}"));
        let key = Some(self.key.clone()).filter(|it| !it.is_empty());
        let parts = [line, key, Some(self.message.clone())];
        parts.into_iter().flatten().collect::<Vec<_>>().join(": ")
    }
}

impl Problems {
    /// Notes which files the settings name, for whoever watches them.
    pub(super) fn with_files(mut self, files: Vec<PathBuf>) -> Self {
        self.files = Files(files);
        self
    }

    /// Returns the files that the settings name, as far as they were looked for.
    pub fn files(&self) -> &[PathBuf] {
        &self.files.0
    }

    /// Returns each problem as the admin API shows it.
    pub fn shown(&self) -> Vec<Shown> {
        let shown = |problem: &Problem| {
            let (line, column) = problem.place().unzip();
            let text = self.lines.iter().find(|it| Some(it.number()) == line);
            Shown {
                line,
                column,
                key: dotted(&problem.0.path),
                message: problem.0.message.clone(),
                expected: problem.0.expected.clone(),
                suggestion: problem.0.suggestion.clone(),
                help: problem.0.help.clone(),
                text: text.map(|it| redact::shown(it.text())),
            }
        };
        self.list.iter().take(limits::SHOWN).map(shown).collect()
    }

    /// Gathers `list`, found in `text`, which people know as `name`. What is in
    /// `secrets` is masked; more is guessed when the text was not `parsed`.
    pub(super) fn new(
        name: &str,
        text: &str,
        mut list: Vec<Problem>,
        secrets: &[Span],
        parsed: bool,
    ) -> Self {
        list.sort_by_key(|problem| problem.0.span);
        let lines = render::lines(text, &list, secrets, parsed);
        let name = redact::clean(name);
        Self {
            name,
            lines,
            list,
            files: Files::default(),
        }
    }

    /// A problem with no place in a file.
    pub(super) fn alone(name: &str, problem: Problem) -> Self {
        Self::new(name, "", vec![problem], &[], true)
    }

    /// Returns the problems; one or more.
    pub fn list(&self) -> &[Problem] {
        &self.list
    }

    /// Returns the problems for machines: `{"ok": false, "file", "problems":
    /// [{"code", "path", "line", "column", "text", "message", "expected",
    /// "help", "suggestion"}]}`, what is not known being null.
    pub fn to_json(&self) -> serde_json::Value {
        let problems: Vec<_> = self
            .list
            .iter()
            .map(|problem| {
                json!({
                    "code": problem.0.code,
                    "path": problem.0.path,
                    "line": problem.place().map(|(line, _)| line),
                    "column": problem.place().map(|(_, column)| column),
                    "text": problem.0.text,
                    "message": problem.0.message,
                    "expected": problem.0.expected,
                    "help": problem.0.help,
                    "suggestion": problem.0.suggestion,
                })
            })
            .collect();
        json!({ "ok": false, "file": self.name, "problems": problems })
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in self.list.iter().take(limits::SHOWN) {
            render::problem(f, &self.name, &self.lines, problem)?;
            writeln!(f)?;
        }
        let count = self.list.len();
        if count > limits::SHOWN {
            writeln!(f, "… and {} more\n", count - limits::SHOWN)?;
        }
        let noun = if count == 1 { "problem" } else { "problems" };
        write!(f, "{}: {count} {noun}", self.name)
    }
}

impl std::error::Error for Problems {}

/// Writes the JSON Pointer `path` as people do: `/endpoints/0/weight` as
/// `endpoints[0].weight`.
fn dotted(path: &str) -> String {
    let mut text = String::new();
    for step in path.split('/').skip(1) {
        if !step.is_empty() && step.bytes().all(|it| it.is_ascii_digit()) {
            text.push_str(&format!("[{step}]"));
            continue;
        }
        if !text.is_empty() {
            text.push('.');
        }
        text.push_str(&step.replace("~1", "/").replace("~0", "~"));
    }
    text
}

/// Returns the word of `known` closest to `word`, if one is close enough to
/// have been meant.
pub(crate) fn near<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Comparing is quadratic; nobody means a name by a page of text.
    if word.len() > 200 {
        return None;
    }
    let lower = word.to_lowercase();
    known
        .into_iter()
        .map(|candidate| {
            let distance = strsim::damerau_levenshtein(&lower, &candidate.to_lowercase());
            let close = strsim::jaro_winkler(&lower, &candidate.to_lowercase());
            (distance, close, candidate)
        })
        .filter(|(distance, close, candidate)| {
            let length = candidate.chars().count();
            // Of a name of one letter nothing is left once it differs.
            *distance < length && (*distance <= (length / 3).max(1) || *close > 0.9)
        })
        .min_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)))
        .map(|(_, _, candidate)| candidate)
}
