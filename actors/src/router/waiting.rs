//! Requests that wait for a target, in a line for each model.

use std::{cell::RefCell, collections::HashMap, rc::Rc, sync::Arc, time::Instant};

use actix::{Context, dev::MessageResponse, dev::OneshotSender};

use super::{Router, picker::Picker};
use crate::{
    bell::Seat,
    error::Unavailable,
    lease::Lease,
    messages::{Pick, Queue},
    state::queue::Line,
};

type Answer = Result<Lease, Unavailable>;

/// One request that waits. Dropped unanswered, it is refused.
#[derive(Debug)]
pub(super) struct Waiting {
    pick: Pick,
    deadline: Instant,
    caller: Caller,
    /// What the caller hears if nothing better comes.
    refusal: Option<Unavailable>,
    /// Orders the heads of several lines.
    number: u64,
    _seat: Seat,
}

impl Waiting {
    /// Whether what it may be served by is whatever serves its model: if such
    /// a one finds nothing, nobody behind it does.
    fn is_plain(&self) -> bool {
        let pick = &self.pick;
        let is_whole = pick.plan.whole.is_none();
        is_whole && pick.pin.is_none() && pick.most.is_none() && pick.except.is_empty()
    }

    fn answer(mut self, answer: Answer) {
        self.refusal = None;
        self.caller.answer(answer);
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(refusal) = self.refusal.take() {
            self.caller.answer(Err(refusal));
        }
    }
}

/// Who asked, and whether they are still there.
///
/// actix would hold the reply for us in a task of its own, in which we could
/// not see that the asker has left; so we take the reply's sender ourselves.
#[derive(Clone, Debug)]
pub struct Caller(Rc<RefCell<Slot>>);

#[derive(Debug)]
enum Slot {
    /// actix has yet to hand over the sender.
    Unknown,
    Asks(OneshotSender<Answer>),
    /// Answered before there was a sender.
    Answered(Box<Answer>),
    Over,
}

impl Caller {
    pub(super) fn new() -> Self {
        Self(Rc::new(RefCell::new(Slot::Unknown)))
    }

    pub(super) fn answer(&self, answer: Answer) {
        let slot = self.0.replace(Slot::Over);
        match slot {
            Slot::Unknown => drop(self.0.replace(Slot::Answered(Box::new(answer)))),
            // Whoever left between our look and now: the lease comes home by itself.
            Slot::Asks(sender) => drop(sender.send(answer)),
            Slot::Answered(_) | Slot::Over => {}
        }
    }

    fn has_left(&self) -> bool {
        match &*self.0.borrow() {
            Slot::Asks(sender) => sender.is_closed(),
            Slot::Over => true,
            Slot::Unknown | Slot::Answered(_) => false,
        }
    }
}

impl MessageResponse<Router, Queue> for Caller {
    fn handle(self, _: &mut Context<Router>, sender: Option<OneshotSender<Answer>>) {
        let slot = self.0.replace(Slot::Over);
        match (slot, sender) {
            (Slot::Unknown, Some(sender)) => drop(self.0.replace(Slot::Asks(sender))),
            (Slot::Answered(answer), Some(sender)) => drop(sender.send(*answer)),
            _ => {}
        }
    }
}

/// A line for each plan that somebody waits for; first come, first served.
#[derive(Debug, Default)]
pub(super) struct Lines {
    by_plan: HashMap<Arc<str>, Line<Box<Waiting>>>,
    next_number: u64,
}

impl Lines {
    /// Lets `pick` wait at the end of its plan's line.
    pub(super) fn push(
        &mut self,
        pick: Pick,
        deadline: Instant,
        caller: Caller,
        refusal: Unavailable,
        seat: Seat,
    ) {
        let line = self.by_plan.entry(pick.plan.name.clone()).or_default();
        // Seats bound the line.
        line.push(
            Box::new(Waiting {
                pick,
                deadline,
                caller,
                refusal: Some(refusal),
                number: self.next_number,
                _seat: seat,
            }),
            deadline,
        );
        self.next_number += 1;
    }

    /// Returns whether somebody waits for the plan called `name`.
    pub(super) fn has(&self, name: &str) -> bool {
        self.by_plan.contains_key(name)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_plan.is_empty()
    }

    /// Returns how many wait.
    pub(super) fn len(&self) -> usize {
        self.by_plan.values().map(Line::len).sum()
    }

    /// Refuses all who wait.
    pub(super) fn clear(&mut self) {
        self.by_plan.clear();
    }

    /// Gives the seats of those who left to others.
    pub(super) fn forget_the_gone(&mut self) {
        for line in self.by_plan.values_mut() {
            line.offer(|waiting, _| (!waiting.caller.has_left()).then_some(waiting));
        }
        self.by_plan.retain(|_, line| !line.is_empty());
    }

    /// Serves who can be served, in order, and answers whose time is over.
    /// Returns when to serve again if no bell rings before.
    ///
    /// Tries to serve no more than it serves and one, unless somebody's time
    /// is over, or the first of a line is not [plain](Waiting::is_plain); for
    /// the next deadline it reads those of all who wait.
    pub(super) fn serve(&mut self, picker: &mut Picker, now: Instant) -> Option<Instant> {
        let mut wake_at = None;
        let mut lines: Vec<_> = self.by_plan.values_mut().collect();
        lines.sort_unstable_by_key(|line| line.front().map(|first| first.number));
        for line in lines {
            let free = serve_line(line, picker, now);
            wake_at = earlier(wake_at, earlier(free, line.next_deadline()));
        }
        self.by_plan.retain(|_, line| !line.is_empty());
        wake_at
    }
}

/// Serves one line; returns when something comes free for those who stay.
fn serve_line(line: &mut Line<Box<Waiting>>, picker: &mut Picker, now: Instant) -> Option<Instant> {
    if line.next_deadline().is_some_and(|at| at <= now) {
        return offer_all(line, picker, now);
    }
    while let Some(first) = line.front() {
        if first.caller.has_left() {
            line.pop();
            continue;
        }
        if !first.is_plain() {
            return offer_all(line, picker, now);
        }
        match picker.attempt(&first.pick, now) {
            Err(refusal) if refusal.may_wait_until(first.deadline, now) => {
                return refusal.until().filter(|at| *at > now);
            }
            answer => {
                if let Some(first) = line.pop() {
                    first.answer(answer);
                }
            }
        }
    }
    None
}

fn offer_all(line: &mut Line<Box<Waiting>>, picker: &mut Picker, now: Instant) -> Option<Instant> {
    let mut free_at = None;
    let mut exhausted = false;
    line.offer(|waiting, deadline| {
        if waiting.caller.has_left() {
            return None;
        }
        if exhausted && now < deadline {
            return Some(waiting);
        }
        match picker.attempt(&waiting.pick, now) {
            Err(refusal) if refusal.may_wait_until(deadline, now) => {
                exhausted |= waiting.is_plain();
                free_at = earlier(free_at, refusal.until().filter(|at| *at > now));
                Some(waiting)
            }
            answer => {
                waiting.answer(answer);
                None
            }
        }
    });
    free_at
}

fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}
