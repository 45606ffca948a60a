//! `POST /v1/messages/count_tokens`: how long a conversation is.

use serde::Serialize;

use super::{judge, read, write};
use crate::dialect::{
    NotAnAnswer,
    neutral::{Conversation, Lost},
    request::BadRequest,
};

/// Reads the body of a request to count: as for an answer, but without a limit.
///
/// # Errors
///
/// [`BadRequest`] for a body that is wrong for this call, with the place.
pub fn read_request(body: &[u8], lost: &mut Lost) -> Result<Conversation, BadRequest> {
    read::counted(body, lost)
}

/// Writes the request to count `conversation` for the upstream's `model`.
///
/// How the answer is drawn is left out: it does not count.
pub fn write_request(conversation: &Conversation, model: &str, lost: &mut Lost) -> Vec<u8> {
    write::counted(conversation, model, lost)
}

/// Judges and reads an answer: the tokens of the whole input.
///
/// # Errors
///
/// [`NotAnAnswer`] for a body that is no count.
pub fn read_reply(body: &[u8]) -> Result<u64, NotAnAnswer> {
    judge::count(body)
}

#[derive(Serialize)]
struct Answer {
    input_tokens: u64,
}

/// Writes the answer of a count.
pub fn write_reply(tokens: u64) -> Vec<u8> {
    // Writing to memory fails for maps with odd keys only; this has none.
    serde_json::to_vec(&Answer {
        input_tokens: tokens,
    })
    .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_needs_no_limit_and_there_is_none_in_what_is_written() {
        let mut lost = Lost::default();
        let body =
            br#"{"model":"claude","system":"Short.","messages":[{"role":"user","content":"Hi"}]}"#;
        let Ok(conversation) = read_request(body, &mut lost) else {
            panic!("not read");
        };
        let written = write_request(&conversation, "claude-upstream", &mut lost);
        assert_eq!(
            str::from_utf8(&written),
            Ok(
                r#"{"model":"claude-upstream","system":"Short.","messages":[{"role":"user","content":[{"type":"text","text":"Hi"}]}]}"#
            )
        );
        assert!(lost.is_empty());
    }

    #[test]
    fn answers_there_and_back() {
        assert_eq!(read_reply(&write_reply(2_095)), Ok(2_095));
        assert_eq!(read_reply(b"{}"), Err(NotAnAnswer::Malformed));
        assert_eq!(read_reply(b""), Err(NotAnAnswer::Empty));
        let error =
            br#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
        assert!(matches!(read_reply(error), Err(NotAnAnswer::Error(_))));
    }
}
