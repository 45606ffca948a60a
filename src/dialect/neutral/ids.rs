//! Ids where a provider gives none, or takes none such as they are.

use std::{
    borrow::Cow,
    hash::{DefaultHasher, Hasher},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

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

/// The longest name of an end user that all who speak OpenAI's dialect take, in
/// bytes.
///
/// # Source
///
/// OpenAI, API reference, "Chat completions", `safety_identifier`, which replaces
/// `user`; others take 128 (looplj/axonhub, issue 1669).
const LONGEST_USER: usize = 64;

/// Returns `user`, or where that is too long what tells one end user from another
/// as well: the same for the same one.
pub(in crate::dialect) fn of_user(user: &str) -> Cow<'_, str> {
    match user.len() <= LONGEST_USER {
        true => Cow::Borrowed(user),
        false => Cow::Owned(URL_SAFE_NO_PAD.encode(Sha256::digest(user))),
    }
}

/// How much longer [`in_place_of`] is than what is kept, in bytes.
pub(in crate::dialect) const MARK: usize = 17;

/// Returns an id that stands for `id`, of which `kept` is what can be kept: the
/// same one for the same one, and another for another.
pub(in crate::dialect) fn in_place_of(id: &str, kept: &str) -> String {
    let mut hash = DefaultHasher::new();
    hash.write(id.as_bytes());
    format!("{kept}_{:016x}", hash.finish())
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
    fn what_is_too_long_is_told_apart_as_well() {
        let [one, other] = ["a", "b"].map(|last| format!("{}{last}", "x".repeat(200)));
        assert_eq!(of_user(&one[..64]), one[..64]);
        assert_eq!(of_user(&one).len(), 43);
        assert_eq!(of_user(&one), of_user(&one.clone()));
        assert_ne!(of_user(&one), of_user(&other));
        let [one, other] = [one, other].map(|id| in_place_of(&id, "kept"));
        assert_ne!(one, other);
        assert_eq!(one.len(), "kept".len() + MARK);
    }

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
