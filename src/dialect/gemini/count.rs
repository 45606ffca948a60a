//! `:countTokens`: how long a prompt is.

use serde::{Deserialize, Serialize};

use super::{path, read, wire::Fields, write::Request};
use crate::dialect::{
    NotAnAnswer,
    neutral::{Conversation, Lost},
    request::BadRequest,
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Question<'a> {
    generate_content_request: Request<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Count {
    total_tokens: Option<f64>,
}

/// Reads the body: `contents` on their own, or a whole `generateContentRequest`.
///
/// # Errors
///
/// [`BadRequest`] as [`read::request`] has it, and for both or neither.
pub fn read_request(body: &[u8], lost: &mut Lost) -> Result<Conversation, BadRequest> {
    let fields = str::from_utf8(body).ok().and_then(Fields::read);
    let inner = fields.as_ref().and_then(|fields| {
        let mut named = fields.named();
        named.find(|(name, _)| name == "generateContentRequest")
    });
    let Some((name, raw)) = inner else {
        return read::request(body, false, lost);
    };
    let refused = |message: &str| BadRequest {
        param: Some(name.to_string()),
        message: format!("`{name}` must {message}."),
    };
    if fields.as_ref().is_some_and(|fields| fields.0.len() > 1) {
        return Err(refused("come alone"));
    }
    match Fields::read(raw.get()) {
        Some(fields) => read::conversation(&fields, false, lost),
        None => Err(refused("be an object")),
    }
}

/// Writes the body for an upstream that calls the model `model`.
pub fn write_request(conversation: &Conversation, model: &str, lost: &mut Lost) -> Vec<u8> {
    let mut request = Request::of(conversation, model, lost);
    request.model = Some(path::resource(model).into_owned());
    let question = Question {
        generate_content_request: request,
    };
    // Fails for maps with odd keys only; there are none.
    serde_json::to_vec(&question).unwrap_or_default()
}

/// Reads the number of tokens out of an answer.
///
/// # Errors
///
/// [`NotAnAnswer::Malformed`] if it does not say.
pub fn read_answer(body: &[u8]) -> Result<u64, NotAnAnswer> {
    let count: Option<Count> = serde_json::from_slice(body).ok();
    let tokens = count.and_then(|count| count.total_tokens);
    let tokens = tokens.ok_or(NotAnAnswer::Malformed)?;
    Ok(tokens as u64)
}

/// Writes an answer.
pub fn write_answer(tokens: u64) -> Vec<u8> {
    format!(r#"{{"totalTokens":{tokens}}}"#).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_the_question() {
        let plain = br#"{"contents":[{"parts":[{"text":"hi"}]}]}"#;
        let whole = br#"{"generateContentRequest":{"model":"models/m",
            "contents":[{"parts":[{"text":"hi"}]}],"systemInstruction":{"parts":{"text":"s"}}}}"#;
        let mut lost = Lost::default();
        let plain = read_request(plain, &mut lost).unwrap();
        let whole = read_request(whole, &mut lost).unwrap();
        assert_eq!(plain.turns, whole.turns);
        assert_eq!(whole.system.len(), 1);
        assert!(lost.is_empty());

        let both = br#"{"generate_content_request":{},"contents":[]}"#;
        let error = read_request(both, &mut lost).unwrap_err();
        assert_eq!(error.param.as_deref(), Some("generateContentRequest"));
        assert!(read_request(b"[]", &mut lost).is_err());
    }

    #[test]
    fn the_question_there_and_back() {
        let mut lost = Lost::default();
        let body = br#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#;
        let asked = read_request(body, &mut lost).unwrap();
        let written = write_request(&asked, "gemini-3-flash", &mut lost);
        let text = std::str::from_utf8(&written).unwrap();
        assert!(
            text.contains(r#""model":"models/gemini-3-flash""#),
            "{text}"
        );
        assert_eq!(read_request(&written, &mut lost).unwrap(), asked);
        assert!(lost.is_empty());
    }

    #[test]
    fn the_answer_there_and_back() {
        assert_eq!(write_answer(31), br#"{"totalTokens":31}"#);
        let google = br#"{"totalTokens": 31, "promptTokensDetails": [{"modality": "TEXT"}]}"#;
        assert_eq!(read_answer(google), Ok(31));
        assert!(read_answer(b"{}").is_err());
        assert!(read_answer(b"<html>").is_err());
    }
}
