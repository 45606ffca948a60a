//! Images within a body, which are long and cheap.

use memchr::{memchr2, memmem};

/// How a data URL of an image begins.
const START: &[u8] = b"data:image/";
/// What stands between its kind and its bytes.
const BASE64: &[u8] = b";base64,";
/// The longest kind there is between the two, with its parameters.
const LONGEST_KIND: usize = 64;
/// Shorter ones are not worth telling apart, in bytes.
const SHORTEST: usize = 8 * 1024;
/// What an image counts, in bytes of text: 1105 tokens of four bytes.
///
/// *Source*: OpenAI, "Images and vision": a 2048 × 4096 image in detail costs
/// 1105 tokens; a larger one is scaled down to that.
const IMAGE: usize = 1105 * 4;

/// Returns how long `body` is with each of its long images counted as what an
/// image costs. What only claims to be one counts in full: base64 has no space.
pub(crate) fn counted(body: &[u8]) -> usize {
    let mut length = body.len();
    // Most bodies have no room for one.
    if length < SHORTEST {
        return length;
    }
    let mut rest = body;
    while let Some(at) = memmem::find(rest, START) {
        rest = &rest[at + START.len()..];
        let kind = &rest[..rest.len().min(LONGEST_KIND + BASE64.len())];
        let Some(at) = memmem::find(kind, BASE64) else {
            continue;
        };
        rest = &rest[at + BASE64.len()..];
        let Some(end) = memchr2(b'"', b' ', rest) else {
            break;
        };
        if rest[end] == b'"' && end >= SHORTEST {
            length = length - end + IMAGE;
        }
        rest = &rest[end..];
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(bytes: &str) -> String {
        let url = format!("data:image/png;base64,{bytes}");
        format!(r#"{{"messages":[{{"image_url":{{"url":"{url}"}}}},{{"text":"hello"}}]}}"#)
    }

    #[test]
    fn an_image_counts_as_an_image_however_long() {
        let empty = body("").len();
        for length in [SHORTEST, 100_000, 5_000_000] {
            let one = body(&"iVBORw0K".repeat(length / 8));
            assert_eq!(counted(one.as_bytes()), empty + IMAGE, "{length}");
            let two = one.clone() + &one;
            assert_eq!(counted(two.as_bytes()), 2 * (empty + IMAGE));
        }
    }

    #[test]
    fn everything_else_counts_in_full() {
        let long = "A".repeat(20_000);
        for text in [
            body(&"A".repeat(SHORTEST - 1)),
            // Text that claims to be an image.
            body(&"Once upon a time ".repeat(2_000)),
            format!(r#""data:image/svg+xml,{long}""#),
            format!(r#""data:image/{long};base64,{long}""#),
            format!(r#""data:audio/wav;base64,{long}""#),
            format!("data:image/png;base64,{long}"),
            long,
        ] {
            assert_eq!(counted(text.as_bytes()), text.len(), "{}", &text[..40]);
        }
    }
}
