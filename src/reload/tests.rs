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

/// A gateway's inside, whose guardian lives where `arbiters` says.
async fn shared(arbiters: Arbiters) -> Shared {
    let generation = Generation::new(1, Arc::new(config("m"))).unwrap();
    let spec = generation.spec();
    let generation = Arc::new(arc_swap::ArcSwap::from_pointee(generation));
    let pinger = {
        let generation = generation.clone();
        move || Pinger::new(generation, Tap::default()).start().recipient()
    };
    Shared {
        engine: Engine::start(spec, arbiters, pinger).await.unwrap(),
        generation,
        room: Room::new(1),
        answers: Room::new(1),
        tap: Tap::default(),
        guesses: Arc::new(Guesses::new(Plane::Data)),
        closing: watch::channel(Closing::No).1,
    }
}

#[test]
fn what_the_engine_did_not_take_over_is_not_in_force() {
    System::new().block_on(async {
        let guardian = Arbiter::new();
        let arbiters = Arbiters {
            guardian: guardian.handle(),
            ..Arbiters::current()
        };
        let shared = shared(arbiters).await;
        let reloads = Reloads::new(shared.clone(), None, None);
        let changes = reloads.apply(config("m, n"), By::Api).await.unwrap();
        assert!(!changes.is_empty());
        guardian.stop();
        guardian.join().unwrap();
        let result = reloads.apply(config("o"), By::Api).await;
        assert!(matches!(result, Err(NotReloaded::Lost(_))), "{result:?}");
        let models = &shared.generation.load().config.models;
        let names: Vec<_> = models.iter().map(|it| &*it.name).collect();
        assert_eq!(names, ["m", "n"]);
        assert_eq!(reloads.last().generation, 2);
    });
}

/// However far it has come by then.
#[test]
fn a_reload_whose_caller_leaves_is_whole_or_none() {
    System::new().block_on(async {
        let shared = shared(Arbiters::current()).await;
        let reloads = Reloads::new(shared.clone(), None, None);
        let mut reloaded = 0;
        for polls in 0..12 {
            let model = format!("m{polls}");
            let mut reload = Box::pin(reloads.apply(config(&model), By::Api));
            for _ in 0..polls {
                if futures_util::poll!(&mut reload).is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            drop(reload);
            // The next one waits for what is still under way.
            let turn = reloads.0.turn.lock().await;
            let generation = shared.generation.load();
            let table = shared.engine.table();
            let names: Vec<_> = table.names().map(|it| it.to_string()).collect();
            let models = generation.config.models.iter();
            let wanted: Vec<_> = models.map(|it| it.name.to_string()).collect();
            assert_eq!(names, wanted, "after {polls} polls");
            assert_eq!(reloads.last().generation, generation.number);
            reloaded += usize::from(wanted == [model]);
            drop(turn);
        }
        assert!((1..12).contains(&reloaded), "{reloaded}");
    });
}
