use actix::Actor;
use actix_rt::{Arbiter, System};
use breakerbox_actors::engine::{Arbiters, Engine};
use tokio::sync::watch;

use crate::{
    config,
    guesses::{Guesses, Plane},
    pinger::Pinger,
    room::Room,
    tap::Tap,
    worker::Closing,
};

use super::*;

fn config(models: &str) -> Config {
    let yaml = format!(
        "endpoints: [{{ name: a, provider: openai-compatible, base_url: \"http://127.0.0.1:1/v1\", \
         models: [{models}], probe: {{ kind: none }} }}]"
    );
    config::parse(&yaml, "test.yaml", &|_| None).unwrap()
}

#[test]
fn what_the_engine_did_not_take_over_is_not_in_force() {
    System::new().block_on(async {
        let generation = Generation::new(1, Arc::new(config("m"))).unwrap();
        let spec = generation.spec();
        let generation = Arc::new(arc_swap::ArcSwap::from_pointee(generation));
        let guardian = Arbiter::new();
        let arbiters = Arbiters {
            guardian: guardian.handle(),
            ..Arbiters::current()
        };
        let pinger = {
            let generation = generation.clone();
            move || Pinger::new(generation, Tap::default()).start().recipient()
        };
        let shared = Shared {
            engine: Engine::start(spec, arbiters, pinger).await.unwrap(),
            generation: generation.clone(),
            room: Room::new(1),
            answers: Room::new(1),
            tap: Tap::default(),
            guesses: Arc::new(Guesses::new(Plane::Data)),
            closing: watch::channel(Closing::No).1,
        };
        let reloads = Reloads::new(shared.clone(), None, None);
        let changes = reloads.apply(config("m, n"), By::Api).await.unwrap();
        assert!(!changes.is_empty());
        guardian.stop();
        guardian.join().unwrap();
        let result = reloads.apply(config("o"), By::Api).await;
        assert!(matches!(result, Err(NotReloaded::Lost(_))), "{result:?}");
        let models = &generation.load().config.models;
        let names: Vec<_> = models.iter().map(|it| &*it.name).collect();
        assert_eq!(names, ["m", "n"]);
        assert_eq!(reloads.last().generation, 2);
    });
}
