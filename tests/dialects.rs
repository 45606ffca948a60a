//! Any client, any provider: what a client of one dialect gets from a provider of another.

use serde_json::{Value, json};

use crate::support::chat::{chunk, last_chunk, response, stream_head};
use crate::support::client::{Answer, Client, Ending, Event};
use crate::support::evil::{Act, Evil};
use crate::support::gateway::House;
use crate::support::http::Head;

mod alike;
mod blameless;
mod breaks;
mod crossings;
mod failover;
mod logprobs;
mod models;
mod overload;
mod refusals;
mod same;
mod there_and_back;
mod tools;

/// The calls that carry a conversation, by the client's dialect.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Asks {
    Chat,
    Responses,
    Messages,
    Content,
}

const CLIENTS: [Asks; 4] = [Asks::Chat, Asks::Responses, Asks::Messages, Asks::Content];

impl Asks {
    fn path(self, stream: bool) -> &'static str {
        match (self, stream) {
            (Self::Chat, _) => "/v1/chat/completions",
            (Self::Responses, _) => "/v1/responses",
            (Self::Messages, _) => "/v1/messages",
            (Self::Content, false) => "/v1beta/models/m:generateContent",
            (Self::Content, true) => "/v1beta/models/m:streamGenerateContent?alt=sse",
        }
    }

    /// A request for `text` with a system prompt, in the client's own words.
    fn body(self, stream: bool) -> Value {
        let hello = json!([{"role": "user", "content": "hello"}]);
        let mut body = match self {
            Self::Chat => json!({"model": "m", "messages": [
                {"role": "system", "content": "be kind"}, {"role": "user", "content": "hello"}]}),
            Self::Responses => json!({"model": "m", "instructions": "be kind", "input": hello}),
            Self::Messages => {
                json!({"model": "m", "max_tokens": 99, "system": "be kind", "messages": hello})
            }
            Self::Content => json!({
                "systemInstruction": {"parts": [{"text": "be kind"}]},
                "contents": [{"role": "user", "parts": [{"text": "hello"}]}]}),
        };
        if stream && self != Self::Content {
            body["stream"] = json!(true);
        }
        body
    }

    /// The text of a whole answer, and tokens in and out.
    fn told(self, answer: &Answer) -> (String, u64, u64) {
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let body = answer.json();
        let (text, usage, names) = match self {
            Self::Chat => (
                &body["choices"][0]["message"]["content"],
                &body["usage"],
                ["prompt_tokens", "completion_tokens"],
            ),
            Self::Responses => (
                &body["output"][0]["content"][0]["text"],
                &body["usage"],
                ["input_tokens", "output_tokens"],
            ),
            Self::Messages => (
                &body["content"][0]["text"],
                &body["usage"],
                ["input_tokens", "output_tokens"],
            ),
            Self::Content => (
                &body["candidates"][0]["content"]["parts"][0]["text"],
                &body["usageMetadata"],
                ["promptTokenCount", "candidatesTokenCount"],
            ),
        };
        let text = text.as_str().unwrap_or_else(|| panic!("no text: {body}"));
        let [input, output] = names.map(|name| usage[name].as_u64().expect("a count"));
        (text.to_owned(), input, output)
    }

    /// The text of a stream that ended as this dialect's do.
    fn streamed(self, events: &[Event]) -> String {
        let last = events.last().expect("events");
        let data = |event: &Event| serde_json::from_str::<Value>(&event.data).unwrap_or_default();
        match self {
            Self::Chat => assert_eq!(last.data, "[DONE]"),
            Self::Responses => assert_eq!(data(last)["type"], "response.completed"),
            Self::Messages => assert_eq!(data(last)["type"], "message_stop"),
            Self::Content => assert_eq!(data(last)["candidates"][0]["finishReason"], "STOP"),
        }
        let text = events.iter().filter_map(|event| {
            let data = data(event);
            let text = match self {
                Self::Chat => &data["choices"][0]["delta"]["content"],
                Self::Responses if data["type"] == "response.output_text.delta" => &data["delta"],
                Self::Responses => return None,
                Self::Messages => &data["delta"]["text"],
                Self::Content => &data["candidates"][0]["content"]["parts"][0]["text"],
            };
            text.as_str().map(str::to_owned)
        });
        text.collect()
    }
}

/// The dialects of providers.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Says {
    OpenAi,
    Anthropic,
    Gemini,
}

const PROVIDERS: [Says; 3] = [Says::OpenAi, Says::Anthropic, Says::Gemini];

