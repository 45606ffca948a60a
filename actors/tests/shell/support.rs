//! A small engine to test with: a few lines make a spec, a pick, an answer.

use std::{
    collections::BTreeMap,
    num::NonZeroU32,
    pin::Pin,
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError},
    },
    task::Poll,
    time::Duration,
};

use actix::prelude::*;
use breakerbox_actors::{
    clock,
    desk::Post,
    engine::{Arbiters, Engine},
    error::{Unavailable, Why},
    guardian::{ActorSeen, GuardianSeen},
    id::TargetId,
    lease::Lease,
    messages::{EndpointSeen, Observe, Pick, Ping, Queue},
    router::{Router, RouterSeen},
    spec::{Spec, TargetSpec},
    state::{
        breaker::Phase,
        choice::Strategy,
        estimate::{Estimate, Price},
        event::{FailureKind, Outcome, Pong, ProviderLimits},
        machine::View,
        policy::{
            BreakerPolicy, BreakerSettings, EndpointPolicy, Limits, ProbePolicy, ProbeSettings,
            Ratio, Weight,
        },
    },
    table::Plan,
    target::Target,
};
use parking_lot::Mutex;

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const FAILED: Outcome = Outcome::Failure(FailureKind::Status);

/// A target for the model `m`, without limits or pings, unless told otherwise.
#[derive(Clone)]
pub(crate) struct Make {
    pub(crate) endpoint: &'static str,
    pub(crate) model: &'static str,
    pub(crate) identity: &'static str,
    pub(crate) weight: f64,
    pub(crate) breaker: BreakerSettings,
    pub(crate) probe: ProbeSettings,
    pub(crate) limits: Limits,
    pub(crate) price: Option<Price>,
}

impl Make {
    pub(crate) fn new(endpoint: &'static str) -> Self {
        Self {
            endpoint,
            model: "m",
            identity: "it",
            weight: 1.0,
            breaker: BreakerSettings::default(),
            probe: ProbeSettings {
                enabled: false,
                ..ProbeSettings::default()
            },
            limits: Limits::default(),
            price: None,
        }
    }

    pub(crate) fn model(self, model: &'static str) -> Self {
        Self { model, ..self }
    }

    pub(crate) fn identity(self, identity: &'static str) -> Self {
        Self { identity, ..self }
    }

    /// With a price of so many dollars a million tokens in, nothing out.
    pub(crate) fn price(self, dollars: f64) -> Self {
        let price = Price::new(dollars, 0.0).expect("a price");
        Self {
            price: Some(price),
            ..self
        }
    }

    pub(crate) fn rpm(mut self, rpm: u32) -> Self {
        self.limits.rpm = NonZeroU32::new(rpm);
        self
    }

    pub(crate) fn tpm(mut self, tpm: u32) -> Self {
        self.limits.tpm = NonZeroU32::new(tpm);
        self
    }

    pub(crate) fn in_flight(mut self, max: u32) -> Self {
        self.limits.max_in_flight = NonZeroU32::new(max);
        self
    }

    pub(crate) fn breaker(mut self, change: impl FnOnce(&mut BreakerSettings)) -> Self {
        change(&mut self.breaker);
        self
    }

    /// With pings, as by default, changed so.
    pub(crate) fn probe(mut self, change: impl FnOnce(&mut ProbeSettings)) -> Self {
        self.probe.enabled = true;
        change(&mut self.probe);
        self
    }

    pub(crate) fn id(&self) -> TargetId {
        TargetId::new(self.endpoint, self.model)
    }

    pub(crate) fn policy(&self) -> EndpointPolicy {
        EndpointPolicy {
            weight: Weight::new(self.weight).expect("a weight"),
            breaker: BreakerPolicy::new(&self.breaker).expect("a breaker"),
            limits: self.limits,
            probe: ProbePolicy::new(&self.probe).expect("a probe"),
        }
    }

    fn spec(&self) -> TargetSpec {
        TargetSpec {
            id: self.id(),
            identity: self.identity.into(),
            credentials: 0,
            policy: self.policy(),
            price: self.price,
        }
    }
}

