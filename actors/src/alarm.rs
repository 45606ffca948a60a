//! The one timer of an actor.
//!
//! actix has `run_later` and `cancel_future`, but a cancellation that a panic
//! left half done outlives the restart and takes the new life's first timer
//! with it (`actors/tests/actix_facts.rs` shows it): a circuit would stay open
//! for good. An alarm is never cancelled, only set to another time, and it
//! costs no allocation to do so.

use std::{
    pin::Pin,
    task::{Context as TaskContext, Poll, ready},
    time::Instant,
};

use actix::{Actor, AsyncContext, Context, fut::ActorFuture};
use tokio::time::Sleep;

/// An actor with an [`Alarm`].
pub(crate) trait Alarmed: Actor<Context = Context<Self>> {
    /// Returns the actor's alarm.
    fn alarm(&mut self) -> &mut Alarm;

    /// Is called when the time has come; the alarm is then off.
    fn wake(&mut self, ctx: &mut Context<Self>);
}

/// See the [module](self). A restarted actor needs a new one: what watched the
/// old one died with the context's futures.
#[derive(Debug, Default)]
pub(crate) struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
    on: bool,
    watched: bool,
}

/// Sets the alarm of `actor` to `at`, or turns it off.
pub(crate) fn set<A: Alarmed>(actor: &mut A, ctx: &mut Context<A>, at: Option<Instant>) {
    let alarm = actor.alarm();
    alarm.on = at.is_some();
    let Some(at) = at else {
        return;
    };
    match &mut alarm.sleep {
        Some(sleep) => sleep.as_mut().reset(at.into()),
        none => *none = Some(Box::pin(tokio::time::sleep_until(at.into()))),
    }
    if !std::mem::replace(&mut alarm.watched, true) {
        ctx.spawn(Watch);
    }
}

/// Waits for the alarm inside the actor; ends when it is off, so that it does
/// not keep an actor alive that nobody has an address of.
struct Watch;

impl<A: Alarmed> ActorFuture<A> for Watch {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        actor: &mut A,
        ctx: &mut Context<A>,
        task: &mut TaskContext<'_>,
    ) -> Poll<()> {
        let alarm = actor.alarm();
        if let (true, Some(sleep)) = (alarm.on, &mut alarm.sleep) {
            ready!(sleep.as_mut().poll(task));
        }
        alarm.watched = false;
        if std::mem::take(&mut alarm.on) {
            actor.wake(ctx);
        }
        Poll::Ready(())
    }
}
