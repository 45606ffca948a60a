//! The actor that picks targets, one on every web worker.
//!
//! It answers on its own thread, from the published cells: no message leaves
//! the thread to serve a request. Requests that may wait stand in its lines,
//! one for each model, first come first served, and are looked at when the
//! bell rings. Lines of several workers do not know of each other.

mod picker;
mod waiting;

use std::sync::Arc;

use actix::prelude::*;
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::{
    alarm::{self, Alarm, Alarmed},
    bell::Bell,
    clock,
    desk::Desk,
    error::Unavailable,
    lease::Lease,
    messages::{Observe, Pick, Queue},
    metrics::Timed,
    state::budget::RetryBudget,
    table::Table,
};
use picker::{Picker, unavailable};
use waiting::{Caller, Lines};

/// One in so many messages is timed: the clock is read twice for each, which
/// a pick would feel.
const TIMED: u32 = 64;

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
    picker: Picker,
    lines: Lines,
    /// Whether the lines are being served; still set after a panic meanwhile.
    serving: bool,
    wake: Arc<Notify>,
    alarm: Alarm,
    desk: Arc<Desk>,
    /// Messages until one is timed.
    untimed: u32,
}

/// How a router is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouterSeen {
    /// Requests that wait in this router's lines.
    pub waiting: usize,
    /// Picks answered since the router started.
    pub picks: u64,
}

impl Router {
    /// The labels of its messages.
    pub(crate) const MESSAGES: &[&'static str] = &["pick", "queue", "wake", "observe"];

    /// Returns a router that listens to the bell.
    pub(crate) fn new(commons: Commons, ctx: &Context<Self>, desk: Arc<Desk>) -> Self {
        let wake = commons.bell.join();
        // A task beside the actor listens: a future inside it would be polled
        // at every message. It outlives restarts and ends with the router.
        let (bell, addr) = (wake.clone(), ctx.address().downgrade());
        let counts = desk.clone();
        actix_rt::spawn(async move {
            loop {
                bell.notified().await;
                match addr.upgrade() {
                    Some(router) if router.try_send(Wake).is_ok() => counts.posted(),
                    _ => break,
                }
            }
        });
        Self {
            picker: Picker::new(commons.clone()),
            commons,
            lines: Lines::default(),
            serving: false,
            wake,
            alarm: Alarm::default(),
            desk,
            untimed: 0,
        }
    }

    /// Counts a message, and times some of them.
    fn begin_message(&mut self, message: &'static str) -> Option<Timed> {
        self.desk.message(message);
        self.untimed = self.untimed.checked_sub(1).unwrap_or(TIMED - 1);
        (self.untimed == 0).then(|| self.desk.timed())
    }

    /// Serves the lines as far as that goes.
    fn serve(&mut self, ctx: &mut Context<Self>) {
        self.serving = true;
        let at = self.lines.serve(&mut self.picker, clock::now());
        self.serving = false;
        alarm::set(self, ctx, at);
    }
}

impl Actor for Router {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if !self.lines.is_empty() {
            self.serve(ctx);
        }
    }
}

impl Alarmed for Router {
    fn alarm(&mut self) -> &mut Alarm {
        &mut self.alarm
    }

    fn wake(&mut self, ctx: &mut Context<Self>) {
        self.serve(ctx);
    }
}

impl Supervised for Router {
    /// Who waited goes on waiting, unless serving them is what went wrong:
    /// then they are refused, or it would go wrong again.
    fn restarting(&mut self, _: &mut Self::Context) {
        self.alarm = Alarm::default();
        if std::mem::take(&mut self.serving) {
            self.lines.clear();
        }
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        self.commons.bell.part(&self.wake);
        // Ends the task that listens.
        self.wake.notify_one();
    }
}

/// Something came free.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
struct Wake;

impl Handler<Wake> for Router {
    type Result = ();

    fn handle(&mut self, _: Wake, ctx: &mut Self::Context) {
        let _timed = self.begin_message("wake");
        if !self.lines.is_empty() {
            self.serve(ctx);
        }
    }
}

impl Handler<Pick> for Router {
    type Result = Result<Lease, Unavailable>;

    fn handle(&mut self, pick: Pick, _: &mut Self::Context) -> Self::Result {
        let _timed = self.begin_message("pick");
        let now = clock::now();
        self.picker.count(&pick, now);
        // Who comes later must not pass those that wait for the same model.
        if !pick.extra && self.lines.has(&pick.plan.name) {
            return Err(unavailable(&pick.plan, &pick));
        }
        self.picker.attempt(&pick, now)
    }
}

impl Handler<Queue> for Router {
    type Result = Caller;

    fn handle(&mut self, queue: Queue, ctx: &mut Self::Context) -> Caller {
        let _timed = self.begin_message("queue");
        let Queue { pick, deadline } = queue;
        let caller = Caller::new();
        let refusal = unavailable(&pick.plan, &pick);
        let max = self.commons.table.load().max_waiting;
        let mut seat = self.commons.bell.seat(max);
        if seat.is_none() {
            self.lines.forget_the_gone();
            seat = self.commons.bell.seat(max);
        }
        match seat {
            None => caller.answer(Err(refusal.queue_full())),
            Some(seat) => {
                self.lines
                    .push(pick, deadline, caller.clone(), refusal, seat);
                self.serve(ctx);
            }
        }
        caller
    }
}

impl Handler<Observe<RouterSeen>> for Router {
    type Result = MessageResult<Observe<RouterSeen>>;

    fn handle(&mut self, _: Observe<RouterSeen>, _: &mut Self::Context) -> Self::Result {
        let _timed = self.begin_message("observe");
        MessageResult(RouterSeen {
            waiting: self.lines.len(),
            picks: self.picker.picks,
        })
    }
}

#[cfg(feature = "chaos")]
crate::messages::fails_on_purpose!(Router);
