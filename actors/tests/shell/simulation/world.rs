//! The world around an engine, and what it may expect of it.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use breakerbox_actors::{
    clock,
    desk::Post,
    engine::Arbiters,
    error::Unavailable,
    lease::Lease,
    messages::{Pick, Queue},
    router::Router,
    state::{breaker::Phase, event::Outcome},
    supervise::QUARANTINE,
};
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use tokio::task::JoinHandle;

use super::{ledger::Ledger, seen::Seen, trouble::Upstream};
use crate::support::{FAILED, House, MS, Make, SECOND, spec};

pub(super) const NAMES: [&str; 3] = ["a", "b", "c"];
pub(super) const RPM: usize = 60;
pub(super) const TPM: u64 = 4_000;
pub(super) const IN_FLIGHT: u32 = 6;
pub(super) const TRIAL_TIMEOUT: Duration = Duration::from_secs(30);
pub(super) const MINUTE: Duration = Duration::from_secs(60);

pub(super) struct World {
    pub(super) rng: SmallRng,
    pub(super) house: House,
    pub(super) routers: Vec<Post<Router>>,
    pub(super) targets: Vec<Make>,
    pub(super) upstreams: BTreeMap<&'static str, Upstream>,
    ledger: Ledger,
    waiting: Vec<(JoinHandle<Result<Lease, Unavailable>>, u64)>,
    left: usize,
    pub(super) drained: BTreeSet<&'static str>,
    pub(super) seen: Seen,
}

pub(super) fn make(name: &'static str) -> Make {
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
            ledger: Ledger::default(),
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

    pub(super) fn name(&mut self) -> &'static str {
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
                Ok(lease) => self.ledger.enter(lease, estimate, &mut self.seen),
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

    /// Some answers come, as their upstreams are.
    fn finish(&mut self) {
        for _ in 0..self.rng.random_range(1..6) {
            if self.ledger.len() == 0 {
                return;
            }
            let at = self.rng.random_range(0..self.ledger.len());
            if self.rng.random_bool(0.1) {
                self.ledger.begins(at);
                continue;
            }
            let held = self.ledger.take(at);
            if self.rng.random_bool(0.1) {
                self.seen.note("left");
                continue; // its client has gone
            }
            let (outcome, used) = match self.upstreams[&**held.lease.id().endpoint()] {
                Upstream::Well => (Outcome::Success, self.rng.random_range(0..=held.reserved)),
                Upstream::Broken => (FAILED, 0),
                Upstream::Silent => continue,
                Upstream::Limited => {
                    let retry_after = Some(self.rng.random_range(0..20) * SECOND);
                    let daily = false;
                    (Outcome::RateLimited { retry_after, daily }, 0)
                }
            };
            if outcome == Outcome::Success {
                self.seen.note("served");
            }
            self.ledger.settle(held, outcome, used);
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
        // Compared at once: while somebody is asked how they are, those who
        // wait may be served.
        self.ledger.check();
        let waiting = self.house.engine.waiting();
        let asking = self.waiting.len();
        assert!(
            (asking..=asking + self.left).contains(&waiting),
            "{asking} {waiting}"
        );
        let mut guardian = self.house.guardian().await;
        if guardian
            .actors
            .iter()
            .any(|it| it.up && it.mailbox_depth > 0)
        {
            // Mail of this very instant; what was lost count of would stay.
            self.house.turn().await;
            guardian = self.house.guardian().await;
        }
        for actor in &guardian.actors {
            assert!(!actor.up || actor.mailbox_depth == 0, "{actor:?}");
            if !actor.up {
                self.seen.note("quarantined");
            }
        }
        assert_eq!(guardian.replaced, 0, "nobody was silent or gone");
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
        let mut served = Vec::new();
        for (task, estimate) in done {
            match task.await.expect("a task") {
                Ok(lease) => served.push((lease, estimate)),
                Err(_) => self.seen.note("waited in vain"),
            }
        }
        // The ledger is kept in the order in which they were served.
        served.sort_by_key(|(lease, _)| Reverse(lease.age()));
        for (lease, estimate) in served {
            self.seen.note("waited and served");
            self.ledger.enter(lease, estimate, &mut self.seen);
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
            self.ledger.settle_all();
            if let Ok(lease) = self.house.take().await {
                self.ledger.enter(lease, 0, &mut self.seen);
            }
            tokio::time::sleep(500 * MS).await;
        }
        assert!(self.waiting.is_empty(), "all who waited were answered");
        self.ledger.clear();
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
