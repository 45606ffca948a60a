use proptest::prelude::*;

use super::*;
use crate::state::policy::ProbeSettings;

const SECOND: Duration = Duration::from_secs(1);

/// Every 30 s; while open after 1 s, 2 s, 4 s …; lost after 10 s and 30 s.
fn policy() -> ProbePolicy {
    ProbePolicy::new(&ProbeSettings::default()).expect("valid")
}

fn schedule(now: Instant) -> Schedule<&'static str> {
    let mut schedule = Schedule::new();
    schedule.set("a", policy(), now, Luck::EVEN);
    schedule
}

/// Sends the next ping when it is due and answers it at once; returns when.
fn ping(schedule: &mut Schedule<&'static str>) -> Instant {
    let due = schedule.next_due().expect("a target");
    assert_eq!(
        schedule.pop(due - Duration::from_nanos(1)),
        None,
        "not early"
    );
    assert_eq!(schedule.pop(due), Some("a"));
    schedule.answered(&"a", due, Luck::EVEN);
    due
}

#[test]
fn the_first_ping_is_soon_and_the_next_an_interval_later() {
    let t0 = crate::clock::now();
    let mut schedule = schedule(t0);
    assert_eq!(ping(&mut schedule), t0 + SECOND / 2);
    assert_eq!(ping(&mut schedule), t0 + SECOND / 2 + 30 * SECOND);
}

#[test]
fn luck_spreads_the_interval_by_a_tenth() {
    let t0 = crate::clock::now();
    for (luck, millis) in [(0.0, 27_000), (0.5, 30_000), (0.999_999, 32_999)] {
        let mut schedule = schedule(t0);
        let due = schedule.next_due().expect("due");
        schedule.pop(due);
        schedule.answered(&"a", due, Luck::new(luck).expect("a luck"));
        let wait = schedule.next_due().expect("due") - due;
        assert_eq!(wait.as_millis(), millis, "luck {luck}");
    }
}

#[test]
fn an_open_circuit_is_pinged_after_1_2_4_seconds_up_to_the_interval() {
    let t0 = crate::clock::now();
    let mut schedule = schedule(t0);
    let t1 = ping(&mut schedule) + SECOND;
    schedule.set_open(&"a", true, t1, Luck::EVEN);
    let mut before = t1;
    let waits: Vec<u64> = (0..7)
        .map(|_| {
            let at = ping(&mut schedule);
            let wait = (at - before).as_secs();
            before = at;
            wait
        })
        .collect();
    assert_eq!(waits, [1, 1, 2, 4, 8, 16, 30]);
    schedule.set_open(&"a", false, before, Luck::EVEN);
    ping(&mut schedule);
    let again = ping(&mut schedule);
    schedule.set_open(&"a", true, again, Luck::EVEN);
    assert_eq!(ping(&mut schedule), again + SECOND, "backs off anew");
}

#[test]
fn saying_open_twice_brings_nothing_forward() {
    let t0 = crate::clock::now();
    let mut schedule = schedule(t0);
    ping(&mut schedule);
    schedule.set_open(&"a", true, t0 + SECOND, Luck::EVEN);
    for _ in 0..5 {
        let now = ping(&mut schedule);
        schedule.set_open(&"a", true, now, Luck::EVEN);
    }
    let due = schedule.next_due().expect("due");
    ping(&mut schedule);
    let wait = schedule.next_due().expect("due") - due;
    assert_eq!(wait, 30 * SECOND);
}

#[test]
fn one_ping_at_a_time_and_a_lost_one_ends_nothing() {
    let t0 = crate::clock::now();
    let mut schedule = schedule(t0);
    let sent = t0 + SECOND;
    assert_eq!(schedule.pop(sent), Some("a"));
    schedule.set_open(&"a", true, sent, Luck::EVEN);
    schedule.hurry(&"a", sent);
    assert_eq!(schedule.pop(sent + 10 * SECOND), None, "under way");
    assert_eq!(
        schedule.pop(sent + 40 * SECOND),
        Some("a"),
        "lost, so again"
    );
}

