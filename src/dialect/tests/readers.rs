//! What clients make of the answers they are given.

use serde_json::Value;

use super::*;
use crate::dialect::{
    neutral::{
        Choice, Delta, Likely, Logprob, Part, Stop, Thought, ToolCall, custom::wrapped,
        testing::gathered,
    },
    sse::Event,
};

/// Reads a whole answer as a client of `asked` does.
pub(super) fn reply(asked: Api, body: &[u8]) -> Reply {
    match (asked, asked.dialect()) {
        (Api::Responses, _) => response(&serde_json::from_slice(body).unwrap()),
        (_, Dialect::OpenAi) => chat::read::reply(body).unwrap(),
        (_, Dialect::Anthropic) => anthropic::read::reply(body).unwrap(),
        (_, Dialect::Gemini) => gemini::read::reply(body).unwrap(),
    }
}

/// Reads a stream as a client of `asked` does.
pub(super) fn stream(asked: Api, bytes: &[u8]) -> Reply {
    let text = std::str::from_utf8(bytes).unwrap();
    let events: Vec<_> = text.split_inclusive("\n\n").collect();
    let events = events.iter().map(|event| Event::parse(event.as_bytes()));
    let mut deltas: Vec<Delta> = Vec::new();
    match (asked, asked.dialect()) {
        (Api::Responses, _) => {
            let last = events.into_iter().next_back().unwrap();
            let last: Value = serde_json::from_slice(&last.data).unwrap();
            return response(&last["response"]);
        }
        (_, Dialect::OpenAi) => {
            let mut reader = chat::read::Events::default();
            events.for_each(|event| reader.read(&event, &mut deltas).unwrap());
        }
        (_, Dialect::Anthropic) => {
            let mut reader = anthropic::read::Events::default();
            events.for_each(|event| reader.read(&event, &mut deltas).unwrap());
        }
        (_, Dialect::Gemini) => {
            let mut reader = gemini::read::Events::default();
            events.for_each(|event| reader.read(&event, &mut deltas).unwrap());
            reader.finish(&mut deltas).unwrap();
        }
    }
    assert_eq!(deltas.last(), Some(&Delta::End), "{text}");
    gathered(&deltas)
}

fn token(of: &Value) -> Logprob {
    let likely = |of: &Value| {
        let bytes = of["bytes"].as_array().unwrap().iter();
        Likely {
            token: of["token"].as_str().unwrap().to_owned(),
            logprob: of["logprob"].as_f64().unwrap(),
            bytes: Some(bytes.map(|it| it.as_u64().unwrap() as u8).collect()),
        }
    };
    Logprob {
        chosen: likely(of),
        top: of["top_logprobs"]
            .as_array()
            .unwrap()
            .iter()
            .map(likely)
            .collect(),
    }
}

/// Reads a response, as no codec does: the gateway only writes them.
fn response(body: &Value) -> Reply {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut parts = Vec::new();
    let mut logprobs = Vec::new();
    for item in body["output"].as_array().unwrap() {
        match item["type"].as_str().unwrap() {
            "message" => parts.extend(item["content"].as_array().unwrap().iter().map(|part| {
                match part["type"].as_str().unwrap() {
                    "refusal" => Part::Refusal(text(&part["refusal"])),
                    _ => {
                        logprobs.extend(part["logprobs"].as_array().unwrap().iter().map(token));
                        Part::Text(text(&part["text"]))
                    }
                }
            })),
            "reasoning" => parts.push(Part::Thought(Thought {
                text: text(&item["summary"][0]["text"]),
                signature: item["encrypted_content"].as_str().map(str::to_owned),
                redacted: false,
            })),
            "function_call" => parts.push(Part::ToolCall(ToolCall {
                id: text(&item["call_id"]),
                name: text(&item["name"]),
                arguments: text(&item["arguments"]),
                signature: None,
                custom: false,
            })),
            "custom_tool_call" => parts.push(Part::ToolCall(ToolCall {
                id: text(&item["call_id"]),
                name: text(&item["name"]),
                arguments: wrapped(&text(&item["input"])),
                signature: None,
                custom: true,
            })),
            other => panic!("{other}"),
        }
    }
    let calls = parts.iter().any(|part| matches!(part, Part::ToolCall(_)));
    let stop = match body["incomplete_details"]["reason"].as_str() {
        Some("max_output_tokens") => Stop::Length,
        Some(_) => Stop::Filter,
        None if calls => Stop::ToolCalls,
        None => Stop::End,
    };
    let usage = &body["usage"];
    let count = |value: &Value| value.as_u64().unwrap_or_default();
    Reply {
        id: text(&body["id"]),
        model: text(&body["model"]),
        created: body["created_at"].as_u64(),
        choices: vec![Choice {
            parts,
            logprobs,
            stop,
        }],
        usage: usage.is_object().then(|| Usage {
            input: count(&usage["input_tokens"]),
            output: count(&usage["output_tokens"]),
            cached: count(&usage["input_tokens_details"]["cached_tokens"]),
            reasoning: count(&usage["output_tokens_details"]["reasoning_tokens"]),
        }),
    }
}