impl Says {
    fn provider(self) -> &'static str {
        match self {
            Self::OpenAi => "openai-compatible",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
        }
    }

    /// An endpoint of this dialect that `evil` plays.
    fn endpoint(self, name: &str, evil: &Evil) -> String {
        format!(
            "  - {{ name: {name}, provider: {}, base_url: \"{}\", api_key: canary, models: [m], \
             probe: {{ kind: none }} }}\n",
            self.provider(),
            evil.base_url()
        )
    }

    /// A whole answer of 7 tokens in and 2 out.
    fn whole(self, text: &str) -> Value {
        match self {
            Self::OpenAi => {
                json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "x",
                "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
                "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}})
            }
            Self::Anthropic => {
                json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "x",
                "content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "stop_sequence": null,
                "usage": {"input_tokens": 7, "output_tokens": 2}})
            }
            Self::Gemini => json!({"candidates": [{"index": 0, "finishReason": "STOP",
                "content": {"role": "model", "parts": [{"text": text}]}}], "modelVersion": "x", "responseId": "r",
                "usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 2, "totalTokenCount": 9}}),
        }
    }

    /// The events of the same answer, its text in these pieces.
    fn events(self, pieces: &[&str]) -> Vec<String> {
        let data = |value: Value| format!("data: {value}\n\n");
        let named = |value: Value| {
            let name = value["type"].as_str().expect("a type").to_owned();
            format!("event: {name}\ndata: {value}\n\n")
        };
        match self {
            Self::OpenAi => {
                let chunk = |delta: Value, end: Value| {
                    data(
                        json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "x",
                        "choices": [{"index": 0, "delta": delta, "finish_reason": end}]}),
                    )
                };
                let mut events = vec![chunk(
                    json!({"role": "assistant", "content": ""}),
                    Value::Null,
                )];
                events.extend(
                    pieces
                        .iter()
                        .map(|it| chunk(json!({"content": it}), Value::Null)),
                );
                events.push(chunk(json!({}), json!("stop")));
                events.push(data(
                    json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1,
                    "model": "x", "choices": [],
                    "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}}),
                ));
                events.push("data: [DONE]\n\n".to_owned());
                events
            }
            Self::Anthropic => {
                let mut events = vec![
                    named(
                        json!({"type": "message_start", "message": {"id": "msg_1", "type": "message",
                        "role": "assistant", "model": "x", "content": [], "stop_reason": null,
                        "stop_sequence": null, "usage": {"input_tokens": 7, "output_tokens": 1}}}),
                    ),
                    named(json!({"type": "content_block_start", "index": 0,
                        "content_block": {"type": "text", "text": ""}})),
                    named(json!({"type": "ping"})),
                ];
                events.extend(pieces.iter().map(|it| {
                    named(json!({"type": "content_block_delta", "index": 0,
                        "delta": {"type": "text_delta", "text": it}}))
                }));
                events.push(named(json!({"type": "content_block_stop", "index": 0})));
                events.push(named(json!({"type": "message_delta",
                    "delta": {"stop_reason": "end_turn", "stop_sequence": null},
                    "usage": {"output_tokens": 2}})));
                events.push(named(json!({"type": "message_stop"})));
                events
            }
            Self::Gemini => {
                let last = pieces.len() - 1;
                let chunks = pieces.iter().enumerate().map(|(at, piece)| {
                    let mut candidate = json!({"index": 0, "content": {"role": "model", "parts": [{"text": piece}]}});
                    if at == last {
                        candidate["finishReason"] = json!("STOP");
                    }
                    data(json!({"candidates": [candidate], "modelVersion": "x", "responseId": "r",
                        "usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 2, "totalTokenCount": 9}}))
                });
                chunks.collect()
            }
        }
    }

    /// A provider that answers with `text`, whole.
    fn answers(self, text: &str) -> Evil {
        let body = self.whole(text).to_string();
        Evil::start(move |_, _| vec![Act::Send(response(200, &[], &body)), Act::KeepAlive])
    }

    /// A provider that streams these pieces.
    fn streams(self, pieces: &[&str]) -> Evil {
        let body: String = self.events(pieces).concat();
        let chunk = chunk(&body);
        Evil::start(move |_, _| {
            let acts = [stream_head(), chunk.clone(), last_chunk()].map(Act::Send);
            acts.into_iter().chain([Act::KeepAlive]).collect()
        })
    }
}

/// A gateway in front of `evil` alone, which speaks this dialect.
fn house(says: Says, name: &str, evil: &Evil) -> House {
    House::start(&format!("endpoints:\n{}", says.endpoint(name, evil)))
}

/// Asks for a stream, and reads it to its end.
async fn stream(house: &House, asks: Asks) -> (Head, Vec<Event>) {
    stream_of(house, asks, &asks.body(true)).await
}

/// Asks for a stream with this body, and reads it to its end.
async fn stream_of(house: &House, asks: Asks, body: &Value) -> (Head, Vec<Event>) {
    let mut client = Client::connect(house.addr()).await;
    client.post(asks.path(true), body).await;
    let head = client.head().await;
    let (events, ending) = client.events().await;
    assert_eq!((head.status(), ending), (200, Ending::Whole));
    (head, events)
}
