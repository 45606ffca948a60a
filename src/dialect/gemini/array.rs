//! A stream as one JSON array, as `:streamGenerateContent` sends it to a
//! client that did not ask for events with `alt=sse`.

use bytes::Bytes;

use super::error;
use crate::dialect::sse::{Event, Splitter};

/// Turns a stream of events into the pieces of an array, as it comes.
///
/// What comes out at any time is the beginning of an array, so that
/// [`KEEP_ALIVE`](super::KEEP_ALIVE) may be sent between two calls.
///
/// # Example
///
/// ```
/// use breakerbox::dialect::gemini::array::Array;
///
/// let (mut array, mut out) = (Array::default(), Vec::new());
/// array.push(&"data: {\"a\":1}\n\ndata: {".into(), &mut out);
/// array.push(&"\"b\":2}\n\n".into(), &mut out);
/// array.finish(&mut out);
/// assert_eq!(out, b"[{\"a\":1}\n,\r\n{\"b\":2}\n]");
/// ```
#[derive(Debug, Default)]
pub struct Array {
    splitter: Splitter,
    ends: Vec<usize>,
    begun: bool,
}

impl Array {
    /// Takes a piece of the stream, cut anywhere, and appends what it completes.
    pub fn push(&mut self, read: &Bytes, out: &mut Vec<u8>) {
        let mut ends = std::mem::take(&mut self.ends);
        let block = self.splitter.push(read, &mut ends);
        let mut from = 0;
        for end in &ends {
            self.event(&block[from..*end], out);
            from = *end;
        }
        self.ends = ends;
    }

    /// Ends the array; the last event may lack its empty line.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        let rest = self.splitter.take_rest();
        self.event(&rest, out);
        out.extend_from_slice(if self.begun { b"\n]" } else { b"[]" });
    }

    /// Ends the array with an error: an event was too long to be told whole.
    pub fn fail(&mut self, out: &mut Vec<u8>) {
        let error = error::body(
            502,
            "A part of the answer is too long for an array: ask with alt=sse.",
            None,
        );
        self.element(&error, out);
        out.extend_from_slice(b"\n]");
    }

    /// Tells whether an event was longer than
    /// [`MAX_EVENT`](crate::dialect::sse::MAX_EVENT); nothing more is taken then.
    pub fn is_overlong(&self) -> bool {
        self.splitter.is_overlong()
    }

    fn event(&mut self, event: &[u8], out: &mut Vec<u8>) {
        let event = Event::parse(event);
        let data = event.data.trim_ascii();
        if !data.is_empty() {
            self.element(data, out);
        }
    }

    fn element(&mut self, json: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(if self.begun { b"\n,\r\n" } else { b"[" });
        out.extend_from_slice(json);
        self.begun = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cut_gives_the_same_array() {
        let stream = "data: {\"text\":\"你好\"}\r\n\r\n: still here\n\ndata: {\"a\":[1,\ndata: 2]}\n\n\n\
                      data: {\"error\":{}}";
        let expected = "[{\"text\":\"你好\"}\n,\r\n{\"a\":[1,\n2]}\n,\r\n{\"error\":{}}\n]";
        assert!(serde_json::from_str::<serde_json::Value>(expected).is_ok());
        for cut in 0..=stream.len() {
            let (mut array, mut out) = (Array::default(), Vec::new());
            for piece in [&stream.as_bytes()[..cut], &stream.as_bytes()[cut..]] {
                array.push(&Bytes::copy_from_slice(piece), &mut out);
                out.extend_from_slice(super::super::KEEP_ALIVE);
            }
            array.finish(&mut out);
            let json: serde_json::Value = serde_json::from_slice(&out).unwrap();
            assert_eq!(
                json,
                serde_json::from_str::<serde_json::Value>(expected).unwrap()
            );
        }
    }

    #[test]
    fn an_array_that_cannot_be_told_whole_ends_with_an_error() {
        let (mut array, mut out) = (Array::default(), Vec::new());
        array.push(&"data: {\"a\":1}\n\n".into(), &mut out);
        array.push(
            &"x".repeat(crate::dialect::sse::MAX_EVENT + 1).into(),
            &mut out,
        );
        assert!(array.is_overlong());
        array.fail(&mut out);
        let json: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(
            (&json[0]["a"], &json[1]["error"]["code"]),
            (&1.into(), &502.into())
        );
    }

    #[test]
    fn nothing_is_an_array_too() {
        let mut out = Vec::new();
        Array::default().finish(&mut out);
        assert_eq!(out, b"[]");
    }
}
