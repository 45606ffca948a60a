//! Whatever a provider writes into Retry-After, the pause is within 0 to 300 s.

use std::time::Duration;

use breakerbox_actors::clock;
use breakerbox_actors::state::breaker::Phase;

use super::scene::{Crowd, NO_PINGS, always, house, view};
use crate::support::chat::response;
use crate::support::wait::DEADLINE;

/// Header lines and the pause in seconds that they mean; 60 when they mean nothing.
const CASES: &[(&[(&str, &str)], f64)] = &[
    (&[("retry-after", "0")], 0.0),
    (&[("retry-after", "-5")], 60.0),
    (&[("retry-after", "1.5")], 1.5),
    (&[("retry-after", "20")], 20.0),
    (&[("retry-after", "1e9")], 300.0),
    (&[("retry-after", "1e400")], 60.0),
    (&[("retry-after", "99999999999999999999999")], 300.0),
    (&[("retry-after", "inf")], 60.0),
    (&[("retry-after", "NaN")], 60.0),
    (&[("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")], 0.0),
    (&[("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT")], 300.0),
    (&[("retry-after", "Sunday, 06-Nov-94 08:49:37 GMT")], 0.0),
    (&[("retry-after", "soon")], 60.0),
    (&[("retry-after", "")], 60.0),
    (&[("retry-after", "20 seconds or so")], 60.0),
    (&[("retry-after", "7"), ("retry-after", "30")], 30.0),
    (&[("retry-after", "30"), ("retry-after", "7")], 30.0),
    (&[("retry-after", "garbage"), ("retry-after", "7")], 7.0),
    (&[("retry-after-ms", "2500")], 2.5),
    (&[("retry-after-ms", "2500"), ("retry-after", "20")], 2.5),
    (&[("retry-after-ms", "1e12")], 300.0),
    (&[("retry-after-ms", "-1"), ("retry-after", "20")], 20.0),
    (&[], 60.0),
];

#[tokio::test]
async fn a_503_that_says_when_to_come_back_is_left_alone_that_long_and_is_a_failure() {
    for (headers, asked_again) in [
        (&[("retry-after", "20")][..], false),
        (&[("retry-after-ms", "20000")], false),
        (&[("retry-after", "0")], true),
        (&[], true),
    ] {
        let evil = always(response(503, headers, "{}"));
        let spare = always(crate::support::chat::good("hello"));
        let house = house(
            [("pauses", evil.base_url()), ("spare", spare.base_url())],
            &[NO_PINGS, "routing: { strategy: priority }"],
        );
        let crowd = Crowd::new(&house);
        for _ in 0..3 {
            assert_eq!(crowd.shoot().await.answer.status(), 200);
            // The report may come home a moment later than the answer.
            let start = clock::now();
            while view(&house, "pauses").await.failures_in_a_row as usize != evil.count() {
                assert!(clock::now() - start < DEADLINE, "{headers:?}");
            }
        }
        let asked = evil.count();
        assert_eq!(asked > 1, asked_again, "{headers:?}: {asked}");
    }
}

#[tokio::test]
async fn every_pause_is_within_0_to_300_seconds() {
    let body = r#"{"error":{"message":"too many requests"}}"#;
    let evils: Vec<_> = CASES
        .iter()
        .map(|(headers, _)| always(response(429, headers, body)))
        .collect();
    let names: Vec<String> = (0..CASES.len()).map(|at| format!("e{at}")).collect();
    let endpoints = names.iter().zip(&evils);
    let house = house(
        endpoints.map(|(name, evil)| (name.as_str(), evil.base_url())),
        &[NO_PINGS, "routing: { max_attempts: 1 }"],
    );
    let crowd = Crowd::new(&house);
    for ((headers, expected), name) in CASES.iter().zip(&names) {
        let before = clock::now();
        let shot = crowd.shoot_at(name).await;
        // The report may come home a moment later than the answer.
        let view = view(&house, name).await;
        let after = clock::now();
        let until = view.cooldown_until.unwrap_or(after);
        assert_eq!(view.phase, Phase::Closed, "{headers:?}");
        assert_eq!(shot.answer.status(), 429, "{headers:?}");
        let retry: u64 = shot.header("retry-after").parse().expect("whole seconds");
        assert!((1..=60).contains(&retry), "{headers:?}: {retry}");
        assert!(until <= after + Duration::from_secs(300), "{headers:?}");
        // The pause began after the request was sent and before its answer was here.
        let expected = Duration::from_secs_f64(*expected);
        if expected.is_zero() {
            assert!(view.cooldown_until.is_none(), "{headers:?}");
        } else {
            assert!(
                until >= before + expected,
                "{headers:?}: {:?}",
                until - before
            );
            assert!(
                until <= after + expected,
                "{headers:?}: {:?}",
                until - after
            );
        }
    }
}
