//! YAML text as a tree that remembers where everything stood.
//!
//! Built from parser events with a stack of our own, so that no text, however
//! deep, can exhaust the thread's.

use std::{borrow::Cow, collections::HashMap};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

use super::{
    limits,
    problem::Problem,
    redact,
    span::{Place, Span},
    substitute,
};

/// How often a broken text is cut before an error, at most.
const MOST_CUTS: usize = 100;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) span: Span,
    /// Whether its text must not be shown.
    pub(super) secret: bool,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// A problem was reported here already; nobody looks closer.
    Broken,
}

#[derive(Clone, Debug)]
pub(super) struct Scalar {
    /// As the file has it, variables unreplaced: the only form ever shown.
    pub(super) raw: String,
    /// With variables replaced.
    pub(super) text: String,
    /// Written without quotes.
    pub(super) plain: bool,
}

impl Node {
    /// Says whether the value counts as left out: empty, or YAML's null.
    pub(super) fn is_empty(&self) -> bool {
        matches!(&self.kind, Kind::Scalar(scalar) if scalar.is_empty())
    }

    /// Says whether the value is a mapping.
    pub(super) fn is_map(&self) -> bool {
        matches!(&self.kind, Kind::Map(_))
    }
}

impl Scalar {
    /// Says whether the value counts as left out: empty, or YAML's null.
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
            || (self.plain && matches!(self.raw.as_str(), "~" | "null" | "Null" | "NULL"))
    }

    /// Says whether a variable had a part in the text.
    pub(super) fn has_variable(&self) -> bool {
        self.raw != self.text
    }
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Span,
    pub(super) value: Node,
}

/// A list or mapping whose end has not come yet.
struct Open {
    span: Span,
    anchor: usize,
    secret: bool,
    body: Body,
}

enum Body {
    List(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        /// The line of each key so far.
        lines: HashMap<String, usize>,
        /// A key that waits for its value; `None` inside: a key to be skipped.
        key: Option<Key>,
    },
}

struct Key {
    name: String,
    span: Span,
    /// Reported already: the value is read and dropped.
    skip: bool,
}

/// What became of a text.
pub(super) struct Parsed {
    /// The tree; `None` when the text is no YAML.
    pub(super) root: Option<Node>,
    /// What was wrong, a key given twice for instance.
    pub(super) problems: Vec<Problem>,
    /// Where secrets stand.
    pub(super) secrets: Vec<Span>,
}

/// Reads `text` into a tree.
pub(super) fn parse(text: &str) -> Parsed {
    let mut builder = Builder::default();
    if let Err(problem) = builder.read(text) {
        builder.problems.push(problem);
        builder.root = None;
    }
    Parsed {
        root: builder.root,
        problems: builder.problems,
        secrets: builder.secrets,
    }
}

/// Reads as much of `text`, in whole lines from its beginning, as can be read;
/// `None` if that is nothing.
pub(super) fn sound_part(text: &str) -> Option<Parsed> {
    let mut lines: Vec<_> = text.lines().collect();
    for _ in 0..MOST_CUTS {
        let parsed = parse(&lines.join("\n"));
        if parsed.root.is_some() {
            return Some(parsed);
        }
        let wrong = parsed.problems.last()?.place()?.0;
        lines.truncate(wrong.min(lines.len()).saturating_sub(1));
    }
    None
}

impl Parsed {
    /// Says whether the top of the tree has this key.
    pub(super) fn has(&self, key: &str) -> bool {
        let kind = self.root.as_ref().map(|root| &root.kind);
        matches!(kind, Some(Kind::Map(entries)) if entries.iter().any(|it| it.key == key))
    }
}

fn convert(start: Marker, end: Marker) -> Span {
    let place = |marker: Marker| Place {
        line: marker.line().max(1),
        column: marker.col() + 1,
    };
    Span {
        start: place(start),
        end: place(end),
    }
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    documents: usize,
    root: Option<Node>,
    problems: Vec<Problem>,
    secrets: Vec<Span>,
}

