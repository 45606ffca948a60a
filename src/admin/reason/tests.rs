use std::time::Duration;

use breakerbox_actors::state::event::{Event, Outcome, Pong};

use crate::admin::testing::Patient;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_circuit_tells_what_opened_it_whatever_the_threshold_is_now() {
    let mut row = Patient::new("a", "m", "breaker: { failure_threshold: 3 }");
    row.fails(3);
    let trial = ": circuit open, next trial in 60 s";
    assert_eq!(
        row.reason(),
        Some(format!("3 failures in a row (failure_threshold){trial}"))
    );
    row.reloads("breaker: { failure_threshold: 10 }");
    assert_eq!(
        row.reason(),
        Some(format!(
            "3 failures in a row (failure_threshold, now 10){trial}"
        ))
    );

    let mut rate = Patient::new(
        "a",
        "m",
        "breaker: { failure_threshold: 99, min_requests: 4 }",
    );
    for _ in 0..2 {
        rate.ends(Outcome::Success);
        rate.fails(1);
    }
    rate.reloads("breaker: { failure_rate: 0.9, min_requests: 30, window: 20s }");
    let told = "2 of 4 answers failed (failure_rate, now 90 % of at least 30 in 20s)";
    assert_eq!(rate.reason(), Some(format!("{told}{trial}")));

    let mut pinged = Patient::new("a", "m", "probe: { unhealthy_threshold: 2 }");
    for _ in 0..2 {
        pinged.step(Event::Pong(Pong::Failed));
    }
    pinged.reloads("");
    let told = "2 pings in a row failed (unhealthy_threshold, now 3)";
    assert_eq!(pinged.reason(), Some(format!("{told}{trial}")));
}

#[test]
fn a_penalty_is_told_as_one_and_not_as_a_latency() {
    let mut it = Patient::new("a", "m", "");
    it.ends(Outcome::Success);
    it.fails(2);
    let failing = "67 % of the recent answers failed, 2 in a row (failure_threshold 5)";
    assert_eq!(it.reason().as_deref(), Some(failing));
    // The window is over, the penalty is not.
    it.waits(11 * SECOND);
    let seen = it.seen().view;
    assert_eq!(seen.latency, Some(Duration::from_millis(100)));
    assert!(seen.penalty > 3 * SECOND, "{:?}", seen.penalty);
    let told = it.reason().expect("a reason");
    let penalty =
        "its failures still count as 16s of latency, a penalty that fades; it answers in 100ms";
    assert_eq!(told, penalty);

    let mut slow = Patient::new("a", "m", "probe: { degraded_latency: 50ms }");
    slow.ends(Outcome::Success);
    let told = "slow: 100ms to the first byte, above degraded_latency 50ms";
    assert_eq!(slow.reason().as_deref(), Some(told));
}

#[test]
fn who_has_only_failed_has_not_answered_yet() {
    let mut it = Patient::new("a", "m", "");
    it.step(Event::Pong(Pong::Failed));
    assert_eq!(it.reason().as_deref(), Some("it has not answered yet"));
    it.fails(1);
    it.waits(11 * SECOND);
    let told = it.reason().expect("a reason");
    assert!(
        told.ends_with("a penalty that fades; no answer was measured"),
        "{told}"
    );
}
