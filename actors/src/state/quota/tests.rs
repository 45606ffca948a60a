use proptest::{
    collection::vec,
    prelude::{Just, prop_assert_eq, proptest},
    strategy::Strategy as _,
};

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

fn limits(rpm: u32, tpm: u32, rpd: u32) -> Limits {
    Limits {
        rpm: NonZeroU32::new(rpm),
        tpm: NonZeroU32::new(tpm),
        rpd: NonZeroU32::new(rpd),
        max_in_flight: None,
    }
}

fn said(left: u64, reset: Option<Duration>) -> Option<Remaining> {
    Some(Remaining { left, reset })
}

#[test]
fn without_limits_there_is_no_end() {
    let t0 = crate::clock::now();
    let mut quota = Quota::new(t0);
    quota.book(1_000_000, t0);
    quota.book_tokens(1_000_000, t0);
    let none = Limits::default();
    assert_eq!(quota.requests_left(&none, t0), u32::MAX);
    assert_eq!(quota.tokens_limit(&none, t0), u64::MAX);
    assert_eq!(quota.refusal(&none, t0), None);
    assert_eq!(quota.next_change(&none, t0), None);
}

#[test]
fn a_full_minute_says_when_one_more_fits() {
    let t0 = crate::clock::now();
    let mut quota = Quota::new(t0);
    let limits = limits(10, 0, 0);
    quota.book(4, t0);
    quota.book(6, t0 + 30 * SECOND);
    let now = t0 + 31 * SECOND;
    assert_eq!(quota.requests_left(&limits, now), 0);
    let refusal = quota.refusal(&limits, now).expect("full");
    assert_eq!(refusal.reason, Why::RequestsPerMinute);
    let until = refusal.until.expect("known");
    assert_eq!(
        until,
        t0 + 61 * SECOND,
        "the first second, and its own bucket"
    );
    assert_eq!(quota.requests_left(&limits, until), 4);
}

#[test]
fn a_limit_lowered_below_use_acts_at_once_and_one_that_comes_late_counts_back() {
    let t0 = crate::clock::now();
    let mut quota = Quota::new(t0);
    quota.book(50, t0);
    assert_eq!(quota.requests_left(&limits(60, 0, 0), t0), 10);
    let lowered = limits(20, 0, 0);
    assert_eq!(quota.requests_left(&lowered, t0), 0);
    let until = quota
        .refusal(&lowered, t0)
        .and_then(|refusal| refusal.until);
    assert_eq!(until, Some(t0 + 61 * SECOND));
}

#[test]
fn the_day_holds_for_a_day() {
    let t0 = crate::clock::now();
    let mut quota = Quota::new(t0);
    let limits = limits(0, 0, 5);
    let at = t0 + Duration::from_secs(3_599);
    quota.book(5, at);
    let day = Duration::from_secs(86_400);
    assert_eq!(quota.requests_left(&limits, at + day), 0);
    let refusal = quota.refusal(&limits, at + day).expect("full");
    assert_eq!(refusal.reason, Why::RequestsPerDay);
    assert_eq!(quota.requests_left(&limits, at + day + TEN_MINUTES), 5);
}

#[test]
fn tokens_are_reserved_and_what_was_not_used_comes_back() {
    let t0 = crate::clock::now();
    let mut quota = Quota::new(t0);
    let limits = limits(0, 1000, 0);
    assert_eq!(quota.tokens_limit(&limits, t0), 1000);
    quota.book_tokens(600, t0);
    quota.book_tokens(1000, t0 + 10 * SECOND);
    let now = t0 + 20 * SECOND;
    assert_eq!(
        quota.tokens_limit(&limits, now),
        1000,
        "nothing above the mark"
    );
    quota.settle_tokens(600, 600, 100, now);
    assert_eq!(quota.tokens_limit(&limits, now), 1500);
    assert_eq!(quota.tokens_used(now), 500);
    // The refund went to the bucket the reservation was booked in.
    assert_eq!(quota.tokens_used(t0 + 61 * SECOND), 400);
}

