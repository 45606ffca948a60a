//! What a model of OpenAI's can be told, as far as its name tells.

use crate::dialect::neutral::{Effort, Reasoning};

/// A model of OpenAI's own.
///
/// # Source
///
/// OpenAI, "Reasoning models" and "Using GPT-5.1" and their successors, API
/// reference, "Chat completions", `reasoning_effort` and `stop`. `xhigh` is known
/// since GPT-5.2 and to `gpt-5.1-codex-max`, `max` since GPT-5.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Model {
    /// It does not reason, and refuses to be asked to.
    Plain,
    /// It always reasons: o1, o3, o4-mini.
    O,
    /// It always reasons, `minimal` at least: GPT-5.
    Five,
    /// It reasons if it is asked to: GPT-5.1 and later, by the number behind
    /// the dot.
    Later(u8),
    /// Somebody else's, or a deployment whose name says nothing: it is told
    /// what the client said, but not `none` nor more than `high`, which most do
    /// not know.
    Unknown,
}

impl Model {
    /// Reads `gpt-5.1-mini`, `openai/o3`, `ft:gpt-4o:acme` and the like.
    pub(super) fn of(name: &str) -> Self {
        let name = name.rsplit_once('/').map_or(name, |(_, name)| name);
        let name = name.strip_prefix("ft:").unwrap_or(name);
        let begins = |heads: &[&str]| heads.iter().any(|head| name.starts_with(head));
        if begins(&["gpt-3", "gpt-4", "chatgpt-"]) || name.starts_with("gpt-5-chat") {
            Self::Plain
        } else if begins(&["o1", "o3", "o4"]) {
            Self::O
        } else if name == "gpt-5" || name.starts_with("gpt-5-") {
            Self::Five
        } else if name.starts_with("gpt-5.1-codex-max") {
            Self::Later(2)
        } else if let Some(rest) = name.strip_prefix("gpt-5.") {
            let end = rest.find(|c: char| !c.is_ascii_digit());
            let number = &rest[..end.unwrap_or(rest.len())];
            Self::Later(number.parse().unwrap_or(u8::MAX))
        } else if name.starts_with("gpt-6") {
            Self::Later(u8::MAX)
        } else {
            Self::Unknown
        }
    }

    /// Returns the `reasoning_effort` to write, and whether it is what was asked
    /// for: a model that does not reason need not be told not to.
    pub(super) fn effort(self, reasoning: Reasoning) -> (Option<&'static str>, bool) {
        let effort = match reasoning {
            Reasoning::Off => {
                return match self {
                    Self::Plain => (None, true),
                    Self::Later(_) => (Some("none"), true),
                    Self::O => (Some("low"), false),
                    Self::Five => (Some("minimal"), false),
                    Self::Unknown => (None, false),
                };
            }
            _ if self == Self::Plain => return (None, false),
            // The default of models that think at all.
            Reasoning::Adaptive => return (None, true),
            Reasoning::Effort(effort) => effort,
            Reasoning::Budget(tokens) => {
                return (
                    self.effort(Reasoning::Effort(Effort::of_budget(tokens))).0,
                    false,
                );
            }
        };
        match effort {
            Effort::Minimal if matches!(self, Self::O | Self::Later(_)) => (Some("low"), false),
            Effort::Minimal => (Some("minimal"), true),
            Effort::Low => (Some("low"), true),
            Effort::Medium => (Some("medium"), true),
            Effort::High => (Some("high"), true),
            Effort::Higher | Effort::Max if !self.knows_xhigh() => (Some("high"), false),
            Effort::Max if !self.knows_max() => (Some("xhigh"), false),
            Effort::Higher => (Some("xhigh"), true),
            Effort::Max => (Some("max"), true),
        }
    }

    fn knows_xhigh(self) -> bool {
        matches!(self, Self::Later(2..))
    }

    fn knows_max(self) -> bool {
        matches!(self, Self::Later(6..))
    }

    /// Tells whether it takes a `verbosity` other than `medium`.
    pub(super) fn takes_verbosity(self) -> bool {
        !matches!(self, Self::Plain | Self::O)
    }

