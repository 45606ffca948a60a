//! How much a model is to think.

use super::{Feature, Lost};

/// How much the model is to think before it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reasoning {
    /// Not at all.
    Off,
    /// As much as the model likes.
    Adaptive,
    /// About so much.
    Effort(Effort),
    /// At most so many tokens.
    Budget(u64),
}

/// How hard to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    /// Hardly.
    Minimal,
    /// A little.
    Low,
    /// The usual.
    Medium,
    /// A lot.
    High,
    /// More than that; many models know no more than a lot.
    Higher,
    /// As hard as it can.
    Max,
}

impl Effort {
    /// Returns it, or a lot if it is more than that: `lost` has its name then.
    pub(in crate::dialect) fn at_most_high(self, lost: &mut Lost) -> Self {
        if self > Self::High {
            lost.feature(Feature::Reasoning);
        }
        self.min(Self::High)
    }

    /// Returns the budget, in tokens, that stands for it where a dialect knows
    /// budgets only.
    ///
    /// # Source
    ///
    /// Google, "OpenAI compatibility", mapping of `reasoning_effort` to
    /// `thinking_budget`: 1,024, 8,192 and 24,576. Minimal is Anthropic's
    /// smallest budget as well. Above there is none.
    pub const fn budget(self) -> u64 {
        match self {
            Self::Minimal | Self::Low => 1_024,
            Self::Medium => 8_192,
            Self::High | Self::Higher | Self::Max => 24_576,
        }
    }

    /// Returns the effort that comes nearest to a budget of so many tokens.
    pub const fn of_budget(tokens: u64) -> Self {
        match tokens {
            0..=4_096 => Self::Low,
            4_097..=16_384 => Self::Medium,
            _ => Self::High,
        }
    }
}
