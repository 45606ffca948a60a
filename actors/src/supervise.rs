//! Let it crash: an actor that panics comes back, its address unharmed.
//!
//! actix's own `Supervisor` dies with a panicking actor. [`Nursed`] polls the
//! actor's context under `catch_unwind` and restarts it in place: the address
//! and the queued messages survive, only the message being handled is lost.
//! What the actor keeps is its own affair, said in `Supervised::restarting`.
//!
//! Restarts are limited: [`INTENSITY`] within [`PERIOD`], then the actor rests
//! with its mail waiting: an endpoint's for [`QUARANTINE`], any other for
//! [`BREATH`], because nobody can do its work meanwhile.

use std::{
    collections::VecDeque,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context as TaskContext, Poll},
    time::{Duration, Instant},
};

use actix::{
    Actor, ActorContext, Addr, ArbiterHandle, Context, Supervised,
    dev::{ContextFut, channel::channel},
};
use tokio::time::Sleep;

use crate::clock;

/// How often the guardian looks for silent actors.
pub const BEAT: Duration = Duration::from_millis(500);
/// Beats with mail waiting and none handled after which an actor is replaced.
pub const SILENT_BEATS: u32 = 3;
/// Restarts within [`PERIOD`] that an actor may need before it is quarantined.
///
/// *Source*: the order of magnitude of Erlang/OTP's `supervisor` (intensity
/// and period), which leaves the numbers to its user.
pub const INTENSITY: usize = 5;
/// How far back restarts are counted.
pub const PERIOD: Duration = Duration::from_secs(10);
/// How long an endpoint's actor rests that exceeded [`INTENSITY`].
pub const QUARANTINE: Duration = Duration::from_secs(60);
/// How long a router, the prober or the guardian rests.
pub const BREATH: Duration = Duration::from_secs(1);

/// Why an actor was restarted: every way it can end but removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// A handler or a spawned future panicked.
    Panicked,
    /// The actor stopped although nobody removed it.
    Stopped,
}

impl Ended {
    /// Returns a fixed word for metric labels.
    pub fn label(self) -> &'static str {
        match self {
            Self::Panicked => "panic",
            Self::Stopped => "stop",
        }
    }
}

/// One restart, as the supervisor tells it.
#[derive(Clone, Copy, Debug)]
pub struct Incident {
    /// How the actor ended.
    pub ended: Ended,
    /// Until when it rests, if it was restarted too often.
    pub rests_until: Option<Instant>,
}

/// What links an actor to whoever watches over it.
#[derive(Debug)]
pub struct Bond {
    rest: Duration,
    retired: AtomicBool,
    resting: AtomicBool,
    over: AtomicBool,
    restarts: AtomicU64,
    /// Messages sent, as far as the sender says so, and those of them that
    /// had left the mailbox when it was empty last.
    posted: AtomicU64,
    taken: AtomicU64,
}

impl Bond {
    /// Returns the bond of an actor that rests for `rest` when it was
    /// restarted too often.
    pub fn new(rest: Duration) -> Arc<Self> {
        Arc::new(Self {
            rest,
            retired: AtomicBool::new(false),
            resting: AtomicBool::new(false),
            over: AtomicBool::new(false),
            restarts: AtomicU64::new(0),
            posted: AtomicU64::new(0),
            taken: AtomicU64::new(0),
        })
    }

    /// Says that the actor ends on purpose: its next stop is its last.
    pub fn retire(&self) {
        self.retired.store(true, Ordering::Release);
    }

    /// Returns whether the actor was told to end.
    pub fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Acquire)
    }

    /// Returns whether the actor rests after too many restarts.
    pub fn is_resting(&self) -> bool {
        self.resting.load(Ordering::Acquire)
    }

    /// Returns whether the actor has ended for good.
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// Counts a message that was sent to the actor.
    pub(crate) fn posted(&self) {
        self.posted.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns how many of the counted messages wait.
    pub(crate) fn waiting(&self) -> u64 {
        let taken = self.taken.load(Ordering::Relaxed);
        self.posted.load(Ordering::Relaxed).saturating_sub(taken)
    }

    /// Says that the mailbox is empty. Counted like this and not by what was
    /// handled, for actix drops a question whose asker has left.
    fn emptied(&self) {
        let posted = self.posted.load(Ordering::Relaxed);
        self.taken.store(posted, Ordering::Relaxed);
    }

    /// Returns how often the actor was restarted.
    pub fn restarts(&self) -> u64 {
        self.restarts.load(Ordering::Relaxed)
    }
}

