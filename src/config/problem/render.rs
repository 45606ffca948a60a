//! Problems as text: where, what, the line with a caret, what was expected.

use std::fmt;

use super::{
    super::{redact, span::Span},
    Problem,
};

/// Longest piece of a line that is shown.
const WIDTH: usize = 120;

/// Longest line of which anything is shown.
const LONGEST: usize = 10_000;

/// A line that a problem points at, fit to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    number: usize,
    text: String,
    /// Where each character of the file's line is in `text`.
    places: Vec<usize>,
}

/// Returns the lines of `text` that `list`, sorted, points at.
pub(super) fn lines(text: &str, list: &[Problem], secrets: &[Span], parsed: bool) -> Vec<Line> {
    let places = list.iter().filter_map(Problem::place);
    let mut wanted: Vec<_> = places.map(|(line, _)| line).collect();
    wanted.dedup();
    let mut wanted = wanted.into_iter().peekable();
    let mut found = Vec::new();
    for (index, line) in split(text).enumerate() {
        if wanted.next_if_eq(&(index + 1)).is_some() && line.len() <= LONGEST {
            found.push(prepare(index + 1, line, secrets, parsed));
        }
        if wanted.peek().is_none() {
            break;
        }
    }
    found
}

fn prepare(number: usize, line: &str, secrets: &[Span], parsed: bool) -> Line {
    let chars = redact::printable(line);
    let mut ranges = redact::credentials(&chars);
    // A comment may hold yesterday's key; a text without a tree, any.
    let unread = match parsed {
        true => chars.iter().position(|c| *c == '#'),
        false => Some(0),
    };
    if let Some(from) = unread {
        ranges.extend(redact::guessed(&chars, from));
    }
    let here = secrets
        .iter()
        .filter(|span| (span.start.line..=span.end.line).contains(&number));
    ranges.extend(here.map(|span| {
        let start = match span.start.line == number {
            true => span.start.column - 1,
            false => 0,
        };
        let end = match span.end.line == number {
            true => span.end.column - 1,
            false => chars.len(),
        };
        let (start, mut end) = (start.min(chars.len()), end.min(chars.len()));
        // The parser counts the blanks after a quoted scalar to it.
        while end > start && chars[end - 1].is_whitespace() {
            end -= 1;
        }
        start..end
    }));
    let (text, places) = redact::mask(&chars, ranges);
    Line {
        number,
        text,
        places,
    }
}

impl Line {
    /// Returns its number, from 1.
    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// Returns what it says, secrets hidden.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Returns the piece of the line around the columns `start..end`, and the
    /// carets below it.
    fn window(&self, start: usize, end: usize) -> (String, String) {
        let last = self.places.len() - 1;
        let place = |column: usize| self.places[(column - 1).min(last)];
        let length = self.text.chars().count();
        let (start, end) = (place(start), place(end.max(1)));
        let from = match length > WIDTH {
            true => start.saturating_sub(WIDTH / 2),
            false => 0,
        };
        let to = length.min(from + WIDTH);
        let mut text: String = self.text.chars().skip(from).take(to - from).collect();
        let mut pad = start - from;
        if from > 0 {
            text.insert(0, '…');
            pad += 1;
        }
        if to < length {
            text.push('…');
        }
        let under = self.text.chars().take(end.min(to)).skip(start);
        let under: String = under.collect();
        let carets = under.trim_end().chars().count().max(1);
        (text, format!("{}{}", " ".repeat(pad), "^".repeat(carets)))
    }
}

/// Splits at the line ends of YAML: LF, CR LF and CR.
fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').flat_map(|line| {
        let line = line.strip_suffix('\r').unwrap_or(line);
        line.split('\r')
    })
}

/// Writes one problem.
pub(super) fn problem(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    lines: &[Line],
    Problem(problem): &Problem,
) -> fmt::Result {
    writeln!(f, "error[{}]: {}", problem.code, problem.message)?;
    let mut gutter = 1;
    match problem.span {
        None => writeln!(f, " --> {name}")?,
        Some(span) => {
            let (line, column) = (span.start.line, span.start.column);
            gutter = line.to_string().len();
            let pad = " ".repeat(gutter);
            writeln!(f, "{pad}--> {name}:{line}:{column}")?;
            if let Some(shown) = lines.iter().find(|shown| shown.number == line) {
                let end = match span.end.line == line {
                    true => span.end.column,
                    false => usize::MAX,
                };
                let (text, carets) = shown.window(column, end);
                writeln!(f, "{pad} |")?;
                writeln!(f, "{line} | {}", text.trim_end())?;
                writeln!(f, "{pad} | {carets}")?;
            }
        }
    }
    let pad = " ".repeat(gutter);
    if let Some(expected) = &problem.expected {
        writeln!(f, "{pad} = expected: {expected}")?;
    }
    if let Some(word) = &problem.suggestion {
        writeln!(f, "{pad} = did you mean `{word}`?")?;
    }
    if let Some(help) = &problem.help {
        writeln!(f, "{pad} = help: {help}")?;
    }
    Ok(())
}
