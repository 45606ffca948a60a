//! What is JSON by its grammar and yet of no use: depth, halves of surrogate
//! pairs, numbers that are none.
//!
//! A scan of its own, because `serde_json` finds these only where it builds
//! values, at several times the cost of skipping over them.

use std::ops::Range;

use memchr::memchr2;

/// The deepest nesting that is taken, the body's own object included; that of
/// `serde_json`'s own recursion limit.
pub(super) const MAX_DEPTH: usize = 127;

/// The most characters of a number that cannot overflow without an exponent.
const SAFE_NUMBER: usize = 300;

/// What is wrong, and the top-level field it is in, as written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Beyond<'a> {
    pub(super) field: &'a str,
    pub(super) what: &'static str,
}

/// Checks `json`, one object, against the limits. Where it is not JSON by its
/// grammar, anything may be the answer but for a panic.
pub(super) fn check(json: &str) -> Result<(), Beyond<'_>> {
    let bytes = json.as_bytes();
    let mut field = 0..0;
    let mut is_name = false;
    let mut depth = 0_usize;
    let mut at = 0;
    let beyond = |field: Range<usize>, what| Beyond {
        field: json.get(field).unwrap_or_default(),
        what,
    };
    while let Some(&byte) = bytes.get(at) {
        let start = at;
        at += 1;
        match byte {
            b'"' => {
                let end = end_of_string(bytes, at).ok_or_else(|| {
                    beyond(field.clone(), "has half of a surrogate pair in a string")
                })?;
                if is_name && depth == 1 {
                    field = start + 1..end - 1;
                    is_name = false;
                }
                at = end;
            }
            b'{' | b'[' => {
                depth += 1;
                is_name = depth == 1;
                if depth > MAX_DEPTH {
                    return Err(beyond(field, "nests deeper than 127 levels"));
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' => is_name |= depth == 1,
            b'0'..=b'9' => {
                let rest = &bytes[start..];
                let is_part =
                    |byte: &u8| matches!(byte, b'0'..=b'9' | b'.' | b'+' | b'-' | b'e' | b'E');
                let length = rest
                    .iter()
                    .position(|byte| !is_part(byte))
                    .unwrap_or(rest.len());
                at = start + length;
                let number = &json[start..at];
                let is_short =
                    length < SAFE_NUMBER && memchr2(b'e', b'E', &rest[..length]).is_none();
                if !is_short && number.parse::<f64>().is_ok_and(f64::is_infinite) {
                    return Err(beyond(field, "has a number out of range"));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Returns the index behind the string whose first character is at `at`, or
/// `None` if half of a surrogate pair is in it.
fn end_of_string(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let Some(length) = bytes.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) else {
            return Some(bytes.len());
        };
        at += length + 1;
        if bytes[at - 1] == b'"' {
            return Some(at);
        }
        // An escape: its letter and, of a \u, the four digits.
        match bytes.get(at) {
            Some(b'u') => match unit(bytes, at + 1) {
                Some(0xD800..=0xDBFF) => {
                    let is_pair = bytes.get(at + 5..at + 7) == Some(b"\\u")
                        && matches!(unit(bytes, at + 7), Some(0xDC00..=0xDFFF));
                    if !is_pair {
                        return None;
                    }
                    at += 11;
                }
                Some(0xDC00..=0xDFFF) => return None,
                Some(_) => at += 5,
                None => at += 1,
            },
            Some(_) => at += 1,
            None => {}
        }
    }
}

/// Reads the four hexadecimal digits at `at`.
fn unit(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.iter().try_fold(0, |unit, byte| {
        Some(unit << 4 | char::from(*byte).to_digit(16)?)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;
    use serde_json::Value;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_a_parser_that_builds_values(parts in prop::collection::vec(prop::sample::select(vec![
            "{", "}", "[", "]", ",", ":", "\"a\"", "\"a\":", "\"", "\\ud83c", "\\uDF89", "\\\"", "\\n", "\\u00e9",
            "1", "-", "0.5", "1e999", "1e-999", "1E+400", "2e308", "1e308", "true", "null", " ", "é",
        ]), 0..25)) {
            let text = format!("{{\"f\":[{}]}}", parts.concat());
            let is_json = serde_json::from_str::<IgnoredAny>(&text).is_ok();
            let is_value = serde_json::from_str::<Value>(&text).is_ok();
            let within = check(&text);
            prop_assert!(!is_json || within.is_ok() == is_value, "{}: {:?}", text, within);
        }
    }

    #[test]
    fn the_deepest_that_is_taken_is_the_deepest_a_parser_takes() {
        for depth in [MAX_DEPTH, MAX_DEPTH + 1] {
            let inner = depth - 1;
            let text = format!("{{\"a\":{}{}}}", "[".repeat(inner), "]".repeat(inner));
            assert_eq!(check(&text).is_ok(), depth <= MAX_DEPTH);
            assert_eq!(
                serde_json::from_str::<Value>(&text).is_ok(),
                depth <= MAX_DEPTH
            );
        }
    }

    #[test]
    fn long_numbers_overflow_without_an_exponent() {
        let number = |digits| format!("{{\"n\":{}}}", "9".repeat(digits));
        assert!(check(&number(308)).is_ok());
        assert_eq!(check(&number(310)).unwrap_err().field, "n");
    }
}
