//! Rate windows have no seams: never above the limit in any slice of 60 s, whoever asks, crashes and when.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use breakerbox::generation::Generation;
use breakerbox_actors::clock;
use breakerbox_actors::desk::Post;
use breakerbox_actors::engine::{Arbiters, Engine};
use breakerbox_actors::messages::{Chaos, Pick};
use breakerbox_actors::router::Router;
use breakerbox_actors::state::estimate::Estimate;
use breakerbox_actors::state::event::{Outcome, ProviderLimits};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::quiet_panics;
use crate::support::gateway::{endpoint, parse, target};
use crate::support::still::{no_pings, paused_system};

const MINUTE: Duration = Duration::from_secs(60);
const MINUTES: u32 = 6;
const REQUESTS: usize = 60;
const TOKENS: u64 = 20_000;

/// How long a report takes at the most until no grant is older.
const REPORTED: Duration = Duration::from_millis(10);

/// What went out, and what of it was known when.
#[derive(Clone, Copy)]
struct Request {
    at: Instant,
    reserved: u64,
    used: u64,
    settled: Instant,
}

impl Request {
    /// The tokens that it counts for at `now`.
    fn counts(&self, now: Instant) -> u64 {
        if self.settled + REPORTED <= now {
            self.used
        } else {
            self.used.min(self.reserved)
        }
    }
}

type Sent = Rc<RefCell<Vec<Request>>>;

/// Asks for one lease; uses up to `most` times what it reserved, a while later.
async fn ask(engine: &Engine, router: &Post<Router>, luck: &mut StdRng, most: u64, sent: &Sent) {
    let reserved = luck.random_range(50..400);
    let pick = Pick {
        plan: engine.table().plan("m").expect("a plan").clone(),
        except: Vec::new(),
        pin: None,
        estimate: Estimate {
            input: reserved,
            output: 0,
        },
        most: None,
        extra: false,
        may_repeat: false,
    };
    let Ok(Ok(lease)) = router.send(pick).await else {
        return;
    };
    let used = luck.random_range(0..=most * reserved);
    let after = Duration::from_millis(luck.random_range(0..5_000));
    let at = clock::now();
    sent.borrow_mut().push(Request {
        at,
        reserved,
        used,
        settled: at + after,
    });
    actix_rt::spawn(async move {
        tokio::time::sleep(after).await;
        lease.settle(Outcome::Success, Some(used), ProviderLimits::default());
    });
}

/// Six minutes of more demand than may be served, much of it at the seams of seconds and minutes.
async fn six_minutes(seed: u64, most: u64) -> Vec<Request> {
    let evil = "http://127.0.0.1:1/v1";
    let limits = format!(", limits: {{ rpm: {REQUESTS}, tpm: {TOKENS} }}");
    let yaml = format!("endpoints:\n{}", endpoint("seams", evil, &limits));
    let generation = Generation::new(1, parse(&yaml).into()).expect("a configuration");
    let engine = Engine::start(generation.spec(), Arbiters::current(), no_pings)
        .await
        .expect("a guardian");
    let routers = [engine.router(), engine.router(), engine.router()];
    let mut luck = StdRng::seed_from_u64(seed);
    let sent = Sent::default();
    let start = clock::now();
    while clock::now() - start < MINUTES * MINUTE {
        let now = clock::now() - start;
        let seam = now.as_secs() + 1;
        let next = match luck.random_range(0..4) {
            // Just before a seam, on it, just behind it.
            0 => Duration::from_secs(seam) - Duration::from_micros(1),
            1 => Duration::from_secs(seam),
            2 => Duration::from_secs(seam) + Duration::from_micros(1),
            _ => now + Duration::from_millis(luck.random_range(1..1_500)),
        };
        tokio::time::sleep_until((start + next).into()).await;
        for _ in 0..luck.random_range(0..6) {
            let router = &routers[luck.random_range(0..routers.len())];
            ask(&engine, router, &mut luck, most, &sent).await;
        }
        if luck.random_range(0..40) == 0 {
            engine.chaos(&target("seams"), Chaos::Panic);
        }
    }
    sent.take()
}

/// The same in paused time.
fn sent(seed: u64, most: u64) -> Vec<Request> {
    quiet_panics();
    paused_system().block_on(six_minutes(seed, most))
}

#[test]
fn no_slice_of_60_seconds_is_above_the_limit() {
    for seed in 0..8 {
        let sent = sent(seed, 1);
        for (at, first) in sent.iter().enumerate() {
            let slice = sent[at..].iter().take_while(|it| it.at - first.at < MINUTE);
            let (requests, tokens) = slice.fold((0, 0), |(requests, tokens), it| {
                (requests + 1, tokens + it.used)
            });
            assert!(requests <= REQUESTS, "seed {seed}: {requests} from {at} on");
            assert!(
                tokens <= TOKENS,
                "seed {seed}: {tokens} tokens from {at} on"
            );
        }
        // Kept by serving, not by refusing.
        let most = REQUESTS * MINUTES as usize;
        assert!(
            sent.len() * 10 >= most * 8,
            "seed {seed}: {} of {most}",
            sent.len()
        );
    }
}

/// Answers may be longer than was reserved for them; no request goes out on top of what is known to be used.
#[test]
fn who_uses_more_than_was_reserved_is_made_to_wait() {
    for seed in 0..4 {
        let sent = sent(seed, 6);
        for (at, last) in sent.iter().enumerate() {
            let before = sent[..at].iter().rev();
            let slice = before.take_while(|it| last.at - it.at < MINUTE);
            let known = slice.map(|it| it.counts(last.at)).sum::<u64>();
            let tokens = known + last.used.min(last.reserved);
            assert!(tokens <= TOKENS, "seed {seed}: {tokens} tokens at {at}");
        }
        let over = sent.iter().filter(|it| it.used > it.reserved).count();
        assert!(over > 20, "seed {seed}: {over} used more");
    }
}
