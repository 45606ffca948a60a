use proptest::prelude::*;

use super::*;

fn usd(dollars: f64) -> Cost {
    Cost::of(dollars).expect("an amount")
}

/// Seconds since 1970 of some instants, from `date -u +%s -d …`.
const FEB_29: u64 = 1_709_208_000; // Thu 2024-02-29T12:00:00Z
const MAR_1: u64 = 1_709_251_200; // Fri 2024-03-01T00:00:00Z
const NEW_YEAR: u64 = 1_767_225_600; // Thu 2026-01-01T00:00:00Z

#[test]
fn periods_follow_the_calendar() {
    for (per, utc, start, end) in [
        (Period::Hour, FEB_29 + 61, FEB_29, FEB_29 + 3_600),
        (Period::Day, FEB_29, FEB_29 - 43_200, MAR_1),
        // Monday the 26th of February.
        (Period::Week, FEB_29, MAR_1 - 4 * DAY, MAR_1 + 3 * DAY),
        (Period::Month, FEB_29, MAR_1 - 29 * DAY, MAR_1),
        (Period::Month, MAR_1, MAR_1, MAR_1 + 31 * DAY),
        (Period::Month, NEW_YEAR - 1, NEW_YEAR - 31 * DAY, NEW_YEAR),
        (
            Period::Week,
            NEW_YEAR,
            NEW_YEAR - 3 * DAY,
            NEW_YEAR + 4 * DAY,
        ),
        (Period::Week, 0, 0, 4 * DAY),
        (Period::Month, 0, 0, 31 * DAY),
    ] {
        assert_eq!(per.bounds(utc), (start, end), "{per:?} {utc}");
    }
}

proptest! {
    #[test]
    fn every_instant_lies_in_one_period_of_a_kind(utc in 0..40_000_000_000_u64) {
        for per in Period::ALL {
            let (start, end) = per.bounds(utc);
            prop_assert!(start <= utc && utc < end);
            // The first and the last second of it agree, the next does not.
            prop_assert_eq!(per.bounds(start), (start, end));
            prop_assert_eq!(per.bounds(end - 1), (start, end));
            prop_assert_eq!(per.bounds(end).0, end);
        }
    }
}

#[test]
fn a_budget_starts_anew_with_its_period_and_not_before() {
    let budget = Budget {
        most: usd(1.0),
        per: Period::Day,
    };
    let mut spending = Spending::default();
    spending.reserve(budget, usd(1.0), FEB_29).expect("room");
    spending.settle(usd(1.0), usd(1.0), FEB_29);
    let overdrawn = spending.reserve(budget, usd(0.01), MAR_1 - 1);
    let expected = Overdrawn {
        spent: usd(1.0),
        until: Some(MAR_1),
    };
    assert_eq!(overdrawn, Err(expected));
    assert_eq!(spending.reserve(budget, usd(0.01), MAR_1), Ok(()));
}

#[test]
fn what_is_only_reserved_comes_back_when_the_request_ends() {
    let budget = Budget {
        most: usd(1.0),
        per: Period::Hour,
    };
    let mut spending = Spending::default();
    spending.reserve(budget, usd(0.7), FEB_29).expect("room");
    let overdrawn = spending.reserve(budget, usd(0.7), FEB_29).unwrap_err();
    assert_eq!((overdrawn.spent, overdrawn.until), (Cost::ZERO, None));
    spending.settle(usd(0.7), usd(0.3), FEB_29);
    assert_eq!(spending.reserve(budget, usd(0.7), FEB_29), Ok(()));
    // Dearer than the whole budget: no end of another request helps.
    let overdrawn = spending.reserve(budget, usd(1.1), FEB_29).unwrap_err();
    assert_eq!(overdrawn.until, Some(FEB_29 + 3_600));
}

#[test]
fn a_request_over_midnight_counts_in_the_day_it_ends_in() {
    let mut spending = Spending::default();
    spending.reserve_freely(usd(0.5));
    spending.settle(usd(0.5), usd(0.4), MAR_1 + 1);
    assert_eq!(spending.spent(Period::Day, MAR_1 + 1), usd(0.4));
}

#[test]
fn every_period_counts_its_own() {
    let mut spending = Spending::default();
    spending.settle(Cost::ZERO, usd(2.0), MAR_1 - 10);
    spending.settle(Cost::ZERO, usd(1.0), MAR_1 + 10);
    let spent = |per, utc| spending.spent(per, utc);
    // February is over, the week is not.
    for (per, expected) in Period::ALL.into_iter().zip([1.0, 1.0, 3.0, 1.0]) {
        assert_eq!(spent(per, MAR_1 + 20), usd(expected), "{per:?}");
    }
    for (per, expected) in Period::ALL.into_iter().zip([0.0, 1.0, 3.0, 1.0]) {
        assert_eq!(spent(per, MAR_1 + 3_600), usd(expected), "{per:?}");
    }
}

#[test]
fn a_clock_that_goes_back_gives_nothing_back() {
    let mut spending = Spending::default();
    spending.settle(Cost::ZERO, usd(2.0), MAR_1);
    assert_eq!(spending.spent(Period::Day, FEB_29), usd(2.0));
    spending.settle(Cost::ZERO, usd(1.0), FEB_29);
    assert_eq!(spending.spent(Period::Day, MAR_1), usd(3.0));
}
