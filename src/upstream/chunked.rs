//! Chunked transfer coding, read strictly.
//!
//! *Source*: RFC 9112, section 7.1. Bare line feeds are refused, extensions and
//! trailers are skipped up to a limit.

use bytes::{Buf as _, Bytes, BytesMut};

/// The longest size line, with its extensions, and the longest trailer section.
const MAX_LINE: usize = 4 * 1024;

/// Where in the coding the next byte belongs.
#[derive(Debug, PartialEq, Eq)]
enum State {
    Size,
    Data(u64),
    DataEnd,
    Trailer { skipped: usize },
    End,
}

/// Reads chunks out of a buffer that fills bit by bit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chunks(State);

/// What a decoder found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// A part of the body; never empty.
    Data(Bytes),
    /// More bytes are needed.
    More,
    /// The body is complete.
    End,
}

impl Chunks {
    pub(super) fn new() -> Self {
        Self(State::Size)
    }

    /// How many bytes of the body are certain to follow.
    pub(super) fn expected(&self) -> u64 {
        match self.0 {
            State::Data(left) => left,
            _ => 0,
        }
    }

    /// Takes the next piece out of `inbound`.
    ///
    /// # Errors
    ///
    /// What is wrong with the coding, in a few fixed words.
    pub(super) fn next(&mut self, inbound: &mut BytesMut) -> Result<Piece, &'static str> {
        loop {
            self.0 = match &mut self.0 {
                State::Size => match line(inbound)? {
                    None => return Ok(Piece::More),
                    Some(length) => {
                        let size = size(&inbound[..length])?;
                        inbound.advance(length + 2);
                        match size {
                            0 => State::Trailer { skipped: 0 },
                            size => State::Data(size),
                        }
                    }
                },
                State::Data(_) if inbound.is_empty() => return Ok(Piece::More),
                State::Data(left) => {
                    let here = usize::try_from(*left)
                        .unwrap_or(usize::MAX)
                        .min(inbound.len());
                    *left -= here as u64;
                    let data = inbound.split_to(here).freeze();
                    if *left == 0 {
                        self.0 = State::DataEnd;
                    }
                    return Ok(Piece::Data(data));
                }
                State::DataEnd => match &inbound[..] {
                    [b'\r', b'\n', ..] => {
                        inbound.advance(2);
                        State::Size
                    }
                    [] | [b'\r'] => return Ok(Piece::More),
                    _ => return Err("chunk without its end"),
                },
                State::Trailer { skipped } => match line(inbound)? {
                    None => return Ok(Piece::More),
                    Some(0) => {
                        inbound.advance(2);
                        State::End
                    }
                    Some(length) => {
                        inbound.advance(length + 2);
                        let skipped = *skipped + length + 2;
                        if skipped > MAX_LINE {
                            return Err("trailers too long");
                        }
                        State::Trailer { skipped }
                    }
                },
                State::End => return Ok(Piece::End),
            };
        }
    }
}

/// Returns the length of the line at the front, without its end.
fn line(inbound: &[u8]) -> Result<Option<usize>, &'static str> {
    match memchr::memchr(b'\n', inbound) {
        Some(end) if end > MAX_LINE => Err("line too long"),
        Some(end) if end > 0 && inbound[end - 1] == b'\r' => Ok(Some(end - 1)),
        Some(_) => Err("bare line feed"),
        None if inbound.len() > MAX_LINE => Err("line too long"),
        None => Ok(None),
    }
}

/// Reads a size line: hexadecimal digits, then perhaps an extension.
fn size(line: &[u8]) -> Result<u64, &'static str> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit());
    let length = digits.count();
    let rest = line[length..].trim_ascii_start();
    let extension = matches!(rest, [] | [b';', ..]) && !rest.iter().any(u8::is_ascii_control);
    // Sixteen digits fill a u64.
    if !(1..=16).contains(&length) || !extension {
        return Err("chunk size");
    }
    Ok(line[..length]
        .iter()
        .filter_map(|byte| char::from(*byte).to_digit(16))
        .fold(0, |size, digit| size << 4 | u64::from(digit)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Feeds `parts` one after the other; returns the body and whether it ended.
    fn decode(parts: &[&[u8]]) -> Result<(Vec<u8>, bool), &'static str> {
        let mut chunks = Chunks::new();
        let mut inbound = BytesMut::new();
        let mut body = Vec::new();
        for part in parts {
            inbound.extend_from_slice(part);
            loop {
                match chunks.next(&mut inbound)? {
                    Piece::Data(data) => {
                        assert!(!data.is_empty());
                        body.extend_from_slice(&data);
                    }
                    Piece::More => break,
                    Piece::End => return Ok((body, true)),
                }
            }
        }
        Ok((body, false))
    }

    #[test]
    fn reads_chunks_extensions_and_trailers() {
        let text = b"3;a=\"b\"\r\nabc\r\n0A \r\n0123456789\r\n0\r\nX: y\r\n\r\n";
        assert_eq!(decode(&[text]), Ok((b"abc0123456789".to_vec(), true)));
        assert_eq!(decode(&[b"0\r\n\r\n"]), Ok((Vec::new(), true)));
    }

    #[test]
    fn is_complete_only_after_the_last_byte() {
        let text = b"3\r\nabc\r\n0\r\n\r\n";
        for cut in 0..text.len() {
            let (_, ended) = decode(&[&text[..cut]]).unwrap();
            assert!(!ended, "cut at {cut}");
        }
    }

    #[test]
    fn refuses_what_it_would_have_to_guess() {
        for text in [
            b"\r\n".as_slice(),
            b"g\r\n",
            b"-1\r\n",
            b"0x1\r\na\r\n",
            b"1 2\r\na\r\n",
            b"11111111111111111\r\n",
            b"1;\x00\r\na\r\n",
            b";a\r\n",
        ] {
            assert_eq!(decode(&[text]), Err("chunk size"), "{text:?}");
        }
        assert_eq!(decode(&[b"1\na\r\n"]), Err("bare line feed"));
        assert_eq!(decode(&[b"1\r\nab"]), Err("chunk without its end"));
        assert_eq!(decode(&[b"1\r\na\rx"]), Err("chunk without its end"));
        let long = vec![b'1'; MAX_LINE + 1];
        assert_eq!(decode(&[&long]), Err("line too long"));
        let trailers = [b"0\r\n".as_slice(), &b"A: b\r\n".repeat(MAX_LINE / 4)].concat();
        assert_eq!(decode(&[&trailers]), Err("trailers too long"));
    }

    proptest! {
        /// However the bytes are cut, the same body comes out.
        #[test]
        fn cuts_change_nothing(
            body in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..6),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let mut text = Vec::new();
            for chunk in &body {
                text.extend(format!("{:x}\r\n", chunk.len()).bytes());
                text.extend(chunk);
                text.extend(b"\r\n");
            }
            text.extend(b"0\r\n\r\n");
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let parts: Vec<_> = cuts.windows(2).map(|cut| &text[cut[0]..cut[1]]).collect();
            prop_assert_eq!(decode(&parts), Ok((body.concat(), true)));
        }

        /// Nothing an endpoint can send makes it panic.
        #[test]
        fn never_panics(text in prop::collection::vec(
            prop::sample::select(b"0123fF;\r\n x\0".to_vec()), 0..60,
        )) {
            let _ = decode(&[&text]);
        }
    }
}
