//! The actor that picks targets, one on every web worker.
//!
//! It answers on its own thread, from the published cells: no message leaves
//! the thread to serve a request. Requests that may wait stand in its queue,
//! first come first served, and are looked at when the bell rings.

use std::{sync::Arc, time::Instant};

use actix::prelude::*;
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use rand::{SeedableRng, rngs::SmallRng};
use tokio::sync::{Notify, oneshot};

use crate::{
    bell::Bell,
    cell::{Denied, Taken},
    clock,
    error::{Exclusion, Unavailable, Why},
    lease::Lease,
    messages::{Observe, Pick, Queue},
    outbox::Outbox,
    state::{
        budget::RetryBudget,
        choice::{self, Candidate},
        event::{Event, Outcome, ProviderLimits, Tokens},
        queue,
    },
    table::{Entry, Table},
    target::Target,
};

/// What the routers of all workers share.
#[derive(Clone, Debug)]
pub(crate) struct Commons {
    pub(crate) table: Arc<ArcSwap<Table>>,
    pub(crate) budget: Arc<Mutex<RetryBudget>>,
    pub(crate) bell: Arc<Bell>,
}

/// One worker's router. See the [module](self).
#[derive(Debug)]
pub struct Router {
    commons: Commons,
    outbox: Arc<Outbox>,
    rng: SmallRng,
    queue: queue::Queue<Waiting>,
    wake: Arc<Notify>,
    timer: Option<SpawnHandle>,
    picks: u64,
}

#[derive(Debug)]
struct Waiting {
    pick: Pick,
    answer: oneshot::Sender<Result<Lease, Unavailable>>,
}

/// How a router is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouterSeen {
    /// Requests that wait in this router's queue.
    pub waiting: usize,
    /// Picks answered since the router (re)started.
    pub picks: u64,
}

impl Router {
    /// Returns a router that draws from a fresh seed.
    pub(crate) fn new(commons: Commons) -> Self {
        let wake = commons.bell.join();
        Self {
            commons,
            outbox: Outbox::start(),
            rng: SmallRng::from_rng(&mut rand::rng()),
            queue: queue::Queue::new(usize::MAX),
            wake,
            timer: None,
            picks: 0,
        }
    }

    /// Answers `pick`, and keeps the retry budget's books.
    fn pick(&mut self, pick: &Pick) -> Result<Lease, Unavailable> {
        self.picks += 1;
        let now = clock::now();
        {
            let mut budget = self.commons.budget.lock();
            if !pick.extra {
                budget.first_attempt(now);
            } else if !budget.take(now) {
                return Err(Unavailable::over_budget());
            }
        }
        let found = self.find(pick, now);
        if found.is_err() && pick.extra {
            // The attempt will not be made; its price goes back.
            self.commons.budget.lock().give_back();
        }
        found
    }

    /// Looks tier by tier for a credit, then for a last resort anywhere.
    fn find(&mut self, pick: &Pick, now: Instant) -> Result<Lease, Unavailable> {
        let strategy = self.commons.table.load().strategy;
        let mut lost: Vec<*const Target> = Vec::new();
        for last_resort in [false, true] {
            for tier in &pick.plan.tiers {
                while let Some(entry) = self.draw(&tier.entries, pick, strategy, last_resort, &lost)
                {
                    match self.take(entry, pick, last_resort, now) {
                        Some(lease) => return Ok(lease),
                        // Another worker was faster, or the tokens do not reach.
                        None => lost.push(Arc::as_ptr(&entry.target)),
                    }
                }
            }
        }
        Err(self.unavailable(pick))
    }