    /// Tells whether it calls custom tools.
    ///
    /// # Source
    ///
    /// OpenAI, "Using GPT-5", "Custom tools": they came with it.
    pub(super) fn takes_custom_tools(self) -> bool {
        !matches!(self, Self::Plain | Self::O)
    }

    /// Tells whether it can be told how many calls may come at once.
    ///
    /// # Source
    ///
    /// run-llama/llama_index, issue 20865; tensorzero/tensorzero, issue 2805: o1, o3
    /// and o4-mini answer 400, "Unsupported parameter: 'parallel_tool_calls'",
    /// whatever it says.
    pub(super) fn takes_parallel_calls(self) -> bool {
        self != Self::O
    }

    /// Tells whether it takes `temperature`, `top_p`, the penalties, `stop` and
    /// `logprobs` beside this `reasoning_effort`: what reasons refuses them.
    pub(super) fn takes_sampling(self, effort: Option<&str>) -> bool {
        match self {
            Self::Plain | Self::Unknown => true,
            Self::O | Self::Five => false,
            Self::Later(_) => matches!(effort, None | Some("none")),
        }
    }
}

/// Tells whether the model of this name listens to sound.
///
/// # Source
///
/// OpenAI, "Audio and speech": `gpt-audio`, `gpt-4o-audio-preview` and the like.
pub(super) fn hears(name: &str) -> bool {
    name.contains("audio")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_families() {
        for (name, model) in [
            ("gpt-4o-mini", Model::Plain),
            ("ft:gpt-4.1:acme", Model::Plain),
            ("gpt-5-chat-latest", Model::Plain),
            ("openai/o3", Model::O),
            ("o4-mini", Model::O),
            ("gpt-5", Model::Five),
            ("gpt-5-nano-2025-08-07", Model::Five),
            ("gpt-5.1", Model::Later(1)),
            ("gpt-5.1-codex-max", Model::Later(2)),
            ("gpt-5.2-pro", Model::Later(2)),
            ("gpt-5.10", Model::Later(10)),
            ("gpt-6-mini", Model::Later(u8::MAX)),
            ("deepseek-chat", Model::Unknown),
            ("m", Model::Unknown),
        ] {
            assert_eq!(Model::of(name), model, "{name}");
        }
    }

    #[test]
    fn nobody_is_told_what_it_refuses() {
        let minimal = Reasoning::Effort(Effort::Minimal);
        for (model, off, least) in [
            (Model::Plain, (None, true), (None, false)),
            (Model::O, (Some("low"), false), (Some("low"), false)),
            (
                Model::Five,
                (Some("minimal"), false),
                (Some("minimal"), true),
            ),
            (Model::Later(1), (Some("none"), true), (Some("low"), false)),
            (Model::Unknown, (None, false), (Some("minimal"), true)),
        ] {
            assert_eq!(model.effort(Reasoning::Off), off, "{model:?}");
            assert_eq!(model.effort(minimal), least, "{model:?}");
            // A budget is an effort only nearly.
            let budget = model.effort(Reasoning::Budget(20_000));
            let high = (model != Model::Plain).then_some("high");
            assert_eq!(budget, (high, false), "{model:?}");
        }
        let later = Model::Later(2);
        assert!(later.takes_sampling(Some("none")) && !later.takes_sampling(Some("low")));
        assert!(Model::Plain.takes_sampling(None) && !Model::Five.takes_sampling(None));
    }

    #[test]
    fn what_is_above_high_is_told_to_those_who_know_it() {
        for (model, higher, most) in [
            (Model::Plain, (None, false), (None, false)),
            (Model::O, (Some("high"), false), (Some("high"), false)),
            (Model::Five, (Some("high"), false), (Some("high"), false)),
            (
                Model::Later(1),
                (Some("high"), false),
                (Some("high"), false),
            ),
            (
                Model::Later(2),
                (Some("xhigh"), true),
                (Some("xhigh"), false),
            ),
            (Model::Later(6), (Some("xhigh"), true), (Some("max"), true)),
            (Model::Unknown, (Some("high"), false), (Some("high"), false)),
        ] {
            let told = |effort| model.effort(Reasoning::Effort(effort));
            assert_eq!(
                (told(Effort::Higher), told(Effort::Max)),
                (higher, most),
                "{model:?}"
            );
        }
    }
}
