//! Trials and last resorts: one at a time, and none can wedge.

use super::*;

#[test]
fn exactly_one_trial_and_its_successes_close() {
    let mut bench = bench().half_open();
    assert!(bench.breaker.lends_trial());
    let trial = bench.take();
    assert!(!bench.breaker.lends_trial(), "the place is taken");
    assert_eq!(bench.settle(trial, Verdict::Good), None, "one of two");
    assert!(bench.breaker.lends_trial());
    let change = bench.ask(Verdict::Good);
    assert_change(
        change,
        Phase::HalfOpen,
        Phase::Closed,
        TransitionReason::TrialsSucceeded,
    );
    assert_eq!(bench.breaker.failure_ratio(bench.now), None, "counts anew");
}

#[test]
fn each_failed_trial_doubles_the_wait_up_to_the_maximum() {
    let mut bench = bench().half_open();
    for seconds in [120, 240, 300, 300] {
        let change = bench.ask(Verdict::Bad);
        assert_change(
            change,
            Phase::HalfOpen,
            Phase::Open,
            TransitionReason::TrialFailed,
        );
        assert_eq!(bench.refuses_for(), seconds * SECOND);
        bench.wait(seconds * SECOND);
    }
    bench.ask(Verdict::Good);
    bench.ask(Verdict::Good);
    let bench = bench.open();
    assert_eq!(bench.refuses_for(), 60 * SECOND, "closing starts anew");
}

#[test]
fn a_trial_that_says_nothing_frees_its_place_at_once() {
    let mut bench = bench().half_open();
    assert_eq!(bench.ask(Verdict::None), None);
    assert!(bench.breaker.lends_trial());
}

#[test]
fn a_silent_trial_fails_and_comes_too_late() {
    let mut bench = bench().half_open();
    let lost = bench.take();
    assert_eq!(bench.wait(29 * SECOND), None);
    let change = bench.wait(SECOND);
    assert_change(
        change,
        Phase::HalfOpen,
        Phase::Open,
        TransitionReason::TrialTimeout,
    );
    let before = bench.breaker.clone();
    assert_eq!(bench.settle(lost, Verdict::Good), None);
    assert_eq!(bench.breaker, before);
}

#[test]
fn a_trial_that_streams_for_long_is_no_failure() {
    let mut bench = bench().half_open();
    let trial = bench.take();
    bench.wait(29 * SECOND);
    bench.breaker.first_byte(trial, Duration::ZERO, bench.now);
    assert_eq!(bench.wait(500 * SECOND), None);
    assert!(!bench.breaker.lends_trial());
    bench.settle(trial, Verdict::Good);
    assert!(bench.breaker.lends_trial());
}

#[test]
fn a_stream_whose_end_is_lost_frees_its_place_without_a_verdict() {
    let mut bench = bench().half_open();
    let trial = bench.take();
    bench.breaker.first_byte(trial, Duration::ZERO, bench.now);
    assert_eq!(bench.wait(600 * SECOND), None);
    assert_eq!(bench.phase(), Phase::HalfOpen);
    assert!(bench.breaker.lends_trial());
    let next = bench.take();
    assert_eq!(bench.settle(trial, Verdict::Bad), None, "too late");
    assert!(
        bench.breaker.trial_under_way(),
        "the next one's place is its own"
    );
    bench.settle(next, Verdict::Good);
    assert!(bench.breaker.lends_trial());
}

#[test]
fn a_straggler_from_before_the_trip_changes_nothing() {
    let mut bench = bench();
    let straggler = bench.take();
    for later in [bench.clone().open(), bench.clone().half_open()] {
        for verdict in [
            Verdict::Good,
            Verdict::Bad,
            Verdict::KeyRejected,
            Verdict::None,
        ] {
            let mut later = later.clone();
            let before = later.breaker.clone();
            assert_eq!(later.settle(straggler, verdict), None);
            assert_eq!(later.breaker, before);
        }
    }
    bench = bench.half_open();
    bench.ask(Verdict::Good);
    bench.ask(Verdict::Good);
    let closed = bench.breaker.clone();
    bench.settle(straggler, Verdict::Bad);
    assert_eq!(bench.breaker, closed, "nor after it closed again");
}

