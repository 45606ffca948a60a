//! HTTP/1.1 messages from the bytes of a connection, shared by the client and the evil upstream.

use bytes::{Buf, Bytes, BytesMut};

/// Start line and headers of a message.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    /// The first line, without its line end.
    pub(crate) start: String,
    /// Names in lower case, in the order sent.
    pub(crate) headers: Vec<(String, String)>,
    /// The bytes as sent, up to and with the empty line.
    pub(crate) raw: Bytes,
}

impl Head {
    /// Takes a head off the front of `buffer`, if it is there whole. Lenient: tests look at what was
    /// really sent.
    pub(crate) fn take(buffer: &mut BytesMut) -> Option<Self> {
        let end = memchr::memmem::find(buffer, b"\r\n\r\n")? + 4;
        let raw = buffer.split_to(end).freeze();
        let text = String::from_utf8_lossy(&raw).into_owned();
        let mut lines = text.trim_end().split("\r\n");
        let start = lines.next().unwrap_or_default().to_owned();
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Some(Self {
            start,
            headers,
            raw,
        })
    }

    /// The first header of this name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(known, _)| known == name);
        found.next().map(|(_, value)| value.as_str())
    }

    /// Status of a response's start line.
    pub(crate) fn status(&self) -> u16 {
        let status = self.start.split(' ').nth(1).and_then(|it| it.parse().ok());
        status.unwrap_or_else(|| panic!("no status in {:?}", self.start))
    }

    /// How the body after it is framed; `otherwise` when nothing is said.
    pub(crate) fn framing(&self, otherwise: Framing) -> Framing {
        let coding = self.header("transfer-encoding").unwrap_or_default();
        if coding.to_ascii_lowercase().contains("chunked") {
            return Framing::Chunked { left: 0 };
        }
        match self.header("content-length") {
            Some(length) => Framing::Length(length.parse().expect("a content length")),
            None => otherwise,
        }
    }
}

/// What is still to come of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Length(usize),
    /// `left` counts the bytes of the chunk that is under way, its line end included.
    Chunked {
        left: usize,
    },
    UntilClose,
    Done,
}

impl Framing {
    /// Takes the next piece of the body off the front of `buffer`. None: more must be read, or the body
    /// is [`Framing::Done`].
    pub(crate) fn take(&mut self, buffer: &mut BytesMut) -> Option<Bytes> {
        match self {
            Self::Length(0) => {
                *self = Self::Done;
                None
            }
            Self::Length(left) => {
                let size = buffer.len().min(*left);
                *left -= size;
                let done = *left == 0;
                let piece = buffer.split_to(size).freeze();
                if done {
                    *self = Self::Done;
                }
                Some(piece).filter(|piece| !piece.is_empty())
            }
            Self::Chunked { left: 0 } => {
                let end = memchr::memmem::find(buffer, b"\r\n")?;
                let line = String::from_utf8_lossy(&buffer[..end]).into_owned();
                let size = line.split(';').next().unwrap_or_default().trim();
                let size = usize::from_str_radix(size, 16)
                    .unwrap_or_else(|_| panic!("{line:?} is no chunk size"));
                if size == 0 {
                    // No trailers are expected: the empty line must follow.
                    if buffer.len() < end + 4 {
                        return None;
                    }
                    buffer.advance(end + 4);
                    *self = Self::Done;
                    return None;
                }
                buffer.advance(end + 2);
                *self = Self::Chunked { left: size + 2 };
                self.take(buffer)
            }
            Self::Chunked { left } => {
                // The last two bytes are the line end, which may arrive later.
                let size = buffer.len().min(left.saturating_sub(2));
                let piece = buffer.split_to(size).freeze();
                *left -= size;
                if *left == 2 && buffer.len() >= 2 {
                    buffer.advance(2);
                    *left = 0;
                }
                if !piece.is_empty() {
                    return Some(piece);
                }
                match left {
                    0 => self.take(buffer),
                    _ => None,
                }
            }
            Self::UntilClose => {
                let piece = buffer.split().freeze();
                Some(piece).filter(|piece| !piece.is_empty())
            }
            Self::Done => None,
        }
    }
}
