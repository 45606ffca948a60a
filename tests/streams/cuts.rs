//! A stream in many languages, cut at every byte: the client's bytes are the provider's, the usage is the same.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{BufMut, Bytes, BytesMut};
use serde_json::json;

use super::{assert_calm, house};
use crate::support::chat::{CHAT, ask_stream, last_chunk, stream_head};
use crate::support::client::{Client, Ending};
use crate::support::evil::{Act, Evil};
use crate::support::gateway::House;

const FILE: &str = concat!(
    ": hello, Ωκεανός\n\n",
    "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}],\"usage\":null}\n\n",
    "data: {\"choices\":[{\"delta\":{\"content\":\"日本語, русский\"}}],\"usage\":null}\r\n\r\n",
    "data:{\"choices\":[{\"delta\":{\"content\":\"عربي 🎉👩‍🚀 \\ud83c\\udf89 [DONE]\"}}]}\n\n",
    "id: 4\ndata: {\"choices\":\ndata: [{\"delta\":{\"content\":\"हिन्दी\"},\"finish_reason\":\"stop\"}]}\n\n",
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":5}}\n\n",
    "data: [DONE]\n\n",
);

/// What a client gets that did not ask for the usage.
fn without_usage() -> String {
    let at = FILE.find("data: {\"choices\":[],").expect("a usage chunk");
    let end = at + FILE[at..].find("\n\n").expect("its end") + 2;
    format!("{}{}", &FILE[..at], &FILE[end..])
}

fn chunk(bytes: &[u8]) -> Bytes {
    let mut chunk = BytesMut::from(format!("{:x}\r\n", bytes.len()).as_bytes());
    chunk.put_slice(bytes);
    chunk.put_slice(b"\r\n");
    chunk.freeze()
}

/// Cuts the file in two behind byte 1, 2, …; at its end, starts anew.
///
/// Two chunks: however TCP joins them, they are read one after the other.
fn upstream() -> Evil {
    let request = AtomicUsize::new(0);
    Evil::start(move |_, _| {
        let cut = 1 + request.fetch_add(1, Ordering::SeqCst) % (FILE.len() - 1);
        let (front, back) = FILE.as_bytes().split_at(cut);
        let whole = [stream_head(), chunk(front), chunk(back), last_chunk()].concat();
        vec![Act::Send(whole.into()), Act::KeepAlive]
    })
}

async fn ask(client: &mut Client, include_usage: bool, expected: &str, what: &str) {
    let mut request = ask_stream("m", "hello");
    if include_usage {
        request["stream_options"] = json!({"include_usage": true});
    }
    client.post(CHAT, &request).await;
    let answer = client.answer().await;
    assert_eq!(answer.ending, Ending::Whole);
    assert_eq!(answer.text(), expected, "{what}");
}

async fn assert_usage(house: &House, name: &str, answers: usize) {
    assert_calm(house, name).await;
    let endpoint = format!("endpoint=\"{name}\"");
    for (direction, each) in [("input", 12), ("output", 5)] {
        let direction = format!("direction=\"{direction}\"");
        let labels: [&str; 2] = [&endpoint, &direction];
        let counted = house.metric("breakerbox_tokens_total", &labels).await;
        assert_eq!(counted, (answers * each) as f64, "{direction}");
    }
    assert_eq!(house.outcomes(name, "success").await, answers as f64);
}

#[tokio::test]
async fn cut_at_every_byte_with_the_usage_left_out() {
    let evil = upstream();
    let house = house("cuts-without", &evil);
    let expected = without_usage();
    let mut client = Client::connect(house.addr()).await;
    for cut in 1..FILE.len() {
        ask(
            &mut client,
            false,
            &expected,
            &format!("cut behind byte {cut}"),
        )
        .await;
    }
    assert_usage(&house, "cuts-without", FILE.len() - 1).await;
}

#[tokio::test]
async fn cut_at_every_byte_with_the_usage_asked_for() {
    let evil = upstream();
    let house = house("cuts-with", &evil);
    let mut client = Client::connect(house.addr()).await;
    for cut in 1..FILE.len() {
        ask(&mut client, true, FILE, &format!("cut behind byte {cut}")).await;
    }
    assert_usage(&house, "cuts-with", FILE.len() - 1).await;
}

#[tokio::test]
async fn cut_behind_every_byte_at_once_and_on_the_wire() {
    let evil = Evil::start(|_, _| {
        let bytes = FILE.as_bytes().chunks(1);
        let chunks = bytes.flat_map(|byte| chunk(byte).to_vec());
        // The framing in pieces too: its own line ends are cut.
        let wire: Vec<u8> = chunks.chain(last_chunk()).collect();
        let writes = wire
            .chunks(1)
            .map(|byte| Act::Send(Bytes::copy_from_slice(byte)));
        let head = std::iter::once(Act::Send(stream_head()));
        head.chain(writes).chain([Act::KeepAlive]).collect()
    });
    let house = house("cuts-all", &evil);
    let mut client = Client::connect(house.addr()).await;
    ask(&mut client, false, &without_usage(), "every byte").await;
    ask(&mut client, true, FILE, "every byte").await;
    assert_usage(&house, "cuts-all", 2).await;
}
