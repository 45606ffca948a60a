//! The six statuses, derived from what the machine knows; never stored.

/// How an endpoint is, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Has not answered yet. Gets traffic at the median weight.
    Unknown,
    /// Closed, room in the windows, latency normal.
    Healthy,
    /// Slow, or failing now and then, or half-open, or ramping.
    Degraded,
    /// A window is full, a 429's cooldown runs, or a failing provider has said
    /// when to come back.
    RateLimited,
    /// The circuit is open. Gets no traffic but last resorts.
    Unhealthy,
    /// An operator drained it.
    Disabled,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 6] = [
        Self::Unknown,
        Self::Healthy,
        Self::Degraded,
        Self::RateLimited,
        Self::Unhealthy,
        Self::Disabled,
    ];

    /// Returns the fixed word for metric labels and people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::RateLimited => "rate_limited",
            Self::Unhealthy => "unhealthy",
            Self::Disabled => "disabled",
        }
    }
}

/// What a status is derived from.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Signs {
    /// An operator drained it.
    pub(crate) drained: bool,
    /// The circuit is open.
    pub(crate) open: bool,
    /// A window is full, or a cooldown or pause runs.
    pub(crate) limited: bool,
    /// The circuit is half-open, or closed and its weight still grows.
    pub(crate) recovering: bool,
    /// Latency, of requests or of the last ping, is above `degraded_latency`.
    pub(crate) slow: bool,
    /// A share of the recent answers worth telling were failures.
    pub(crate) failing: bool,
    /// A request or a ping was answered, ever.
    pub(crate) seen: bool,
}

impl Signs {
    /// Returns the status; of several that apply, the one that holds back most.
    pub(crate) fn status(self) -> Status {
        match self {
            Self { drained: true, .. } => Status::Disabled,
            Self { open: true, .. } => Status::Unhealthy,
            Self { limited: true, .. } => Status::RateLimited,
            Self {
                recovering: true, ..
            }
            | Self { slow: true, .. }
            | Self { failing: true, .. } => Status::Degraded,
            Self { seen: false, .. } => Status::Unknown,
            _ => Status::Healthy,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_holds_back_most_names_the_status() {
        let mut signs = Signs::default();
        assert_eq!(signs.status(), Status::Unknown);
        signs.seen = true;
        assert_eq!(signs.status(), Status::Healthy);
        for sign in [
            Signs {
                slow: true,
                ..signs
            },
            Signs {
                failing: true,
                ..signs
            },
            Signs {
                recovering: true,
                ..signs
            },
        ] {
            assert_eq!(sign.status(), Status::Degraded);
        }
        signs.slow = true;
        signs.limited = true;
        assert_eq!(signs.status(), Status::RateLimited);
        signs.open = true;
        assert_eq!(signs.status(), Status::Unhealthy);
        signs.drained = true;
        assert_eq!(signs.status(), Status::Disabled);
    }

    fn signs(of: [bool; 6], seen: bool) -> Signs {
        let [drained, open, limited, recovering, slow, failing] = of;
        Signs {
            drained,
            open,
            limited,
            recovering,
            slow,
            failing,
            seen,
        }
    }

    /// How much a status holds back; that nothing is known holds nothing back.
    fn severity(status: Status) -> u8 {
        match status {
            Status::Unknown | Status::Healthy => 0,
            Status::Degraded => 1,
            Status::RateLimited => 2,
            Status::Unhealthy => 3,
            Status::Disabled => 4,
        }
    }

    proptest! {
        #[test]
        fn one_more_bad_sign_never_makes_it_look_better(
            of in any::<[bool; 6]>(),
            more in 0..6_usize,
            seen in any::<bool>(),
        ) {
            let mut worse = of;
            worse[more] = true;
            let (before, after) = (signs(of, seen).status(), signs(worse, seen).status());
            prop_assert!(severity(after) >= severity(before).max(1), "{before:?}, {after:?}");
            // Having answered once mends nothing that is wrong now.
            let other = signs(of, !seen).status();
            prop_assert_eq!(severity(other), severity(before));
            prop_assert_eq!(other == before, severity(before) > 0);
        }
    }
}
