//! What another dialect costs a request of 1 KB and its answer, and each chunk of a stream, beyond the bytes
//! passing unchanged.

use std::hint::black_box;
use std::io::Write as _;

use breakerbox::dialect::openai::chat::write::Variant;
use breakerbox::dialect::request::{InPath, Peek, peek, peek_at};
use breakerbox::dialect::translate::{self, Asked, Translation};
use breakerbox::dialect::{Api, Dialect};
use breakerbox_actors::clock;
use criterion::{Criterion, criterion_group};
use serde_json::{Value, json};

/// The most a 1 KB exchange may cost, in µs.
const MOST_EXCHANGE: f64 = 25.0;
/// The most a chunk of a stream may cost, in µs.
const MOST_CHUNK: f64 = 3.0;
/// Chunks in a stream.
const CHUNKS: usize = 200;

const CLIENTS: [(Api, &str); 4] = [
    (Api::ChatCompletions, "chat"),
    (Api::Responses, "responses"),
    (Api::Messages, "messages"),
    (Api::GenerateContent, "gemini"),
];
const PROVIDERS: [(Api, &str); 3] = [
    (Api::ChatCompletions, "chat"),
    (Api::Messages, "messages"),
    (Api::GenerateContent, "gemini"),
];

const SYSTEM: &str =
    "You are a helpful assistant that answers in one sentence and cites its source.";
const USER: &str =
    "Wie wird das Wetter morgen in Köln, und was soll ich anziehen, wenn ich mit dem Rad fahre?";
const ANSWER: &str = "Morgen wird es in Köln mild und trocken, bei 18 Grad und wenig Wind; eine leichte Jacke \
    reicht. Quelle: der Deutsche Wetterdienst, Vorhersage von heute Abend.";

/// A question with a tool, about 650 bytes.
fn question(asked: Api) -> Value {
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}, "day": {"type": "string"}}, "required": ["city"]});
    let about = "Returns the weather of a city on a day.";
    let user = json!({"role": "user", "content": USER});
    match asked {
        Api::ChatCompletions => json!({"model": "m", "temperature": 0.5, "max_tokens": 500,
            "messages": [{"role": "system", "content": SYSTEM}, user],
            "tools": [{"type": "function", "function": {"name": "weather", "description": about, "parameters": schema}}]}),
        Api::Responses => json!({"model": "m", "temperature": 0.5, "max_output_tokens": 500,
            "instructions": SYSTEM, "input": [user],
            "tools": [{"type": "function", "name": "weather", "description": about, "parameters": schema}]}),
        Api::Messages => {
            json!({"model": "m", "temperature": 0.5, "max_tokens": 500, "system": SYSTEM, "messages": [user],
            "tools": [{"name": "weather", "description": about, "input_schema": schema}]})
        }
        _ => json!({"generationConfig": {"temperature": 0.5, "maxOutputTokens": 500},
            "systemInstruction": {"parts": [{"text": SYSTEM}]}, "contents": [{"role": "user", "parts": [{"text": USER}]}],
            "tools": [{"functionDeclarations": [{"name": "weather", "description": about, "parametersJsonSchema": schema}]}]}),
    }
}

/// An answer with a call, about 400 bytes.
fn answer(sent: Api) -> Vec<u8> {
    let arguments = json!({"city": "Köln", "day": "tomorrow"});
    let answer = match sent {
        Api::ChatCompletions => {
            json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "content": ANSWER,
                "tool_calls": [{"id": "call_1", "type": "function",
                    "function": {"name": "weather", "arguments": arguments.to_string()}}]}}],
            "usage": {"prompt_tokens": 120, "completion_tokens": 60, "total_tokens": 180}})
        }
        Api::Messages => {
            json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m",
            "content": [{"type": "text", "text": ANSWER},
                {"type": "tool_use", "id": "call_1", "name": "weather", "input": arguments}],
            "stop_reason": "tool_use", "stop_sequence": null, "usage": {"input_tokens": 120, "output_tokens": 60}})
        }
        _ => {
            json!({"candidates": [{"index": 0, "finishReason": "STOP", "content": {"role": "model",
            "parts": [{"text": ANSWER}, {"functionCall": {"name": "weather", "args": arguments}}]}}],
            "modelVersion": "m", "responseId": "r", "usageMetadata": {"promptTokenCount": 120,
            "candidatesTokenCount": 60, "totalTokenCount": 180}})
        }
    };
    answer.to_string().into_bytes()
}

