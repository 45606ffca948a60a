//! What the engine costs a request: choosing, granting, settling, and a whole pick and settlement through the
//! router of a worker, with the endpoint actors on a thread of their own.

use std::hint::black_box;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use breakerbox_actors::clock;
use breakerbox_actors::engine::{Arbiters, Engine};
use breakerbox_actors::id::TargetId;
use breakerbox_actors::messages::{Pick, Ping};
use breakerbox_actors::spec::{Spec, TargetSpec};
use breakerbox_actors::state::choice::{Candidate, Strategy, choose};
use breakerbox_actors::state::estimate::Estimate;
use breakerbox_actors::state::event::{Event, Outcome, Pong, ProviderLimits, Tokens};
use breakerbox_actors::state::luck::Luck;
use breakerbox_actors::state::machine::Machine;
use breakerbox_actors::state::policy::{
    BreakerPolicy, BreakerSettings, EndpointPolicy, Limits, ProbePolicy, ProbeSettings, Ratio,
    Weight,
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
                penalty: Duration::ZERO,
                silence: Duration::ZERO,
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

/// Says of every endpoint that it is alive; the engine asks for somebody who does.
struct Pinger;

impl Actor for Pinger {
    type Context = Context<Self>;
}

impl Handler<Ping> for Pinger {
    type Result = MessageResult<Ping>;

    fn handle(&mut self, _: Ping, _: &mut Self::Context) -> Self::Result {
        MessageResult(Pong::Alive {
            latency: Duration::from_millis(100),
        })
    }
}

fn router(bench: &mut Criterion) {
    let system = System::new();
    let model: Arc<str> = "model".into();
    let target = |name: &str| TargetSpec {
        id: TargetId::new(name, model.clone()),
        identity: name.into(),
        credentials: 0,
        policy: policy(),
        price: None,
    };
    let spec = Spec {
        targets: vec![target("one"), target("two"), target("three")],
        fallbacks: Vec::new(),
        routes: Vec::new(),
        strategy: Strategy::LatencyWeighted,
        retry_budget: Ratio::ONE,
        max_waiting: 100,
    };
    let (engine, router) = system.block_on(async {
        let engine = Engine::start(spec, Arbiters::threads(3), || Pinger.start().recipient())
            .await
            .expect("a guardian");
        let router = engine.router();
        (engine, router)
    });
    let plan = engine
        .table()
        .plan("model")
        .expect("the model is served")
        .clone();
    let pick = || Pick {
        plan: plan.clone(),
        except: Vec::new(),
        pin: None,
        estimate: Estimate::new(400, Some(200)),
        most: None,
        extra: false,
        may_repeat: false,
    };
    bench.bench_function("router/pick a lease and settle it", |bench| {
        bench.iter_custom(|times| {
            system.block_on(async {
                let start = clock::now();
                let mut left = times;
                while left > 0 {
                    match router.send(pick()).await {
                        Ok(Ok(lease)) => {
                            lease.settle(Outcome::Success, Some(200), ProviderLimits::default());
                            left -= 1;
                        }
                        // The endpoints' thread is behind with its grants; the time counts.
                        _ => tokio::task::yield_now().await,
                    }
                }
                clock::now() - start
            })
        });
    });
}

criterion_group!(benches, pick, grant, settle, router);
criterion_main!(benches);
