//! Keys that nobody has filled in.

use sha2::{Digest, Sha256};

use super::{Config, Secret};

/// What our own files and everybody's examples write where a key belongs. Of a
/// client's key only the hash is known.
const KNOWN: [&str; 8] = [
    "change-me",
    "changeme",
    "put-your-key-here",
    "sk-...",
    "your-api-key",
    "your-key",
    "YOUR_API_KEY",
    "YOUR_KEY",
];

/// Says of each key that is a placeholder where it stands, in a line each.
pub(super) fn placeholders(config: &Config) -> Vec<String> {
    let is_placeholder = |key: &Option<Secret>| {
        let key = key.as_ref().map(Secret::expose);
        key.is_some_and(is_placeholder)
    };
    let mut lines = Vec::new();
    for endpoint in &config.endpoints {
        if is_placeholder(&endpoint.api_key) {
            lines.push(format!(
                "endpoint {}: the api_key is a placeholder, which the provider will reject",
                endpoint.name
            ));
        }
    }
    for client in &config.clients {
        let is_known = |key: &&str| Sha256::digest(key)[..] == client.key_sha256[..];
        if KNOWN.iter().any(is_known) {
            lines.push(format!(
                "client {}: the key is a placeholder, which anybody can guess",
                client.name
            ));
        }
    }
    if is_placeholder(&config.admin.token) {
        lines.push("admin: the token is a placeholder, which anybody can guess".to_owned());
    }
    lines
}

/// Whether `text` reads like a placeholder. Whole words count, which no random
/// key happens to have.
fn is_placeholder(text: &str) -> bool {
    let lower = text.to_lowercase();
    let words: Vec<_> = lower.split(|c: char| !c.is_alphanumeric()).collect();
    let is_filler = |word: &&str| {
        const FILLERS: [&str; 5] = ["your", "changeme", "placeholder", "replaceme", "yourkey"];
        let is_crossed_out = word.len() > 2 && word.bytes().all(|byte| byte == b'x');
        FILLERS.contains(word) || is_crossed_out
    };
    KNOWN.contains(&text)
        || words.iter().any(is_filler)
        || lower.contains("...")
        || (lower.starts_with('<') && lower.ends_with('>'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    #[test]
    fn placeholders_are_known_and_keys_are_not() {
        for text in KNOWN.into_iter().chain([
            "sk-your-key",
            "<OPENAI_API_KEY>",
            "sk-xxxx",
            "sk-proj-...",
            "PLACEHOLDER",
        ]) {
            assert!(is_placeholder(text), "{text}");
        }
        for text in [
            "k",
            "sk-proj-YourAbcXxxx12_dE-x-fG",
            "canary-provider",
            "gsk_0xx1",
            "secret",
        ] {
            assert!(!is_placeholder(text), "{text}");
        }
    }

    #[test]
    fn each_is_said_where_it_stands_and_none_is_shown() {
        let text = "
endpoints:
  - { name: a, provider: openai, api_key: sk-..., models: [m] }
  - { name: b, provider: openai, api_key: sk-real, models: [m] }
admin: { token: change-me }
clients: [{ name: x, key: change-me }, { name: y, key: real }]
";
        let config = parse(text, "test.yaml", &|_| None).unwrap();
        let lines = placeholders(&config);
        let places: Vec<_> = lines
            .iter()
            .map(|line| line.split(':').next().unwrap())
            .collect();
        assert_eq!(places, ["endpoint a", "client x", "admin"]);
        assert!(!lines.concat().contains("..."));
    }

    #[test]
    fn the_shipped_files_are_full_of_them() {
        for (text, count) in [
            (include_str!("../../config/minimal.yaml"), 1),
            (include_str!("../../config/breakerbox.yaml"), 5),
        ] {
            let config = parse(text, "test.yaml", &|_| None).unwrap();
            assert_eq!(placeholders(&config).len(), count);
        }
    }
}
