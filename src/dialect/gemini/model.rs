//! What a model can do, as far as its name tells.

/// A model of Google's. A name without a number, such as
/// `gemini-flash-latest`, stands for the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Model {
    generation: (u32, u32),
    pro: bool,
    flash: bool,
    lite: bool,
    /// A name of Google's own, which says something at all.
    gemini: bool,
}

impl Model {
    pub(super) fn of(name: &str) -> Self {
        let number = name.split_once("gemini-").map_or("", |(_, rest)| rest);
        let end = number.find(|c: char| !c.is_ascii_digit() && c != '.');
        let number = &number[..end.unwrap_or(number.len())];
        let (major, minor) = number.split_once('.').unwrap_or((number, "0"));
        Self {
            generation: (
                major.parse().unwrap_or(u32::MAX),
                minor.parse().unwrap_or(0),
            ),
            pro: name.contains("pro"),
            flash: name.contains("flash"),
            lite: name.contains("flash-lite"),
            gemini: name.contains("gemini"),
        }
    }

    /// Tells whether it is of the third generation or a later one: those want
    /// calls sealed, think by levels, answer in JSON although there are tools,
    /// and take images as part of what a tool returned.
    pub(super) fn is_third(self) -> bool {
        self.generation.0 >= 3
    }

    /// Tells whether it thinks at all.
    pub(super) fn thinks(self) -> bool {
        self.generation >= (2, 5)
    }

    /// Tells whether it says how likely its tokens were: later ones answer 400,
    /// "Logprobs is not enabled".
    ///
    /// # Source
    ///
    /// googleapis/python-genai, issue 1921.
    pub(super) fn takes_logprobs(self) -> bool {
        !self.gemini || self.generation < (2, 5)
    }

    /// Tells whether it takes penalties, be they nothing: later ones answer 400,
    /// "Penalty is not enabled".
    ///
    /// # Source
    ///
    /// google-gemini/cookbook, issue 1290; vercel/ai, issue 8943;
    /// PublicAffairs/openai-gemini, issue 63.
    pub(super) fn takes_penalties(self) -> bool {
        !self.gemini || self.generation < (2, 5)
    }

    /// Tells whether it gives several answers at once: the third generation
    /// answers 400, "Multiple candidates is not enabled for this model".
    ///
    /// # Source
    ///
    /// googleapis/python-genai, issue 1723; googleapis/js-genai, issue 1609.
    pub(super) fn takes_candidates(self) -> bool {
        !self.gemini || !self.is_third()
    }

    /// Tells whether it looks at what is somewhere in the web.
    ///
    /// # Source
    ///
    /// Google, "File input methods", "External HTTP / Signed URLs": not Gemini 2.0.
    pub(super) fn fetches(self) -> bool {
        !self.gemini || self.generation >= (2, 5)
    }

    /// Returns the largest thinking budget, in tokens.
    ///
    /// # Source
    ///
    /// Google, "Gemini thinking", table of thinking budgets.
    pub(super) fn max_budget(self) -> u64 {
        if self.pro { 32_768 } else { 24_576 }
    }

    /// Returns the smallest thinking budget, in tokens, that is not none.
    ///
    /// # Source
    ///
    /// Google, "Gemini thinking", table of thinking budgets.
    pub(super) fn min_budget(self) -> u64 {
        match self {
            Self { pro: true, .. } => 128,
            Self {
                lite: true,
                generation: (2, 5),
                ..
            } => 512,
            _ => 1,
        }
    }

    /// Returns the budget that comes nearest to no thinking, in tokens: only a
    /// pro cannot leave it out.
    pub(super) fn no_budget(self) -> u64 {
        if self.pro { self.min_budget() } else { 0 }
    }

    /// Tells whether the lowest level of thinking is `MINIMAL`, not `LOW`.
    pub(super) fn has_minimal(self) -> bool {
        self.flash
    }

    /// Tells whether it knows the level `MEDIUM`: all but the first pro of the
    /// third generation.
    ///
    /// # Source
    ///
    /// Google, "Gemini thinking", table of thinking levels;
    /// langchain-ai/langchainjs, pull request 10101.
    pub(super) fn has_medium(self) -> bool {
        !self.pro || self.generation != (3, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_generations() {
        for (name, third, thinks) in [
            ("gemini-1.5-pro", false, false),
            ("gemini-2.0-flash", false, false),
            ("gemini-2.5-flash-lite", false, true),
            ("models/gemini-2.5-pro", false, true),
            ("gemini-3-pro-preview", true, true),
            ("gemini-3.1-flash", true, true),
            ("gemini-flash-latest", true, true),
            ("tunedModels/mine", true, true),
            ("gemini-99999999999999", true, true),
        ] {
            let model = Model::of(name);
            assert_eq!(
                (model.is_third(), model.thinks()),
                (third, thinks),
                "{name}"
            );
        }
        let budgets = |name| (Model::of(name).no_budget(), Model::of(name).min_budget());
        assert_eq!(budgets("gemini-2.5-pro"), (128, 128));
        assert_eq!(budgets("gemini-2.5-flash"), (0, 1));
        assert_eq!(budgets("gemini-2.5-flash-lite-preview-06-17"), (0, 512));
        let tells = |name| Model::of(name).takes_logprobs();
        assert!(tells("gemini-2.0-flash") && tells("m") && !tells("gemini-2.5-flash-lite"));
        assert!(!tells("gemini-flash-latest"));
        let many = |name| Model::of(name).takes_candidates();
        assert!(many("gemini-2.5-pro") && many("m") && !many("gemini-3.1-flash-lite"));
        let fetches = |name| Model::of(name).fetches();
        assert!(fetches("gemini-2.5-pro") && fetches("m") && !fetches("gemini-2.0-flash"));
        let medium = |name| Model::of(name).has_medium();
        assert!(medium("gemini-3.1-pro-preview") && medium("gemini-3-flash-preview"));
        assert!(!medium("gemini-3-pro-preview") && !medium("gemini-3.0-pro"));
    }
}
