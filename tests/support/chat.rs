//! Chat requests and answers, and the bytes in which an upstream may send them.

use bytes::Bytes;
use serde_json::{Value, json};

use super::client::{Answer, Event};

/// The path of chat completions.
pub(crate) const CHAT: &str = "/v1/chat/completions";

/// A chat request.
pub(crate) fn ask(model: &str, text: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": text}]})
}

/// A chat request for a stream.
pub(crate) fn ask_stream(model: &str, text: &str) -> Value {
    let mut request = ask(model, text);
    request["stream"] = json!(true);
    request
}

/// The text of a whole answer, which must be a 200.
pub(crate) fn text_of(answer: &Answer) -> String {
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let body = answer.json();
    let content = body["choices"][0]["message"]["content"].as_str();
    content
        .unwrap_or_else(|| panic!("no content in {body}"))
        .to_owned()
}

/// The text of a stream, its deltas in one. Events that are no JSON and usage chunks add nothing.
pub(crate) fn text_of_stream(events: &[Event]) -> String {
    let chunks = events
        .iter()
        .filter_map(|event| serde_json::from_str::<Value>(&event.data).ok());
    chunks
        .filter_map(|chunk| {
            let content = chunk["choices"][0]["delta"]["content"].as_str();
            content.map(str::to_owned)
        })
        .collect()
}

/// Whether a stream ended as it should.
pub(crate) fn is_done(events: &[Event]) -> bool {
    events.last().is_some_and(|event| event.data == "[DONE]")
}

/// `error.code` of an answer.
pub(crate) fn error_code(answer: &Answer) -> String {
    let body = answer.json();
    let code = body["error"]["code"].as_str();
    code.unwrap_or_else(|| panic!("no error code in {body}"))
        .to_owned()
}

/// A whole answer's body, as an upstream sends it.
pub(crate) fn completion(text: &str) -> Value {
    json!({
        "id": "chatcmpl-evil", "object": "chat.completion", "created": 1, "model": "evil",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    })
}

/// One delta of a stream, as an event.
pub(crate) fn delta(text: &str) -> String {
    let chunk = json!({
        "id": "chatcmpl-evil", "object": "chat.completion.chunk", "created": 1, "model": "evil",
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}],
    });
    format!("data: {chunk}\n\n")
}

/// The events that end a stream well: the reason and `[DONE]`.
pub(crate) fn ending() -> String {
    let chunk = json!({
        "id": "chatcmpl-evil", "object": "chat.completion.chunk", "created": 1, "model": "evil",
        "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
    });
    format!("data: {chunk}\n\ndata: [DONE]\n\n")
}

/// A response with a length, as bytes.
pub(crate) fn response(status: u16, headers: &[(&str, &str)], body: &str) -> Bytes {
    let mut text = format!("HTTP/1.1 {status} Evil\r\ncontent-type: application/json\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    Bytes::from(format!(
        "{text}content-length: {}\r\n\r\n{body}",
        body.len()
    ))
}

/// A good answer, as bytes.
pub(crate) fn good(text: &str) -> Bytes {
    response(200, &[], &completion(text).to_string())
}

/// The head of a stream, to be followed by [`chunk`]s.
pub(crate) fn stream_head() -> Bytes {
    Bytes::from_static(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
    )
}

/// One chunk of a body.
pub(crate) fn chunk(text: &str) -> Bytes {
    Bytes::from(format!("{:x}\r\n{text}\r\n", text.len()))
}

/// The chunk that ends a body.
pub(crate) fn last_chunk() -> Bytes {
    Bytes::from_static(b"0\r\n\r\n")
}
