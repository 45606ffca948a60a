use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;

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

#[derive(Clone, Copy, Debug)]
enum Act {
    Push {
        patience: u64,
    },
    Pop,
    /// Serve those whose number is divisible by this; above zero.
    Serve(usize),
    Expire {
        wait: u64,
    },
}

proptest! {
    /// Items are numbered as they come, so that the order of numbers is theirs.
    #[test]
    fn everybody_is_served_in_turn_or_waits_and_nobody_is_lost(
        acts in prop::collection::vec(
            prop_oneof![
                4 => (0..60_u64).prop_map(|patience| Act::Push { patience }),
                1 => Just(Act::Pop),
                1 => (1..5_usize).prop_map(Act::Serve),
                1 => (0..20_u64).prop_map(|wait| Act::Expire { wait }),
            ],
            1..80,
        ),
    ) {
        let mut now = crate::clock::now();
        let mut line = Line::default();
        let mut waiting: BTreeMap<usize, Instant> = BTreeMap::new();
        let mut came = 0;
        for act in acts {
            let mut offered = Vec::new();
            let mut offer = |line: &mut Line<usize>, takes: &dyn Fn(usize, Instant) -> bool| {
                line.offer(|item, deadline| {
                    offered.push((item, deadline));
                    (!takes(item, deadline)).then_some(item)
                });
            };
            let all: Vec<_> = waiting.clone().into_iter().collect();
            match act {
                Act::Push { patience } => {
                    let deadline = now + Duration::from_millis(patience);
                    line.push(came, deadline);
                    waiting.insert(came, deadline);
                    came += 1;
                }
                Act::Pop => {
                    let popped = line.pop();
                    prop_assert_eq!(popped, waiting.pop_first().map(|(item, _)| item));
                }
                Act::Serve(divisor) => {
                    offer(&mut line, &|item, _| item % divisor == 0);
                    waiting.retain(|item, _| item % divisor != 0);
                    prop_assert_eq!(offered, all);
                }
                Act::Expire { wait } => {
                    now += Duration::from_millis(wait);
                    offer(&mut line, &|_, deadline| deadline <= now);
                    waiting.retain(|_, deadline| *deadline > now);
                    prop_assert_eq!(offered, all);
                    prop_assert!(line.next_deadline().is_none_or(|next| next > now));
                }
            }
            prop_assert_eq!(line.front(), waiting.keys().next());
            prop_assert_eq!(line.len(), waiting.len());
            prop_assert_eq!(line.next_deadline(), waiting.values().min().copied());
        }
    }
}
