//! The events of a stream, as they are written.

use serde::Serialize;

use crate::dialect::{
    anthropic::{
        usage::Bill,
        write::{block::Block, reply::Message},
    },
    sse,
};

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Event<'a> {
    MessageStart {
        message: Message<'a>,
    },
    ContentBlockStart {
        index: u64,
        content_block: Block<'a>,
    },
    ContentBlockDelta {
        index: u64,
        delta: Piece<'a>,
    },
    ContentBlockStop {
        index: u64,
    },
    MessageDelta {
        delta: Ending<'a>,
        usage: Bill,
    },
    MessageStop,
}

#[derive(Debug, Serialize)]
#[serde(tag = "type")]
pub(super) enum Piece<'a> {
    #[serde(rename = "text_delta")]
    Text { text: &'a str },
    #[serde(rename = "thinking_delta")]
    Thought { thinking: &'a str },
    #[serde(rename = "signature_delta")]
    Signature { signature: &'a str },
    #[serde(rename = "input_json_delta")]
    Arguments { partial_json: &'a str },
}

#[derive(Debug, Serialize)]
pub(super) struct Ending<'a> {
    pub(super) stop_reason: &'static str,
    pub(super) stop_sequence: Option<&'a str>,
}

pub(super) fn send(out: &mut Vec<u8>, event: &Event<'_>) {
    let name = match event {
        Event::MessageStart { .. } => "message_start",
        Event::ContentBlockStart { .. } => "content_block_start",
        Event::ContentBlockDelta { .. } => "content_block_delta",
        Event::ContentBlockStop { .. } => "content_block_stop",
        Event::MessageDelta { .. } => "message_delta",
        Event::MessageStop => "message_stop",
    };
    sse::write(out, name, event);
}
