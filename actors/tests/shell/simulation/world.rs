//! The world around an engine, and what it may expect of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use breakerbox_actors::{
    clock,
    desk::Post,
    engine::Arbiters,
    error::Unavailable,
    guardian::DrainEndpoint,
    lease::Lease,
    messages::{Chaos, Pick, Queue},
    router::Router,
    state::{
        breaker::Phase,
        event::{Outcome, Pong, ProviderLimits},
    },
    supervise::QUARANTINE,
    target::Target,
};
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use tokio::task::JoinHandle;

use crate::support::{FAILED, House, MS, Make, SECOND, id, spec};

const NAMES: [&str; 3] = ["a", "b", "c"];
const RPM: usize = 60;
const TPM: u64 = 4_000;
const IN_FLIGHT: u32 = 6;
const TRIAL_TIMEOUT: Duration = Duration::from_secs(30);
const MINUTE: Duration = Duration::from_secs(60);

/// How often what happened; two runs with the same are the same run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    counts: BTreeMap<&'static str, u64>,
}

impl Seen {
    fn note(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (what, count) in &other.counts {
            *self.counts.entry(what).or_default() += count;
        }
    }

    pub(super) fn everything(&self) -> bool {
        let wanted = [
            "served",
            "refused",
            "waited in vain",
            "waited and served",
            "trial",
            "last resort",
            "open",
            "half-open",
            "quarantined",
            "drained",
            "reloaded",
            "removed",
            "left",
        ];
        wanted.iter().all(|what| self.counts.contains_key(what))
    }
}

/// How an upstream really is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Upstream {
    Well,
    Broken,
    Limited,
    Silent,
}

/// A request under way, as its client's ledger has it.
struct Held {
    lease: Lease,
    start: Instant,
    reserved: u64,
    spoke: Option<Instant>,
}

/// What one target was asked for: when, and for how many tokens.
#[derive(Default)]
struct Asked(Vec<(Instant, u64)>);

pub(super) struct World {
    rng: SmallRng,
    house: House,
    routers: Vec<Post<Router>>,
    targets: Vec<Make>,
    upstreams: BTreeMap<&'static str, Upstream>,
    held: Vec<Held>,
    asked: BTreeMap<usize, Asked>,
    /// Targets by address, kept so that no address is used twice.
    known: Vec<Arc<Target>>,
    waiting: Vec<(JoinHandle<Result<Lease, Unavailable>>, u64)>,
    left: usize,
    drained: BTreeSet<&'static str>,
    pub(super) seen: Seen,
}

fn make(name: &'static str) -> Make {
    let make = Make::new(name)
        .breaker(|it| {
            it.recovery_timeout = 10 * SECOND;
            it.max_recovery_timeout = 40 * SECOND;
            it.trial_timeout = TRIAL_TIMEOUT;
        })
        .probe(|it| it.interval = 20 * SECOND);
    match name {
        "a" => make.rpm(RPM as u32).tpm(TPM as u32),
        "b" => make.in_flight(IN_FLIGHT),
        _ => make,
    }
}

impl World {
    pub(super) async fn new(seed: u64) -> Self {
        let targets: Vec<Make> = NAMES.map(make).into();
        let house = House::with(spec(&targets), Arbiters::current()).await;
        let routers = (0..3).map(|_| house.engine.router()).collect();
        Self {
            rng: SmallRng::seed_from_u64(seed),
            routers,
            house,
            targets,
            upstreams: NAMES.map(|name| (name, Upstream::Well)).into(),
            held: Vec::new(),
            asked: BTreeMap::new(),
            known: Vec::new(),
            waiting: Vec::new(),
            left: 0,
            drained: BTreeSet::new(),
            seen: Seen::default(),
        }
    }

    pub(super) async fn step(&mut self) {
        match self.rng.random_range(0..100) {
            0..35 => self.arrive().await,
            35..65 => self.finish(),
            65..82 => self.pass().await,
            82..88 => self.weather(),
            88..95 => self.crash(),
            95..97 => self.reload().await,
            97..98 => self.drain().await,
            _ => self.leave(),
        }
        self.check().await;
    }

