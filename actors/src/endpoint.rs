//! The actor that owns one upstream target.
//!
//! It adds to the pure [`Machine`](crate::state::machine::Machine) what that
//! leaves out: the clock, one timer for the next deadline, the published
//! grant, and news to whoever listens. It sends no request and sees no body.

use std::{sync::Arc, time::Instant};

use actix::{ActorContext, prelude::*};
use tokio::sync::broadcast;

use crate::{
    alarm::{self, Alarm, Alarmed},
    bell::Bell,
    books::Books,
    chance::luck,
    clock,
    doubt::Doubt,
    inbox::Unread,
    messages::{
        Drain, EndpointSeen, Heard, Observe, Patch, Replenish, Reports, Reset, Retire,
        StatusChanged,
    },
    metrics::Timed,
    state::{
        breaker::{Transition, TransitionReason},
        event::Event,
        health::Status,
        machine::Machine,
    },
    supervise::Bond,
    target::{Mail, Target},
};

/// What all endpoint actors share.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    pub(crate) news: broadcast::Sender<StatusChanged>,
    pub(crate) bell: Arc<Bell>,
}

impl Surroundings {
    /// Tells all who listen of the status of `target`; nobody listening is
    /// fine, and the slow lose the oldest news.
    pub(crate) fn tell(&self, target: &Target, status: Status, in_doubt: bool) {
        let _ = self.news.send(StatusChanged {
            target: target.id.clone(),
            status,
            in_doubt,
        });
    }
}

/// One target's actor. See the [module](self).
#[derive(Debug)]
pub struct Endpoint {
    target: Arc<Target>,
    bond: Arc<Bond>,
    mail: Arc<Mail>,
    books: Books,
    around: Surroundings,
    status: Status,
    /// Why the circuit is open, as others heard last.
    cause: Option<TransitionReason>,
    doubt: Doubt,
    alarm: Alarm,
    /// What the machine is told as the next life begins.
    begin: Event,
}

impl Endpoint {
    /// Returns the first actor of `target`, or, if it is a `replacement`, one
    /// that goes on where another stopped.
    pub(crate) fn new(
        target: Arc<Target>,
        bond: Arc<Bond>,
        mail: Arc<Mail>,
        around: Surroundings,
        replacement: bool,
    ) -> Self {
        let books = target.snapshot.lock().clone();
        Self {
            status: target.status(),
            cause: books.machine.open_reason(),
            target,
            bond,
            mail,
            books,
            around,
            doubt: Doubt::default(),
            alarm: Alarm::default(),
            begin: if replacement {
                Event::Restarted
            } else {
                Event::Tick
            },
        }
    }

    /// Tells the machine what was reported and what happened; then publishes,
    /// saves and re-arms.
    ///
    /// All handlers go through here, so no change goes unpublished.
    fn drive(&mut self, ctx: &mut Context<Self>, event: Event) {
        if self.bond.is_retired() {
            // A replacement has taken over; what came too late is void.
            ctx.stop();
            return;
        }
        let now = clock::now();
        // What was spent comes first: a report may settle a credit that this
        // very look is the first to see. Then what was reported: it was before
        // whatever else we are told, also before a deadline that passed since,
        // and may have waited for an actor that rested or was replaced.
        let target = self.target.clone();
        let mut unread = Unread::take(&target);
        let mut changes = Vec::from_iter(self.books.look(&target.cell, now, luck()));
        let machine = &mut self.books.machine;
        unread.read(|report| changes.extend(machine.step(report, now, luck())));
        changes.extend(machine.step(event, now, luck()));
        if !self.commit(unread, changes, now) {
            ctx.stop();
            return;
        }
        self.around.bell.ring();
        let deadline = self.books.machine.next_deadline(now);
        alarm::set(self, ctx, deadline);
    }

    /// Publishes, saves and tells of `changes`, unless a replacement has taken
    /// over: then what was made of `unread` is void, and it is for that one to
    /// read and to tell.
    fn commit(&mut self, unread: Unread<'_>, mut changes: Vec<Transition>, now: Instant) -> bool {
        let mut saved = self.target.snapshot.lock();
        if self.bond.is_retired() {
            return false;
        }
        changes.extend(self.books.publish(&self.target.cell, now, luck()));
        saved.clone_from(&self.books);
        unread.kept();
        drop(saved);
        tell(&self.target, &self.books.machine, changes, now);
        let (status, machine) = (self.target.status(), &self.books.machine);
        let cause = machine.open_reason();
        let in_doubt = self.doubt.arises(machine.failures_in_a_row(), now);
        if (status, cause) != (self.status, self.cause) || in_doubt {
            (self.status, self.cause) = (status, cause);
            self.around.tell(&self.target, status, in_doubt);
        }
        true
    }

    /// Counts a message from its target's mailbox, and times it.
    fn begin_message(&self, message: &'static str) -> Timed {
        self.mail.handled();
        self.target.metrics.actor.message(message);
        self.target.metrics.actor.timed()
    }
}

/// Logs and counts changes of phase.
pub(crate) fn tell(
    target: &Target,
    machine: &Machine,
    changes: impl IntoIterator<Item = Transition>,
    now: Instant,
) {
    for it in changes {
        let until = machine.view(now).open_until;
        tracing::info!(
            endpoint = %target.id,
            from = it.from.label(),
            to = it.to.label(),
            reason = it.reason.label(),
            retry_in_ms = until.map(|at| at.saturating_duration_since(now).as_millis() as u64),
            "circuit changed phase"
        );
        target.metrics.transition(&it);
        if target.is_news_of_key(&it) {
            tracing::error!(
                endpoint = %target.id,
                "the provider rejected our key or our credit is spent"
            );
        }
    }
}