#[test]
fn new_settings_act_on_the_next_ping() {
    let t0 = crate::clock::now();
    let mut schedule = schedule(t0);
    let now = ping(&mut schedule);
    let every = |interval| {
        ProbePolicy::new(&ProbeSettings {
            interval,
            ..ProbeSettings::default()
        })
        .expect("valid")
    };
    schedule.set("a", every(5 * SECOND), now, Luck::EVEN);
    assert_eq!(ping(&mut schedule), now + 5 * SECOND);
    schedule.set("a", every(60 * SECOND), now + 5 * SECOND, Luck::EVEN);
    assert_eq!(ping(&mut schedule), now + 10 * SECOND, "already promised");
    assert_eq!(ping(&mut schedule), now + 70 * SECOND);
}

#[test]
fn a_disabled_or_removed_target_is_never_due() {
    let t0 = crate::clock::now();
    let mut schedule = schedule(t0);
    let off = ProbePolicy::new(&ProbeSettings {
        enabled: false,
        ..ProbeSettings::default()
    });
    schedule.set("a", off.expect("valid"), t0, Luck::EVEN);
    assert_eq!(schedule.next_due(), None);
    schedule.set("b", policy(), t0, Luck::EVEN);
    schedule.remove(&"b");
    assert!(schedule.is_empty());
    schedule.answered(&"b", t0, Luck::EVEN);
    assert_eq!(schedule.pop(t0 + 3600 * SECOND), None);
}

#[test]
fn of_several_the_longest_due_goes_first() {
    let t0 = crate::clock::now();
    let mut schedule = Schedule::new();
    schedule.set("late", policy(), t0 + SECOND, Luck::EVEN);
    schedule.set("early", policy(), t0, Luck::EVEN);
    let now = t0 + 10 * SECOND;
    assert_eq!(schedule.len(), 2);
    assert_eq!(
        (schedule.pop(now), schedule.pop(now)),
        (Some("early"), Some("late"))
    );
    assert_eq!(schedule.pop(now), None);
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Answer,
    Open(bool),
    Hurry,
    Nothing,
}

/// What a test knows of a target.
#[derive(Clone, Copy)]
struct Seen {
    /// No ping before.
    earliest: Instant,
    under_way: bool,
    open: bool,
}

proptest! {
    #[test]
    fn no_ping_is_early_or_made_up_for_and_a_hurried_one_goes_at_once(
        steps in prop::collection::vec(
            (
                prop_oneof![0..2_000_u64, 0..60_000_u64],
                0..3_usize,
                prop_oneof![
                    3 => Just(Act::Answer),
                    1 => any::<bool>().prop_map(Act::Open),
                    1 => Just(Act::Hurry),
                    1 => Just(Act::Nothing),
                ],
                0.0..1.0_f64,
            ),
            1..100,
        ),
    ) {
        let mut now = crate::clock::now();
        let policy = policy();
        let lost = policy.timeout + policy.interval;
        let mut schedule = Schedule::new();
        let fresh = Seen { earliest: now, under_way: false, open: false };
        let mut seen = [fresh; 3];
        (0..3).for_each(|target| schedule.set(target, policy, now, Luck::EVEN));
        for (wait, target, act, luck) in steps {
            now += Duration::from_millis(wait);
            let luck = Luck::new(luck).expect("a luck");
            let this = &mut seen[target];
            let soonest = now + policy.interval_open.mul_f64(1.0 - JITTER);
            let mut hurried = false;
            match act {
                Act::Answer => {
                    schedule.answered(&target, now, luck);
                    this.under_way = false;
                    let regular = now + policy.interval.mul_f64(1.0 - JITTER);
                    this.earliest = if this.open { soonest } else { regular };
                }
                Act::Open(open) => {
                    schedule.set_open(&target, open, now, luck);
                    if open && !this.open && !this.under_way {
                        this.earliest = this.earliest.min(soonest);
                    }
                    this.open = open;
                }
                Act::Hurry => {
                    schedule.hurry(&target, now);
                    hurried = !this.under_way;
                    if hurried {
                        this.earliest = now;
                    }
                }
                Act::Nothing => {}
            }
            let mut sent = Vec::new();
            while let Some(target) = schedule.pop(now) {
                prop_assert!(!sent.contains(&target), "a missed time is made up for");
                sent.push(target);
                prop_assert!(now >= seen[target].earliest, "{target} is early");
                seen[target].earliest = now + lost;
                seen[target].under_way = true;
            }
            prop_assert!(!hurried || sent.contains(&target));
            let next = schedule.next_due().expect("three targets");
            prop_assert!(next > now && next <= now + lost, "nothing is forgotten");
        }
    }
}