/// Starts `make`'s actor on `arbiter` and keeps it alive until its `bond` is
/// retired or its last address is gone.
///
/// `told` hears of every restart, after the actor's own `restarting`.
///
/// The mailbox is unbounded: admission, not the mailbox, limits what comes in,
/// and actix's bound refuses nobody anyway.
pub fn start<A>(
    arbiter: &ArbiterHandle,
    bond: Arc<Bond>,
    told: impl Fn(Incident) + Send + 'static,
    make: impl FnOnce(&mut Context<A>) -> A + Send + 'static,
) -> Addr<A>
where
    A: Supervised + Actor<Context = Context<A>> + Unpin,
{
    let (sender, receiver) = channel(0);
    arbiter.spawn_fn(move || {
        let mut context = Context::with_receiver(receiver);
        let actor = make(&mut context);
        actix_rt::spawn(Nursed {
            life: context.into_future(actor),
            bond,
            told: Box::new(told),
            restarts: VecDeque::with_capacity(INTENSITY + 1),
            rest: None,
        });
    });
    Addr::new(sender)
}

struct Nursed<A: Actor<Context = Context<A>>> {
    life: ContextFut<A, Context<A>>,
    bond: Arc<Bond>,
    told: Box<dyn Fn(Incident)>,
    restarts: VecDeque<Instant>,
    rest: Option<Pin<Box<Sleep>>>,
}

impl<A: Actor<Context = Context<A>>> Nursed<A> {
    /// Counts a restart at `now`; returns when to go on if that was too many.
    fn count(&mut self, now: Instant) -> Option<Instant> {
        self.bond.restarts.fetch_add(1, Ordering::Relaxed);
        self.restarts.push_back(now);
        while self
            .restarts
            .front()
            .is_some_and(|at| now.saturating_duration_since(*at) > PERIOD)
        {
            self.restarts.pop_front();
        }
        (self.restarts.len() > INTENSITY).then(|| {
            self.restarts.clear();
            now + self.bond.rest
        })
    }
}

impl<A: Actor<Context = Context<A>>> Drop for Nursed<A> {
    /// Only a runtime that ends drops a life that is not over. actix would
    /// poll it once more then, without a runtime; what panics in that, while
    /// another panic is under way, ends the process.
    fn drop(&mut self) {
        self.bond.over.store(true, Ordering::Release);
        self.life.ctx().terminate();
    }
}

impl<A> Future for Nursed<A>
where
    A: Supervised + Actor<Context = Context<A>> + Unpin,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<()> {
        let this = &mut *self;
        loop {
            if let Some(rest) = &mut this.rest {
                if rest.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                this.rest = None;
                this.bond.resting.store(false, Ordering::Release);
            }
            let life = &mut this.life;
            let ended = match catch_unwind(AssertUnwindSafe(|| Pin::new(life).poll(cx))) {
                Ok(Poll::Pending) => {
                    this.bond.emptied();
                    return Poll::Pending;
                }
                Ok(Poll::Ready(())) => Ended::Stopped,
                Err(_) => Ended::Panicked,
            };
            if this.bond.is_retired() {
                return Poll::Ready(());
            }
            // The new life begins at the next poll. A panic in `restarting`
            // leaves the context restarted all the same, and is not worth
            // more than the one before.
            let life = &mut this.life;
            if let Ok(false) = catch_unwind(AssertUnwindSafe(|| life.restart())) {
                return Poll::Ready(());
            }
            let rests_until = this.count(clock::now());
            this.bond
                .resting
                .store(rests_until.is_some(), Ordering::Release);
            let incident = Incident { ended, rests_until };
            let told = &this.told;
            if catch_unwind(AssertUnwindSafe(|| told(incident))).is_err() {
                tracing::error!("panic while a restart was told");
            }
            this.rest = rests_until.map(|at| Box::pin(tokio::time::sleep_until(at.into())));
        }
    }
}
