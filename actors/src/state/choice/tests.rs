use proptest::{
    prelude::{Just, any, prop_assert, prop_assert_eq, prop_oneof, proptest},
    strategy::Strategy as _,
};
use rand::{SeedableRng, rngs::StdRng};

use super::*;
use crate::state::estimate::{Estimate, Price};

const MS: Duration = Duration::from_millis(1);

fn candidate(weight: f64, latency_ms: Option<u32>) -> Candidate {
    Candidate {
        weight,
        latency: latency_ms.map(|ms| ms * MS),
        penalty: Duration::ZERO,
        silence: Duration::ZERO,
        cost: None,
        order: 0,
    }
}

fn cost(dollars: f64) -> Option<Cost> {
    let million = Estimate {
        input: 1_000_000,
        output: 0,
    };
    Some(Price::new(dollars, 0.0).expect("a price").cost(million))
}

/// The share of `draws` draws that each candidate got.
fn drawn(strategy: Strategy, candidates: &[Candidate], draws: u32) -> Vec<f64> {
    let mut rng = StdRng::seed_from_u64(1);
    let mut counts = vec![0_u32; candidates.len()];
    for _ in 0..draws {
        counts[choose(strategy, candidates, &mut rng).expect("one")] += 1;
    }
    counts
        .iter()
        .map(|count| f64::from(*count) / f64::from(draws))
        .collect()
}

fn assert_close(got: &[f64], want: &[f64]) {
    for (got, want) in got.iter().zip(want) {
        assert!((got - want).abs() <= 0.01 * want, "got {got}, want {want}");
    }
}

#[test]
fn a_million_draws_are_within_one_percent_of_the_weights() {
    // 1 ÷ 100 ms, 2 ÷ 400 ms, 1 ÷ 200 ms: 2 to 1 to 1
    let candidates = [
        candidate(1.0, Some(99)),
        candidate(2.0, Some(399)),
        candidate(1.0, Some(199)),
    ];
    let got = drawn(Strategy::LatencyWeighted, &candidates, 1_000_000);
    assert_close(&got, &[0.5, 0.25, 0.25]);
    assert_close(
        &shares(Strategy::LatencyWeighted, &candidates),
        &[0.5, 0.25, 0.25],
    );
}

#[test]
fn the_unmeasured_weigh_as_the_median() {
    let odd = [
        candidate(1.0, None),
        candidate(1.0, Some(99)),
        candidate(1.0, Some(199)),
        candidate(1.0, Some(9999)),
    ];
    let got = shares(Strategy::LatencyWeighted, &odd);
    assert!((got[0] - got[2]).abs() < 1e-12);
    let even = [
        candidate(1.0, None),
        candidate(1.0, Some(100)),
        candidate(1.0, Some(300)),
        candidate(1.0, Some(200)),
        candidate(1.0, Some(200)),
    ];
    let got = shares(Strategy::LatencyWeighted, &even);
    assert!((got[0] - got[3]).abs() < 1e-12);
    let none = [candidate(1.0, None), candidate(3.0, None)];
    assert_close(&shares(Strategy::LatencyWeighted, &none), &[0.25, 0.75]);
}

/// Of a fast and a slow endpoint that serve, one that only failed says nothing
/// of how long an answer takes.
#[test]
fn failures_do_not_count_for_the_unmeasured() {
    let failed = Candidate {
        penalty: 24_000 * MS,
        ..candidate(1.0, None)
    };
    let got = shares(
        Strategy::LatencyWeighted,
        &[candidate(1.0, None), candidate(1.0, Some(100)), failed],
    );
    assert!((got[0] - got[1]).abs() < 1e-12, "{got:?}");
    assert!(got[2] < 0.01, "{got:?}");
    let alone = [candidate(1.0, None), failed];
    for strategy in [Strategy::LatencyWeighted, Strategy::LeastLatency] {
        let got = shares(strategy, &alone);
        assert!(got[0] > 0.99, "hope goes before failure: {got:?}");
    }
    let flaky = Candidate {
        penalty: 24_000 * MS,
        ..candidate(1.0, Some(100))
    };
    let got = shares(Strategy::LatencyWeighted, &[candidate(1.0, None), flaky]);
    assert!(got[0] > 0.99, "its successes count: {got:?}");
}

#[test]
fn who_owes_an_answer_too_long_loses_its_share() {
    let silent = |latency, ms: u32| Candidate {
        silence: ms * MS,
        ..candidate(1.0, latency)
    };
    let share = |one: Candidate, strategy| shares(strategy, &[one, candidate(1.0, Some(500))])[0];
    for strategy in [Strategy::LatencyWeighted, Strategy::LeastLatency] {
        let patient = share(silent(Some(500), 1000), strategy);
        assert!((patient - 0.5).abs() < 1e-9, "{patient}: as late as may be");
        let late = share(silent(Some(500), 1001), strategy);
        assert!(late < 0.35, "{late}");
        let gone = share(silent(Some(500), 20_000), strategy);
        assert!(gone < 0.03, "{gone}");
        let never = share(silent(None, 20_000), strategy);
        assert!((never - gone).abs() < 1e-9, "{never}: also unmeasured");
    }
    let quick = [silent(Some(1), 250), candidate(1.0, Some(1))];
    let got = shares(Strategy::LatencyWeighted, &quick);
    assert_eq!(got, [0.5, 0.5], "a moment is nothing, however quick it was");
}

