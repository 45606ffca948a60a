//! The events themselves.

use serde::Serialize;

use super::{Content, Item, Response, Summary, tokens};
use crate::dialect::{neutral::Logprob, sse};

/// Where events go.
pub(super) struct Out<'a> {
    pub(super) to: &'a mut Vec<u8>,
}

#[derive(Serialize)]
struct Whole<'a> {
    r#type: &'static str,
    sequence_number: u64,
    response: &'a Response<'a>,
}

#[derive(Serialize)]
struct OfItem<'a> {
    r#type: &'static str,
    sequence_number: u64,
    output_index: usize,
    item: &'a Item,
}

/// An event about a place within an item: what it does not have is not there.
#[derive(Clone, Default, Serialize)]
pub(super) struct At<'a> {
    pub(super) r#type: &'static str,
    pub(super) sequence_number: u64,
    pub(super) item_id: &'a str,
    pub(super) output_index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) summary_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) delta: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) arguments: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) input: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) logprobs: Option<Tokens<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) part: Option<Part<'a>>,
}

/// How likely the tokens of a text were.
#[derive(Clone, Serialize)]
pub(super) struct Tokens<'a>(#[serde(serialize_with = "tokens")] pub(super) &'a [Logprob]);

#[derive(Clone, Serialize)]
#[serde(untagged)]
pub(super) enum Part<'a> {
    Content(&'a Content),
    Summary(&'a Summary),
}

impl<'a> At<'a> {
    /// Within the item at `index`.
    pub(super) fn new(items: &'a [Item], index: usize) -> Self {
        Self {
            item_id: items.get(index).map_or("", Item::id),
            output_index: index,
            ..Self::default()
        }
    }

    /// About a part of a message.
    pub(super) fn with_content(self, part: &'a Content) -> Self {
        Self {
            part: Some(Part::Content(part)),
            ..self
        }
    }

    /// About a part of a thought.
    pub(super) fn with_summary(self, part: &'a Summary) -> Self {
        Self {
            part: Some(Part::Summary(part)),
            ..self
        }
    }
}

impl Out<'_> {
    /// Writes an event about the response as a whole.
    pub(super) fn response(&mut self, r#type: &'static str, number: u64, response: &Response<'_>) {
        let event = Whole {
            r#type,
            sequence_number: number,
            response,
        };
        sse::write(self.to, r#type, &event);
    }

    /// Writes an event about an item as a whole.
    pub(super) fn item(&mut self, r#type: &'static str, number: u64, at: usize, item: &Item) {
        let event = OfItem {
            r#type,
            sequence_number: number,
            output_index: at,
            item,
        };
        sse::write(self.to, r#type, &event);
    }

    /// Writes an event about a place within an item, and counts it.
    pub(super) fn at(&mut self, r#type: &'static str, sequence: &mut u64, event: At<'_>) {
        let event = At {
            r#type,
            sequence_number: *sequence,
            ..event
        };
        *sequence += 1;
        sse::write(self.to, r#type, &event);
    }
}
