//! Tools that are called with a text where functions are called with JSON, such
//! as a patch. Only OpenAI has them.
//!
//! In the neutral form such a tool is a function of one text, `input`, as
//! everybody else is told of it, and its calls have that text within JSON; beside
//! it stands what OpenAI is told instead, and that a call is of that kind.

use super::{Json, Tool, lost::Feature, lost::Lost};

/// What OpenAI is told of a custom tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Custom {
    /// What it is for.
    pub description: Option<String>,
    /// What the text must be like; `None`: anything.
    pub grammar: Option<Grammar>,
}

/// What a text must be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grammar {
    /// The language of the definition, `lark` or `regex`.
    pub syntax: String,
    /// The grammar itself.
    pub definition: String,
}

/// What all but OpenAI are told that a custom tool takes.
const PARAMETERS: &str = r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}"#;

/// Begins the arguments of a call of a custom tool; its text comes next.
const OPEN: &str = r#"{"input":""#;
/// Ends them.
const CLOSE: &str = r#""}"#;
/// The tokens of such a beginning: between them may be space.
const TOKENS: [&str; 4] = ["{", r#""input""#, ":", "\""];
/// The longest beginning, in bytes: what has more space is none.
const LONGEST: usize = 256;

impl Tool {
    /// Returns a custom tool.
    pub(in crate::dialect) fn custom(name: String, custom: Custom) -> Self {
        let said = custom.description.iter().cloned();
        let said = said.chain([custom.in_words()]).collect::<Vec<_>>();
        Self {
            name,
            description: Some(said.join("\n\n")),
            parameters: Json::parse(PARAMETERS),
            strict: None,
            custom: Some(custom),
        }
    }

    /// Names the grammar of a custom tool, which is said in words only here.
    pub(in crate::dialect) fn lose_grammar(&self, lost: &mut Lost) {
        if self.custom.as_ref().is_some_and(|it| it.grammar.is_some()) {
            lost.feature(Feature::ToolGrammar);
        }
    }
}

impl Custom {
    /// Says how to call it, for those who know functions only.
    fn in_words(&self) -> String {
        const HOW: &str = "Call it with one argument, `input`: the whole text, as it is.";
        match &self.grammar {
            None => HOW.to_owned(),
            Some(Grammar { syntax, definition }) => {
                format!("{HOW} The text must match this grammar ({syntax}):\n\n{definition}")
            }
        }
    }
}

/// Returns the arguments of a call of a custom tool with `text`.
pub(in crate::dialect) fn wrapped(text: &str) -> String {
    [OPEN, &wrapped_piece(text), CLOSE].concat()
}

/// Begins the arguments of a call whose text comes in pieces.
pub(in crate::dialect) const fn wrapping_begins() -> &'static str {
    OPEN
}

/// Returns a piece of the text as it stands in the arguments.
pub(in crate::dialect) fn wrapped_piece(text: &str) -> String {
    let quoted = serde_json::to_string(text).unwrap_or_default();
    let inner = quoted.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    inner.unwrap_or_default().to_owned()
}

/// Ends the arguments of a call whose text is whole.
pub(in crate::dialect) const fn wrapping_ends() -> &'static str {
    CLOSE
}

/// Returns the text within the arguments of a call, as of [`Unwrapping`].
pub(in crate::dialect) fn unwrapped(arguments: &str) -> String {
    let mut unwrapping = Unwrapping::default();
    let mut text = unwrapping.push(arguments);
    text.push_str(&unwrapping.rest());
    text
}

/// Takes the text out of the arguments of a call, piece by piece.
///
/// What a model wrote in another form than it was told is the text itself, so
/// that the tool can say what is wrong with it; no arguments are no text.
#[derive(Debug, Default)]
pub(in crate::dialect) struct Unwrapping {
    state: State,
    /// What has to wait for more: a beginning, or an escape that is not whole.
    waiting: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Begins,
    Text,
    Ended,
    Odd,
}