#[test]
fn a_last_resort_is_lent_once_a_second_and_one_at_a_time() {
    let mut bench = bench().open();
    assert!(bench.breaker.lends_last_resort(bench.now));
    let last = bench.take();
    bench.wait(5 * SECOND);
    assert!(!bench.breaker.lends_last_resort(bench.now), "under way");
    bench.settle(last, Verdict::Bad);
    assert!(bench.breaker.lends_last_resort(bench.now));
    assert_eq!(
        bench.refuses_for(),
        55 * SECOND,
        "its failure doubles nothing"
    );
    bench.ask(Verdict::Bad);
    assert!(
        !bench.breaker.lends_last_resort(bench.now),
        "not twice a second"
    );
    bench.wait(SECOND);
    assert!(bench.breaker.lends_last_resort(bench.now));
}

#[test]
fn a_last_resort_that_succeeds_counts_as_the_first_trial() {
    let mut open = bench().open();
    let change = open.ask(Verdict::Good);
    assert_change(
        change,
        Phase::Open,
        Phase::HalfOpen,
        TransitionReason::LastResort,
    );
    let change = open.ask(Verdict::Good);
    assert_change(
        change,
        Phase::HalfOpen,
        Phase::Closed,
        TransitionReason::TrialsSucceeded,
    );

    let mut single = bench_with(|settings| settings.half_open_requests = 1).open();
    let change = single.ask(Verdict::Good);
    assert_change(
        change,
        Phase::Open,
        Phase::Closed,
        TransitionReason::LastResort,
    );
}

#[test]
fn a_last_resort_under_way_is_the_trial_when_the_circuit_half_opens() {
    let mut bench = bench().open();
    bench.wait(50 * SECOND);
    let last = bench.take();
    bench.wait(10 * SECOND);
    assert_eq!(bench.phase(), Phase::HalfOpen);
    assert!(!bench.breaker.lends_trial(), "never two");
    let change = bench.settle(last, Verdict::Bad);
    assert_change(
        change,
        Phase::HalfOpen,
        Phase::Open,
        TransitionReason::TrialFailed,
    );
}

/// Streams that outlive their place: the trials beside each other are as many
/// as there are ten minutes in a stream, and no end of one moves the circuit.
#[test]
fn a_trial_that_streams_on_and_on_makes_room_every_ten_minutes() {
    let mut bench = bench().half_open();
    let mut trials = Vec::new();
    for _ in 0..60 * 60 {
        if bench.breaker.lends_trial() {
            let trial = bench.take();
            bench.breaker.first_byte(trial, Duration::ZERO, bench.now);
            trials.push(trial);
        }
        assert_eq!(bench.wait(SECOND), None, "nobody was silent");
    }
    assert_eq!(trials.len(), 6, "in an hour");
    let current = trials.pop().expect("the newest");
    for outlived in trials {
        assert_eq!(bench.settle(outlived, Verdict::Good), None);
        assert_eq!(bench.settle(outlived, Verdict::Bad), None);
    }
    assert_eq!(bench.wait(SECOND), None);
    let newest = bench.take();
    assert_eq!(bench.settle(newest, Verdict::Good), None, "one of two");
    bench.settle(current, Verdict::Good);
    assert_eq!(bench.phase(), Phase::HalfOpen);
}

#[test]
fn a_silent_last_resort_frees_its_place_and_its_late_answer_is_void() {
    let mut bench = bench().open();
    let lost = bench.take();
    bench.wait(30 * SECOND);
    assert_eq!(bench.phase(), Phase::Open);
    let next = bench.take();
    assert_eq!(bench.settle(lost, Verdict::Good), None);
    assert!(bench.breaker.trial_under_way());
    bench.settle(next, Verdict::None);
    assert!(!bench.breaker.trial_under_way());
}

#[test]
fn a_trial_taken_as_the_grant_is_replaced_holds_the_place() {
    let mut bench = bench().half_open();
    let epoch = bench.breaker.epoch();
    bench.breaker.raise_epoch(); // restarted; the shell looks once more
    bench.spent(epoch, 1, 0);
    assert!(!bench.breaker.lends_trial());
    bench.settle(epoch, Verdict::Good);
    assert!(bench.breaker.lends_trial());
}

#[test]
fn what_was_taken_while_closed_is_no_trial() {
    let mut bench = bench();
    let epoch = bench.take();
    bench = bench.open();
    bench.spent(epoch, 7, 0);
    bench.wait(60 * SECOND);
    bench.spent(epoch, 7, 0);
    assert!(bench.breaker.lends_trial());
}
