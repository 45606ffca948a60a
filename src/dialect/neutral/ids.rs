//! Ids where a provider gives none.

use std::hash::{DefaultHasher, Hasher};

use crate::dialect::{Api, Dialect};

/// Returns the name of an answer: `given`, or one made of what the provider
/// sent. Its calls are numbered behind it, so that no two answers of a
/// conversation have a call of the same id; the same bytes have the same name.
///
/// What other dialects do not take in ids is left out. Beginnings of streams
/// are alike: there `sent` is better the request's own id.
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

/// Returns the id of an answer as a client of `asked` knows ids: `given`, or the
/// request's `own` where the provider gave none.
///
/// # Source
///
/// OpenAI and Anthropic, API references: the examples; Gemini's have no mark.
pub(in crate::dialect) fn for_client(asked: Api, given: &str, own: &str) -> String {
    let mark = match (asked, asked.dialect()) {
        (Api::Responses, _) => "resp_",
        (_, Dialect::OpenAi) => "chatcmpl-",
        (_, Dialect::Anthropic) => "msg_",
        (_, Dialect::Gemini) => "",
    };
    let name = match given {
        "" => name_of_answer(own, b""),
        given => given.to_owned(),
    };
    match name.starts_with(mark) {
        true => name,
        false => format!("{mark}{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_client_finds_ids_of_its_own_kind() {
        let of = |given: &str| {
            let asked = [
                Api::ChatCompletions,
                Api::Responses,
                Api::Messages,
                Api::GenerateContent,
            ];
            asked.map(|asked| for_client(asked, given, "req/7"))
        };
        assert_eq!(
            of("msg_1"),
            ["chatcmpl-msg_1", "resp_msg_1", "msg_1", "msg_1"]
        );
        assert_eq!(of(""), ["chatcmpl-req7", "resp_req7", "msg_req7", "req7"]);
    }

    #[test]
    fn an_answer_has_a_name_that_is_its_own() {
        assert_eq!(name_of_answer("resp/1+2", b"x"), "resp12");
        let of = |sent: &[u8]| name_of_answer("", sent);
        assert_eq!(of(b"x"), of(b"x"));
        assert_ne!(of(b"x"), of(b"y"));
        assert_eq!(of(b"x").len(), 16);
    }
}
