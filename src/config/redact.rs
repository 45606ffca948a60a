//! What must not reach a screen or a log: values of secret keys, credentials
//! in URLs, and whatever looks like a key wherever it stands.

use std::ops::Range;

/// What stands in for a secret.
pub(super) const MASK: &str = "***";

/// Words in a key's name that make its value a secret.
const WORDS: [&str; 6] = ["key", "token", "secret", "password", "passwd", "credential"];

/// Says whether the value of `key` is a secret, `parent` being the key of the
/// mapping it stands in.
///
/// Generous on purpose: a misspelt `api_kye` holds a secret, too.
pub(super) fn names_secret(parent: Option<&str>, key: &str) -> bool {
    let key = key.to_lowercase();
    if key.ends_with("_file") || (parent == Some("tls") && key == "key") {
        return false;
    }
    WORDS.iter().any(|word| key.contains(word))
        || key
            .split(['_', '-', '.'])
            .any(|part| WORDS.iter().any(|word| typo_of(part, word)))
        || typo_of(&key, "api_key")
        || typo_of(&key, "apikey")
}

fn typo_of(text: &str, word: &str) -> bool {
    let distance = strsim::damerau_levenshtein(text, word);
    distance <= if word.len() > 5 { 2 } else { 1 }
}

/// Returns a piece of the file fit to be shown: no credentials, no control
/// characters, not longer than a line's worth.
pub(super) fn shown(text: &str) -> String {
    const LONGEST: usize = 80;
    let clean = clean(text);
    if clean.chars().count() <= LONGEST {
        return clean;
    }
    let mut short: String = clean.chars().take(LONGEST - 1).collect();
    short.push('…');
    short
}

/// Returns `text` with credentials masked and what could disguise it on a
/// screen replaced.
pub(super) fn clean(text: &str) -> String {
    let text = printable(text);
    let ranges = credentials(&text);
    mask(&text, ranges).0
}

/// Returns the characters of `text`, those replaced that could move the cursor
/// or reorder the line, so that a file cannot write to the terminal.
pub(super) fn printable(text: &str) -> Vec<char> {
    text.chars()
        .map(|c| match c {
            '\t' => ' ',
            c if c.is_control() || is_bidi(c) => '\u{fffd}',
            c => c,
        })
        .collect()
}

fn is_bidi(c: char) -> bool {
    matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Returns `text` with [`MASK`] in place of each of `ranges`, and for each
/// character of `text`, and its end, the index where it is now.
pub(super) fn mask(text: &[char], mut ranges: Vec<Range<usize>>) -> (String, Vec<usize>) {
    ranges.sort_by_key(|range| range.start);
    let mut out = String::new();
    let mut places = Vec::with_capacity(text.len() + 1);
    let mut shown = 0;
    let mut covered = 0;
    let mut ranges = ranges.into_iter().peekable();
    for (index, c) in text.iter().enumerate() {
        while let Some(range) = ranges.next_if(|range| range.start <= index) {
            if range.end > covered.max(index) {
                if covered <= index {
                    out.push_str(MASK);
                    shown += MASK.len();
                }
                covered = range.end;
            }
        }
        if index < covered {
            places.push(shown - MASK.len());
        } else {
            places.push(shown);
            out.push(*c);
            shown += 1;
        }
    }
    places.push(shown);
    (out, places)
}

/// Finds words that start as providers' keys do, and `user:password` in URLs.
pub(super) fn credentials(text: &[char]) -> Vec<Range<usize>> {
    const STARTS: [&str; 6] = ["sk-", "sk_", "gsk_", "xai-", "AIza", "Bearer "];
    let mut found = Vec::new();
    let mut index = 0;
    while index < text.len() {
        let rest = &text[index..];
        let fresh = index == 0 || !in_key(text[index - 1]);
        let start = STARTS.iter().find(|start| fresh && begins(rest, start));
        if let Some(start) = start {
            let skip = start.len();
            let body = rest[skip..].iter().take_while(|c| in_key(**c)).count();
            if body >= 8 {
                found.push(index..index + skip + body);
                index += skip + body;
                continue;
            }
        }
        if begins(rest, "://") {
            let host = &rest[3..];
            let end = |c: &char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\'');
            let host = &host[..host.iter().position(end).unwrap_or(host.len())];
            if let Some(at) = host.iter().rposition(|c| *c == '@') {
                found.push(index + 3..index + 3 + at);
            }
            index += 2;
        }
        index += 1;
    }
    found
}

fn in_key(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

fn begins(text: &[char], start: &str) -> bool {
    text.len() >= start.len() && start.chars().zip(text).all(|(a, b)| a == *b)
}

/// Finds what follows a key that names a secret, in text that was not parsed.
pub(super) fn guessed(text: &[char], from: usize) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let colons = (from..text.len()).filter(|index| text[*index] == ':');
    for colon in colons {
        let name: String = {
            let word = |c: &&char| c.is_alphanumeric() || matches!(c, '_' | '-');
            let before = text[from..colon].iter().rev();
            let name = before.skip_while(|c| !word(c)).take_while(word);
            name.collect::<Vec<_>>().into_iter().rev().collect()
        };
        let value = &text[colon + 1..];
        let start = value.iter().take_while(|c| c.is_whitespace()).count();
        let end = value
            .iter()
            .position(|c| matches!(c, ',' | '}' | ']'))
            .unwrap_or(value.len());
        if names_secret(None, &name) && start < end {
            found.push(colon + 1 + start..colon + 1 + end);
        }
    }
    found
}
