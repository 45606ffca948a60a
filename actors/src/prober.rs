//! The actor that pings endpoints, so that a broken one recovers without a
//! customer trying it first.
//!
//! It also settles doubts: an endpoint whose requests begin to fail hardly gets
//! any more of them, so its breaker would count for a long time. Pings in quick
//! succession tell at once.
//!
//! Targets of one endpoint share a ping unless it is billed ([`groups`]).
//!
//! The schedule is pure ([`Schedule`]); how a ping is sent is the gateway's
//! affair: it hands in a *pinger*, an actor that answers [`Ping`] with what it
//! found. One timer, re-armed; no interval that bursts.

mod groups;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use actix::prelude::*;
use tokio::sync::oneshot;

use crate::{
    alarm::{self, Alarm, Alarmed},
    chance::luck,
    clock,
    desk::Desk,
    id::TargetId,
    messages::{Heard, Observe, Ping, StatusChanged},
    state::{event::Pong, policy::ProbePolicy, schedule::Schedule},
    target::Target,
};
use groups::{Group, Groups, is_out};

/// Time between two pings of an endpoint in doubt: with the usual thresholds
/// one that is gone is out within a quarter of a second.
const QUICK: Duration = Duration::from_millis(50);

/// The prober. See the [module](self).
#[derive(Debug)]
pub struct Prober {
    pinger: Recipient<Ping>,
    groups: Groups,
    /// By group, as the two below.
    schedule: Schedule<TargetId>,
    under_way: BTreeSet<TargetId>,
    /// Failed pings that still count as quick ones, where a target is in doubt.
    doubts: BTreeMap<TargetId, u32>,
    /// Forced checks that wait for pings to come to their end.
    checks: Vec<Check>,
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

/// Pings at once, whatever is due; answered with the number of pings that
/// were sent, when the last of them is over.
#[derive(Clone, Debug, Default, Message)]
#[rtype(result = "usize")]
pub struct ForceCheck {
    /// Only this endpoint; `None`: all.
    pub endpoint: Option<Arc<str>>,
}

/// A status changed; the schedule may have to.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Changed(pub(crate) StatusChanged);

/// Some [`Changed`] were lost.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Missed;

/// One forced check that is under way.
#[derive(Debug)]
struct Check {
    sent: BTreeSet<TargetId>,
    done: Option<oneshot::Sender<()>>,
}

impl Check {
    /// Learns that the ping of `name` is over; returns whether that was the last.
    fn ends_with(&mut self, name: &TargetId) -> bool {
        self.sent.remove(name);
        if self.sent.is_empty()
            && let Some(done) = self.done.take()
        {
            let _ = done.send(());
        }
        self.sent.is_empty()
    }
}

impl Prober {
    /// The labels of its messages.
    pub(crate) const MESSAGES: &[&'static str] =
        &["watch", "force_check", "changed", "missed", "observe"];

    /// Returns a prober that sends its pings through `pinger`.
    pub(crate) fn new(pinger: Recipient<Ping>, desk: Arc<Desk>) -> Self {
        Self {
            pinger,
            groups: Groups::default(),
            schedule: Schedule::new(),
            under_way: BTreeSet::new(),
            doubts: BTreeMap::new(),
            checks: Vec::new(),
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

    fn ping(&mut self, ctx: &mut Context<Self>, name: TargetId) {
        let Some(group) = self.groups.get(&name) else {
            return;
        };
        let started = clock::now();
        if !group.may_be_pinged(started) {
            self.schedule.answered(&name, started, luck());
            return;
        }
        let group = group.clone();
        let timeout = group.policy.timeout();
        let ping = self.pinger.send(Ping {
            target: name.clone(),
            timeout,
        });
        self.under_way.insert(name.clone());
        // The pinger keeps its own deadline; this one is for a pinger that does not.
        let answer = async move { tokio::time::timeout(timeout * 2, ping).await };
        ctx.spawn(answer.into_actor(self).map(move |answer, this, ctx| {
            let took = clock::now().saturating_duration_since(started);
            // After a reload the name may be another's.
            if this
                .groups
                .get(&name)
                .is_some_and(|it| it.continues(&group))
            {
                this.over(&name);
            }
            match answer {
                Ok(Ok(pong)) => this.heard(&name, &group, pong, took),
                Err(_) => this.heard(&name, &group, Pong::Failed, took),
                // A pinger that is gone says nothing about the endpoint.
                Ok(Err(_)) => tracing::error!(endpoint = %name, "the pinger is gone"),
            }
            this.run(ctx);
        }));
    }

    fn forget(&mut self, name: &TargetId) {
        self.schedule.remove(name);
        self.under_way.remove(name);
        self.doubts.remove(name);
        self.checked(name);
    }

    /// Tells those who wait for the ping of `name` that it is over.
    fn checked(&mut self, name: &TargetId) {
        self.checks.retain_mut(|check| !check.ends_with(name));
    }

    /// Settles a doubt by so many quick pings, the first of them now.
    fn doubt(&mut self, name: TargetId, quick: u32) {
        self.schedule.hurry(&name, clock::now());
        self.doubts.insert(name, quick);
    }

    /// Schedules the next ping: the one under way has come to its end.
    fn over(&mut self, name: &TargetId) {
        self.under_way.remove(name);
        self.schedule.answered(name, clock::now(), luck());
        self.checked(name);
    }

    /// Tells all those of `group` that are still watched.
    fn heard(&mut self, name: &TargetId, group: &Group, pong: Pong, took: Duration) {
        match (pong, self.doubts.get_mut(name)) {
            // A key that is rejected needs no haste: requests tell it
            // themselves, and three pings of one moment are one witness.
            (Pong::Failed, Some(left @ 1..)) => {
                *left -= 1;
                self.schedule.hurry(name, clock::now() + QUICK);
            }
            (Pong::Unasked, _) => {}
            _ => drop(self.doubts.remove(name)),
        }
        let says = group.judge(pong, took);
        for target in &group.targets {
            if self.groups.watches(target) {
                target.metrics.pinged(pong, took);
                target.post(Heard(says));
            }
        }
    }
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
        let groups = Groups::form(watch.0);
        for (name, group) in groups.iter() {
            let before = self.groups.get(name).cloned();
            let before = before.filter(|before| group.continues(before));
            if before.is_none() {
                self.forget(name);
            }
            self.schedule.set(name.clone(), group.policy, now, luck());
            self.schedule.set_open(name, group.is_out(), now, luck());
            let joined = |before: &Group| group.targets.iter().any(|it| !before.has(it));
            if before.as_ref().is_some_and(joined) {
                self.schedule.hurry(name, now);
            }
        }
        let before = std::mem::replace(&mut self.groups, groups);
        for (name, _) in before.iter() {
            if self.groups.get(name).is_none() {
                self.forget(name);
            }
        }
        self.run(ctx);
    }
}

impl Handler<ForceCheck> for Prober {
    type Result = ResponseFuture<usize>;

    fn handle(&mut self, force: ForceCheck, ctx: &mut Self::Context) -> Self::Result {
        let _timed = self.desk.begin_message("force_check");
        let now = clock::now();
        let wanted = |name: &TargetId| {
            force
                .endpoint
                .as_ref()
                .is_none_or(|it| it == name.endpoint())
        };
        let names: BTreeSet<_> = self
            .groups
            .iter()
            .map(|(name, _)| name.clone())
            .filter(wanted)
            .collect();
        for name in &names {
            self.schedule.hurry(name, now);
        }
        self.run(ctx);
        let sent: BTreeSet<_> = names.intersection(&self.under_way).cloned().collect();
        let count = sent.len();
        let (done, told) = oneshot::channel();
        if count > 0 {
            self.checks.push(Check {
                sent,
                done: Some(done),
            });
        }
        Box::pin(async move {
            if count > 0 {
                // A prober that restarts loses who waits: their pings are over.
                let _ = told.await;
            }
            count
        })
    }
}

impl Handler<Changed> for Prober {
    type Result = ();

    fn handle(&mut self, changed: Changed, ctx: &mut Self::Context) {
        let _timed = self.desk.begin_message("changed");
        let Changed(news) = changed;
        let now = clock::now();
        let Some((name, group)) = self.groups.of(&news.target) else {
            return;
        };
        self.schedule.set_open(name, group.is_out(), now, luck());
        if is_out(news.status) {
            self.doubts.remove(name);
        } else if news.in_doubt {
            let (name, quick) = (name.clone(), group.quick_pings());
            self.doubt(name, quick);
        }
        self.run(ctx);
    }
}

impl Handler<Missed> for Prober {
    type Result = ();

    fn handle(&mut self, _: Missed, ctx: &mut Self::Context) {
        let _timed = self.desk.begin_message("missed");
        let now = clock::now();
        let mut doubted = Vec::new();
        for (name, group) in self.groups.iter() {
            self.schedule.set_open(name, group.is_out(), now, luck());
            if group.is_doubtful() {
                doubted.push((name.clone(), group.quick_pings()));
            }
        }
        for (name, quick) in doubted {
            self.doubt(name, quick);
        }
        self.run(ctx);
    }
}

impl Handler<Observe<ProberSeen>> for Prober {
    type Result = MessageResult<Observe<ProberSeen>>;

    fn handle(&mut self, _: Observe<ProberSeen>, _: &mut Self::Context) -> Self::Result {
        let _timed = self.desk.begin_message("observe");
        MessageResult(ProberSeen {
            watched: self.groups.pinged(),
            under_way: self.under_way.len(),
        })
    }
}

#[cfg(feature = "chaos")]
crate::messages::fails_on_purpose!(Prober);
