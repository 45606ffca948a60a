use std::time::Duration;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn first_come_first_served() {
    let t0 = crate::clock::now();
    let mut line = Line::default();
    line.push("a", t0);
    line.push("b", t0);
    assert_eq!((line.front(), line.len()), (Some(&"a"), 2));
    assert_eq!(line.pop(), Some("a"));
    line.push("c", t0);
    assert_eq!(
        (line.pop(), line.pop(), line.pop()),
        (Some("b"), Some("c"), None)
    );
    assert!(line.is_empty());
}

#[test]
fn who_takes_no_offer_keeps_the_place() {
    let t0 = crate::clock::now();
    let mut line = Line::default();
    for (item, seconds) in [("late", 30), ("early", 10), ("middle", 20)] {
        line.push(item, t0 + seconds * SECOND);
    }
    assert_eq!(line.next_deadline(), Some(t0 + 10 * SECOND));
    let mut offered = Vec::new();
    line.offer(|item, deadline| {
        offered.push((item, deadline - t0));
        (item != "early").then_some(item)
    });
    let all = [("late", 30), ("early", 10), ("middle", 20)];
    assert_eq!(offered, all.map(|(item, seconds)| (item, seconds * SECOND)));
    assert_eq!(line.next_deadline(), Some(t0 + 20 * SECOND));
    assert_eq!((line.pop(), line.pop()), (Some("late"), Some("middle")));
}