#[test]
fn a_reservation_that_left_the_window_gives_nothing_back() {
    let t0 = crate::clock::now();
    let mut quota = Quota::new(t0);
    quota.book_tokens(600, t0);
    let now = t0 + 90 * SECOND;
    quota.book_tokens(1000, now);
    quota.settle_tokens(600, 600, 0, now);
    assert_eq!(quota.tokens_used(now), 400);
}

#[test]
fn more_than_was_reserved_counts_from_now() {
    let t0 = crate::clock::now();
    let mut quota = Quota::new(t0);
    let limits = limits(0, 1000, 0);
    quota.book_tokens(100, t0);
    quota.settle_tokens(100, 100, 1500, t0 + 30 * SECOND);
    let now = t0 + 70 * SECOND;
    assert_eq!(quota.tokens_used(now), 1400);
    let refusal = quota.refusal(&limits, now).expect("full");
    assert_eq!(refusal.reason, Why::TokensPerMinute);
    assert_eq!(refusal.until, Some(t0 + 91 * SECOND));
}

#[test]
fn a_settlement_may_overtake_its_look() {
    let t0 = crate::clock::now();
    let mut quota = Quota::new(t0);
    quota.settle_tokens(600, 600, 100, t0);
    assert_eq!(quota.tokens_used(t0), 100);
    quota.book_tokens(600, t0);
    assert_eq!(quota.tokens_used(t0), 100, "booked once");
}

#[test]
fn the_providers_count_holds_until_its_reset() {
    let t0 = crate::clock::now();
    let mut quota = Quota::new(t0);
    let limits = limits(100, 0, 0);
    let correction = |requests| ProviderLimits {
        requests,
        ..ProviderLimits::default()
    };
    quota.correct(correction(said(3, Some(20 * SECOND))), 0, t0);
    assert_eq!(quota.requests_left(&limits, t0), 3);
    quota.book(2, t0 + SECOND);
    assert_eq!(quota.requests_left(&limits, t0 + SECOND), 1);
    quota.book(1, t0 + SECOND);
    let refusal = quota.refusal(&limits, t0 + SECOND).expect("nothing left");
    assert_eq!(refusal.reason, Why::ProviderLimit);
    assert_eq!(refusal.until, Some(t0 + 20 * SECOND));
    assert_eq!(quota.requests_left(&limits, t0 + 20 * SECOND), 97);
    // Its last word counts, also when that is more.
    quota.correct(correction(said(0, None)), 0, t0 + 21 * SECOND);
    assert_eq!(quota.requests_left(&limits, t0 + 22 * SECOND), 0);
    quota.correct(correction(said(50, None)), 0, t0 + 22 * SECOND);
    assert_eq!(quota.requests_left(&limits, t0 + 22 * SECOND), 50);
    quota.correct(correction(said(1000, None)), 0, t0 + 23 * SECOND);
    assert_eq!(
        quota.requests_left(&limits, t0 + 23 * SECOND),
        97,
        "never above ours"
    );
}

#[test]
fn the_providers_count_knows_nothing_of_what_was_sent_since() {
    let t0 = crate::clock::now();
    let mut quota = Quota::new(t0);
    let none = Limits::default();
    // Ten requests of 100 tokens each, half of them a second later.
    for at in [t0, t0 + SECOND] {
        quota.book(5, at);
        let mark = quota.tokens.booked_mark() + 500;
        quota.book_tokens(mark, at);
    }
    let now = t0 + 2 * SECOND;
    let limits = ProviderLimits {
        requests: said(20, None),
        tokens: said(2_000, None),
        ..ProviderLimits::default()
    };
    // The answers to the third, the fifth and the eighth of them.
    for (mark, since) in [(300, 7), (500, 5), (800, 2)] {
        quota.correct(limits, mark, now);
        assert_eq!(quota.requests_left(&none, now), 20 - since, "{mark}");
        let tokens = 2_000 - u64::from(since) * 100;
        assert_eq!(quota.tokens_left(&none, now), tokens, "{mark}");
    }
}

