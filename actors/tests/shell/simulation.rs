//! Seeded runs of the real routers, endpoint actors, prober and guardian on
//! virtual time: clients come and go, upstreams break and heal, actors crash,
//! configurations change; after each step everything promised must hold.

mod ledger;
mod seen;
mod trouble;
mod world;

use actix_rt::System;
use breakerbox_actors::chance;
use seen::Seen;
use world::World;

const STEPS: usize = 600;

/// Runs `seed` on a runtime whose clock starts paused: real time has no say.
fn run(seed: u64) -> Seen {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime")
    };
    System::with_tokio_rt(runtime).block_on(async move {
        chance::seed(seed);
        let mut world = World::new(seed).await;
        for _ in 0..STEPS {
            world.step().await;
        }
        world.heal().await;
        world.seen
    })
}

#[test]
fn promises_hold_under_random_faults_and_everything_heals() {
    let seeds = match (env("SIM_SEED"), env("SIM_SEEDS")) {
        (Some(seed), _) => seed..seed + 1,
        (None, count) => 0..count.unwrap_or(16),
    };
    let single = seeds.end - seeds.start == 1;
    let mut seen = Seen::default();
    for seed in seeds {
        println!("replay with SIM_SEED={seed}");
        seen.add(&run(seed));
    }
    // What a run never meets, it does not prove anything about.
    assert!(single || seen.everything(), "{seen:?}");
}

#[test]
fn the_same_seed_is_the_same_run() {
    assert_eq!(run(3), run(3));
    assert_ne!(run(3), run(4));
}

#[expect(clippy::disallowed_methods, reason = "replays a seed by hand")]
fn env(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().expect("a number"))
}