impl Builder {
    fn read(&mut self, text: &str) -> Result<(), Problem> {
        for event in Parser::new_from_str(text) {
            let (event, span) = event.map_err(|error| {
                let message = format!("this is not valid YAML: {}", error.info());
                let problem = Problem::new("syntax", &message)
                    .expect("YAML: `key: value`, lists with `- `, indented with spaces")
                    .at(convert(*error.marker(), *error.marker()));
                let line = text.lines().nth(error.marker().line().saturating_sub(1));
                if line.is_some_and(|line| line.contains("${")) {
                    problem.help("within { } and [ ], write a variable in quotes: \"${NAME}\"")
                } else if error.info().contains("<document start>") {
                    // What stands before is a whole document to the parser.
                    problem.help("keys of one mapping begin in the same column: those before this line do not")
                } else {
                    problem
                }
            })?;
            self.event(event, convert(span.start, span.end))?;
        }
        match &self.root {
            Some(root) if !root.is_empty() => Ok(()),
            _ => Err(Problem::new("empty", "there is no configuration in it")
                .expect("a list of endpoints, at least")
                .help("start from config/minimal.yaml")),
        }
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Problem> {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(Problem::new("syntax", "a second document starts here")
                        .expect("one YAML document")
                        .help("remove the line `---` or what follows it")
                        .at(span));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.no_tag(tag.is_some(), span)?;
                self.scalar(text, style, anchor, span)?;
            }
            Event::SequenceStart(anchor, tag) => {
                self.no_tag(tag.is_some(), span)?;
                self.push(Body::List(Vec::new()), anchor, span)?;
            }
            Event::MappingStart(anchor, tag) => {
                self.no_tag(tag.is_some(), span)?;
                let body = Body::Map {
                    entries: Vec::new(),
                    lines: HashMap::new(),
                    key: None,
                };
                self.push(body, anchor, span)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.pop(span)?,
            Event::Alias(anchor) => {
                // An alias inside its own anchor has nothing to repeat yet.
                let Some(mut node) = self.anchors.get(&anchor).cloned() else {
                    return Err(Problem::new("syntax", "this alias has no anchor before it")
                        .expect("the name of an earlier `&anchor`")
                        .at(span));
                };
                self.count(size(&node), span)?;
                if self.secret() {
                    self.hide(&mut node);
                }
                self.place(node, 0)?;
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn scalar(
        &mut self,
        text: Cow<'_, str>,
        style: ScalarStyle,
        anchor: usize,
        span: Span,
    ) -> Result<(), Problem> {
        self.count(1, span)?;
        if let Some(Open {
            body: Body::Map { lines, key, .. },
            ..
        }) = self.open.last_mut()
            && key.is_none()
        {
            let first = lines.get(&*text).copied();
            if let Some(first) = first {
                let problem = Problem::new(
                    "duplicate_key",
                    &format!("`{}` is given twice", redact::shown(&text)),
                )
                .expect("each key once")
                .help(&format!("the first is in line {first}; keep one of them"))
                .at(span);
                self.problems.push(problem);
            }
            lines.entry(text.to_string()).or_insert(span.start.line);
            *key = Some(Key {
                skip: first.is_some(),
                name: text.into_owned(),
                span,
            });
            return Ok(());
        }
        let text = text.into_owned();
        // The mere name of a variable helps and tells nothing.
        let secret = self.secret() && !substitute::is_reference(&text);
        if secret {
            self.secrets.push(span);
        }
        let node = Node {
            span,
            secret,
            kind: Kind::Scalar(Scalar {
                raw: text.clone(),
                text,
                plain: style == ScalarStyle::Plain,
            }),
        };
        self.place(node, anchor)
    }

    fn push(&mut self, body: Body, anchor: usize, span: Span) -> Result<(), Problem> {
        self.count(1, span)?;
        if let Some(Open {
            body: Body::Map { key: None, .. },
            ..
        }) = self.open.last()
        {
            return Err(Problem::new("syntax", "this key is not a plain word")
                .expect("`key: value`")
                .help("quote it if it starts with `{` or `[`")
                .at(span));
        }
        if self.open.len() >= limits::DEPTH {
            return Err(Problem::new("too_deep", "this is nested too deep")
                .expect(limits::DEPTH_TEXT)
                .at(span));
        }
        let secret = self.secret();
        self.open.push(Open {
            span,
            anchor,
            secret,
            body,
        });
        Ok(())
    }

    fn pop(&mut self, end: Span) -> Result<(), Problem> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let node = Node {
            span: Span {
                start: open.span.start,
                end: end.end,
            },
            secret: open.secret,
            kind: match open.body {
                Body::List(items) => Kind::List(items),
                Body::Map { entries, .. } => Kind::Map(entries),
            },
        };
        self.place(node, open.anchor)
    }

    /// Puts a finished node where it belongs.
    fn place(&mut self, node: Node, anchor: usize) -> Result<(), Problem> {
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.body) {
            None => self.root = Some(node),
            Some(Body::List(items)) => items.push(node),
            Some(Body::Map { entries, key, .. }) => match key.take() {
                Some(key) if !key.skip => entries.push(Entry {
                    key: key.name,
                    key_span: key.span,
                    value: node,
                }),
                Some(_) => {}
                None => {
                    return Err(Problem::new("syntax", "an alias cannot be a key")
                        .expect("`key: value`")
                        .at(node.span));
                }
            },
        }
        Ok(())
    }

    /// Says whether the next node stands under a key that names a secret.
    fn secret(&self) -> bool {
        let Some(open) = self.open.last() else {
            return false;
        };
        let parent = self.open.iter().rev().nth(1).and_then(Open::pending);
        open.secret
            || open
                .pending()
                .is_some_and(|key| redact::names_secret(parent, key))
    }

    /// Makes a secret of what was written where no secret was expected.
    fn hide(&mut self, node: &mut Node) {
        match &mut node.kind {
            Kind::List(items) => items.iter_mut().for_each(|item| self.hide(item)),
            Kind::Map(entries) => entries
                .iter_mut()
                .for_each(|entry| self.hide(&mut entry.value)),
            Kind::Scalar(scalar) => {
                node.secret = !substitute::is_reference(&scalar.raw);
                if node.secret {
                    self.secrets.push(node.span);
                }
            }
            Kind::Broken => {}
        }
    }

    fn no_tag(&self, tagged: bool, span: Span) -> Result<(), Problem> {
        if !tagged {
            return Ok(());
        }
        Err(Problem::new("syntax", "tags have no meaning here")
            .expect("a value without `!`")
            .help("quote the value if its `!` is part of it")
            .at(span))
    }

    fn count(&mut self, more: usize, span: Span) -> Result<(), Problem> {
        self.nodes = self.nodes.saturating_add(more);
        if self.nodes <= limits::NODES {
            return Ok(());
        }
        Err(Problem::new("too_large", "there are too many values in it")
            .expect(limits::NODES_TEXT)
            .help("aliases count each time they are used")
            .at(span))
    }
}

impl Open {
    fn pending(&self) -> Option<&str> {
        match &self.body {
            Body::Map { key, .. } => key.as_ref().map(|key| key.name.as_str()),
            Body::List(_) => None,
        }
    }
}

/// Counts `node` and all below it. The depth is bounded, so it may recurse.
fn size(node: &Node) -> usize {
    1 + match &node.kind {
        Kind::List(items) => items.iter().map(size).sum(),
        Kind::Map(entries) => entries.iter().map(|entry| size(&entry.value)).sum(),
        Kind::Scalar(_) | Kind::Broken => 0,
    }
}
