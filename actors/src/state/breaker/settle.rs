//! What a request that is over does to the breaker.

use super::{Breaker, KeyPings, Phase, State, Tally, Transition, TransitionReason, Turn, Verdict};
use crate::state::policy::PPM;

impl Breaker {
    /// Learns what a request of `epoch` says about the endpoint.
    pub fn settle(&mut self, epoch: u32, verdict: Verdict, turn: Turn<'_>) -> Option<Transition> {
        if self.trial.free(epoch) {
            self.hear_of_key(verdict);
            self.settle_trial(verdict, turn)
        } else if epoch == self.epoch && self.phase() == Phase::Closed {
            self.hear_of_key(verdict);
            self.settle_closed(verdict, turn)
        } else {
            None // a straggler
        }
    }

    /// Learns what a request says about our key, and so about pings.
    fn hear_of_key(&mut self, verdict: Verdict) {
        match (verdict, self.key_pings) {
            (Verdict::Good, KeyPings::Believed) => self.key_pings = KeyPings::Refuted,
            (Verdict::KeyRejected, _) => self.key_pings = KeyPings::default(),
            _ => {}
        }
    }

    fn settle_closed(&mut self, verdict: Verdict, turn: Turn<'_>) -> Option<Transition> {
        let State::Closed {
            failures_in_a_row, ..
        } = &mut self.state
        else {
            return None;
        };
        let tally = match verdict {
            Verdict::Good | Verdict::Bad => self.answers.current(turn.now),
            Verdict::KeyRejected => return Some(self.open(TransitionReason::KeyRejected, turn)),
            Verdict::None => return None,
        };
        if verdict == Verdict::Good {
            tally.good = tally.good.saturating_add(1);
            *failures_in_a_row = 0;
            self.served_since_ping = true;
            return None;
        }
        tally.bad = tally.bad.saturating_add(1);
        *failures_in_a_row = failures_in_a_row.saturating_add(1);
        self.judge(turn)
    }

    fn settle_trial(&mut self, verdict: Verdict, turn: Turn<'_>) -> Option<Transition> {
        self.served_since_ping |= verdict == Verdict::Good;
        let needed = turn.policy.breaker.half_open_requests.get();
        match (verdict, self.state) {
            (Verdict::None, _) | (_, State::Closed { .. }) => None,
            (Verdict::Good, State::HalfOpen { successes }) => {
                let successes = successes.saturating_add(1);
                if successes >= needed {
                    return Some(self.close(TransitionReason::TrialsSucceeded, turn.now));
                }
                self.state = State::HalfOpen { successes };
                None
            }
            (Verdict::Good, State::Open { .. }) => Some(if needed == 1 {
                self.close(TransitionReason::LastResort, turn.now)
            } else {
                self.half_open(TransitionReason::LastResort, 1)
            }),
            (Verdict::Bad, State::HalfOpen { .. }) => {
                Some(self.open(TransitionReason::TrialFailed, turn))
            }
            (Verdict::Bad, State::Open { .. }) => None,
            (Verdict::KeyRejected, State::HalfOpen { .. }) => {
                Some(self.open(TransitionReason::KeyRejected, turn))
            }
            (Verdict::KeyRejected, State::Open { .. }) => self.blame_key(false, turn),
        }
    }

    /// Opens a closed circuit if what was counted demands it.
    pub(super) fn judge(&mut self, turn: Turn<'_>) -> Option<Transition> {
        let policy = &turn.policy.breaker;
        if self.failures_in_a_row() >= policy.failure_threshold.get() {
            return Some(self.open(TransitionReason::FailuresInARow, turn));
        }
        let Tally { good, bad } = self.tally(turn.now);
        let all = u64::from(good) + u64::from(bad);
        let enough = bad > 0 && all >= u64::from(policy.min_requests.get());
        // bad / all >= rate, without a division
        let bad_ppm = u64::from(bad) * u64::from(PPM);
        let too_many = bad_ppm >= all * u64::from(policy.failure_rate.ppm());
        (enough && too_many).then(|| self.open(TransitionReason::FailureRate, turn))
    }
}
