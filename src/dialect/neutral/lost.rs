//! What a translation could not carry over.

use std::{collections::BTreeSet, fmt};

/// Something a dialect may be unable to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Feature {
    /// The place of instructions given in the middle of the conversation: they are moved.
    SystemInConversation,
    /// That the user has said nothing: a dot is said in their place.
    SilentUser,
    /// Images at an address.
    ImageUrl,
    /// Documents, sound.
    File,
    /// Files uploaded to a provider before.
    UploadedFile,
    /// How closely to look at an image.
    ImageDetail,
    /// Images in what a tool returned.
    ToolResultImage,
    /// That a tool failed.
    ToolResultError,
    /// That tools must be called, or which.
    ToolChoice,
    /// That only some of the tools may be called: the others are not sent.
    AllowedTools,
    /// Whether several calls may come at once.
    ParallelTools,
    /// Exact adherence of calls to their schema.
    StrictTools,
    /// The grammar of a custom tool's text: it is said, but nobody sees to it.
    ToolGrammar,
    /// What the arguments of calls are to be like, in full.
    ToolSchema,
    /// An answer in JSON.
    JsonObject,
    /// An answer that fits a schema.
    JsonSchema,
    /// `temperature` above what the dialect takes: lowered to its highest.
    Temperature,
    /// `top_k`.
    TopK,
    /// Texts at which to stop; or more of them than the dialect takes.
    Stop,
    /// `seed`.
    Seed,
    /// `presence_penalty`.
    PresencePenalty,
    /// `frequency_penalty`.
    FrequencyPenalty,
    /// Several answers at once.
    Candidates,
    /// How likely each token was.
    Logprobs,
    /// How much to think.
    Reasoning,
    /// That thoughts are not to be shown.
    HiddenThoughts,
    /// Earlier thoughts.
    Thought,
    /// Who the end user is.
    User,
    /// How many words to make.
    Verbosity,
    /// How soon, and for how much.
    ServiceTier,
    /// That the provider is to keep the answer.
    Store,
    /// What is noted with it.
    Metadata,
}

impl Feature {
    /// Every feature, in the order of the mapping's table.
    pub const ALL: [Self; 32] = [
        Self::SystemInConversation,
        Self::SilentUser,
        Self::ImageUrl,
        Self::File,
        Self::UploadedFile,
        Self::ImageDetail,
        Self::ToolResultImage,
        Self::ToolResultError,
        Self::ToolChoice,
        Self::AllowedTools,
        Self::ParallelTools,
        Self::StrictTools,
        Self::ToolGrammar,
        Self::ToolSchema,
        Self::JsonObject,
        Self::JsonSchema,
        Self::Temperature,
        Self::TopK,
        Self::Stop,
        Self::Seed,
        Self::PresencePenalty,
        Self::FrequencyPenalty,
        Self::Candidates,
        Self::Logprobs,
        Self::Reasoning,
        Self::HiddenThoughts,
        Self::Thought,
        Self::User,
        Self::Verbosity,
        Self::ServiceTier,
        Self::Store,
        Self::Metadata,
    ];

    /// Returns the fixed word clients see in `x-breakerbox-warnings`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::SystemInConversation => "system_in_conversation",
            Self::SilentUser => "silent_user",
            Self::ImageUrl => "image_url",
            Self::File => "file",
            Self::UploadedFile => "uploaded_file",
            Self::ImageDetail => "image_detail",
            Self::ToolResultImage => "tool_result_image",
            Self::ToolResultError => "tool_result_error",
            Self::ToolChoice => "tool_choice",
            Self::AllowedTools => "allowed_tools",
            Self::ParallelTools => "parallel_tool_calls",
            Self::StrictTools => "strict_tools",
            Self::ToolGrammar => "tool_grammar",
            Self::ToolSchema => "tool_schema",
            Self::JsonObject => "json_object",
            Self::JsonSchema => "json_schema",
            Self::Temperature => "temperature",
            Self::TopK => "top_k",
            Self::Stop => "stop",
            Self::Seed => "seed",
            Self::PresencePenalty => "presence_penalty",
            Self::FrequencyPenalty => "frequency_penalty",
            Self::Candidates => "n",
            Self::Logprobs => "logprobs",
            Self::Reasoning => "reasoning",
            Self::HiddenThoughts => "hidden_thoughts",
            Self::Thought => "thought",
            Self::User => "user",
            Self::Verbosity => "verbosity",
            Self::ServiceTier => "service_tier",
            Self::Store => "store",
            Self::Metadata => "metadata",
        }
    }
}