impl Unwrapping {
    /// Takes the next piece of the arguments, and returns that of the text.
    pub(in crate::dialect) fn push(&mut self, piece: &str) -> String {
        match self.state {
            State::Ended => return String::new(),
            State::Odd => return piece.to_owned(),
            State::Begins | State::Text => self.waiting.push_str(piece),
        }
        let waiting = std::mem::take(&mut self.waiting);
        let rest = match self.state {
            State::Begins => match Beginning::of(&waiting) {
                Beginning::Unfinished => {
                    self.waiting = waiting;
                    return String::new();
                }
                Beginning::Empty => {
                    self.state = State::Ended;
                    return String::new();
                }
                Beginning::Odd => {
                    self.state = State::Odd;
                    return waiting;
                }
                Beginning::Text(rest) => {
                    self.state = State::Text;
                    rest
                }
            },
            State::Text | State::Ended | State::Odd => &waiting,
        };
        self.text(rest)
    }

    /// Returns what has waited for more, once nothing more comes.
    pub(in crate::dialect) fn rest(&mut self) -> String {
        let waiting = std::mem::take(&mut self.waiting);
        match self.state {
            State::Begins => waiting,
            // A part of a letter is none.
            State::Text | State::Ended | State::Odd => String::new(),
        }
    }

    fn text(&mut self, mut rest: &str) -> String {
        let mut text = String::with_capacity(rest.len());
        while let Some(at) = rest.find(['\\', '"']) {
            text.push_str(&rest[..at]);
            rest = &rest[at..];
            if rest.starts_with('"') {
                self.state = State::Ended;
                return text;
            }
            let Some((letter, length)) = escaped(rest) else {
                self.waiting = rest.to_owned();
                return text;
            };
            text.push(letter);
            rest = &rest[length..];
        }
        text.push_str(rest);
        text
    }
}

enum Beginning<'a> {
    Unfinished,
    /// An object without anything.
    Empty,
    Odd,
    /// The text begins here.
    Text(&'a str),
}

impl<'a> Beginning<'a> {
    fn of(arguments: &'a str) -> Self {
        let mut rest = arguments;
        for (at, token) in TOKENS.iter().enumerate() {
            rest = rest.trim_ascii_start();
            match rest.strip_prefix(token) {
                Some(behind) => rest = behind,
                None if token.starts_with(rest) && arguments.len() <= LONGEST => {
                    return Self::Unfinished;
                }
                None if at == 1 && rest.starts_with('}') => return Self::Empty,
                None => return Self::Odd,
            }
        }
        Self::Text(rest)
    }
}

/// Reads the escape that `text` begins with, and returns the letter and how
/// many bytes it takes; `None` if more must come first.
fn escaped(text: &str) -> Option<(char, usize)> {
    let kind = text[1..].chars().next()?;
    let letter = match kind {
        'u' => return escaped_number(text),
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'b' => '\u{8}',
        'f' => '\u{c}',
        letter => letter,
    };
    Some((letter, 1 + kind.len_utf8()))
}

/// Reads `\u00e9` and, of the letters that take two, `\ud83c\udf89`. What is no
/// letter is the sign for one that cannot be read.
fn escaped_number(text: &str) -> Option<(char, usize)> {
    const LENGTH: usize = r"\u0000".len();
    let unit = |at: usize| {
        let digits = text.get(at + 2..at + LENGTH)?;
        // What reads numbers would also take a sign.
        let is_number = digits.bytes().all(|it| it.is_ascii_hexdigit());
        u16::from_str_radix(digits, 16).ok().filter(|_| is_number)
    };
    let is_short = |at: usize| {
        let rest = text[at..].bytes();
        let fits = |(at, byte): (usize, u8)| match at {
            0 => byte == b'\\',
            1 => byte == b'u',
            _ => byte.is_ascii_hexdigit(),
        };
        rest.len() < LENGTH && rest.enumerate().all(fits)
    };
    if is_short(0) {
        return None;
    }
    let Some(first) = unit(0) else {
        return Some((char::REPLACEMENT_CHARACTER, 2));
    };
    if !(0xd800..0xdc00).contains(&first) {
        let letter = char::from_u32(first.into());
        return Some((letter.unwrap_or(char::REPLACEMENT_CHARACTER), LENGTH));
    }
    if is_short(LENGTH) {
        return None;
    }
    let second = text[LENGTH..].starts_with(r"\u").then(|| unit(LENGTH));
    let pair = second.flatten().map(|second| [first, second]);
    let pair = pair.and_then(|pair| char::decode_utf16(pair).next()?.ok());
    Some(match pair {
        Some(letter) => (letter, 2 * LENGTH),
        None => (char::REPLACEMENT_CHARACTER, LENGTH),
    })
}

#[cfg(test)]
mod tests;
