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

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use actix::prelude::*;

use crate::{
    clock,
    id::TargetId,
    messages::{Heard, Observe, Ping, StatusChanged},
    metrics::ProberMetrics,
    state::{event::Pong, health::Status, luck::Luck, policy::ProbePolicy, schedule::Schedule},
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
    /// Failed pings that still count as quick ones, by target in doubt.
    doubts: BTreeMap<TargetId, u32>,
    under_way: usize,
    timer: Option<SpawnHandle>,
    metrics: ProberMetrics,
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

impl Prober {
    /// Returns a prober that sends its pings through `pinger`.
    pub(crate) fn new(pinger: Recipient<Ping>) -> Self {
        Self {
            pinger,
            watched: BTreeMap::new(),
            schedule: Schedule::new(),
            doubts: BTreeMap::new(),
            under_way: 0,
            timer: None,
            metrics: ProberMetrics::new(),
        }
    }

    /// Sends what is due; then sleeps until something is.
    fn run(&mut self, ctx: &mut Context<Self>) {
        let now = clock::now();
        while let Some(id) = self.schedule.pop(now) {
            self.ping(ctx, id);
        }
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        self.timer = self.schedule.next_due().map(|at| {
            ctx.run_later(at.saturating_duration_since(now), |this, ctx| {
                this.timer = None;
                this.run(ctx);
            })
        });
    }

    fn ping(&mut self, ctx: &mut Context<Self>, id: TargetId) {
        let Some((_, policy)) = self.watched.get(&id) else {
            return;
        };
        self.under_way += 1;
        let timeout = policy.timeout();
        let ping = self.pinger.send(Ping {
            target: id.clone(),
            timeout,
        });
        let started = clock::now();
        // The pinger keeps its own deadline; this one is for a pinger that does not.
        let answer = async move { tokio::time::timeout(timeout * 2, ping).await };
        ctx.spawn(answer.into_actor(self).map(move |answer, this, ctx| {
            this.under_way -= 1;
            let now = clock::now();
            this.schedule.answered(&id, now, luck());
            match answer {
                Ok(Ok(pong)) => this.heard(&id, pong, now.saturating_duration_since(started)),
                Err(_) => this.heard(&id, Pong::Failed, now.saturating_duration_since(started)),
                // A pinger that is gone says nothing about the endpoint.
                Ok(Err(_)) => tracing::error!(endpoint = %id, "the pinger is gone"),
            }
            this.run(ctx);
        }));
    }

    fn heard(&mut self, id: &TargetId, pong: Pong, took: std::time::Duration) {
        let Some((target, _)) = self.watched.get(id) else {
            return;
        };
        self.metrics.pinged(id, pong, took);
        match (pong, self.doubts.get_mut(id)) {
            (Pong::Failed | Pong::KeyRejected, Some(left @ 1..)) => {
                *left -= 1;
                self.schedule.hurry(id, clock::now() + QUICK);
            }
            _ => drop(self.doubts.remove(id)),
        }
        if let Some(office) = target.office() {
            target.mail.posted();
            if office.addr.try_send(Heard(pong)).is_err() {
                target.mail.handled();
            }
        }
    }
}

/// Whether pings are what the endpoint is waiting for.
fn is_out(status: Status) -> bool {
    status == Status::Unhealthy
}

fn luck() -> Luck {
    Luck::draw(&mut rand::rng())
}

impl Actor for Prober {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.run(ctx);
    }
}

impl Supervised for Prober {
    /// Pings under way died with the context; the schedule takes them for lost
    /// and has them again in time.
    fn restarting(&mut self, _: &mut Self::Context) {
        self.timer = None;
        self.under_way = 0;
    }
}

impl Handler<Watch> for Prober {
    type Result = ();

    fn handle(&mut self, watch: Watch, ctx: &mut Self::Context) {
        let now = clock::now();
        let before = std::mem::take(&mut self.watched);
        for (target, policy) in watch.0 {
            let id = target.id.clone();
            self.schedule.set(id.clone(), policy, now, luck());
            let out = is_out(target.status());
            self.schedule.set_open(&id, out, now, luck());
            self.watched.insert(id, (target, policy));
        }
        for id in before.keys() {
            if !self.watched.contains_key(id) {
                self.schedule.remove(id);
                self.doubts.remove(id);
            }
        }
        self.run(ctx);
    }
}

impl Handler<ForceCheck> for Prober {
    type Result = ();

    fn handle(&mut self, _: ForceCheck, ctx: &mut Self::Context) {
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

impl Handler<Observe<ProberSeen>> for Prober {
    type Result = MessageResult<Observe<ProberSeen>>;

    fn handle(&mut self, _: Observe<ProberSeen>, _: &mut Self::Context) -> Self::Result {
        MessageResult(ProberSeen {
            watched: self.schedule.len(),
            under_way: self.under_way,
        })
    }
}
