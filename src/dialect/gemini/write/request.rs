//! Requests.

use std::{borrow::Cow, collections::HashMap};

use serde::Serialize;

use super::{
    config::{self, Config, ToolConfig, Tools},
    part::{Outcome, Part, Response},
};
use crate::dialect::{
    gemini::{model::Model, seal},
    neutral::{self, Conversation, Feature, Lost, Role, Source, ToolResult},
};

/// What this dialect cannot say, whatever the model.
pub const CANNOT: &[Feature] = &[
    Feature::SystemInConversation,
    Feature::SilentUser,
    Feature::UploadedFile,
    Feature::ParallelTools,
    Feature::StrictTools,
    Feature::ToolGrammar,
    Feature::User,
    Feature::ImageDetail,
    Feature::Verbosity,
    Feature::ServiceTier,
    Feature::Store,
    Feature::Metadata,
];

/// A `GenerateContentRequest`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::dialect::gemini) struct Request<'a> {
    /// Only where it is in no path: within `:countTokens`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::dialect::gemini) model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_instruction: Option<Content<'a>>,
    contents: Vec<Content<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tools: Option<[Tools<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_config: Option<ToolConfig<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    generation_config: Option<Config<'a>>,
}

#[derive(Debug, Serialize)]
struct Content<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    role: &'static str,
    parts: Vec<Part<'a>>,
}

/// Writes the body for an upstream that calls the model `model`.
///
/// Turns of the same side in a row become one content, since Gemini wants the
/// results of all calls of a turn in the next one; instructions in the middle
/// join those ahead. What depends on the model's generation goes by its name.
pub fn request(conversation: &Conversation, model: &str, lost: &mut Lost) -> Vec<u8> {
    let request = Request::of(conversation, model, lost);
    // Fails for maps with odd keys only; there are none.
    serde_json::to_vec(&request).unwrap_or_default()
}

impl<'a> Request<'a> {
    pub(in crate::dialect::gemini) fn of(
        asked: &'a Conversation,
        model: &str,
        lost: &mut Lost,
    ) -> Self {
        let model = Model::of(model);
        asked.lose_openais(lost);
        if asked.end_user().is_some() {
            lost.feature(Feature::User);
        }
        let mut writer = Writer {
            model,
            names: HashMap::new(),
            system: Vec::new(),
            contents: Vec::new(),
        };
        writer.system(&asked.system, lost);
        for turn in &asked.turns {
            writer.turn(turn, lost);
        }
        let Writer {
            system,
            mut contents,
            ..
        } = writer;
        // Google refuses a request without any; and neither a user whose words were
        // all left out nor instructions, which are moved, have asked to go on with
        // the answer.
        let is_answered = contents.last().is_some_and(|last| last.role == "model");
        if contents.is_empty() || (is_answered && asked.asks_anew()) {
            lost.feature(Feature::SilentUser);
            contents.push(Content {
                role: "user",
                parts: vec![Part::text(neutral::NOTHING)],
            });
        }
        Self {
            model: None,
            system_instruction: (!system.is_empty()).then_some(Content {
                role: "",
                parts: system,
            }),
            contents,
            tools: config::tools(asked, lost),
            tool_config: config::tool_config(asked, lost),
            generation_config: config::config(asked, model, lost),
        }
    }
}

struct Writer<'a> {
    model: Model,
    /// The tools of the calls so far, by the calls' ids.
    names: HashMap<&'a str, &'a str>,
    system: Vec<Part<'a>>,
    contents: Vec<Content<'a>>,
}

impl<'a> Writer<'a> {
    fn system(&mut self, parts: &'a [neutral::Part], lost: &mut Lost) {
        let mut written = std::mem::take(&mut self.system);
        for part in parts {
            self.part(part, &mut written, lost);
        }
        self.system = written;
    }

    fn turn(&mut self, turn: &'a neutral::Turn, lost: &mut Lost) {
        let role = match turn.role {
            Role::System => {
                lost.feature(Feature::SystemInConversation);
                return self.system(&turn.parts, lost);
            }
            Role::User => "user",
            Role::Assistant => "model",
        };
        let mut content = match self.contents.pop() {
            Some(last) if last.role == role => last,
            last => {
                self.contents.extend(last);
                let parts = Vec::with_capacity(turn.parts.len());
                Content { role, parts }
            }
        };
        let before = content.parts.len();
        for part in &turn.parts {
            self.part(part, &mut content.parts, lost);
        }
        if self.model.is_third() {
            stand_in(&mut content.parts[before..]);
        }
        // Google refuses a content without parts.
        if !content.parts.is_empty() {
            self.contents.push(content);
        }
    }