/// A spec with a tenth of retries and a hundred places to wait.
pub(crate) fn spec(targets: &[Make]) -> Spec {
    Spec {
        targets: targets.iter().map(Make::spec).collect(),
        fallbacks: Vec::new(),
        routes: Vec::new(),
        strategy: Strategy::LatencyWeighted,
        retry_budget: Ratio::new(0.1).expect("a ratio"),
        max_waiting: 100,
    }
}

/// A pinger that says what its script says and writes down who was pinged when.
#[derive(Clone, Default)]
pub(crate) struct Pinger(Arc<Mutex<Script>>);

#[derive(Default)]
struct Script {
    /// Alive in 10 ms, unless named here. `None` never answers.
    answers: BTreeMap<String, Option<Pong>>,
    asked: Vec<(String, std::time::Instant)>,
}

impl Pinger {
    pub(crate) fn answers(&self, endpoint: &str, answer: Option<Pong>) {
        self.0.lock().answers.insert(endpoint.to_owned(), answer);
    }

    /// When `endpoint` was pinged, since `start`.
    pub(crate) fn asked(&self, endpoint: &str, start: std::time::Instant) -> Vec<Duration> {
        let script = self.0.lock();
        let mine = script.asked.iter().filter(|(name, _)| name == endpoint);
        mine.map(|(_, at)| at.saturating_duration_since(start))
            .collect()
    }
}

impl Actor for Pinger {
    type Context = Context<Self>;
}

impl Handler<Ping> for Pinger {
    type Result = ResponseFuture<Pong>;

    fn handle(&mut self, ping: Ping, _: &mut Context<Self>) -> Self::Result {
        let name = ping.target.endpoint().to_string();
        let mut script = self.0.lock();
        script.asked.push((name.clone(), clock::now()));
        let alive = Some(Pong::Alive { latency: 10 * MS });
        let answer = script.answers.get(&name).copied().unwrap_or(alive);
        Box::pin(async move {
            match answer {
                Some(pong) => {
                    tokio::time::sleep(10 * MS).await;
                    pong
                }
                None => std::future::pending().await,
            }
        })
    }
}

/// An engine, one router, one pinger.
pub(crate) struct House {
    pub(crate) engine: Engine,
    pub(crate) router: Post<Router>,
    pub(crate) pinger: Pinger,
    _watchdog: Watchdog,
}

