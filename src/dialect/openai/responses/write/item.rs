//! The items of an answer's output.

use serde::{Serialize, Serializer};

use crate::dialect::{
    neutral::{Choice, Logprob, Part, Stop, custom::unwrapped, namespace, seal::ahead_of_call},
    openai::{
        logprobs,
        responses::{REDACTED, THOUGHT_ID},
    },
};

/// One item, with all that has come of it.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Item {
    Message {
        id: String,
        status: &'static str,
        role: &'static str,
        content: Vec<Content>,
    },
    FunctionCall {
        id: String,
        status: &'static str,
        call_id: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        namespace: Option<String>,
        name: String,
        arguments: String,
    },
    CustomToolCall {
        id: String,
        status: &'static str,
        call_id: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        namespace: Option<String>,
        name: String,
        input: String,
    },
    Reasoning {
        id: String,
        summary: Vec<Summary>,
        #[serde(skip_serializing_if = "Option::is_none")]
        encrypted_content: Option<String>,
    },
}

/// A part of a message.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Content {
    OutputText {
        annotations: [(); 0],
        #[serde(serialize_with = "tokens")]
        logprobs: Vec<Logprob>,
        text: String,
    },
    Refusal {
        refusal: String,
    },
}

/// A part of a thought.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Summary {
    SummaryText { text: String },
}

impl Content {
    pub(super) fn text(text: String) -> Self {
        Self::OutputText {
            annotations: [],
            logprobs: Vec::new(),
            text,
        }
    }
}

/// Writes how likely tokens were.
pub(super) fn tokens<S: Serializer>(of: &[Logprob], to: S) -> Result<S::Ok, S::Error> {
    logprobs::written(of, true).serialize(to)
}

const IN_PROGRESS: &str = "in_progress";

impl Item {
    /// A message that begins, the `at`th item of `response`.
    pub(super) fn message(response: &str, at: usize) -> Self {
        Self::Message {
            id: format!("msg_{response}_{at}"),
            status: IN_PROGRESS,
            role: "assistant",
            content: Vec::new(),
        }
    }

    /// A call that begins, of a custom tool or of a function.
    pub(super) fn call(
        response: &str,
        at: usize,
        call_id: String,
        name: &str,
        custom: bool,
    ) -> Self {
        let (namespace, name) = namespace::apart(name);
        let (namespace, name) = (namespace.map(str::to_owned), name.to_owned());
        let status = IN_PROGRESS;
        match custom {
            true => Self::CustomToolCall {
                id: format!("ctc_{response}_{at}"),
                status,
                call_id,
                namespace,
                name,
                input: String::new(),
            },
            false => Self::FunctionCall {
                id: format!("fc_{response}_{at}"),
                status,
                call_id,
                namespace,
                name,
                arguments: String::new(),
            },
        }
    }

    /// Adds to what a call is made with.
    pub(super) fn argue(&mut self, piece: &str) {
        if let Self::FunctionCall { arguments: all, .. } | Self::CustomToolCall { input: all, .. } =
            self
        {
            all.push_str(piece);
        }
    }

    /// A thought that begins.
    pub(super) fn thought(response: &str, at: usize) -> Self {
        Self::Reasoning {
            id: format!("{THOUGHT_ID}{response}_{at}"),
            summary: Vec::new(),
            encrypted_content: None,
        }
    }

    pub(super) fn id(&self) -> &str {
        match self {
            Self::Message { id, .. }
            | Self::FunctionCall { id, .. }
            | Self::CustomToolCall { id, .. }
            | Self::Reasoning { id, .. } => id,
        }
    }

    /// Ends the item.
    pub(super) fn end(&mut self, with: &'static str) {
        match self {
            Self::Message { status, .. }
            | Self::FunctionCall { status, .. }
            | Self::CustomToolCall { status, .. } => *status = with,
            Self::Reasoning { .. } => {}
        }
    }

    /// Puts the provider's seal on a thought.
    pub(super) fn seal(&mut self, signature: &str, redacted: bool) {
        if let Self::Reasoning {
            encrypted_content, ..
        } = self
        {
            let mark = if redacted { REDACTED } else { "" };
            *encrypted_content = Some(format!("{mark}{signature}"));
        }
    }
}

/// Returns the status of a whole response, and of what it was cut off in, and
/// the reason if it is not complete.
pub(super) fn status(stop: &Stop) -> (&'static str, Option<&'static str>) {
    match stop {
        Stop::End | Stop::ToolCalls | Stop::Sequence(_) => ("completed", None),
        Stop::Length => ("incomplete", Some("max_output_tokens")),
        Stop::Filter => ("incomplete", Some("content_filter")),
    }
}

/// Returns the items of a whole answer. Texts and refusals side by side are one
/// message; only the last item can be incomplete.
pub(super) fn items(response: &str, choice: &Choice, status: &'static str) -> Vec<Item> {
    let mut tokens = choice.logprobs.clone();
    let mut items: Vec<Item> = Vec::new();
    for part in &choice.parts {
        let at = items.len();
        match part {
            Part::Text(text) => {
                // Nobody says which of several texts they are of.
                let logprobs = std::mem::take(&mut tokens);
                let text = Content::OutputText {
                    annotations: [],
                    logprobs,
                    text: text.clone(),
                };
                said(&mut items, response, text);
            }
            Part::Refusal(refusal) => {
                let refusal = refusal.clone();
                said(&mut items, response, Content::Refusal { refusal });
            }
            Part::Thought(thought) => {
                let mut item = Item::thought(response, at);
                if let Item::Reasoning { summary, .. } = &mut item
                    && !thought.text.is_empty()
                {
                    let text = thought.text.clone();
                    summary.push(Summary::SummaryText { text });
                }
                if let Some(signature) = &thought.signature {
                    item.seal(signature, thought.redacted);
                }
                items.push(item);
            }
            Part::ToolCall(call) => {
                if let Some(seal) = ahead_of_call(call.signature.as_deref()) {
                    let mut hidden = Item::thought(response, at);
                    hidden.seal(&seal, true);
                    items.push(hidden);
                }
                let at = items.len();
                let mut item = Item::call(response, at, call.id.clone(), &call.name, call.custom);
                match call.custom {
                    true => item.argue(&unwrapped(&call.arguments)),
                    false => item.argue(&call.arguments),
                }
                items.push(item);
            }
            Part::Image(_) | Part::File(_) | Part::ToolResult(_) => {}
        }
    }
    let last = items.len().saturating_sub(1);
    for (at, item) in items.iter_mut().enumerate() {
        item.end(if at == last { status } else { "completed" });
    }
    items
}

fn said(items: &mut Vec<Item>, response: &str, part: Content) {
    if !matches!(items.last(), Some(Item::Message { .. })) {
        items.push(Item::message(response, items.len()));
    }
    if let Some(Item::Message { content, .. }) = items.last_mut() {
        content.push(part);
    }
}
