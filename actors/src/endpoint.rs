//! The actor that owns one upstream target.
//!
//! It adds to the pure [`Machine`](crate::state::machine::Machine) what that
//! leaves out: the clock, one timer for the next deadline, the published
//! grant, and news to whoever listens. It sends no request and sees no body.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use actix::{ActorContext, prelude::*};
use tokio::sync::broadcast;

use crate::{
    bell::Bell,
    books::Books,
    clock,
    messages::{
        Drain, EndpointSeen, Heard, Observe, Patch, Replenish, Reports, Retire, StatusChanged,
    },
    metrics::EndpointMetrics,
    state::{breaker::Transition, event::Event, health::Status, luck::Luck},
    supervise::Bond,
    target::Target,
};

/// What all endpoint actors share.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    pub(crate) news: broadcast::Sender<StatusChanged>,
    pub(crate) bell: Arc<Bell>,
}

/// One target's actor. See the [module](self).
#[derive(Debug)]
pub struct Endpoint {
    target: Arc<Target>,
    bond: Arc<Bond>,
    books: Books,
    around: Surroundings,
    metrics: EndpointMetrics,
    status: Status,
    doubt: Doubt,
    timer: Option<SpawnHandle>,
}

/// How long nobody is told again that the endpoint is in doubt.
const DOUBT_PAUSE: Duration = Duration::from_secs(1);

/// What was told of failures in a closed circuit.
#[derive(Clone, Copy, Debug, Default)]
struct Doubt {
    failures: u32,
    told: Option<Instant>,
}

impl Doubt {
    /// Returns whether there is news in a circuit that has seen so many
    /// `failures` in a row; it has seen none while it is not closed.
    fn arises(&mut self, failures: u32, now: Instant) -> bool {
        let more = failures > std::mem::replace(&mut self.failures, failures);
        let paused = self.told.is_some_and(|at| now < at + DOUBT_PAUSE);
        let arises = more && !paused;
        if arises {
            self.told = Some(now);
        }
        arises
    }
}

impl Endpoint {
    /// Returns the actor of `target`, going on from the target's snapshot.
    pub(crate) fn new(target: Arc<Target>, bond: Arc<Bond>, around: Surroundings) -> Self {
        let books = target.snapshot.lock().clone();
        Self {
            metrics: EndpointMetrics::new(&target.id),
            status: target.status(),
            target,
            bond,
            books,
            around,
            doubt: Doubt::default(),
            timer: None,
        }
    }

    /// Tells the machine what happened; then publishes, saves and re-arms.
    ///
    /// All handlers go through here, so no change goes unpublished.
    fn drive(&mut self, ctx: &mut Context<Self>, events: impl IntoIterator<Item = Event>) {
        let now = clock::now();
        // What was spent comes first: a report may settle a credit that this
        // very look is the first to see.
        let changes = self.books.look(&self.target.cell, now, luck());
        self.tell(changes, now);
        for event in events {
            let changes = self.books.machine.step(event, now, luck());
            self.tell(changes, now);
        }
        if !self.commit(now) {
            ctx.stop();
            return;
        }
        self.around.bell.ring();
        self.arm(ctx, now);
    }

    /// Publishes and saves, unless a replacement has taken over.
    fn commit(&mut self, now: Instant) -> bool {
        let mut saved = self.target.snapshot.lock();
        if self.bond.is_retired() {
            return false;
        }
        let changes = self.books.publish(&self.target.cell, now, luck());
        saved.clone_from(&self.books);
        drop(saved);
        self.tell(changes, now);
        let status = self.target.status();
        let view = self.books.machine.view(now);
        let in_doubt = self.doubt.arises(view.failures_in_a_row, now);
        if status != self.status || in_doubt {
            self.status = status;
            // Nobody listening is fine; the slow lose the oldest news.
            let _ = self.around.news.send(StatusChanged {
                target: self.target.id.clone(),
                status,
                in_doubt,
            });
        }
        self.metrics.show(&view);
        true
    }

