//! Ids where a provider gives none.

use std::hash::{DefaultHasher, Hasher};

/// Returns the name of an answer: `given`, or one made of what the provider
/// sent. Its calls are numbered behind it, so that no two answers of a
/// conversation have a call of the same id; the same bytes have the same name.
///
/// What other dialects do not take in ids is left out.
pub(in crate::dialect) fn name_of_answer(given: &str, sent: &[u8]) -> String {
    let fair = |c: &char| c.is_ascii_alphanumeric() || "_-".contains(*c);
    let name: String = given.chars().filter(fair).take(40).collect();
    if !name.is_empty() {
        return name;
    }
    let mut hash = DefaultHasher::new();
    hash.write(sent);
    format!("{:016x}", hash.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_a_name_that_is_its_own() {
        assert_eq!(name_of_answer("resp/1+2", b"x"), "resp12");
        let of = |sent: &[u8]| name_of_answer("", sent);
        assert_eq!(of(b"x"), of(b"x"));
        assert_ne!(of(b"x"), of(b"y"));
        assert_eq!(of(b"x").len(), 16);
    }
}
