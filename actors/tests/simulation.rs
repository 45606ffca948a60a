//! Seeded runs of router, endpoints and prober under virtual time, with
//! faults: same seed, same run.
//!
//! `SIM_SEED=17 cargo test -p breakerbox-actors --test simulation` replays one
//! seed; `SIM_SEEDS=10000` widens the sweep.

#[path = "support/cell.rs"]
mod cell;
#[path = "simulation/hour.rs"]
mod hour;
#[path = "simulation/upstream.rs"]
mod upstream;
#[path = "simulation/world.rs"]
mod world;

use std::time::Duration;

use world::World;

#[test]
fn invariants_hold_under_random_faults_and_everything_heals() {
    let seeds = match (env("SIM_SEED"), env("SIM_SEEDS")) {
        (Some(seed), _) => seed..seed + 1,
        (None, count) => 0..count.unwrap_or(48),
    };
    let mut seen = world::Seen::default();
    let single = seeds.end - seeds.start == 1;
    for seed in seeds {
        let mut world = World::new(seed);
        world.run(Duration::from_secs(900));
        world.heal();
        seen.add(&world.seen);
    }
    // What a run never meets, it does not prove anything about.
    assert!(single || seen.everything(), "{seen:?}");
}

#[test]
fn the_same_seed_is_the_same_run() {
    let story = |seed| {
        let mut world = World::new(seed);
        world.run(Duration::from_secs(120));
        world.seen
    };
    assert_eq!(story(3), story(3));
    assert_ne!(story(3), story(4));
}

#[expect(clippy::disallowed_methods, reason = "replays a seed by hand")]
fn env(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().expect("a number"))
}