    /// Draws among the entries that have a credit.
    fn draw<'a>(
        &mut self,
        entries: &'a [Entry],
        pick: &Pick,
        strategy: choice::Strategy,
        last_resort: bool,
        lost: &[*const Target],
    ) -> Option<&'a Entry> {
        let open = |entry: &&Entry| {
            let seen = entry.target.cell.look();
            let credit = if last_resort {
                seen.last_resort()
            } else {
                seen.credits()
            };
            credit > 0 && may_serve(entry, pick) && !lost.contains(&Arc::as_ptr(&entry.target))
        };
        let candidates: Vec<Candidate> = entries
            .iter()
            .filter(open)
            .map(|entry| Candidate {
                weight: entry.target.cell.weight(),
                latency: entry.target.cell.latency(),
                cost: entry.price.map(|price| price.cost(pick.estimate)),
                order: entry.order,
            })
            .collect();
        let drawn = choice::choose(strategy, &candidates, &mut self.rng)?;
        let order = candidates.get(drawn)?.order;
        entries.iter().find(|entry| entry.order == order)
    }

    fn take(&self, entry: &Entry, pick: &Pick, last_resort: bool, now: Instant) -> Option<Lease> {
        let target = &entry.target;
        match target.cell.take(tokens(entry, pick), last_resort) {
            Ok(taken) => {
                if target.cell.wants_a_look(now) {
                    target.replenish();
                }
                Some(self.lease(target, taken))
            }
            Err(denied) => {
                if let Denied::Refund(taken) = denied {
                    self.refund(target, taken);
                }
                if target.cell.wants_a_look(now) {
                    target.replenish();
                }
                None
            }
        }
    }

    fn lease(&self, target: &Arc<Target>, taken: Taken) -> Lease {
        Lease::new(
            target.clone(),
            taken,
            self.outbox.clone(),
            self.commons.bell.clone(),
        )
    }

    /// Gives back tokens that were reserved for a credit another worker got.
    fn refund(&self, target: &Arc<Target>, taken: Taken) {
        let event = Event::Settled {
            // No grant's epoch: it never was an attempt.
            epoch: u32::MAX,
            outcome: Outcome::Cancelled,
            latency: None,
            limits: ProviderLimits::default(),
            tokens: Tokens {
                mark: taken.mark,
                reserved: taken.reserved,
                used: Some(0),
            },
        };
        self.outbox.push(target, event, false);
    }

    fn unavailable(&self, pick: &Pick) -> Unavailable {
        let exclusions = pick.plan.entries().map(|entry| {
            let target = &entry.target;
            let (why, until) = if pick.except.iter().any(|it| Arc::ptr_eq(it, target)) {
                (Why::Tried, None)
            } else if !is_pinned(entry, pick) {
                (Why::NotPinned, None)
            } else {
                target.cell.refusal(tokens(entry, pick))
            };
            Exclusion {
                target: target.id.clone(),
                why,
                until,
            }
        });
        Unavailable::new(exclusions.collect())
    }

    /// Serves who waits, in order; then refuses whose time is over.
    fn drain(&mut self, ctx: &mut Context<Self>) {
        let now = clock::now();
        let mut wake_at: Option<Instant> = None;
        // A model that could not serve one cannot serve those behind it.
        let mut exhausted: Vec<Arc<str>> = Vec::new();
        let mut queue = std::mem::replace(&mut self.queue, queue::Queue::new(usize::MAX));
        queue.offer(|mut waiting, deadline| {
            if waiting.answer.is_closed() {
                self.commons.bell.done(1);
                return None;
            }
            if now < deadline && exhausted.contains(&waiting.pick.plan.model) {
                return Some(waiting);
            }
            // A reload may have brought new targets meanwhile.
            if let Some(plan) = self.commons.table.load().plan(&waiting.pick.plan.model) {
                waiting.pick.plan = plan.clone();
            }
            match self.find(&waiting.pick, now) {
                Err(unavailable) if unavailable.may_wait_until(deadline, now) => {
                    if waiting.pick.pin.is_none() {
                        exhausted.push(waiting.pick.plan.model.clone());
                    }
                    let free = unavailable.until().filter(|at| *at > now);
                    wake_at = earlier(wake_at, free);
                    Some(waiting)
                }
                answer => {
                    self.commons.bell.done(1);
                    // The handler may have left between the check and here;
                    // the lease then comes home by itself.
                    let _ = waiting.answer.send(answer);
                    None
                }
            }
        });
        wake_at = earlier(wake_at, queue.next_deadline());
        self.queue = queue;
        self.arm(ctx, wake_at, now);
    }

    /// Wakes at the next instant at which somebody's lot can change by time alone.
    fn arm(&mut self, ctx: &mut Context<Self>, wake_at: Option<Instant>, now: Instant) {
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        self.timer = wake_at.map(|at| {
            ctx.run_later(at.saturating_duration_since(now), |this, ctx| {
                this.timer = None;
                this.drain(ctx);
            })
        });
    }
}

fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}

/// Returns whether `entry` is one that `pick` asks for.
fn may_serve(entry: &Entry, pick: &Pick) -> bool {
    is_pinned(entry, pick) && !pick.except.iter().any(|it| Arc::ptr_eq(it, &entry.target))
}

/// Tokens to reserve: an estimate above the whole limit waits for an empty window.
fn tokens(entry: &Entry, pick: &Pick) -> u64 {
    let total = pick.estimate.total();
    entry.tpm.map_or(total, |tpm| total.min(tpm))
}

fn is_pinned(entry: &Entry, pick: &Pick) -> bool {
    pick.pin
        .as_deref()
        .is_none_or(|pin| pin == &**entry.target.id.endpoint())
}

impl Actor for Router {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // A task beside the actor listens to the bell: a future inside it
        // would be polled at every message.
        let wake = self.wake.clone();
        let addr = ctx.address().downgrade();
        actix_rt::spawn(async move {
            loop {
                wake.notified().await;
                match addr.upgrade() {
                    Some(router) if router.try_send(Wake).is_ok() => {}
                    _ => break,
                }
            }
        });
    }
}

impl Supervised for Router {
    /// Refuses who waited, by dropping their answers; the next pick is as good
    /// as ever, because a router owns nothing but its queue.
    fn restarting(&mut self, _: &mut Self::Context) {
        self.timer = None;
        self.commons.bell.done(self.queue.len());
        self.queue = queue::Queue::new(usize::MAX);
        self.commons.bell.part(&self.wake);
        self.wake = self.commons.bell.join();
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        self.commons.bell.done(self.queue.len());
        self.commons.bell.part(&self.wake);
        self.outbox.flush();
    }
}

/// Something came free.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
struct Wake;

impl Handler<Wake> for Router {
    type Result = ();

    fn handle(&mut self, _: Wake, ctx: &mut Self::Context) {
        if !self.queue.is_empty() {
            self.drain(ctx);
        }
    }
}

impl Handler<Pick> for Router {
    type Result = Result<Lease, Unavailable>;

    fn handle(&mut self, pick: Pick, _: &mut Self::Context) -> Self::Result {
        // Who comes later must not pass those that wait for the same model.
        let overtakes = self
            .queue
            .iter()
            .any(|waiting| waiting.pick.plan.model == pick.plan.model);
        if overtakes && !pick.extra {
            return Err(self.unavailable(&pick));
        }
        self.pick(&pick)
    }
}

impl Handler<Queue> for Router {
    type Result = ResponseFuture<Result<Lease, Unavailable>>;

    fn handle(&mut self, queue: Queue, ctx: &mut Self::Context) -> Self::Result {
        let Queue { pick, deadline } = queue;
        let refusal = self.unavailable(&pick);
        let max = self.commons.table.load().max_waiting;
        if !self.commons.bell.wait(max) {
            return Box::pin(std::future::ready(Err(refusal.queue_full())));
        }
        let (answer, answered) = oneshot::channel();
        if self.queue.push(Waiting { pick, answer }, deadline).is_err() {
            self.commons.bell.done(1);
        }
        self.drain(ctx);
        Box::pin(async move { answered.await.unwrap_or(Err(refusal)) })
    }
}

impl Handler<Observe<RouterSeen>> for Router {
    type Result = MessageResult<Observe<RouterSeen>>;

    fn handle(&mut self, _: Observe<RouterSeen>, _: &mut Self::Context) -> Self::Result {
        MessageResult(RouterSeen {
            waiting: self.queue.len(),
            picks: self.picks,
        })
    }
}
