mod answers;
mod functions;
pub(crate) mod requests;

use serde_json::Value;

use super::{read, write};
use crate::dialect::{
    neutral::{Delta, Unreadable, testing::gathered},
    sse::Event,
};

/// Reads a whole stream.
fn deltas(stream: &[u8]) -> Result<Vec<Delta>, Unreadable> {
    let mut events = read::Events::default();
    let mut out = Vec::new();
    let text = String::from_utf8_lossy(stream);
    for event in text.split_inclusive("\n\n") {
        events.read(&Event::parse(event.as_bytes()), &mut out)?;
    }
    Ok(out)
}

/// Writes a whole stream.
fn stream(deltas: &[Delta], include_usage: bool) -> Vec<u8> {
    let mut events = write::Events::new(1_700_000_000, include_usage);
    let mut out = Vec::new();
    for delta in deltas {
        events.write(delta, &mut out);
    }
    out
}

/// The JSON of each event of a stream, but for `[DONE]`.
fn chunks(stream: &[u8]) -> Vec<Value> {
    let text = str::from_utf8(stream).unwrap();
    let data = text
        .split("\n\n")
        .filter_map(|it| it.strip_prefix("data: "));
    let chunks = data.filter(|data| *data != "[DONE]");
    chunks.map(|it| serde_json::from_str(it).unwrap()).collect()
}