#[test]
fn a_count_without_a_reset_holds_for_a_minute_also_for_tokens() {
    let t0 = crate::clock::now();
    let mut quota = Quota::new(t0);
    let none = Limits::default();
    let tokens = ProviderLimits {
        tokens: said(500, None),
        ..ProviderLimits::default()
    };
    quota.correct(tokens, 0, t0);
    assert_eq!(quota.tokens_limit(&none, t0), 500);
    quota.book_tokens(200, t0);
    assert_eq!(
        quota.tokens_limit(&none, t0),
        500,
        "the mark moved, the end did not"
    );
    let free = quota.tokens_free(&none, t0);
    assert_eq!(free, TokensFree::all_at(t0 + MINUTE));
    assert_eq!(quota.tokens_limit(&none, t0 + MINUTE), u64::MAX);
}

#[test]
fn a_reset_beyond_a_day_is_not_believed() {
    let t0 = crate::clock::now();
    let mut quota = Quota::new(t0);
    let forever = ProviderLimits {
        requests: said(0, Some(Duration::MAX)),
        ..ProviderLimits::default()
    };
    quota.correct(forever, 0, t0);
    let until = quota
        .refusal(&Limits::default(), t0)
        .and_then(|refusal| refusal.until);
    assert_eq!(until, Some(t0 + LONGEST_DAILY));
}

#[test]
fn an_older_answer_lowers_what_is_left_but_never_raises_it() {
    let t0 = crate::clock::now();
    let mut quota = Quota::new(t0);
    let none = Limits::default();
    let requests = |left| ProviderLimits {
        requests: said(left, Some(MINUTE)),
        ..ProviderLimits::default()
    };
    quota.correct(requests(4), 300, t0);
    quota.correct(requests(9), 200, t0);
    assert_eq!(quota.requests_left(&none, t0), 4, "of an older request");
    quota.correct(requests(2), 100, t0);
    assert_eq!(
        quota.requests_left(&none, t0),
        2,
        "counted in another order"
    );
    quota.correct(requests(7), 400, t0);
    assert_eq!(quota.requests_left(&none, t0), 7, "it has refilled since");
    quota.correct(requests(8), 100, t0 + MINUTE);
    assert_eq!(
        quota.requests_left(&none, t0 + MINUTE),
        8,
        "the old count is over"
    );
}

proptest! {
    /// Of a limit that only falls, each answer tells a little less than the one
    /// before; in whatever order they come home, the lowest heard counts.
    #[test]
    fn answers_that_overtake_each_other_never_raise_what_is_left(
        order in Just((1..20_u64).collect::<Vec<_>>()).prop_shuffle(),
        costs in vec(1..1000_u64, 20),
    ) {
        let t0 = crate::clock::now();
        let mut quota = Quota::new(t0);
        let mut lowest = u64::MAX;
        for number in order {
            let taken: u64 = costs[..number as usize].iter().sum();
            let limits = ProviderLimits {
                requests: said(100 - number, Some(MINUTE)),
                tokens: said(100_000 - taken, None),
                pause: None,
            };
            quota.correct(limits, taken, t0);
            lowest = lowest.min(100 - number);
            let none = Limits::default();
            prop_assert_eq!(u64::from(quota.requests_left(&none, t0)), lowest);
            let taken: u64 = costs[..(100 - lowest) as usize].iter().sum();
            prop_assert_eq!(quota.tokens_left(&none, t0), 100_000 - taken);
        }
    }
}

