//! What the gateway itself says in a stream: that it is alive, and what broke.

use bytes::Bytes;

use crate::{
    dialect::{Api, Dialect, Judged, ResponseHead, anthropic, gemini},
    error::GatewayError,
};

/// Speaks the client's dialect, and knows how far its stream has come.
pub(super) struct Voice {
    asked: Api,
    /// The response a stream of responses is about, once the client knows it.
    response: Option<Box<ResponseHead>>,
    /// The number of the last event, in a stream of responses.
    sequence: Option<u64>,
}

impl Voice {
    pub(super) fn new(asked: Api) -> Self {
        Self {
            asked,
            response: None,
            sequence: None,
        }
    }

    /// Notes an event that goes to the client.
    pub(super) fn note(&mut self, event: &mut Judged) {
        self.sequence = event.sequence.or(self.sequence);
        if event.created.is_some() {
            self.response = event.created.take();
        }
    }

    /// Notes what a translated stream has told the client so far.
    pub(super) fn note_translated(&mut self, head: &ResponseHead, last: u64) {
        self.sequence = Some(last);
        if self.response.is_none() {
            self.response = Some(Box::new(head.clone()));
        }
    }

    /// Returns the event that ends the stream with `error`.
    pub(super) fn error(&self, error: &GatewayError) -> Bytes {
        let sequence = self.sequence.map_or(0, |last| last.saturating_add(1));
        error.event(self.asked, self.response.as_deref(), sequence)
    }

    /// Returns the sign of life for a silent stream, in the dialect's way.
    ///
    /// A comment is one line: an empty line behind it would make an event
    /// without data, on which `openai-python` raises. Codex counts events only,
    /// so a stream of responses gets one of its own, numbered as the last.
    /// Anthropic has an event for it; Gemini takes empty lines, in an array too.
    pub(super) fn sign_of_life(&self) -> Bytes {
        match (self.asked.dialect(), &self.response) {
            (Dialect::Anthropic, _) => Bytes::from_static(anthropic::error::PING),
            (Dialect::OpenAi, Some(_)) if self.asked == Api::Responses => {
                let number = self.sequence.unwrap_or_default();
                format!(
                    "event: keepalive\ndata: {{\"type\":\"keepalive\",\"sequence_number\":{number}}}\n\n"
                )
                .into()
            }
            (Dialect::Gemini, _) => Bytes::from_static(gemini::KEEP_ALIVE),
            (Dialect::OpenAi, _) => Bytes::from_static(b": keepalive\n"),
        }
    }
}