    fn tell(&self, changes: impl IntoIterator<Item = Transition>, now: Instant) {
        for it in changes {
            let until = self.books.machine.view(now).open_until;
            tracing::info!(
                endpoint = %self.target.id,
                from = it.from.label(),
                to = it.to.label(),
                reason = it.reason.label(),
                retry_in_ms = until.map(|at| at.saturating_duration_since(now).as_millis() as u64),
                "circuit changed phase"
            );
            self.metrics.transition(&it);
        }
    }

    /// Sets the one timer to the machine's next deadline.
    fn arm(&mut self, ctx: &mut Context<Self>, now: Instant) {
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        self.timer = self.books.machine.next_deadline(now).map(|at| {
            ctx.run_later(at.saturating_duration_since(now), |this, ctx| {
                this.timer = None;
                this.drive(ctx, [Event::Tick]);
            })
        });
    }

    fn count(&self, message: &'static str) {
        self.target.mail.handled();
        self.metrics.message(message);
    }
}

/// Draws the luck of one step: the shell's only use of randomness.
fn luck() -> Luck {
    Luck::draw(&mut rand::rng())
}

impl Actor for Endpoint {
    type Context = Context<Self>;

    /// Runs at first start and after every restart.
    fn started(&mut self, ctx: &mut Self::Context) {
        self.drive(ctx, [Event::Tick]);
    }
}

impl Supervised for Endpoint {
    /// Goes back to what was saved after the last whole message: what a panic
    /// left half done is gone, what we know of the upstream stays.
    fn restarting(&mut self, _: &mut Self::Context) {
        self.timer = None;
        self.books = self.target.snapshot.lock().clone();
        let now = clock::now();
        let changes = self.books.machine.step(Event::Restarted, now, luck());
        self.tell(changes, now);
    }
}

impl Handler<Reports> for Endpoint {
    type Result = ();

    fn handle(&mut self, reports: Reports, ctx: &mut Self::Context) {
        self.count("reports");
        self.drive(ctx, reports.0);
    }
}

impl Handler<Replenish> for Endpoint {
    type Result = ();

    fn handle(&mut self, _: Replenish, ctx: &mut Self::Context) {
        self.count("replenish");
        self.drive(ctx, [Event::Tick]);
    }
}

impl Handler<Heard> for Endpoint {
    type Result = ();

    fn handle(&mut self, heard: Heard, ctx: &mut Self::Context) {
        self.count("pong");
        self.drive(ctx, [Event::Pong(heard.0)]);
    }
}

impl Handler<Patch> for Endpoint {
    type Result = ();

    fn handle(&mut self, patch: Patch, ctx: &mut Self::Context) {
        self.count("patch");
        self.drive(ctx, [Event::Patch(patch.0)]);
    }
}

impl Handler<Drain> for Endpoint {
    type Result = ();

    fn handle(&mut self, drain: Drain, ctx: &mut Self::Context) {
        self.count("drain");
        self.drive(ctx, [Event::Drain(drain.0)]);
    }
}

impl Handler<Retire> for Endpoint {
    type Result = ();

    fn handle(&mut self, _: Retire, ctx: &mut Self::Context) {
        self.bond.retire();
        self.books
            .withdraw(&self.target.cell, clock::now(), luck(), None);
        self.metrics.clear();
        ctx.stop();
    }
}

impl Handler<Observe<EndpointSeen>> for Endpoint {
    type Result = MessageResult<Observe<EndpointSeen>>;

    fn handle(&mut self, _: Observe<EndpointSeen>, ctx: &mut Self::Context) -> Self::Result {
        self.drive(ctx, []);
        MessageResult(EndpointSeen {
            target: self.target.id.clone(),
            view: self.books.machine.view(clock::now()),
            in_flight: self.target.cell.in_flight(),
            credits: self.target.cell.credits(),
        })
    }
}

#[cfg(feature = "chaos")]
impl Handler<crate::messages::Chaos> for Endpoint {
    type Result = ();

    #[expect(
        clippy::panic,
        clippy::disallowed_methods,
        reason = "failing is what the message asks for"
    )]
    fn handle(&mut self, chaos: crate::messages::Chaos, ctx: &mut Self::Context) {
        use crate::messages::Chaos;
        match chaos {
            Chaos::Panic => panic!("asked to"),
            Chaos::Stop => ctx.stop(),
            Chaos::Block(time) => std::thread::sleep(time),
        }
    }
}
