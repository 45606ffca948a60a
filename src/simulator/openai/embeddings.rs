//! `POST …/embeddings`

use base64::Engine as _;
use serde_json::{Value, json};

use super::super::ask::count;
use super::super::dialect::{Call, Prepared};
use super::super::luck::Luck;
use super::super::reply::Reply;
use super::{missing, wrong_type};

/// Length of a vector when the request asks for none.
const DIMENSIONS: u64 = 64;
/// Longest vector.
const LONGEST: u64 = 4_096;

pub(super) fn prepare(call: &Call<'_>) -> Result<Prepared, Box<Reply>> {
    let (body, model) = super::body(call)?;
    let inputs = match body.get("input") {
        None => return Err(missing("input")),
        Some(text @ Value::String(_)) => vec![text.clone()],
        // One input in tokens.
        Some(Value::Array(items)) if items.iter().all(Value::is_number) && !items.is_empty() => {
            vec![Value::Array(items.clone())]
        }
        Some(Value::Array(items)) if !items.is_empty() => items.clone(),
        Some(_) => return Err(wrong_type("input", "a text, tokens, or a list of them")),
    };
    let wanted = body.get("dimensions").and_then(Value::as_u64);
    let dimensions = wanted.unwrap_or(DIMENSIONS).clamp(1, LONGEST);
    let packed = body.get("encoding_format").and_then(Value::as_str) == Some("base64");
    let tokens: usize = inputs.iter().map(count).sum();
    let seed = call.script.seed;
    Ok(Prepared {
        tokens: tokens as u64,
        model: model.clone(),
        answer: Box::new(move |usage| {
            let data: Vec<Value> = inputs
                .iter()
                .enumerate()
                .map(|(index, input)| {
                    let vector = vector(seed, &input.to_string(), dimensions);
                    let embedding = if packed { pack(&vector) } else { json!(vector) };
                    json!({"object": "embedding", "index": index, "embedding": embedding})
                })
                .collect();
            let mut body = json!({"object": "list", "data": data, "model": model});
            if usage {
                body["usage"] = json!({"prompt_tokens": tokens, "total_tokens": tokens});
            }
            Reply::json(200, &body, 0)
        }),
    })
}

/// A vector of length 1 that depends on seed and input only.
fn vector(seed: u64, input: &str, dimensions: u64) -> Vec<f32> {
    let mut luck = Luck::of_text(seed, input.as_bytes());
    let raw: Vec<f64> = (0..dimensions).map(|_| luck.unit() * 2.0 - 1.0).collect();
    let length = raw.iter().map(|part| part * part).sum::<f64>().sqrt();
    raw.iter().map(|part| (part / length) as f32).collect()
}

/// 32-bit floats, little-endian, in base64: what the official SDKs ask for.
fn pack(vector: &[f32]) -> Value {
    let bytes: Vec<u8> = vector.iter().flat_map(|part| part.to_le_bytes()).collect();
    Value::String(base64::engine::general_purpose::STANDARD.encode(bytes))
}
