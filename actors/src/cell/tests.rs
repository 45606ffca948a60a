use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Duration,
};

use super::*;
use crate::clock;

fn offer(epoch: u32, credits: u32, tokens_limit: u64) -> Offer {
    Offer {
        grant: Grant {
            epoch,
            credits,
            last_resort: 0,
            tokens_limit,
            penalty: Duration::ZERO,
            tokens_hoped: tokens_limit,
            tokens_free: TokensFree::default(),
            max_in_flight: u32::MAX,
            weight: 1.0,
            latency: None,
            status: Status::Healthy,
            refusal: None,
        },
        trial: false,
        refusal: None,
    }
}

fn cell(offer: &Offer) -> Cell {
    let now = clock::now();
    let cell = Cell::new(now);
    assert!(cell.publish(Seen::default(), offer, now).is_some());
    cell
}

#[test]
fn a_word_keeps_its_fields_apart() {
    let mut offer = offer((1 << EPOCH_BITS) - 1, u32::MAX, u64::MAX);
    offer.grant.last_resort = 1;
    offer.trial = true;
    let cell = cell(&offer);
    let seen = cell.look();
    assert_eq!(seen.epoch(), (1 << EPOCH_BITS) - 1);
    assert_eq!((seen.credits(), seen.last_resort()), (u32::MAX, 1));
    let taken = cell.take(0, true).expect("a last resort");
    assert!(taken.trial && taken.last_resort);
    assert_eq!(cell.take(0, true), Err(Denied::Clean));
    let seen = cell.look();
    assert_eq!((seen.credits(), seen.last_resort()), (u32::MAX, 0));
    assert!(cell.take(0, false).is_ok());
    assert_eq!(cell.credits(), u32::MAX - 1);
}

#[test]
fn who_is_denied_holds_nothing() {
    let cell = cell(&offer(0, 1, 100));
    assert_eq!(cell.take(101, false), Err(Denied::Clean));
    assert_eq!((cell.in_flight(), cell.look().tokens_mark), (0, 0));
    let taken = cell.take(100, false).expect("a credit");
    assert_eq!((taken.mark, taken.reserved), (100, 100));
    assert_eq!(cell.take(0, false), Err(Denied::Clean));
    cell.leave();
    assert_eq!(cell.in_flight(), 0);
}

#[test]
fn a_look_is_asked_for_once_and_for_a_reason() {
    let cell = cell(&offer(0, 2, u64::MAX));
    let now = clock::now();
    assert!(!cell.wants_a_look(true, now));
    assert!(cell.take(0, false).is_ok() && !cell.wants_a_look(true, now));
    assert!(cell.take(0, false).is_ok());
    assert!(
        !cell.wants_a_look(false, now),
        "nothing taken, nothing to see"
    );
    assert!(cell.wants_a_look(true, now));
    assert!(!cell.wants_a_look(true, now), "once");
    assert!(cell.publish(cell.look(), &offer(0, 0, 0), now).is_some());
    let later = now + Duration::from_millis(1_001);
    assert!(cell.wants_a_look(false, later), "the grant is old");
    assert!(!cell.wants_a_look(false, later));
}

/// Three threads take, one looks and publishes what is left of so many: at
/// any interleaving exactly so many are taken.
#[test]
fn no_spend_is_missed_between_a_look_and_a_publication() {
    const ALL: u64 = 300_000;
    let cell = cell(&offer(0, 7, u64::MAX));
    let taken = AtomicU64::new(0);
    let tokens = AtomicU64::new(0);
    let over = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while over.load(Ordering::Relaxed) == 0 {
                    match cell.take(3, false) {
                        Ok(_) => {
                            taken.fetch_add(1, Ordering::Relaxed);
                            tokens.fetch_add(3, Ordering::Relaxed);
                            cell.leave();
                        }
                        Err(Denied::Refund(lost)) => {
                            tokens.fetch_add(lost.reserved, Ordering::Relaxed);
                        }
                        Err(_) => thread::yield_now(),
                    }
                }
            });
        }
        let now = clock::now();
        let (mut spent, mut lent) = (0, cell.look());
        spent += u64::from(7 - lent.credits());
        while spent < ALL {
            // Small grants run out, so that takers race for the last credit.
            let credits = (ALL - spent).min(7) as u32;
            match cell.publish(lent, &offer(0, credits, u64::MAX), now) {
                Some(published) => lent = published,
                None => {
                    let seen = cell.look();
                    spent += u64::from(lent.credits() - seen.credits());
                    lent = seen;
                }
            }
            let seen = cell.look();
            spent += u64::from(lent.credits() - seen.credits());
            lent = seen;
        }
        over.store(1, Ordering::Relaxed);
    });
    assert_eq!(taken.into_inner(), ALL);
    assert_eq!(
        tokens.into_inner(),
        cell.look().tokens_mark,
        "no token is lost"
    );
    assert_eq!(cell.in_flight(), 0);
}

#[test]
fn a_trial_that_was_just_taken_is_refused_as_one() {
    for (trial, why) in [(true, Why::TrialUnderWay), (false, Why::Spent)] {
        let mut offer = offer(0, 1, 100);
        offer.trial = trial;
        let cell = cell(&offer);
        cell.take(1, false).expect("a credit");
        // The actor has not looked yet: nothing it published says so.
        assert_eq!(cell.refusal(1), (why, None));
    }
}

#[test]
fn who_lacks_tokens_is_told_when_enough_will_be_there() {
    let t0 = clock::now();
    let at = |seconds| t0 + Duration::from_secs(seconds);
    let mut offer = offer(0, 9, 100);
    offer.grant.tokens_hoped = 150;
    offer.grant.tokens_free = TokensFree::steps(800, |need| Some(at(need / 100)));
    let cell = Cell::new(t0);
    assert!(cell.publish(Seen::default(), &offer, t0).is_some());
    let until = |estimate| {
        let (why, until) = cell.refusal(estimate);
        assert_eq!(why, Why::TokensPerMinute);
        until
    };
    assert_eq!(until(150), None, "an answer may bring them any moment");
    assert_eq!(until(151), Some(at(1)));
    assert_eq!(until(250), Some(at(1)));
    assert_eq!(until(251), Some(at(2)), "100 more are not enough");
    assert_eq!(until(950), Some(at(8)));
    assert_eq!(until(5_000), Some(at(8)));
    // The same where there is not one left.
    offer.refusal = Some((Why::TokensPerMinute, Some(at(1))));
    let seen = cell.look();
    assert!(cell.publish(seen, &offer, t0).is_some());
    assert_eq!((until(150), until(301)), (None, Some(at(2))));
}