/// What was lost on the way, each thing once; for `x-breakerbox-warnings`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    names: BTreeSet<String>,
    more: bool,
}

impl Lost {
    /// The most names that are kept.
    const MOST: usize = 24;
    /// The longest name that is kept, in bytes.
    const LONGEST: usize = 48;

    /// Notes that `feature` could not be said.
    pub fn feature(&mut self, feature: Feature) {
        self.note(feature.label());
    }

    /// Notes that the neutral form has no place for the client's field `name`,
    /// such as `logit_bias` or `messages.cache_control`.
    ///
    /// The name is the client's own: what no header can carry is left out of it.
    pub fn field(&mut self, name: &str) {
        let fair = |c: &char| c.is_ascii_alphanumeric() || "._-".contains(*c);
        let name: String = name.chars().filter(fair).take(Self::LONGEST).collect();
        if !name.is_empty() {
            self.note(&name);
        }
    }

    /// Like [`Self::field`], unless `json`, the field's value, asks for nothing.
    pub fn value(&mut self, name: &str, json: &str) {
        if !says_nothing(json) {
            self.field(name);
        }
    }

    fn note(&mut self, name: &str) {
        if self.names.contains(name) {
            return;
        }
        match self.names.len() < Self::MOST {
            true => drop(self.names.insert(name.to_owned())),
            false => self.more = true,
        }
    }

    /// Tells whether nothing was lost.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

impl fmt::Display for Lost {
    /// Writes the value of `x-breakerbox-warnings`: `not carried over: seed, top_k`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, name) in self.names.iter().enumerate() {
            out.write_str(if at == 0 { "not carried over: " } else { ", " })?;
            out.write_str(name)?;
        }
        if self.more {
            out.write_str(" and more")?;
        }
        Ok(())
    }
}

/// Tells whether a value that nobody reads asks for nothing: `null`, nothing
/// yet, and what is empty.
pub(in crate::dialect) fn says_nothing(json: &str) -> bool {
    let inner = |open, close| json.strip_prefix(open)?.strip_suffix(close);
    matches!(json, "null" | "false" | "0" | "0.0" | "\"\"")
        || inner('[', ']').is_some_and(|inner| inner.trim_ascii().is_empty())
        || inner('{', '}').is_some_and(|inner| inner.trim_ascii().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_is_named_once_and_no_header_breaks() {
        let mut lost = Lost::default();
        lost.feature(Feature::TopK);
        lost.field("logit_bias");
        lost.field("logit_bias");
        lost.field("evil\r\nname");
        assert_eq!(
            lost.to_string(),
            "not carried over: evilname, logit_bias, top_k"
        );
    }

    #[test]
    fn a_request_cannot_make_it_long() {
        let mut lost = Lost::default();
        for number in 0..10_000 {
            lost.field(&format!("{number}{}", "x".repeat(200)));
        }
        let text = lost.to_string();
        assert!(text.len() < 1_400, "{}", text.len());
        assert!(text.ends_with(" and more"));
    }

    #[test]
    fn every_feature_is_listed_once() {
        let labels: BTreeSet<_> = Feature::ALL.iter().map(|it| it.label()).collect();
        assert_eq!(labels.len(), Feature::ALL.len());
    }
}