#[test]
fn least_latency_takes_the_fastest_and_measures_the_unmeasured() {
    let known = [candidate(1.0, Some(300)), candidate(0.1, Some(100))];
    assert_eq!(shares(Strategy::LeastLatency, &known), [0.0, 1.0]);
    let some = [
        candidate(1.0, Some(300)),
        candidate(1.0, Some(100)),
        candidate(1.0, None),
    ];
    let got = shares(Strategy::LeastLatency, &some);
    assert_eq!(got[0], 0.0);
    assert!(got[1] > 0.0 && got[2] > 0.0);
}

#[test]
fn cheapest_takes_the_lowest_price_and_the_unpriced_last() {
    let priced = |dollars| Candidate {
        cost: cost(dollars),
        ..candidate(1.0, Some(100))
    };
    let free = candidate(1.0, Some(1));
    assert_eq!(
        shares(Strategy::Cheapest, &[free, priced(3.0), priced(2.0)]),
        [0.0, 0.0, 1.0]
    );
    assert_eq!(shares(Strategy::Cheapest, &[free]), [1.0]);
    assert_close(
        &shares(Strategy::Cheapest, &[priced(2.0), priced(2.0), priced(4.0)]),
        &[0.5, 0.5],
    );
}

#[test]
fn priority_takes_the_first_in_the_configuration() {
    let at = |order| Candidate {
        order,
        ..candidate(1.0, Some(100))
    };
    assert_eq!(
        shares(Strategy::Priority, &[at(4), at(2), at(9)]),
        [0.0, 1.0, 0.0]
    );
}

#[test]
fn nobody_is_chosen_from_nobody_and_somebody_from_the_weightless() {
    let mut rng = StdRng::seed_from_u64(1);
    for strategy in Strategy::ALL {
        assert_eq!(choose(strategy, &[], &mut rng), None);
        assert!(shares(strategy, &[]).is_empty());
        let hopeless = [candidate(0.0, Some(0)), candidate(f64::NAN, None)];
        assert!(choose(strategy, &hopeless, &mut rng).is_some());
        let one = [
            candidate(f64::INFINITY, None),
            candidate(0.001, Some(u32::MAX)),
        ];
        assert_eq!(choose(strategy, &one, &mut rng), Some(1));
    }
}

fn any_candidate() -> impl proptest::strategy::Strategy<Value = Candidate> {
    let latency = proptest::option::of(prop_oneof![
        Just(Duration::ZERO),
        Just(Duration::MAX),
        (0..100_000_u64).prop_map(Duration::from_micros),
    ]);
    let time = || prop_oneof![Just(Duration::ZERO), any::<Duration>()];
    (any::<f64>(), latency, time(), time(), 0..3_u32).prop_map(
        |(weight, latency, penalty, silence, order)| Candidate {
            weight,
            latency,
            penalty,
            silence,
            cost: cost(f64::from(order)),
            order,
        },
    )
}

proptest! {
    #[test]
    fn whatever_the_candidates_somebody_is_drawn_and_shares_are_numbers(
        candidates in proptest::collection::vec(any_candidate(), 1..2 * KEPT),
        seed in any::<u64>(),
    ) {
        let mut rng = StdRng::seed_from_u64(seed);
        for strategy in Strategy::ALL {
            let shares = shares(strategy, &candidates);
            let total: f64 = shares.iter().sum();
            prop_assert!((total - 1.0).abs() < 1e-9, "{shares:?}");
            let place = choose(strategy, &candidates, &mut rng);
            prop_assert!(place.is_some_and(|place| shares[place] > 0.0));
        }
    }

    #[test]
    fn weights_that_are_kept_draw_like_those_computed_anew(
        candidates in proptest::collection::vec(any_candidate(), 2..2 * KEPT),
        seed in any::<u64>(),
    ) {
        for strategy in Strategy::ALL {
            let field = Field::new(strategy, &candidates);
            let weight = |place: &usize| field.weight(*place);
            let places = || 0..candidates.len();
            let total: f64 = places().map(|place| weight(&place)).sum();
            let mut left = StdRng::seed_from_u64(seed).random::<f64>() * total;
            let heavy = || places().filter(|place| weight(place) > 0.0);
            let reached = heavy().find(|place| {
                let here = left < weight(place);
                left -= weight(place);
                here
            });
            let drawn = choose(strategy, &candidates, &mut StdRng::seed_from_u64(seed));
            prop_assert_eq!(drawn, reached.or(heavy().next_back()));
        }
    }
}
