//! How far a JSON object has come that arrives in pieces.

/// Knows when an object that is written piece by piece is whole. It does not
/// check it: of text that is no object it says that it is never whole.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::dialect) struct Progress {
    depth: u32,
    in_string: bool,
    escaped: bool,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Before,
    Within,
    Whole,
    /// Something else than an object, or something behind it.
    Odd,
}

impl Progress {
    /// Takes the next piece.
    pub(in crate::dialect) fn push(&mut self, piece: &str) {
        for byte in piece.bytes() {
            if self.in_string {
                self.in_string = self.escaped || byte != b'"';
                self.escaped = !self.escaped && byte == b'\\';
                continue;
            }
            match (self.state, byte) {
                (_, b' ' | b'\t' | b'\n' | b'\r') => {}
                (State::Before, b'{') => {
                    self.state = State::Within;
                    self.depth = 1;
                }
                (State::Before | State::Whole, _) => self.state = State::Odd,
                (State::Within, b'"') => self.in_string = true,
                (State::Within, b'{' | b'[') => self.depth = self.depth.saturating_add(1),
                (State::Within, b'}' | b']') => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        self.state = State::Whole;
                    }
                }
                (State::Within | State::Odd, _) => {}
            }
        }
    }

    /// Tells whether the object is whole.
    pub(in crate::dialect) fn is_whole(self) -> bool {
        self.state == State::Whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole_at(text: &str) -> Option<usize> {
        let mut progress = Progress::default();
        text.char_indices().find_map(|(at, c)| {
            progress.push(c.encode_utf8(&mut [0; 4]));
            progress.is_whole().then_some(at)
        })
    }

    #[test]
    fn an_object_is_whole_at_its_last_brace_and_not_before() {
        for text in [
            "{}",
            r#" {"a":{"b":[1,{"c":"}"}]}}"#,
            r#"{"quote":"\"}","slash":"\\"}"#,
            r#"{"é":"日本}"}"#,
        ] {
            assert_eq!(whole_at(text), Some(text.len() - 1), "{text}");
        }
        for text in ["", "{", r#"{"a":"}"#, "7 {}", "nothing", r#"{"a":"\"}"#] {
            assert_eq!(whole_at(text), None, "{text}");
        }
    }
}
