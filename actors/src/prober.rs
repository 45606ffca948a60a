//! The actor that pings endpoints, so that a broken one recovers without a
//! customer trying it first.
//!
//! It also settles doubts: an endpoint whose requests begin to fail hardly gets
//! any more of them, so its breaker would count for a long time. Pings in quick
//! succession tell at once.
//!
//! The schedule is pure ([`Schedule`]); how a ping is sent is the gateway's
//! affair: it hands in a *pinger*, an actor that answers [`Ping`] with what it
//! found. One timer, re-armed; no interval that bursts.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use actix::prelude::*;

use crate::{
    alarm::{self, Alarm, Alarmed},
    chance::luck,
    clock,
    desk::Desk,
    id::TargetId,
    messages::{Heard, Observe, Ping, StatusChanged},
    state::{event::Pong, health::Status, policy::ProbePolicy, schedule::Schedule},
    target::Target,
};

/// Time between two pings of an endpoint in doubt: with the usual thresholds
/// one that is gone is out within a quarter of a second.
const QUICK: Duration = Duration::from_millis(50);

/// The prober. See the [module](self).
#[derive(Debug)]
pub struct Prober {
    pinger: Recipient<Ping>,
    watched: BTreeMap<TargetId, (Arc<Target>, ProbePolicy)>,
    schedule: Schedule<TargetId>,
    under_way: BTreeSet<TargetId>,
    /// Failed pings that still count as quick ones, by target in doubt.
    doubts: BTreeMap<TargetId, u32>,
    alarm: Alarm,
    desk: Arc<Desk>,
}

/// How the prober is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProberSeen {
    /// Targets that are pinged.
    pub watched: usize,
    /// Pings that have no answer yet.
    pub under_way: usize,
}

/// Says whom to ping from now on.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Watch(pub(crate) Vec<(Arc<Target>, ProbePolicy)>);

/// Pings every target at once, whatever is due.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct ForceCheck;

/// A status changed; the schedule may have to.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Changed(pub(crate) StatusChanged);

/// Some [`Changed`] were lost.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Missed;

impl Prober {
    /// The labels of its messages.
    pub(crate) const MESSAGES: &[&'static str] =
        &["watch", "force_check", "changed", "missed", "observe"];

    /// Returns a prober that sends its pings through `pinger`.
    pub(crate) fn new(pinger: Recipient<Ping>, desk: Arc<Desk>) -> Self {
        Self {
            pinger,
            watched: BTreeMap::new(),
            schedule: Schedule::new(),
            under_way: BTreeSet::new(),
            doubts: BTreeMap::new(),
            alarm: Alarm::default(),
            desk,
        }
    }

    /// Sends what is due; then sleeps until something is.
    fn run(&mut self, ctx: &mut Context<Self>) {
        let now = clock::now();
        while let Some(id) = self.schedule.pop(now) {
            self.ping(ctx, id);
        }
        let due = self.schedule.next_due();
        alarm::set(self, ctx, due);
    }

    fn ping(&mut self, ctx: &mut Context<Self>, id: TargetId) {
        let Some((target, policy)) = self.watched.get(&id) else {
            return;
        };
        let target = target.clone();
        let timeout = policy.timeout();
        let ping = self.pinger.send(Ping {
            target: id.clone(),
            timeout,
        });
        self.under_way.insert(id);
        let started = clock::now();
        // The pinger keeps its own deadline; this one is for a pinger that does not.
        let answer = async move { tokio::time::timeout(timeout * 2, ping).await };
        ctx.spawn(answer.into_actor(self).map(move |answer, this, ctx| {
            let now = clock::now();
            let took = now.saturating_duration_since(started);
            // After a reload the name may be another target's.
            if this.watches(&target) {
                this.over(&target.id);
                match answer {
                    Ok(Ok(pong)) => this.heard(&target, pong, took),
                    Err(_) => this.heard(&target, Pong::Failed, took),
                    // A pinger that is gone says nothing about the endpoint.
                    Ok(Err(_)) => tracing::error!(endpoint = %target.id, "the pinger is gone"),
                }
            }
            this.run(ctx);
        }));
    }

    fn watches(&self, target: &Arc<Target>) -> bool {
        let watched = self.watched.get(&target.id);
        watched.is_some_and(|(watched, _)| Arc::ptr_eq(watched, target))
    }

    fn forget(&mut self, id: &TargetId) {
        self.schedule.remove(id);
        self.under_way.remove(id);
        self.doubts.remove(id);
    }

    /// Schedules the next ping: the one under way has come to its end.
    fn over(&mut self, id: &TargetId) {
        self.under_way.remove(id);
        self.schedule.answered(id, clock::now(), luck());
    }

    fn heard(&mut self, target: &Target, pong: Pong, took: Duration) {
        target.metrics.pinged(pong, took);
        match (pong, self.doubts.get_mut(&target.id)) {
            (Pong::Failed | Pong::KeyRejected, Some(left @ 1..)) => {
                *left -= 1;
                self.schedule.hurry(&target.id, clock::now() + QUICK);
            }
            _ => drop(self.doubts.remove(&target.id)),
        }
        target.post(Heard(pong));
    }
}

/// Whether pings are what the endpoint is waiting for.
fn is_out(status: Status) -> bool {
    status == Status::Unhealthy
}

impl Actor for Prober {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.run(ctx);
    }
}

