//! Event streams, cut into events wherever the reads happen to cut them.
//!
//! [`Splitter`] gives back the bytes it is given, in whole events;
//! [`Event::parse`] reads one.
//!
//! # Source
//!
//! WHATWG HTML, "Server-sent events", 9.2.5 and 9.2.6: lines end with CR, LF
//! or CRLF, an empty line ends an event. We differ in two points: the end of
//! the stream ends an event too (several providers leave out the last empty
//! line), and a byte order mark may precede any event.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use memchr::{memchr, memchr2};

/// Appends the event `name`, nameless if empty, with `data` as its one line.
pub fn write(out: &mut Vec<u8>, name: &str, data: &impl serde::Serialize) {
    if !name.is_empty() {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(name.as_bytes());
        out.push(b'\n');
    }
    out.extend_from_slice(b"data: ");
    // Writing to memory fails for maps with odd keys only; what is written
    // here has none.
    let _ = serde_json::to_writer(&mut *out, data);
    out.extend_from_slice(b"\n\n");
}

/// The longest event that is taken, in bytes.
pub const MAX_EVENT: usize = 1 << 20;

/// Finds where events end, over any number of reads.
#[derive(Debug)]
struct Ends {
    /// Nothing but the start of a line has been seen of the current line.
    at_line_start: bool,
    /// The last byte was a CR; an LF now belongs to it.
    after_cr: bool,
}

impl Ends {
    /// Returns the index right behind the next event in `bytes[from..]`.
    ///
    /// A CR ends an event at once, although its LF may be in the next read:
    /// waiting for it would hold back the last event of a CR-only stream.
    fn next(&mut self, bytes: &[u8], from: usize) -> Option<usize> {
        let mut at = from;
        while let Some(&byte) = bytes.get(at) {
            if std::mem::take(&mut self.after_cr) && byte == b'\n' {
                at += 1;
                continue;
            }
            let Some(length) = memchr2(b'\n', b'\r', &bytes[at..]) else {
                self.at_line_start = false;
                return None;
            };
            let empty = length == 0 && self.at_line_start;
            at += length + 1;
            self.at_line_start = true;
            self.after_cr = bytes[at - 1] == b'\r';
            if empty {
                if self.after_cr && bytes.get(at) == Some(&b'\n') {
                    self.after_cr = false;
                    at += 1;
                }
                return Some(at);
            }
        }
        None
    }
}

/// Regroups a stream of reads into whole events, byte for byte.
#[derive(Debug)]
pub struct Splitter {
    ends: Ends,
    held: BytesMut,
    overlong: bool,
}

impl Default for Splitter {
    fn default() -> Self {
        Self {
            ends: Ends {
                at_line_start: true,
                after_cr: false,
            },
            held: BytesMut::new(),
            overlong: false,
        }
    }
}

impl Splitter {
    /// Takes one read and returns all events that are whole now; may be empty.
    ///
    /// `ends` is overwritten with the index behind each event of the returned
    /// block. A read that is made of whole events is returned as it is; what
    /// is behind the last whole event is copied and held, at most
    /// [`MAX_EVENT`] bytes. Once [`Self::is_overlong`], nothing more is taken.
    pub fn push(&mut self, read: &Bytes, ends: &mut Vec<usize>) -> Bytes {
        ends.clear();
        if self.overlong {
            return Bytes::new();
        }
        let held = self.held.len();
        let mut from = 0;
        while let Some(end) = self.ends.next(read, from) {
            let length = held + end - ends.last().copied().unwrap_or_default();
            if length > MAX_EVENT {
                self.overlong = true;
                break;
            }
            ends.push(held + end);
            from = end;
        }
        let rest = &read[from..];
        let unfinished = rest.len() + if ends.is_empty() { held } else { 0 };
        self.overlong |= unfinished > MAX_EVENT;
        if ends.is_empty() {
            if !self.overlong {
                self.held.extend_from_slice(rest);
            }
            return Bytes::new();
        }
        let block = if held == 0 {
            read.slice(..from)
        } else {
            self.held.extend_from_slice(&read[..from]);
            self.held.split().freeze()
        };
        if !self.overlong {
            self.held.extend_from_slice(rest);
        }
        block
    }

    /// Tells whether an event was longer than [`MAX_EVENT`]; that is for good.
    pub fn is_overlong(&self) -> bool {
        self.overlong
    }

    /// Returns what is left when the stream has ended: an event whose empty
    /// line is missing, or part of one, or nothing.
    pub fn take_rest(&mut self) -> Bytes {
        self.held.split().freeze()
    }
}

/// The fields of one event that matter to OpenAI's dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// The event's name, empty if it has none.
    pub name: &'a [u8],
    /// The event's data, several lines joined by LF; empty for a comment.
    pub data: Cow<'a, [u8]>,
}

impl<'a> Event<'a> {
    /// Reads the bytes of one event, with or without the empty line at its end.
    pub fn parse(bytes: &'a [u8]) -> Self {
        let mut event = Self {
            name: b"",
            data: Cow::Borrowed(b""),
        };
        let mut has_data = false;
        // An LF that a read cut off the CR of the event before.
        let rest = bytes.strip_prefix(b"\n").unwrap_or(bytes);
        let mut rest = rest.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(rest);
        while !rest.is_empty() {
            let end = memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
            let line = &rest[..end];
            rest = rest.get(end + 1..).unwrap_or_default();
            let (field, value) = match memchr(b':', line) {
                Some(colon) => (&line[..colon], &line[colon + 1..]),
                None => (line, &line[line.len()..]),
            };
            let value = value.strip_prefix(b" ").unwrap_or(value);
            match field {
                b"data" if has_data => {
                    let data = event.data.to_mut();
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
                b"data" => {
                    has_data = true;
                    event.data = Cow::Borrowed(value);
                }
                b"event" => event.name = value,
                _ => {}
            }
        }
        event
    }
}
