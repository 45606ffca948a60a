//! When to say that an endpoint whose circuit is still closed is in doubt.

use std::time::{Duration, Instant};

/// How long nobody is told again.
const PAUSE: Duration = Duration::from_secs(1);

/// What was told of failures in a closed circuit.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Doubt {
    failures: u32,
    told: Option<Instant>,
}

impl Doubt {
    /// Returns whether there is news in a circuit that has seen so many
    /// `failures` in a row; it has seen none while it is not closed.
    pub(crate) fn arises(&mut self, failures: u32, now: Instant) -> bool {
        let more = failures > std::mem::replace(&mut self.failures, failures);
        let paused = self.told.is_some_and(|at| now < at + PAUSE);
        let arises = more && !paused;
        if arises {
            self.told = Some(now);
        }
        arises
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn each_new_failure_is_news_but_once_a_second_at_most() {
        let start = clock::now();
        let mut doubt = Doubt::default();
        assert!(!doubt.arises(0, start));
        assert!(doubt.arises(1, start));
        assert!(!doubt.arises(2, start + PAUSE / 2));
        assert!(!doubt.arises(2, start + PAUSE), "nothing new");
        assert!(doubt.arises(3, start + PAUSE));
        assert!(!doubt.arises(0, start + 3 * PAUSE), "served in between");
    }
}