    fn name(&mut self) -> &'static str {
        NAMES[self.rng.random_range(0..NAMES.len())]
    }

    /// A burst of clients, each at some router.
    async fn arrive(&mut self) {
        for _ in 0..self.rng.random_range(1..8) {
            let mut pick = self.house.pick();
            pick.estimate.input = self.rng.random_range(0..600);
            if self.rng.random_bool(0.1) {
                pick.pin = Some(self.name().into());
            }
            if self.rng.random_bool(0.1) {
                pick.except = self
                    .house
                    .engine
                    .table()
                    .targets()
                    .take(1)
                    .cloned()
                    .collect();
                pick.extra = true;
            }
            let router = self.routers[self.rng.random_range(0..self.routers.len())].clone();
            let estimate = pick.estimate.input;
            let answer = router.send(pick.clone()).await.expect("a router");
            match answer {
                Ok(lease) => self.start(lease, estimate),
                Err(refusal) => {
                    let deadline = clock::now() + self.rng.random_range(1..40) * SECOND;
                    if refusal.may_wait_until(deadline, clock::now()) {
                        self.wait(router, pick, deadline);
                    } else {
                        self.seen.note("refused");
                    }
                }
            }
        }
    }

    fn wait(&mut self, router: Post<Router>, pick: Pick, deadline: Instant) {
        let estimate = pick.estimate.input;
        let ask = async move {
            router
                .send(Queue { pick, deadline })
                .await
                .expect("a router")
        };
        self.waiting.push((actix_rt::spawn(ask), estimate));
    }

    /// Enters a lease into the ledger, if it may be there.
    fn start(&mut self, lease: Lease, estimate: u64) {
        // Those who wait are heard of a little after they were served.
        let now = clock::now() - lease.age();
        let target = lease.target().clone();
        let name = target.id().endpoint().to_string();
        if lease.is_trial() {
            // Those who waited are entered late, perhaps after a later one.
            let overlaps = |held: &&Held| {
                let limit = match held.spoke {
                    Some(at) => at + 10 * MINUTE,
                    None => held.start + TRIAL_TIMEOUT,
                };
                held.start < now + TRIAL_TIMEOUT && now < limit
            };
            let same =
                |held: &&Held| held.lease.is_trial() && Arc::ptr_eq(held.lease.target(), &target);
            if let Some(other) = self.held.iter().filter(same).find(overlaps) {
                let (first, spoke) = (other.start, other.spoke);
                panic!("two trials of {name}: {now:?}, {first:?} that spoke {spoke:?}");
            }
            self.seen.note("trial");
            if target.status() == breakerbox_actors::state::health::Status::Unhealthy {
                self.seen.note("last resort");
            }
        }
        let reserved = if name == "a" {
            estimate.min(TPM)
        } else {
            estimate
        };
        let asked = self.asked.entry(Arc::as_ptr(&target) as usize).or_default();
        asked.0.push((now, reserved));
        asked.0.retain(|(at, _)| *at + MINUTE > now);
        if name == "a" {
            assert!(
                asked.0.len() <= RPM,
                "{} requests in a minute",
                asked.0.len()
            );
            let tokens: u64 = asked.0.iter().map(|(_, tokens)| tokens).sum();
            assert!(tokens <= TPM, "{tokens} tokens in a minute");
        }
        if !self.known.iter().any(|it| Arc::ptr_eq(it, &target)) {
            self.known.push(target);
        }
        self.held.push(Held {
            lease,
            start: now,
            reserved,
            spoke: None,
        });
    }

    /// Some answers come, as their upstreams are.
    fn finish(&mut self) {
        for _ in 0..self.rng.random_range(1..6) {
            if self.held.is_empty() {
                return;
            }
            let at = self.rng.random_range(0..self.held.len());
            if self.rng.random_bool(0.1) {
                let held = &mut self.held[at];
                held.lease.first_byte(ProviderLimits::default());
                let now = clock::now();
                // A trial that speaks too late has failed before.
                if now < held.start + TRIAL_TIMEOUT {
                    held.spoke.get_or_insert(now);
                }
                continue;
            }
            let held = self.held.swap_remove(at);
            if self.rng.random_bool(0.1) {
                self.seen.note("left");
                continue; // its client has gone
            }
            let upstream = self
                .upstreams
                .get(&**held.lease.id().endpoint())
                .copied()
                .expect("an upstream");
            let (outcome, used) = match upstream {
                Upstream::Well => (
                    Outcome::Success,
                    Some(self.rng.random_range(0..=held.reserved)),
                ),
                Upstream::Broken => (FAILED, Some(0)),
                Upstream::Silent => continue,
                Upstream::Limited => {
                    let retry_after = Some(self.rng.random_range(0..20) * SECOND);
                    let daily = false;
                    (Outcome::RateLimited { retry_after, daily }, Some(0))
                }
            };
            if outcome == Outcome::Success {
                self.seen.note("served");
            }
            let asked = self
                .asked
                .get_mut(&(Arc::as_ptr(held.lease.target()) as usize));
            if let (Some(used), Some(asked)) = (used, asked) {
                let mine = (held.start, held.reserved);
                if let Some(entry) = asked.0.iter_mut().find(|it| **it == mine) {
                    entry.1 = used;
                }
            }
            held.lease.settle(outcome, used, ProviderLimits::default());
        }
    }

    async fn pass(&mut self) {
        let time = match self.rng.random_range(0..4) {
            0 => MS * self.rng.random_range(1..10),
            1 => MS * self.rng.random_range(10..1_000),
            2 => SECOND * self.rng.random_range(1..10),
            _ => SECOND * self.rng.random_range(1..30),
        };
        tokio::time::sleep(time).await;
    }

    fn weather(&mut self) {
        let name = self.name();
        let upstream = match self.rng.random_range(0..6) {
            0..3 => Upstream::Well,
            3 => Upstream::Broken,
            4 => Upstream::Limited,
            _ => Upstream::Silent,
        };
        self.turns(name, upstream);
    }

    fn turns(&mut self, name: &'static str, upstream: Upstream) {
        self.upstreams.insert(name, upstream);
        let answer = match upstream {
            Upstream::Well | Upstream::Limited => Some(Pong::Alive { latency: 10 * MS }),
            Upstream::Broken => Some(Pong::Failed),
            Upstream::Silent => None,
        };
        self.house.pinger.answers(name, answer);
    }

    fn crash(&mut self) {
        let mut chaos = || match self.rng.random_range(0..3) {
            0 => Chaos::Panic,
            1 => Chaos::PanicIn(MS * 3),
            _ => Chaos::Stop,
        };
        let chaos = [chaos(), chaos()];
        match self.rng.random_range(0..10) {
            0 => self
                .house
                .engine
                .guardian()
                .try_send(chaos[0])
                .expect("an actor"),
            1 => self
                .house
                .engine
                .prober()
                .try_send(chaos[0])
                .expect("an actor"),
            2 => self.routers[self.rng.random_range(0..self.routers.len())]
                .try_send(chaos[0])
                .expect("an actor"),
            3 => {
                let name = self.name();
                for _ in 0..6 {
                    self.house.engine.chaos(&id(name), chaos[0]);
                }
            }
            _ => {
                let name = self.name();
                for chaos in chaos {
                    self.house.engine.chaos(&id(name), chaos);
                }
            }
        }
    }

    async fn reload(&mut self) {
        let threshold = self.rng.random_range(2..8);
        let mut next: Vec<Make> = NAMES.map(make).into();
        for make in &mut next {
            make.breaker.failure_threshold = threshold;
        }
        if self.rng.random_bool(0.2) {
            next.pop();
            self.drained.remove("c");
            self.seen.note("removed");
        }
        self.targets = next;
        let applied = self.house.engine.apply(spec(&self.targets)).await;
        applied.expect("a guardian");
        self.seen.note("reloaded");
    }

    async fn drain(&mut self) {
        let name = self.name();
        let drained = !self.drained.contains(name);
        self.tell_drain(name, drained).await;
    }

    async fn tell_drain(&mut self, name: &'static str, drained: bool) {
        let endpoint = name.into();
        let guardian = self.house.engine.guardian();
        let found = guardian.send(DrainEndpoint { endpoint, drained }).await;
        if found == Ok(true) && drained {
            self.drained.insert(name);
            self.seen.note("drained");
        } else {
            self.drained.remove(name);
        }
    }

    /// Somebody who waits goes away.
    fn leave(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let at = self.rng.random_range(0..self.waiting.len());
        self.waiting.swap_remove(at).0.abort();
        self.left += 1;
    }

    /// What must be true once everybody has done what they have to do.
    async fn check(&mut self) {
        self.house.turn().await;
        // What became due in this very moment is done too.
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        self.collect().await;
        let waiting = self.house.engine.waiting();
        let asking = self.waiting.len();
        assert!(
            (asking..=asking + self.left).contains(&waiting),
            "{asking} {waiting}"
        );
        let guardian = self.house.guardian().await;
        for actor in &guardian.actors {
            assert!(!actor.up || actor.mailbox_depth == 0, "{actor:?}");
            if !actor.up {
                self.seen.note("quarantined");
            }
        }
        assert_eq!(guardian.replaced, 0, "nobody was silent or gone");
        for target in &self.known {
            let mine = |held: &&Held| Arc::ptr_eq(held.lease.target(), target);
            let held = self.held.iter().filter(mine).count() as u32;
            assert_eq!(target.in_flight(), held, "{}", target.id());
            assert!(**target.id().endpoint() != *"b" || held <= IN_FLIGHT);
        }
        for make in &self.targets {
            let up = guardian.actors.iter().find(|it| it.target == make.id());
            if !up.expect("an actor").up {
                continue;
            }
            let view = self.house.view(make.endpoint).await;
            assert_eq!(view.drained, self.drained.contains(make.endpoint));
            assert_eq!(view.failure_threshold, make.breaker.failure_threshold);
            match view.phase {
                Phase::Open => self.seen.note("open"),
                Phase::HalfOpen => self.seen.note("half-open"),
                Phase::Closed => {}
            }
        }
    }

    /// Takes what those who wait were answered.
    async fn collect(&mut self) {
        let (done, waiting) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|(task, _)| task.is_finished());
        self.waiting = waiting;
        let done: Vec<_> = done;
        for (task, estimate) in done {
            match task.await.expect("a task") {
                Ok(lease) => {
                    self.seen.note("waited and served");
                    self.start(lease, estimate);
                }
                Err(_) => self.seen.note("waited in vain"),
            }
        }
    }

    /// The weather clears up; soon all is as if nothing had been.
    pub(super) async fn heal(&mut self) {
        for name in NAMES {
            self.turns(name, Upstream::Well);
            self.tell_drain(name, false).await;
        }
        self.targets = NAMES.map(make).into();
        let applied = self.house.engine.apply(spec(&self.targets)).await;
        applied.expect("a guardian");
        tokio::time::sleep(QUARANTINE + SECOND).await;
        let end = clock::now() + 10 * MINUTE;
        while clock::now() < end {
            self.collect().await;
            for held in std::mem::take(&mut self.held) {
                held.lease
                    .settle(Outcome::Success, Some(0), ProviderLimits::default());
            }
            if let Ok(lease) = self.house.take().await {
                self.start(lease, 0);
            }
            tokio::time::sleep(500 * MS).await;
        }
        assert!(self.waiting.is_empty(), "all who waited were answered");
        self.held.clear();
        self.check().await;
        assert_eq!(self.house.engine.waiting(), 0);
        for name in NAMES {
            let view = self.house.view(name).await;
            assert_eq!(view.phase, Phase::Closed, "{name}: {view:?}");
            let mut pick = self.house.pick();
            pick.pin = Some(name.into());
            drop(self.house.ask(pick).await.expect(name));
        }
    }
}
