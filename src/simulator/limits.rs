//! The rate limits of a simulated provider: exact, over a window that slides.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::script::Limits;

/// Most models that are counted apart; the names come from requests.
const MODELS: usize = 1_000;

/// What each model was granted lately.
#[derive(Debug, Default)]
pub(super) struct Book(HashMap<String, Log>);

#[derive(Debug, Default)]
struct Log {
    granted: VecDeque<(Instant, u64)>,
    tokens: u64,
}

/// Where a model stands with its limits, for the response headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) requests: Option<Quota>,
    pub(super) tokens: Option<Quota>,
}

/// One limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quota {
    pub(super) limit: u64,
    pub(super) left: u64,
    /// Until all of it is left again.
    pub(super) reset: Duration,
}

/// Which limit refused, and when the same request would pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) limit: Limit,
    pub(super) wait: Duration,
}

/// The kinds of limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    Requests,
    Tokens,
}

impl Book {
    /// Books a request of `tokens` for `model` at `now`, unless a limit forbids it. Refused requests
    /// cost nothing.
    pub(super) fn take(
        &mut self,
        limits: &Limits,
        model: &str,
        tokens: u64,
        now: Instant,
    ) -> (Standing, Option<Refusal>) {
        if self.0.len() >= MODELS && !self.0.contains_key(model) {
            self.0.clear();
        }
        let log = self.0.entry(model.to_owned()).or_default();
        log.forget(limits.window, now);
        let refusal = log.refusal(limits, tokens, now);
        if refusal.is_none() && (limits.rpm.is_some() || limits.tpm.is_some()) {
            log.granted.push_back((now, tokens));
            log.tokens += tokens;
        }
        (log.standing(limits, now), refusal)
    }
}

impl Log {
    fn forget(&mut self, window: Duration, now: Instant) {
        while let Some((at, tokens)) = self.granted.front().copied() {
            if now.saturating_duration_since(at) < window {
                break;
            }
            self.granted.pop_front();
            self.tokens -= tokens;
        }
    }

    fn refusal(&self, limits: &Limits, tokens: u64, now: Instant) -> Option<Refusal> {
        let until = |at: Instant| (at + limits.window).saturating_duration_since(now);
        if let Some(rpm) = limits.rpm {
            let used = self.granted.len() as u64;
            if used >= rpm {
                // So many of the oldest must leave before one more fits.
                let leaving = usize::try_from(used - rpm).unwrap_or(0);
                let wait = self.granted.get(leaving).map(|(at, _)| until(*at));
                return Some(Refusal {
                    limit: Limit::Requests,
                    wait: wait.unwrap_or(limits.window),
                });
            }
        }
        if let Some(tpm) = limits.tpm
            && self.tokens + tokens > tpm
        {
            let mut excess = (self.tokens + tokens - tpm).min(self.tokens);
            let mut wait = limits.window;
            for (at, tokens) in &self.granted {
                wait = until(*at);
                excess = excess.saturating_sub(*tokens);
                if excess == 0 {
                    break;
                }
            }
            return Some(Refusal {
                limit: Limit::Tokens,
                wait,
            });
        }
        None
    }

    fn standing(&self, limits: &Limits, now: Instant) -> Standing {
        let newest = self.granted.back();
        let reset = newest.map_or(Duration::ZERO, |(at, _)| {
            (*at + limits.window).saturating_duration_since(now)
        });
        let quota = |limit: Option<u64>, used: u64| {
            limit.map(|limit| Quota {
                limit,
                left: limit.saturating_sub(used),
                reset,
            })
        };
        Standing {
            requests: quota(limits.rpm, self.granted.len() as u64),
            tokens: quota(limits.tpm, self.tokens),
        }
    }
}

/// A duration as OpenAI writes it in `x-ratelimit-reset-*`: `120ms`, `6.5s`, `1m30s`.
pub(super) fn reset_text(reset: Duration) -> String {
    let millis = reset.as_millis();
    let (minutes, rest) = (millis / 60_000, millis % 60_000);
    if millis < 1_000 {
        format!("{millis}ms")
    } else if minutes == 0 {
        format!("{}s", rest as f64 / 1e3)
    } else {
        format!("{minutes}m{}s", rest as f64 / 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(rpm: Option<u64>, tpm: Option<u64>) -> Limits {
        Limits {
            rpm,
            tpm,
            ..Limits::default()
        }
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn requests_slide_and_the_refusal_says_exactly_when() {
        let mut book = Book::default();
        let limits = limits(Some(2), None);
        let start = breakerbox_actors::clock::now();
        let mut take = |at: u64| book.take(&limits, "m", 1, start + seconds(at)).1;
        assert_eq!(take(0), None);
        assert_eq!(take(10), None);
        let refusal = take(20).expect("the third is too many");
        assert_eq!(refusal.limit, Limit::Requests);
        assert_eq!(refusal.wait, seconds(40));
        assert!(take(59).is_some());
        assert_eq!(take(60), None, "the first has left");
        assert_eq!(take(61).expect("full again").wait, seconds(9));
    }

    #[test]
    fn tokens_wait_for_as_many_as_are_needed() {
        let mut book = Book::default();
        let limits = limits(None, Some(100));
        let start = breakerbox_actors::clock::now();
        let mut take = |at: u64, tokens| book.take(&limits, "m", tokens, start + seconds(at)).1;
        assert_eq!(take(0, 40), None);
        assert_eq!(take(5, 40), None);
        let small = take(10, 50).expect("30 too many: the first must leave");
        assert_eq!((small.limit, small.wait), (Limit::Tokens, seconds(50)));
        let large = take(10, 80).expect("60 too many: both must leave");
        assert_eq!(large.wait, seconds(55));
        assert!(take(10, 101).is_some(), "never fits");
    }

    #[test]
    fn a_lower_limit_waits_until_enough_have_left() {
        let mut book = Book::default();
        let start = breakerbox_actors::clock::now();
        for at in 0..5 {
            book.take(&limits(Some(10), None), "m", 1, start + seconds(at));
        }
        let (_, refusal) = book.take(&limits(Some(2), None), "m", 1, start + seconds(5));
        assert_eq!(refusal.expect("five of two").wait, seconds(58));
    }

    #[test]
    fn models_do_not_share_and_the_standing_tells() {
        let mut book = Book::default();
        let limits = limits(Some(3), Some(100));
        let start = breakerbox_actors::clock::now();
        book.take(&limits, "a", 10, start);
        let (standing, _) = book.take(&limits, "a", 20, start + seconds(1));
        let quota = |limit, left, at| Quota {
            limit,
            left,
            reset: seconds(at),
        };
        assert_eq!(standing.requests, Some(quota(3, 1, 60)));
        assert_eq!(standing.tokens, Some(quota(100, 70, 60)));
        let (other, _) = book.take(&limits, "b", 1, start + seconds(1));
        assert_eq!(other.requests, Some(quota(3, 2, 60)));
    }

    #[test]
    fn resets_are_written_as_openai_does() {
        let text = |millis| reset_text(Duration::from_millis(millis));
        assert_eq!(text(120), "120ms");
        assert_eq!(text(6_500), "6.5s");
        assert_eq!(text(60_000), "1m0s");
        assert_eq!(text(90_250), "1m30.25s");
    }
}
