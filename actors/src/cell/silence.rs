//! How long a target has owed an answer.
//!
//! Kept apart from the latency estimate, which learns of a request only when
//! it is answered: an endpoint that swallows requests would keep its share of
//! them until the first one times out. Instants are microseconds since the
//! cell was made.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

#[derive(Debug, Default)]
pub(super) struct Silence {
    /// Requests that were not answered at all yet.
    unanswered: AtomicU32,
    /// When the last sign of life came, or, if that is later, when one began
    /// to be owed.
    sign: AtomicU64,
}

impl Silence {
    /// Notes that a request was sent.
    pub(super) fn asked(&self, now: u64) {
        // The sign first: who sees that an answer is owed sees since when, but
        // for a race of several first requests, which means the same.
        if self.unanswered.load(Ordering::Relaxed) == 0 {
            self.sign.fetch_max(now, Ordering::Relaxed);
        }
        self.unanswered.fetch_add(1, Ordering::Release);
    }

    /// Notes that one request waits no longer; `sign` is when it was answered,
    /// if it was.
    pub(super) fn answered(&self, sign: Option<u64>) {
        if let Some(at) = sign {
            self.sign.fetch_max(at, Ordering::Relaxed);
        }
        self.unanswered.fetch_sub(1, Ordering::Release);
    }

    /// Returns for how long an answer has been owed without a sign of life.
    pub(super) fn lasts(&self, now: u64) -> u64 {
        if self.unanswered.load(Ordering::Acquire) == 0 {
            return 0;
        }
        now.saturating_sub(self.sign.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_lasts_from_the_first_request_or_the_last_sign() {
        let silence = Silence::default();
        assert_eq!(silence.lasts(70), 0, "nothing is owed");
        silence.asked(100);
        silence.asked(150);
        assert_eq!(silence.lasts(400), 300);
        silence.answered(Some(300));
        assert_eq!(silence.lasts(400), 100);
        silence.asked(390);
        assert_eq!(silence.lasts(400), 100, "asking is no sign of life");
        silence.answered(None);
        assert_eq!(silence.lasts(400), 100, "nor is leaving");
        silence.answered(Some(200));
        assert_eq!(silence.lasts(500), 0);
        silence.asked(900);
        assert_eq!(silence.lasts(900), 0, "a new first");
    }
}