/// The events of a streamed text: those before it, one chunk of it, those behind it.
fn events(sent: Api) -> [Vec<u8>; 3] {
    let event = |values: &[Value]| {
        let event = |value: &Value| match value["type"].as_str() {
            Some(name) => format!("event: {name}\ndata: {value}\n\n"),
            None => format!("data: {value}\n\n"),
        };
        values.iter().map(event).collect::<String>().into_bytes()
    };
    let text = " ein leichter Regenmantel";
    match sent {
        Api::ChatCompletions => {
            let chunk = |delta: Value, end: Value| {
                json!({"id": "c", "object": "chat.completion.chunk", "created": 1,
                "model": "m", "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": end}]})
            };
            [
                event(&[chunk(
                    json!({"role": "assistant", "content": ""}),
                    Value::Null,
                )]),
                event(&[chunk(json!({"content": text}), Value::Null)]),
                event(&[chunk(json!({}), json!("stop"))]),
            ]
        }
        Api::Messages => [
            event(&[
                json!({"type": "message_start", "message": {"id": "m", "type": "message", "role": "assistant",
                    "model": "m", "content": [], "usage": {"input_tokens": 9, "output_tokens": 1}}}),
                json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
            ]),
            event(&[
                json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}),
            ]),
            event(&[
                json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}}),
            ]),
        ],
        _ => {
            let chunk = |end: Value| {
                json!({"candidates": [{"index": 0, "content": {"role": "model",
                "parts": [{"text": text}]}, "finishReason": end}], "modelVersion": "m", "responseId": "r",
                "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 9, "totalTokenCount": 18}})
            };
            [
                event(&[chunk(Value::Null)]),
                event(&[chunk(Value::Null)]),
                event(&[chunk(json!("STOP"))]),
            ]
        }
    }
}

fn peeked(asked: Api) -> Peek {
    let body = question(asked).to_string().into();
    let path = InPath {
        model: "m".to_owned(),
        stream: false,
    };
    match asked.dialect() {
        Dialect::Gemini => peek_at(&body, asked, path),
        Dialect::OpenAi | Dialect::Anthropic => peek(&body, asked),
    }
    .expect("a request")
}

/// There and back, as the gateway does for another dialect.
fn exchange(peek: &Peek, asked: Api, sent: Api, answer: &[u8]) -> usize {
    let read = Asked::read(peek).expect("a conversation");
    let written = read.write(sent, Variant::OpenAi, "m");
    let told = translate::answer(sent, asked, &written.context, answer, "", 9).expect("an answer");
    written.body.len() + told.len() + usize::from(written.lost.is_empty())
}

/// A stream of [`CHUNKS`] chunks, in the client's dialect.
fn stream(asked: Api, sent: Api, [head, chunk, last]: &[Vec<u8>; 3]) -> usize {
    let mut translation = Translation::new(sent, asked, true, 9);
    let mut told = 0;
    let mut out = Vec::new();
    let all = std::iter::once(head).chain(std::iter::repeat_n(chunk, CHUNKS));
    for events in all.chain([last]) {
        for event in events.split_inclusive(|byte| *byte == b'\n') {
            // A name is a line of its own, an event the line of its data.
            if event.starts_with(b"data:") {
                translation.event(event, &mut out).expect("an event");
            }
        }
        told += out.len();
        out.clear();
    }
    told
}

/// The pairs that are translated.
fn pairs() -> impl Iterator<Item = ((Api, &'static str), (Api, &'static str))> {
    let of = |client: (Api, &'static str)| PROVIDERS.map(|provider| (client, provider));
    CLIENTS
        .into_iter()
        .flat_map(of)
        .filter(|(client, provider)| client.0 != provider.0)
}

fn translation(bench: &mut Criterion) {
    let mut group = bench.benchmark_group("translate");
    for ((asked, client), (sent, provider)) in pairs() {
        let (peek, answer, events) = (peeked(asked), answer(sent), events(sent));
        group.bench_function(format!("1 KB, {client} by {provider}"), |bench| {
            bench.iter(|| exchange(black_box(&peek), asked, sent, black_box(&answer)));
        });
        group.bench_function(
            format!("{CHUNKS} chunks, {client} by {provider}"),
            |bench| {
                bench.iter(|| stream(asked, sent, black_box(&events)));
            },
        );
    }
    group.finish();
}

/// Returns what `work` takes, in µs: the median of 41 rounds.
fn median(rounds: u32, mut work: impl FnMut() -> usize) -> f64 {
    let mut times: Vec<f64> = (0..41)
        .map(|_| {
            let start = clock::now();
            for _ in 0..rounds {
                black_box(work());
            }
            (clock::now() - start).as_secs_f64() * 1e6 / f64::from(rounds)
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Prints every pair beside its goal.
fn table() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "\n{:<44} {:>12} {:>10}",
        "another dialect, over bytes passing", "measured", "goal"
    )?;
    for ((asked, client), (sent, provider)) in pairs() {
        let (peek, answer, events) = (peeked(asked), answer(sent), events(sent));
        let passing = median(200, || peek.rewrite("n").len());
        let there = median(200, || exchange(&peek, asked, sent, &answer)) - passing;
        let chunk = median(10, || stream(asked, sent, &events)) / CHUNKS as f64;
        for (what, took, most) in [
            ("1 KB exchange", there, MOST_EXCHANGE),
            ("chunk of a stream", chunk, MOST_CHUNK),
        ] {
            let verdict = if took <= most { "" } else { "  MISSED" };
            let name = format!("{what}, {client} by {provider}");
            writeln!(out, "{name:<44} {took:>9.2} µs {most:>7.0} µs{verdict}")?;
        }
    }
    Ok(())
}

criterion_group!(benches, translation);

fn main() -> std::io::Result<()> {
    benches();
    Criterion::default().configure_from_args().final_summary();
    table()
}
