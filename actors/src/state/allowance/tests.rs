use std::{num::NonZeroU32, time::Duration};

use proptest::prelude::*;

use super::*;
use crate::{clock, error::Why, state::spending::Period};

const NOON: u64 = 1_709_208_000;

fn usd(dollars: f64) -> Cost {
    Cost::of(dollars).expect("an amount")
}

fn limits(rpm: u32, tpm: u32, rpd: u32) -> Terms {
    Terms {
        limits: Limits {
            rpm: NonZeroU32::new(rpm),
            tpm: NonZeroU32::new(tpm),
            rpd: NonZeroU32::new(rpd),
            max_in_flight: None,
        },
        budget: None,
    }
}

/// A dollar for each such period.
fn budget(per: Period) -> Option<Budget> {
    let most = usd(1.0);
    Some(Budget { most, per })
}

fn refusal(held: Result<Reserved, Held>) -> Refusal {
    match held {
        Err(Held::Window(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_full_window_says_when_there_is_room() {
    let start = clock::now();
    let mut used = Allowance::new(start);
    let terms = limits(2, 0, 3);
    let at = |seconds| start + Duration::from_secs(seconds);
    let mut ask = |seconds| used.reserve(&terms, 10, Cost::ZERO, at(seconds), NOON);
    assert!(ask(0).is_ok() && ask(1).is_ok());
    let minute = refusal(ask(30));
    assert_eq!(minute.reason, Why::RequestsPerMinute);
    assert_eq!(minute.until, Some(at(61)));
    assert!(ask(61).is_ok(), "a refusal has counted");
    assert_eq!(refusal(ask(122)).reason, Why::RequestsPerDay);
}

#[test]
fn tokens_are_reserved_and_settled_by_their_count() {
    let start = clock::now();
    let mut used = Allowance::new(start);
    let terms = limits(0, 100, 0);
    let first = used.reserve(&terms, 60, Cost::ZERO, start, NOON);
    let wait = refusal(used.reserve(&terms, 60, Cost::ZERO, start, NOON));
    assert_eq!(wait.reason, Why::TokensPerMinute);
    assert_eq!(wait.until, Some(start + SOON), "the first may leave enough");
    used.settle(first.expect("room"), 40, Cost::ZERO, start, NOON);
    let second = used.reserve(&terms, 60, Cost::ZERO, start, NOON);
    // More was used than reserved: it counts all the same.
    used.settle(second.expect("room"), 90, Cost::ZERO, start, NOON);
    let wait = refusal(used.reserve(&terms, 1, Cost::ZERO, start, NOON));
    assert_eq!(
        wait.until,
        Some(start + Duration::from_secs(61)),
        "nobody is under way"
    );
}

#[test]
fn a_request_above_the_whole_minute_waits_for_an_empty_one() {
    let start = clock::now();
    let mut used = Allowance::new(start);
    let terms = limits(0, 100, 0);
    let small = used.reserve(&terms, 1, Cost::ZERO, start, NOON);
    refusal(used.reserve(&terms, 5_000, Cost::ZERO, start, NOON));
    used.settle(small.expect("room"), 0, Cost::ZERO, start, NOON);
    assert!(used.reserve(&terms, 5_000, Cost::ZERO, start, NOON).is_ok());
}

#[test]
fn new_terms_act_on_what_was_counted() {
    let start = clock::now();
    let mut used = Allowance::new(start);
    for _ in 0..5 {
        assert!(
            used.reserve(&limits(5, 0, 0), 10, Cost::ZERO, start, NOON)
                .is_ok()
        );
    }
    refusal(used.reserve(&limits(5, 0, 0), 10, Cost::ZERO, start, NOON));
    assert!(
        used.reserve(&limits(6, 0, 0), 10, Cost::ZERO, start, NOON)
            .is_ok()
    );
    // Tokens and days were counted although nothing limited them.
    refusal(used.reserve(&limits(0, 60, 0), 1, Cost::ZERO, start, NOON));
    refusal(used.reserve(&limits(0, 0, 6), 1, Cost::ZERO, start, NOON));
}

#[test]
fn a_request_that_a_window_holds_back_reserves_no_money() {
    let start = clock::now();
    let mut used = Allowance::new(start);
    let terms = Terms {
        budget: budget(Period::Day),
        ..limits(1, 0, 0)
    };
    let mut ask = |cost, seconds| {
        let now = start + Duration::from_secs(seconds);
        used.reserve(&terms, 1, usd(cost), now, NOON)
    };
    assert!(ask(0.4, 0).is_ok());
    refusal(ask(0.5, 0));
    assert!(ask(0.6, 61).is_ok());
    assert!(matches!(ask(0.1, 122), Err(Held::Budget(_))));
}

#[test]
fn another_period_of_the_budget_forgives_no_money() {
    let start = clock::now();
    let mut used = Allowance::new(start);
    let per = |per| Terms {
        budget: budget(per),
        ..Terms::default()
    };
    let (hour, month) = (per(Period::Hour), per(Period::Month));
    let mut ask = |terms: &Terms, cost, from, to| {
        let reserved = used.reserve(terms, 1, usd(cost), start, from)?;
        used.settle(reserved, 1, usd(cost), start, to);
        Ok(())
    };
    assert_eq!(ask(&month, 0.4, NOON, NOON), Ok(()));
    // Under the hour until the hour is over, and the month is in force again.
    assert_eq!(ask(&hour, 0.3, NOON, NOON + 3_600), Ok(()));
    assert_eq!(ask(&hour, 0.2, NOON + 7_200, NOON + 7_200), Ok(()));
    let Err(Held::Budget(overdrawn)) = ask(&month, 0.2, NOON + 7_200, NOON + 7_200) else {
        panic!("the month is spent but for a tenth");
    };
    assert_eq!(overdrawn.spent, usd(0.9));
    assert_eq!(ask(&month, 0.1, NOON + 7_200, NOON + 7_200), Ok(()));
}

#[test]
fn money_that_is_only_reserved_is_told_after_a_full_window_and_spent_money_before() {
    let start = clock::now();
    let mut used = Allowance::new(start);
    let terms = Terms {
        budget: budget(Period::Day),
        ..limits(1, 0, 0)
    };
    let ask = |used: &mut Allowance, seconds| {
        let now = start + Duration::from_secs(seconds);
        used.reserve(&terms, 1, usd(0.6), now, NOON)
    };
    let first = ask(&mut used, 0).expect("room");
    let minute = refusal(ask(&mut used, 1));
    assert_eq!(minute.until, Some(start + Duration::from_secs(61)));
    let held = ask(&mut used, 61).expect_err("no money");
    let reserved = Overdrawn {
        spent: Cost::ZERO,
        until: None,
    };
    assert_eq!(held, Held::Budget(reserved), "and nothing was booked");
    assert_eq!(ask(&mut used, 61).expect_err("no money"), held);
    used.settle(first, 1, usd(0.6), start + Duration::from_secs(61), NOON);
    let second = used.reserve(&terms, 1, usd(0.3), start + Duration::from_secs(61), NOON);
    assert!(second.is_ok());
    let spent = ask(&mut used, 62).expect_err("neither");
    assert!(matches!(spent, Held::Budget(it) if it.until.is_some()));
}

#[test]
fn no_number_of_tokens_brings_it_to_its_end() {
    let start = clock::now();
    let mut used = Allowance::new(start);
    let terms = limits(100, 0, 0);
    for _ in 0..10 {
        let reserved = used.reserve(&terms, u64::MAX, Cost::ZERO, start, NOON);
        used.settle(reserved.expect("room"), u64::MAX, Cost::ZERO, start, NOON);
    }
    assert!(used.reserve(&terms, 1, Cost::ZERO, start, NOON).is_ok());
}

/// One step: so many milliseconds later a request comes, and the `ends`th of
/// those under way ends, having used a share of what it reserved.
#[derive(Clone, Debug)]
struct Step {
    millis: u64,
    tokens: u64,
    cents: u64,
    ends: usize,
    share: u64,
}

fn step() -> impl Strategy<Value = Step> {
    (0..9_000_u64, 0..400_u64, 0..30_u64, 0..8_usize, 0..=4_u64).prop_map(
        |(millis, tokens, cents, ends, share)| Step {
            millis,
            tokens,
            cents,
            ends,
            share,
        },
    )
}

proptest! {
    #[test]
    fn no_slice_holds_more_than_its_limit(
        steps in prop::collection::vec(step(), 1..200),
        rpm in 1..12_u32,
        tpm in 100..1_000_u32,
    ) {
        let start = clock::now();
        let mut terms = limits(rpm, tpm, 0);
        terms.budget = Some(Budget { most: usd(2.0), per: Period::Hour });
        let mut used = Allowance::new(start);
        let (mut now, mut passed) = (start, 0);
        let mut under_way = Vec::new();
        // When each came in and the tokens it used in the end; when each
        // ended and what it cost.
        let mut came: Vec<(Instant, u64)> = Vec::new();
        let mut paid: Vec<(u64, u64)> = Vec::new();
        for step in steps {
            now += Duration::from_millis(step.millis);
            passed += step.millis;
            let utc = NOON + passed / 1_000;
            let cost = usd(step.cents as f64 / 100.0);
            // What is estimated above the whole limit may use more than it reserves.
            let tokens = step.tokens.min(tpm.into());
            if let Ok(reserved) = used.reserve(&terms, tokens, cost, now, utc) {
                let index = came.len();
                came.push((now, tokens));
                under_way.push((index, reserved, tokens, step.cents));
            }
            if step.ends < under_way.len() {
                let (index, reserved, tokens, cents) = under_way.swap_remove(step.ends);
                let (tokens, cents) = (tokens * step.share / 4, cents * step.share / 4);
                used.settle(reserved, tokens, usd(cents as f64 / 100.0), now, utc);
                came[index].1 = tokens;
                paid.push((utc, cents));
            }
        }
        for (from, _) in &came {
            let slice = || came.iter().filter(|(at, _)| {
                at >= from && *at < *from + Duration::from_secs(60)
            });
            prop_assert!(slice().count() <= rpm as usize);
            prop_assert!(slice().map(|(_, tokens)| tokens).sum::<u64>() <= u64::from(tpm));
        }
        for (at, _) in &paid {
            let hour = Period::Hour.bounds(*at);
            let sum: u64 = paid.iter().filter(|(at, _)| Period::Hour.bounds(*at) == hour)
                .map(|(_, cents)| cents).sum();
            prop_assert!(sum <= 200, "{}", sum);
        }
    }
}

#[test]
fn a_full_minute_of_requests_is_told_though_tokens_may_come_back() {
    let start = clock::now();
    let mut used = Allowance::new(start);
    let terms = limits(1, 100, 0);
    let first = used.reserve(&terms, 100, Cost::ZERO, start, NOON);
    assert!(first.is_ok());
    let wait = refusal(used.reserve(&terms, 60, Cost::ZERO, start, NOON));
    assert_eq!(wait.reason, Why::RequestsPerMinute);
    assert_eq!(wait.until, Some(start + Duration::from_secs(61)));
}
