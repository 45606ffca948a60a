//! What a model can do, as far as its name tells.

use crate::dialect::neutral::Effort;

/// A model of Anthropic's. Of one whose name has no version nothing is known,
/// and it is asked for whatever the client asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Model {
    version: Option<(u8, u8)>,
}

impl Model {
    /// Reads `claude-opus-4-7`, `claude-3-5-haiku-20241022`, `claude-sonnet-4@20250514`,
    /// `eu.anthropic.claude-opus-4-1-20250805-v1:0` and the like.
    pub(super) fn of(name: &str) -> Self {
        let rest = name.split_once("claude-").map(|(_, rest)| rest);
        let mut words = rest
            .unwrap_or_default()
            .split(['-', '.', '@', ':', '_'])
            .map(|word| word.parse().ok())
            .skip_while(Option::is_none);
        let major = words.next().flatten();
        let minor = words.next().flatten().unwrap_or_default();
        Self {
            version: major.map(|major| (major, minor)),
        }
    }

    fn is_before(self, version: (u8, u8)) -> bool {
        self.version.is_some_and(|own| own < version)
    }

    fn is_since(self, version: (u8, u8)) -> bool {
        self.version.is_some_and(|own| own >= version)
    }

    /// Tells whether it can think first.
    ///
    /// # Source
    ///
    /// Anthropic, "Extended thinking", "Supported models"; for what follows also
    /// "Adaptive thinking" and "Migrating to Claude Opus 4.7".
    pub(super) fn thinks(self) -> bool {
        !self.is_before((3, 7))
    }

    /// Tells whether it can decide for itself how much to think.
    pub(super) fn adapts(self) -> bool {
        !self.is_before((4, 6))
    }

    /// Returns the efforts above `high` that it knows.
    ///
    /// # Source
    ///
    /// Anthropic, "Effort", table of levels.
    pub(super) fn efforts_above_high(self) -> &'static [Effort] {
        match self.version {
            Some(version) if version < (4, 6) => &[],
            Some(version) if version < (4, 7) => &[Effort::Max],
            _ => &[Effort::Higher, Effort::Max],
        }
    }

    /// Tells whether it shows what it thinks unless it is told otherwise, as far
    /// as that is known.
    ///
    /// # Source
    ///
    /// Anthropic, "Extended thinking", "Controlling thinking display": since
    /// Claude 4.7 thoughts are left out.
    pub(super) fn shows_thoughts(self) -> Option<bool> {
        self.version.map(|version| version < (4, 7))
    }

    /// Tells whether it takes a budget for thinking.
    pub(super) fn takes_budgets(self) -> bool {
        !self.is_since((4, 7))
    }

    /// Tells whether it takes `temperature`, `top_p` and `top_k`: newer ones
    /// answer 400.
    pub(super) fn takes_sampling(self) -> bool {
        !self.is_since((4, 7))
    }

    /// Tells whether its answers and calls can be held to a schema.
    ///
    /// # Source
    ///
    /// Anthropic, "Structured outputs", models: those since 4.5, and Opus 4.1 while
    /// it was in beta.
    pub(super) fn fits_schemas(self) -> bool {
        !self.is_before((4, 5)) || self.version == Some((4, 1))
    }

    /// Tells whether it goes on with an answer that the client has begun.
    ///
    /// # Source
    ///
    /// Anthropic, "What's new in Claude 4.6", "Prefill removal".
    pub(super) fn goes_on(self) -> bool {
        !self.is_since((4, 6))
    }

    /// Returns the most tokens an answer may have where the client set no limit:
    /// Anthropic must be told one, above the model's own it answers 400, and one
    /// that is too low cuts answers off.
    ///
    /// # Source
    ///
    /// Anthropic, "Models overview", "Max output": 4,096 up to Claude 3, 8,192
    /// with 3.5, 32,000 and more since 4.
    pub(super) fn max_tokens(self) -> u64 {
        match self.version {
            Some(version) if version >= (4, 0) => 16_384,
            Some(version) if version >= (3, 5) => 8_192,
            _ => 4_096,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_versions() {
        for (name, version) in [
            ("claude-opus-4-7", Some((4, 7))),
            ("claude-sonnet-4-5-20250929", Some((4, 5))),
            ("claude-opus-4-20250514", Some((4, 0))),
            ("claude-sonnet-4@20250514", Some((4, 0))),
            ("claude-3-5-haiku-20241022", Some((3, 5))),
            ("anthropic/claude-3.7-sonnet", Some((3, 7))),
            ("eu.anthropic.claude-opus-4-1-20250805-v1:0", Some((4, 1))),
            ("claude-fable-5", Some((5, 0))),
            ("claude-2.1", Some((2, 1))),
            ("claude-latest", None),
            ("kimi-k2", None),
        ] {
            assert_eq!(Model::of(name).version, version, "{name}");
        }
    }

    #[test]
    fn schemas_are_for_those_that_know_them() {
        for (name, fits) in [
            ("claude-3-7-sonnet-latest", false),
            ("claude-opus-4-20250514", false),
            ("claude-sonnet-4-0", false),
            ("claude-opus-4-1-20250805", true),
            ("claude-haiku-4-5", true),
            ("claude-opus-4-7", true),
        ] {
            assert_eq!(Model::of(name).fits_schemas(), fits, "{name}");
        }
    }

    #[test]
    fn of_a_model_unknown_nothing_is_kept_back() {
        let model = Model::of("m");
        assert!(model.thinks() && model.adapts() && model.takes_budgets());
        assert!(model.takes_sampling() && model.goes_on() && model.fits_schemas());
        assert_eq!(model.max_tokens(), 4_096);
    }
}
