//! JSON without line breaks.

use std::borrow::Cow;

/// Returns `json` on one line; copies it only where it has several.
///
/// Google writes whole answers over many lines, and a line break would end the
/// data of an event. Within JSON a line break can only be space between tokens.
pub(super) fn one_line(json: &str) -> Cow<'_, str> {
    if !json.contains(['\n', '\r']) {
        return Cow::Borrowed(json);
    }
    let (mut inside, mut escaped) = (false, false);
    let keep = |c: &char| {
        let space = !inside && c.is_ascii_whitespace();
        inside ^= *c == '"' && !escaped;
        escaped = inside && *c == '\\' && !escaped;
        !space
    };
    Cow::Owned(json.chars().filter(keep).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_space_between_tokens_goes() {
        let json = "{\n  \"a b\": \"c \\\" \\\\\",\r\n  \"d\": [ 1, 2 ]\n}";
        assert_eq!(one_line(json), r#"{"a b":"c \" \\","d":[1,2]}"#);
        assert_eq!(one_line(r#"{"a": 1}"#), r#"{"a": 1}"#);
    }
}
