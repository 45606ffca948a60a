//! What the engine's pure code costs a request: choosing, granting, settling.

use std::hint::black_box;
use std::num::NonZeroU32;
use std::time::Duration;

use breakerbox_actors::clock;
use breakerbox_actors::state::choice::{Candidate, Strategy, choose};
use breakerbox_actors::state::event::{Event, Outcome, ProviderLimits, Tokens};
use breakerbox_actors::state::luck::Luck;
use breakerbox_actors::state::machine::Machine;
use breakerbox_actors::state::policy::{
    BreakerPolicy, BreakerSettings, EndpointPolicy, Limits, ProbePolicy, ProbeSettings, Weight,
};
use criterion::{Criterion, criterion_group, criterion_main};
use rand::{SeedableRng, rngs::SmallRng};

/// Every window on and never full, so that all bookkeeping is done.
fn policy() -> EndpointPolicy {
    let most = NonZeroU32::new(u32::MAX);
    EndpointPolicy {
        weight: Weight::new(1.0).expect("a weight"),
        breaker: BreakerPolicy::new(&BreakerSettings::default()).expect("the defaults are valid"),
        limits: Limits {
            rpm: most,
            tpm: most,
            rpd: most,
            max_in_flight: most,
        },
        probe: ProbePolicy::new(&ProbeSettings::default()).expect("the defaults are valid"),
    }
}

fn pick(bench: &mut Criterion) {
    let mut group = bench.benchmark_group("pick");
    for count in [3_u32, 10, 100] {
        let candidates: Vec<Candidate> = (0..count)
            .map(|order| Candidate {
                weight: 1.0,
                latency: Some(Duration::from_millis(100 + u64::from(order))),
                cost: None,
                order,
            })
            .collect();
        let mut rng = SmallRng::seed_from_u64(7);
        group.bench_function(format!("choose among {count}"), |bench| {
            bench.iter(|| choose(Strategy::LatencyWeighted, black_box(&candidates), &mut rng));
        });
    }
    group.finish();
}

fn grant(bench: &mut Criterion) {
    let start = clock::now();
    let mut machine = Machine::new(policy(), start);
    let mut mark = 0;
    let mut now = start;
    bench.bench_function("grant/book what was spent and grant anew", |bench| {
        bench.iter(|| {
            now += Duration::from_millis(2);
            mark += 6400;
            let spent = Event::Spent {
                epoch: machine.epoch(),
                requests: 64,
                last_resort: 0,
                tokens_mark: mark,
            };
            machine.step(spent, now, Luck::EVEN).for_each(drop);
            black_box(machine.grant(now))
        });
    });
}

fn settle(bench: &mut Criterion) {
    let start = clock::now();
    let mut machine = Machine::new(policy(), start);
    let mut mark = 0;
    let mut now = start;
    bench.bench_function("settle/one success with its tokens", |bench| {
        bench.iter(|| {
            now += Duration::from_micros(30);
            mark += 100;
            let epoch = machine.epoch();
            let spent = Event::Spent {
                epoch,
                requests: 1,
                last_resort: 0,
                tokens_mark: mark,
            };
            let settled = Event::Settled {
                epoch,
                outcome: Outcome::Success,
                latency: Some(Duration::from_millis(300)),
                limits: ProviderLimits::default(),
                tokens: Tokens {
                    mark,
                    reserved: 100,
                    used: Some(80),
                },
            };
            machine.step(spent, now, Luck::EVEN).for_each(drop);
            machine
                .step(black_box(settled), now, Luck::EVEN)
                .for_each(drop);
        });
    });
}

criterion_group!(benches, pick, grant, settle);
criterion_main!(benches);
