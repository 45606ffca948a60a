//! What pings say of our key, and when they are believed.

use super::*;

const REJECTED: TransitionReason = TransitionReason::KeyRejected;

impl Bench {
    fn reject_ping(&mut self) -> Option<Transition> {
        self.with(|breaker, turn| breaker.bad_ping(true, turn))
    }

    fn patch(&mut self) -> Option<Transition> {
        let old = self.policy.breaker;
        self.with(|breaker, turn| breaker.patch(&old, turn))
    }

    /// A key that pings saw rejected, and that served all the same.
    fn refuted(mut self) -> Self {
        assert_eq!(self.reject_ping(), None);
        self.ask(Verdict::Good);
        self
    }
}

#[test]
fn a_key_that_served_although_pings_saw_it_rejected_is_not_out_for_them() {
    let mut bench = bench().refuted();
    for _ in 0..10 {
        bench.ask(Verdict::Bad);
        bench.ask(Verdict::Good);
        for _ in 0..10 {
            assert_eq!(bench.reject_ping(), None);
        }
    }
    let mut bench = bench.open();
    assert_eq!(bench.reject_ping(), None, "no cause of its own");
    let change = bench.reject_ping();
    let healthy = TransitionReason::HealthyPings;
    assert_change(change, Phase::Open, Phase::HalfOpen, healthy);
    for _ in 0..10 {
        assert_eq!(bench.reject_ping(), None, "nor does it condemn the trial");
    }
    assert_eq!(bench.ping(false), None);
    let change = bench.ping(false);
    let pings = TransitionReason::Pings;
    assert_change(change, Phase::HalfOpen, Phase::Open, pings);
}

/// Requests that were served before the key was revoked prove nothing.
#[test]
fn a_key_that_is_revoked_while_no_request_comes_is_told_by_pings() {
    let mut bench = bench();
    bench.ask(Verdict::Good);
    bench.ping(true);
    assert_eq!(bench.reject_ping(), None);
    let change = bench.reject_ping();
    assert_change(change, Phase::Closed, Phase::Open, REJECTED);
    // One that may chat although it may not list models: never again.
    bench.wait(SECOND);
    bench.ask(Verdict::Good);
    bench.ask(Verdict::Good);
    assert_eq!(bench.phase(), Phase::Closed);
    for _ in 0..10 {
        assert_eq!(bench.reject_ping(), None);
    }
}

#[test]
fn pings_are_believed_again_once_a_request_is_refused_for_the_key() {
    let mut bench = bench().refuted();
    let change = bench.ask(Verdict::KeyRejected);
    assert_change(change, Phase::Closed, Phase::Open, REJECTED);
    for _ in 0..10 {
        assert_eq!(bench.reject_ping(), None, "they do not bring it back");
    }
    bench.wait(300 * SECOND);
    assert_eq!(bench.phase(), Phase::HalfOpen);
    assert_eq!(bench.reject_ping(), None);
    let change = bench.reject_ping();
    assert_change(change, Phase::HalfOpen, Phase::Open, REJECTED);
}

#[test]
fn pings_are_believed_again_of_a_new_key() {
    let mut bench = bench().refuted();
    assert_eq!(bench.patch(), None);
    bench.ping(true);
    assert_eq!(bench.reject_ping(), None);
    let change = bench.reject_ping();
    assert_change(change, Phase::Closed, Phase::Open, REJECTED);
}

/// A billed ping asks what requests ask.
#[test]
fn a_chat_that_is_refused_for_the_key_is_always_believed() {
    let mut bench = bench();
    let probe = ProbeSettings {
        billed: true,
        unhealthy_threshold: 2,
        ..ProbeSettings::default()
    };
    bench.policy.probe = ProbePolicy::new(&probe).expect("valid");
    let mut bench = bench.refuted();
    assert_eq!(bench.reject_ping(), None, "outvoted");
    assert_eq!(bench.reject_ping(), None);
    let change = bench.reject_ping();
    assert_change(change, Phase::Closed, Phase::Open, REJECTED);
}
