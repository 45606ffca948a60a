use std::time::Duration;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn first_come_first_served_up_to_its_length() {
    let t0 = crate::clock::now();
    let mut queue = Queue::new(2);
    assert!(queue.push("a", t0).is_ok());
    assert!(queue.push("b", t0).is_ok());
    assert_eq!(queue.push("c", t0), Err("c"), "given back");
    assert_eq!(queue.front(), Some(&"a"));
    assert_eq!(queue.pop(), Some("a"));
    assert!(queue.push("c", t0).is_ok());
    assert_eq!(
        (queue.pop(), queue.pop(), queue.pop()),
        (Some("b"), Some("c"), None)
    );
}

#[test]
fn a_queue_of_length_zero_lets_nobody_wait() {
    let mut queue = Queue::new(0);
    assert_eq!(queue.push((), crate::clock::now()), Err(()));
}

#[test]
fn deadlines_are_kept_in_any_order() {
    let t0 = crate::clock::now();
    let mut queue = Queue::new(10);
    for (item, seconds) in [("late", 30), ("early", 10), ("middle", 20)] {
        queue.push(item, t0 + seconds * SECOND).expect("room");
    }
    assert_eq!(queue.next_deadline(), Some(t0 + 10 * SECOND));
    assert_eq!(queue.expire(t0 + 9 * SECOND), None);
    assert_eq!(queue.expire(t0 + 20 * SECOND), Some("early"));
    assert_eq!(queue.expire(t0 + 20 * SECOND), Some("middle"));
    assert_eq!(queue.expire(t0 + 20 * SECOND), None);
    assert_eq!(queue.next_deadline(), Some(t0 + 30 * SECOND));
    assert_eq!(queue.len(), 1);
}

#[test]
fn who_goes_away_leaves_the_others_in_order() {
    let t0 = crate::clock::now();
    let mut queue = Queue::new(3);
    let tickets = ["a", "b", "c"].map(|item| queue.push(item, t0).expect("room"));
    assert_eq!(queue.remove(tickets[1]), Some("b"));
    assert_eq!(queue.remove(tickets[1]), None, "only once");
    assert_eq!(queue.pop(), Some("a"));
    assert_eq!(queue.remove(tickets[0]), None, "it was served");
    assert_eq!(queue.pop(), Some("c"));
    assert!(queue.is_empty());
}

#[test]
fn a_shorter_queue_keeps_who_waits() {
    let t0 = crate::clock::now();
    let mut queue = Queue::new(2);
    queue.push(1, t0).expect("room");
    queue.push(2, t0).expect("room");
    queue.set_max_length(1);
    assert_eq!(queue.len(), 2);
    assert_eq!(queue.pop(), Some(1));
    assert_eq!(queue.push(3, t0), Err(3));
}