/// Ends the process with the test's name if it takes a minute of real time:
/// actors that wake each other for ever let no virtual time pass, so that no
/// other deadline would come.
struct Watchdog(#[expect(dead_code, reason = "tells by being dropped")] mpsc::Sender<()>);

impl Watchdog {
    fn new() -> Self {
        let (alive, gone) = mpsc::channel();
        let test = std::thread::current().name().unwrap_or("?").to_owned();
        std::thread::spawn(move || {
            if gone.recv_timeout(60 * SECOND) == Err(RecvTimeoutError::Timeout) {
                eprintln!("{test} has not come to an end in a minute");
                std::process::abort();
            }
        });
        Self(alive)
    }
}

impl House {
    /// All actors on this thread, whose clock is paused.
    pub(crate) async fn paused(targets: &[Make]) -> Self {
        tokio::time::pause();
        Self::with(spec(targets), Arbiters::current()).await
    }

    pub(crate) async fn with(spec: Spec, arbiters: Arbiters) -> Self {
        let pinger = Pinger::default();
        let engine = {
            let pinger = pinger.clone();
            Engine::start(spec, arbiters, move || pinger.start().recipient())
                .await
                .expect("a guardian")
        };
        let house = Self {
            router: engine.router(),
            engine,
            pinger,
            _watchdog: Watchdog::new(),
        };
        house.turn().await;
        house
    }

    /// Lets everybody finish what they have to do now, batches included.
    pub(crate) async fn turn(&self) {
        tokio::time::sleep(10 * MS).await;
    }

    pub(crate) fn pick(&self) -> Pick {
        self.pick_for("m")
    }

    pub(crate) fn pick_for(&self, model: &str) -> Pick {
        pick(plan(&self.engine, model))
    }

    pub(crate) async fn take(&self) -> Result<Lease, Unavailable> {
        self.ask(self.pick()).await
    }

    pub(crate) async fn ask(&self, pick: Pick) -> Result<Lease, Unavailable> {
        self.router.send(pick).await.expect("a router")
    }

    /// The reasons why a pick is refused now, by endpoint.
    pub(crate) async fn whys(&self) -> Vec<(String, Why)> {
        let refusal = self.take().await.expect_err("a refusal");
        let exclusions = refusal.exclusions.iter();
        exclusions
            .map(|it| (it.target.endpoint().to_string(), it.why))
            .collect()
    }

    /// Waits in the router's line for at most `time`, in a task of its own.
    pub(crate) fn queue(
        &self,
        pick: Pick,
        time: Duration,
    ) -> tokio::task::JoinHandle<Result<Lease, Unavailable>> {
        let router = self.router.clone();
        let deadline = clock::now() + time;
        actix_rt::spawn(async move {
            router
                .send(Queue { pick, deadline })
                .await
                .expect("a router")
        })
    }

    /// Sends one request, which ends in `outcome`, and waits for its report.
    pub(crate) async fn once(&self, outcome: Outcome) {
        settle(self.take().await.expect("a lease"), outcome);
        self.turn().await;
    }

    /// Fails `times` requests in a row.
    pub(crate) async fn fail(&self, times: u32) {
        for _ in 0..times {
            self.once(FAILED).await;
        }
    }

    pub(crate) async fn seen(&self, endpoint: &str) -> EndpointSeen {
        let seen = self.engine.observe(&TargetId::new(endpoint, "m")).await;
        seen.expect("an actor")
    }

    pub(crate) async fn view(&self, endpoint: &str) -> View {
        self.seen(endpoint).await.view
    }

    pub(crate) async fn phase(&self, endpoint: &str) -> Phase {
        self.view(endpoint).await.phase
    }

    pub(crate) fn target(&self, endpoint: &str) -> Arc<Target> {
        let table = self.engine.table();
        let mut targets = table.targets();
        let mine = |it: &&Arc<Target>| **it.id().endpoint() == *endpoint;
        targets.find(mine).expect("a target").clone()
    }

    pub(crate) async fn guardian(&self) -> GuardianSeen {
        let seen = self.engine.guardian().send(Observe::default()).await;
        seen.expect("a guardian")
    }

    pub(crate) async fn actor(&self, endpoint: &str) -> ActorSeen {
        let seen = self.guardian().await;
        let mut actors = seen.actors.into_iter();
        let mine = |it: &ActorSeen| **it.target.endpoint() == *endpoint;
        actors.find(mine).expect("an actor")
    }

    pub(crate) async fn router(&self) -> RouterSeen {
        let seen = self.router.send(Observe::default()).await;
        seen.expect("a router")
    }
}

pub(crate) fn id(endpoint: &str) -> TargetId {
    TargetId::new(endpoint, "m")
}

pub(crate) fn plan(engine: &Engine, model: &str) -> Arc<Plan> {
    engine.table().plan(model).expect("a plan").clone()
}

/// A first attempt of a request without tokens.
pub(crate) fn pick(plan: Arc<Plan>) -> Pick {
    Pick {
        plan,
        except: Vec::new(),
        pin: None,
        estimate: tokens(0),
        most: None,
        extra: false,
        may_repeat: false,
    }
}

pub(crate) fn tokens(input: u64) -> Estimate {
    Estimate { input, output: 0 }
}

pub(crate) fn settle(lease: Lease, outcome: Outcome) {
    lease.settle(outcome, None, ProviderLimits::default());
}

pub(crate) fn used(lease: Lease, tokens: u64) {
    lease.settle(Outcome::Success, Some(tokens), ProviderLimits::default());
}

pub(crate) fn endpoint(lease: &Lease) -> &str {
    lease.id().endpoint()
}

/// Polls `future` once: what it sends is sent.
pub(crate) async fn begin<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    std::future::poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}

/// Waits until `done`, for at most 20 s of real time.
pub(crate) async fn eventually(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let start = clock::now();
    while !done().await {
        assert!(clock::now() - start < 20 * SECOND, "never: {what}");
        tokio::time::sleep(MS).await;
    }
}