impl Alarmed for Prober {
    fn alarm(&mut self) -> &mut Alarm {
        &mut self.alarm
    }

    fn wake(&mut self, ctx: &mut Context<Self>) {
        self.run(ctx);
    }
}

impl Supervised for Prober {
    /// Pings under way died with the context; their targets are pinged again
    /// as if they had been answered.
    fn restarting(&mut self, _: &mut Self::Context) {
        self.alarm = Alarm::default();
        for id in std::mem::take(&mut self.under_way) {
            self.over(&id);
        }
    }
}

impl Handler<Watch> for Prober {
    type Result = ();

    fn handle(&mut self, watch: Watch, ctx: &mut Self::Context) {
        let _timed = self.desk.begin_message("watch");
        let now = clock::now();
        let mut watched = BTreeMap::new();
        for (target, policy) in watch.0 {
            let id = target.id.clone();
            if !self.watches(&target) {
                self.forget(&id);
            }
            self.schedule.set(id.clone(), policy, now, luck());
            let out = is_out(target.status());
            self.schedule.set_open(&id, out, now, luck());
            watched.insert(id, (target, policy));
        }
        let before = std::mem::replace(&mut self.watched, watched);
        for id in before.keys() {
            if !self.watched.contains_key(id) {
                self.forget(id);
            }
        }
        self.run(ctx);
    }
}

impl Handler<ForceCheck> for Prober {
    type Result = ();

    fn handle(&mut self, _: ForceCheck, ctx: &mut Self::Context) {
        let _timed = self.desk.begin_message("force_check");
        let now = clock::now();
        for id in self.watched.keys() {
            self.schedule.hurry(id, now);
        }
        self.run(ctx);
    }
}

impl Handler<Changed> for Prober {
    type Result = ();

    fn handle(&mut self, changed: Changed, ctx: &mut Self::Context) {
        let _timed = self.desk.begin_message("changed");
        let Changed(news) = changed;
        let now = clock::now();
        let out = is_out(news.status);
        self.schedule.set_open(&news.target, out, now, luck());
        if out {
            self.doubts.remove(&news.target);
        } else if news.in_doubt
            && let Some((_, policy)) = self.watched.get(&news.target)
        {
            // Beside the threshold one more: what was served since the last
            // ping outvotes the first.
            let quick = policy.unhealthy_threshold.get();
            self.doubts.insert(news.target.clone(), quick);
            self.schedule.hurry(&news.target, now);
        }
        self.run(ctx);
    }
}

impl Handler<Missed> for Prober {
    type Result = ();

    fn handle(&mut self, _: Missed, ctx: &mut Self::Context) {
        let _timed = self.desk.begin_message("missed");
        for (id, (target, _)) in &self.watched {
            let out = is_out(target.status());
            self.schedule.set_open(id, out, clock::now(), luck());
        }
        self.run(ctx);
    }
}

impl Handler<Observe<ProberSeen>> for Prober {
    type Result = MessageResult<Observe<ProberSeen>>;

    fn handle(&mut self, _: Observe<ProberSeen>, _: &mut Self::Context) -> Self::Result {
        let _timed = self.desk.begin_message("observe");
        MessageResult(ProberSeen {
            watched: self.schedule.len(),
            under_way: self.under_way.len(),
        })
    }
}

#[cfg(feature = "chaos")]
crate::messages::fails_on_purpose!(Prober);