impl Actor for Endpoint {
    type Context = Context<Self>;

    /// Begins a life: the first, one after a restart, or one that takes over.
    ///
    /// Goes back to what was saved after the last whole message: what a panic
    /// left half done is gone, what we know of the upstream stays. Only here,
    /// not in `restarting`, because the grant may be withdrawn in between.
    fn started(&mut self, ctx: &mut Self::Context) {
        self.books = self.target.snapshot.lock().clone();
        // As others saw it last, so that a change is told.
        self.status = self.target.status();
        let begin = std::mem::replace(&mut self.begin, Event::Restarted);
        self.drive(ctx, begin);
    }
}

impl Alarmed for Endpoint {
    fn alarm(&mut self) -> &mut Alarm {
        &mut self.alarm
    }

    fn wake(&mut self, ctx: &mut Context<Self>) {
        self.drive(ctx, Event::Tick);
    }
}

impl Supervised for Endpoint {
    fn restarting(&mut self, _: &mut Self::Context) {
        self.alarm = Alarm::default();
    }
}

impl Handler<Reports> for Endpoint {
    type Result = ();

    fn handle(&mut self, _: Reports, ctx: &mut Self::Context) {
        let _timed = self.begin_message("reports");
        self.drive(ctx, Event::Tick);
    }
}

impl Handler<Replenish> for Endpoint {
    type Result = ();

    fn handle(&mut self, _: Replenish, ctx: &mut Self::Context) {
        let _timed = self.begin_message("replenish");
        self.drive(ctx, Event::Tick);
    }
}

impl Handler<Heard> for Endpoint {
    type Result = ();

    fn handle(&mut self, heard: Heard, ctx: &mut Self::Context) {
        let _timed = self.begin_message("pong");
        self.drive(ctx, Event::Pong(heard.0));
    }
}

impl Handler<Patch> for Endpoint {
    type Result = ();

    fn handle(&mut self, patch: Patch, ctx: &mut Self::Context) {
        let _timed = self.begin_message("patch");
        self.drive(ctx, Event::Patch(patch.0));
    }
}

impl Handler<Drain> for Endpoint {
    type Result = ();

    fn handle(&mut self, drain: Drain, ctx: &mut Self::Context) {
        let _timed = self.begin_message("drain");
        self.drive(ctx, Event::Drain(drain.0));
    }
}

impl Handler<Reset> for Endpoint {
    type Result = ();

    fn handle(&mut self, _: Reset, ctx: &mut Self::Context) {
        let _timed = self.begin_message("reset");
        self.drive(ctx, Event::Reset);
    }
}

impl Handler<Retire> for Endpoint {
    type Result = ();

    /// The guardian has retired the bond; all that is left to do is to end.
    fn handle(&mut self, _: Retire, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

impl Handler<Observe<EndpointSeen>> for Endpoint {
    type Result = MessageResult<Observe<EndpointSeen>>;

    fn handle(&mut self, _: Observe<EndpointSeen>, ctx: &mut Self::Context) -> Self::Result {
        // Not from the counted mailbox: anyone may ask.
        self.target.metrics.actor.message("observe");
        let _timed = self.target.metrics.actor.timed();
        self.drive(ctx, Event::Tick);
        MessageResult(self.target.seen(&self.books.machine, clock::now()))
    }
}

impl Handler<Observe<Machine>> for Endpoint {
    type Result = MessageResult<Observe<Machine>>;

    fn handle(&mut self, _: Observe<Machine>, _: &mut Self::Context) -> Self::Result {
        self.target.metrics.actor.message("observe");
        let _timed = self.target.metrics.actor.timed();
        MessageResult(self.books.machine.clone())
    }
}

#[cfg(feature = "chaos")]
crate::messages::fails_on_purpose!(Endpoint);

#[cfg(test)]
mod tests {
    use crate::{
        id::TargetId,
        state::policy::{
            BreakerPolicy, BreakerSettings, EndpointPolicy, Limits, ProbePolicy, ProbeSettings,
            Weight,
        },
        supervise::BREATH,
    };

    use super::*;

    #[test]
    fn who_is_retired_while_it_handles_a_message_publishes_nothing() {
        let now = clock::now();
        let policy = EndpointPolicy {
            weight: Weight::new(1.0).unwrap(),
            breaker: BreakerPolicy::new(&BreakerSettings::default()).unwrap(),
            limits: Limits::default(),
            probe: ProbePolicy::new(&ProbeSettings::default()).unwrap(),
        };
        let machine = Machine::new(policy, now);
        let target = Arc::new(Target::new(TargetId::new("a", "m"), machine, now));
        let bond = Bond::new(BREATH);
        let around = Surroundings {
            news: broadcast::channel(1).0,
            bell: Arc::default(),
        };
        let mut endpoint =
            Endpoint::new(target.clone(), bond.clone(), Arc::default(), around, false);
        let waiting = || {
            let mut reports = Vec::new();
            Unread::take(&target).read(|it| reports.push(it));
            reports
        };
        target.report(vec![Event::Tick]);
        assert!(endpoint.commit(Unread::take(&target), Vec::new(), now));
        assert_eq!(waiting(), [], "read for good");
        let published = target.cell.look();
        assert!(published.credits() > 0);
        let machine = &mut endpoint.books.machine;
        machine.step(Event::Drain(true), now, luck()).for_each(drop);
        bond.retire();
        target.report(vec![Event::Tick]);
        assert!(!endpoint.commit(Unread::take(&target), Vec::new(), now));
        assert_eq!(target.cell.look(), published);
        assert!(
            target.snapshot.lock().machine.grant(now).credits > 0,
            "nor saved"
        );
        assert_eq!(waiting(), [Event::Tick], "still to be read");
    }
}
