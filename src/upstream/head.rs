//! The head of an answer: status, headers, and how its body is delimited.

use std::mem::MaybeUninit;

use actix_http::{Method, StatusCode};
use bytes::{Bytes, BytesMut};

/// The longest head that is read, in bytes.
const MAX_HEAD: usize = 64 * 1024;
/// The most header lines that are read.
const MAX_HEADERS: usize = 96;

/// The header lines of an answer, as they came.
///
/// They stay in the one buffer they were read into; looking a name up scans
/// them, which for a few dozen lines is cheaper than building a map.
#[derive(Clone, Default)]
pub struct AnswerHeaders {
    lines: Bytes,
    spans: Vec<Span>,
}

#[derive(Clone, Copy)]
struct Span {
    name: (u32, u32),
    value: (u32, u32),
}

impl AnswerHeaders {
    /// Returns the first value of `name`, in any case.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.bytes()
            .find(|(other, _)| other.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value)
    }

    /// Returns the first value of `name` if it is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.get(name)?).ok()
    }

    /// Returns every value of `name`, in the order they came.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.bytes()
            .filter(move |(other, _)| other.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value)
    }

    /// Returns names, in the case they came in, and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let text = |name| std::str::from_utf8(name).unwrap_or_default();
        self.bytes().map(move |(name, value)| (text(name), value))
    }

    /// Returns names, in the case they came in, and values.
    pub(super) fn bytes(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let spans = self.spans.iter();
        spans.map(|span| (self.slice(span.name), self.slice(span.value)))
    }

    /// Returns the names that are `wanted`, and their values, which share the
    /// buffer.
    pub(super) fn shared(
        &self,
        wanted: impl Fn(&[u8]) -> bool,
    ) -> impl Iterator<Item = (&[u8], Bytes)> {
        let lines = self.bytes().filter(move |(name, _)| wanted(name));
        lines.map(|(name, value)| (name, self.lines.slice_ref(value)))
    }

    fn slice(&self, (start, end): (u32, u32)) -> &[u8] {
        &self.lines[start as usize..end as usize]
    }
}

/// Builds headers from pairs, as a recorded answer or a test has them.
impl<'a> FromIterator<(&'a str, &'a str)> for AnswerHeaders {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(pairs: I) -> Self {
        let mut lines = Vec::new();
        let mut put = |text: &str| {
            let start = lines.len() as u32;
            lines.extend_from_slice(text.as_bytes());
            (start, lines.len() as u32)
        };
        let spans = pairs
            .into_iter()
            .map(|(name, value)| Span {
                name: put(name),
                value: put(value),
            })
            .collect();
        Self {
            lines: lines.into(),
            spans,
        }
    }
}

impl std::fmt::Debug for AnswerHeaders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.iter().map(|(name, _)| name))
            .finish()
    }
}

/// How the end of a body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    Empty,
    /// So many bytes.
    Length(u64),
    /// Chunked transfer coding.
    Chunked,
    /// By closing the connection: a cut looks like an end, so that nothing of
    /// worth may be taken from it.
    UntilClose,
}

/// The head of one answer.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) headers: AnswerHeaders,
    pub(super) framing: Framing,
    /// Whether the connection stays open after the body.
    pub(super) persistent: bool,
}

/// Takes the next head from `inbound`, or `None` until it is whole.
///
/// # Errors
///
/// What is wrong with it, in a few fixed words.
pub(super) fn parse(inbound: &mut BytesMut, asked: &Method) -> Result<Option<Head>, &'static str> {
    let mut lines = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut []);
    let parser = httparse::ParserConfig::default();
    let parsed = parser.parse_response_with_uninit_headers(&mut response, inbound, &mut lines);
    let length = match parsed {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if inbound.len() > MAX_HEAD => return Err("head too long"),
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err("too many header lines"),
        Err(httparse::Error::Version) => return Err("not HTTP/1"),
        Err(_) => return Err("not an HTTP head"),
    };
    if length > MAX_HEAD {
        return Err("head too long");
    }
    let status = response
        .code
        .and_then(|code| StatusCode::from_u16(code).ok())
        .ok_or("status code")?;
    let mut facts = Facts::new(response.version == Some(1));
    let base = inbound.as_ptr() as usize;
    let mut spans = Vec::with_capacity(response.headers.len());
    for line in response.headers.iter() {
        facts.note(line.name, line.value)?;
        let span = |part: &[u8]| {
            let start = part.as_ptr() as usize - base;
            // Both fit: a head is at most `MAX_HEAD` bytes long.
            (start as u32, (start + part.len()) as u32)
        };
        spans.push(Span {
            name: span(line.name.as_bytes()),
            value: span(line.value),
        });
    }
    let framing = facts.framing(status, asked);
    let lines = inbound.split_to(length).freeze();
    Ok(Some(Head {
        status,
        headers: AnswerHeaders { lines, spans },
        framing,
        persistent: facts.persistent(framing),
    }))
}

/// What the header lines say about the body and the connection.
///
/// *Source*: RFC 9112, sections 6.3 and 9.3; stricter where an answer
/// contradicts itself, because two readings of one answer are how requests get
/// mixed up.
struct Facts {
    recent: bool,
    length: Option<u64>,
    chunked: bool,
    close: bool,
}

impl Facts {
    fn new(recent: bool) -> Self {
        Self {
            recent,
            length: None,
            chunked: false,
            close: !recent,
        }
    }

    fn note(&mut self, name: &str, value: &[u8]) -> Result<(), &'static str> {
        if name.eq_ignore_ascii_case("content-length") {
            if self.length.is_some() {
                return Err("two content-length lines");
            }
            self.length = Some(digits(value).ok_or("content-length")?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            let known = value.trim_ascii().eq_ignore_ascii_case(b"chunked");
            if self.chunked || !known || !self.recent {
                return Err("transfer-encoding");
            }
            self.chunked = true;
        } else if name.eq_ignore_ascii_case("connection") {
            self.close |= value
                .split(|byte| *byte == b',')
                .any(|option| option.trim_ascii().eq_ignore_ascii_case(b"close"));
        }
        Ok(())
    }

    fn framing(&self, status: StatusCode, asked: &Method) -> Framing {
        let bodiless = *asked == Method::HEAD || matches!(status.as_u16(), 100..=199 | 204 | 304);
        match self.length {
            _ if bodiless => Framing::Empty,
            _ if self.chunked => Framing::Chunked,
            Some(0) => Framing::Empty,
            Some(length) => Framing::Length(length),
            None => Framing::UntilClose,
        }
    }

    /// An answer with both a length and chunks is read by its chunks, but the
    /// connection is not trusted further.
    fn persistent(&self, framing: Framing) -> bool {
        !self.close && framing != Framing::UntilClose && !(self.chunked && self.length.is_some())
    }
}

fn digits(value: &[u8]) -> Option<u64> {
    let value = value.trim_ascii();
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests;
