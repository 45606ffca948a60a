use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

type Minute = Ring<u32, 61>;

fn sum(ring: &Minute, now: Instant) -> u32 {
    ring.live(now).sum()
}

#[test]
fn a_booking_counts_for_at_least_a_minute_and_less_than_a_second_more() {
    let t0 = crate::clock::now();
    for offset in [0, 1, 499, 999] {
        let mut ring = Minute::new(SECOND, t0);
        let at = t0 + 7 * SECOND + offset * MS;
        *ring.current(at) += 1;
        assert_eq!(sum(&ring, at + 60 * SECOND), 1, "{offset}");
        assert_eq!(sum(&ring, at + 61 * SECOND), 0, "{offset}");
        let gone = ring.leaves(at, |count| *count > 0).expect("it leaves");
        assert_eq!(sum(&ring, gone - MS / 1000), 1, "{offset}");
        assert_eq!(sum(&ring, gone), 0, "{offset}");
    }
}

#[test]
fn reading_needs_no_writing_first() {
    let t0 = crate::clock::now();
    let mut ring = Minute::new(SECOND, t0);
    *ring.current(t0) = 5;
    let later = t0 + 86_400 * SECOND;
    assert_eq!(sum(&ring, later), 0);
    assert_eq!(ring.leaves(later, |count| *count > 0), None);
    *ring.current(later) = 2;
    assert_eq!(sum(&ring, later), 2, "old slots are clean");
}

#[test]
fn a_clock_that_lags_writes_to_the_newest_bucket() {
    let t0 = crate::clock::now();
    let mut ring = Minute::new(SECOND, t0);
    *ring.current(t0 + 10 * SECOND) = 1;
    *ring.current(t0 + 3 * SECOND) += 1;
    assert_eq!(sum(&ring, t0 + 10 * SECOND), 2);
}

#[test]
fn buckets_come_oldest_first() {
    let t0 = crate::clock::now();
    let mut ring = Minute::new(SECOND, t0);
    for second in 0..200 {
        *ring.current(t0 + second * SECOND) = second;
    }
    let live: Vec<u32> = ring.live(t0 + 199 * SECOND).copied().collect();
    assert_eq!(live, (139..200).collect::<Vec<_>>());
    let found = ring.find(t0 + 199 * SECOND, |second| *second >= 150);
    assert_eq!(found.copied(), Some(150));
}

proptest! {
    /// Against a list of every booking: none counts for less than a minute,
    /// and none for longer than its second is among the last 61.
    #[test]
    fn the_ring_counts_what_a_list_of_all_bookings_counts(
        bookings in prop::collection::vec((prop_oneof![0..2_500_u64, 0..90_000_u64], 0..9_u32), 1..120),
    ) {
        let t0 = crate::clock::now();
        let mut ring = Minute::new(SECOND, t0);
        let mut passed = 0;
        let mut list: Vec<(u64, u32)> = Vec::new();
        for (wait, count) in bookings {
            passed += wait;
            let now = t0 + Duration::from_millis(passed);
            let least: u32 = list.iter().filter(|(at, _)| passed - at <= 60_000).map(|it| it.1).sum();
            let exact: u32 = list.iter().filter(|(at, _)| passed / 1_000 - at / 1_000 <= 60)
                .map(|it| it.1).sum();
            prop_assert!(sum(&ring, now) >= least, "let go too early");
            prop_assert_eq!(sum(&ring, now), exact, "read before it is written");
            *ring.current(now) += count;
            list.push((passed, count));
            prop_assert_eq!(sum(&ring, now), exact + count);
            if let Some(gone) = ring.leaves(now, |count| *count > 0) {
                prop_assert!(gone > now);
                prop_assert_eq!(sum(&ring, gone - Duration::from_nanos(1)), exact + count);
                prop_assert!(sum(&ring, gone) < exact + count);
            } else {
                prop_assert_eq!(exact + count, 0);
            }
        }
    }
}