#[test]
fn what_is_under_way_may_come_back_and_is_hoped_for() {
    let t0 = crate::clock::now();
    let limits = Limits {
        tpm: NonZeroU32::new(1_000),
        ..Limits::default()
    };
    let mut quota = Quota::new(t0);
    assert_eq!(quota.tokens_hoped(&Limits::default(), t0), u64::MAX);
    quota.book_tokens(900, t0);
    assert_eq!(
        (
            quota.tokens_left(&limits, t0),
            quota.tokens_hoped(&limits, t0)
        ),
        (100, 1_000)
    );
    // One of 300 used 50, one of 200 used 250; 400 are under way.
    quota.settle_tokens(300, 300, 50, t0);
    quota.settle_tokens(500, 200, 250, t0);
    assert_eq!(quota.tokens_used(t0), 700);
    assert_eq!(
        (
            quota.tokens_left(&limits, t0),
            quota.tokens_hoped(&limits, t0)
        ),
        (300, 700)
    );
    let free = quota.tokens_free(&limits, t0);
    assert_eq!((free.step, free.at), (38, [Some(t0 + 61 * SECOND); 8]));
    // Who has left the window leaves no hope behind.
    let later = t0 + 61 * SECOND;
    assert_eq!(quota.tokens_hoped(&limits, later), 1_000);
    quota.book_tokens(1_000, later);
    quota.settle_tokens(900, 400, 0, later);
    assert_eq!(
        (
            quota.tokens_left(&limits, later),
            quota.tokens_hoped(&limits, later)
        ),
        (900, 1_000)
    );
}

#[test]
fn who_needs_more_than_is_hoped_for_waits_for_what_is_spent_and_for_the_provider() {
    let t0 = crate::clock::now();
    let limits = Limits {
        tpm: NonZeroU32::new(1_000),
        ..Limits::default()
    };
    let at = |seconds: u32| Some(t0 + seconds * SECOND);
    let mut quota = Quota::new(t0);
    quota.book_tokens(100, t0);
    quota.settle_tokens(100, 100, 100, t0);
    let now = t0 + 56 * SECOND;
    quota.book_tokens(1_000, now);
    // 100 are spent and leave in 5 s; 900 are under way.
    assert_eq!(quota.tokens_hoped(&limits, now), 900);
    assert_eq!(quota.tokens_free(&limits, now).at, [at(61); 8]);
    let whole = quota.refusal_of(&limits, 1_000, now).expect("no room");
    assert_eq!((whole.reason, whole.until), (Why::TokensPerMinute, at(61)));

    // The provider has 300 left for 20 s: more than that come with its reset, whatever the minute says.
    let late = ProviderLimits {
        tokens: said(300, Some(Duration::from_secs(20))),
        ..ProviderLimits::default()
    };
    quota.correct(late, 1_000, now);
    assert_eq!(quota.tokens_hoped(&limits, now), 300);
    assert_eq!(quota.tokens_free(&limits, now).at, [at(76); 8]);
    // And with a reset before that, what the minute holds is waited for all the same.
    let soon = ProviderLimits {
        tokens: said(300, Some(SECOND)),
        ..ProviderLimits::default()
    };
    quota.correct(soon, 1_000, now);
    let free = quota.tokens_free(&limits, now).at;
    assert_eq!((free[0], free[7]), (at(57), at(61)));
}

#[test]
fn tokens_that_may_come_back_hide_no_other_limit() {
    let t0 = crate::clock::now();
    let limits = Limits {
        rpm: NonZeroU32::new(2),
        tpm: NonZeroU32::new(1_000),
        ..Limits::default()
    };
    let mut quota = Quota::new(t0);
    quota.book(2, t0);
    quota.book_tokens(1_000, t0);
    let refusal = quota.refusal(&limits, t0).expect("nothing is left");
    assert_eq!(refusal.reason, Why::RequestsPerMinute, "that one lasts");
    quota.settle_tokens(1_000, 1_000, 1_000, t0);
    let refusal = quota.refusal_of(&limits, 1, t0).expect("nothing is left");
    assert_eq!(refusal.until, Some(t0 + 61 * SECOND));
}
