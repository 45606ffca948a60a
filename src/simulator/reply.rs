//! An answer before it is sent: what a dialect says; pace and faults are still to come.

use serde_json::Value;

/// An answer.
pub(super) struct Reply {
    pub(super) status: u16,
    /// Beside those of the framing.
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Body,
}

/// The content of an answer.
pub(super) enum Body {
    /// Sent in one piece once `tokens` of them have been made.
    Whole { text: String, tokens: usize },
    /// A stream of events, one at a time.
    Events(Events),
}

/// Makes the text of the event at an index, its blank line included.
pub(super) type Make = Box<dyn Fn(usize) -> String + Send + Sync>;

/// `content-type` of server-sent events.
pub(super) const SSE: &str = "text/event-stream; charset=utf-8";

/// A stream of events, made when they are due: 10,000 waiting streams cost little.
pub(super) struct Events {
    pub(super) count: usize,
    /// `content-type` of the stream.
    pub(super) kind: &'static str,
    /// Where in the list the first token stands.
    pub(super) first_token: usize,
    /// How many events there are from the first token to the last; each takes a token's time.
    pub(super) tokens: usize,
    pub(super) event: Make,
    /// The event that would tell of an error there.
    pub(super) error: Make,
}

impl Events {
    /// How many tokens after the first must have been made for the event at `index`.
    pub(super) fn due(&self, index: usize) -> usize {
        let last = self.tokens.saturating_sub(1);
        index.saturating_sub(self.first_token).min(last)
    }
}

impl Reply {
    /// A JSON answer that takes `tokens` to make.
    pub(super) fn json(status: u16, value: &Value, tokens: usize) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Body::Whole {
                text: value.to_string(),
                tokens,
            },
        }
    }

    /// A stream of events.
    pub(super) fn events(events: Events) -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            body: Body::Events(events),
        }
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}