    fn part(&mut self, part: &'a neutral::Part, out: &mut Vec<Part<'a>>, lost: &mut Lost) {
        match part {
            // Google refuses a text without letters.
            neutral::Part::Text(text) | neutral::Part::Refusal(text) => {
                out.extend((!text.is_empty()).then(|| Part::text(text)));
            }
            neutral::Part::Image(media) => out.extend(self.media(media, true, lost)),
            neutral::Part::File(media) => out.extend(self.media(media, false, lost)),
            neutral::Part::ToolCall(call) => {
                self.names.insert(&call.id, &call.name);
                out.push(Part::call(call, own(call.signature.as_deref(), lost)));
            }
            neutral::Part::ToolResult(result) => self.result(result, out, lost),
            neutral::Part::Thought(thought) => {
                let seal = own(thought.signature.as_deref(), lost);
                if seal.is_some() || !thought.text.is_empty() {
                    out.push(Part::thought(thought, seal));
                }
            }
        }
    }

    fn media(&self, media: &'a neutral::Media, image: bool, lost: &mut Lost) -> Option<Part<'a>> {
        if media.detail.is_some() {
            lost.feature(Feature::ImageDetail);
        }
        if !self.model.fetches() && is_elsewhere(media) {
            lost.feature(match image {
                true => Feature::ImageUrl,
                false => Feature::File,
            });
            return None;
        }
        let part = Part::media(media, image);
        if part.is_none() {
            lost.feature(Feature::UploadedFile);
        }
        part
    }

    fn result(&self, result: &'a ToolResult, out: &mut Vec<Part<'a>>, lost: &mut Lost) {
        let mut text = String::new();
        let mut media = Vec::new();
        for part in &result.content {
            match part {
                neutral::Part::Text(more) | neutral::Part::Refusal(more) => text.push_str(more),
                neutral::Part::Image(image) => media.extend(self.media(image, true, lost)),
                neutral::Part::File(file) => media.extend(self.media(file, false, lost)),
                _ => {}
            }
        }
        let called = self.names.get(result.id.as_str()).copied();
        let mut response = Response {
            id: &result.id,
            name: result.name.as_deref().or(called).unwrap_or(&result.id),
            response: Outcome {
                text,
                is_error: result.is_error,
            },
            parts: Vec::new(),
        };
        // Older models take what is no text only beside the result.
        if self.model.is_third() {
            std::mem::swap(&mut response.parts, &mut media);
        } else if !media.is_empty() {
            lost.feature(Feature::ToolResultImage);
        }
        out.push(Part::response(response));
        out.append(&mut media);
    }
}

/// Tells whether it is in the web, and neither Google's own file nor a film that
/// Google shows.
fn is_elsewhere(media: &neutral::Media) -> bool {
    let Source::Url { url, .. } = &media.source else {
        return false;
    };
    let place = url.strip_prefix("https://").or(url.strip_prefix("http://"));
    let googles = [
        "generativelanguage.googleapis.com/",
        "www.youtube.com/",
        "youtube.com/",
        "youtu.be/",
    ];
    place.is_some_and(|place| !googles.iter().any(|own| place.starts_with(own)))
}

/// Returns a seal that Gemini will know; a foreign one is lost.
fn own<'a>(seal: Option<&'a str>, lost: &mut Lost) -> Option<Cow<'a, str>> {
    let seal = seal?;
    let own = neutral::seal::gemini(seal).map(Cow::Borrowed);
    if own.is_none() {
        lost.feature(Feature::Thought);
    }
    own
}

/// Puts a stand-in on the first call of a turn if it has no seal: Gemini wants
/// one there, and on no other call of the turn.
fn stand_in(parts: &mut [Part<'_>]) {
    let first = parts.iter_mut().find(|part| part.function_call.is_some());
    if let Some(first) = first {
        first
            .thought_signature
            .get_or_insert(Cow::Borrowed(seal::NONE));
    }
}
