//! The actor that pings endpoints, so that a broken one recovers without a
//! customer trying it first.
//!
//! The schedule is pure ([`Schedule`](crate::state::schedule)); how a ping is
//! sent is the gateway's affair: it hands in a *pinger*, an actor that answers
//! [`Ping`] with what it found. One timer, re-armed; no interval that bursts.

use std::{collections::HashMap, sync::Arc};

use actix::prelude::*;

use crate::{
    clock,
    id::TargetId,
    messages::{Heard, Observe, Ping, StatusChanged},
    metrics::ProberMetrics,
    state::{
        health::Status, luck::Luck, event::Pong, policy::ProbePolicy, schedule::Schedule,
    },
    target::Target,
};

/// The prober. See the [module](self).
#[derive(Debug)]
pub struct Prober {
    pinger: Recipient<Ping>,
    watched: HashMap<TargetId, Watched>,
    timer: Option<SpawnHandle>,
    metrics: ProberMetrics,
}

#[derive(Debug)]
struct Watched {
    target: Arc<Target>,
    policy: ProbePolicy,
    schedule: Schedule,
    under_way: bool,
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
            watched: HashMap::new(),
            timer: None,
            metrics: ProberMetrics::new(),
        }
    }

    /// Sends what is due; then sleeps until something is.
    fn run(&mut self, ctx: &mut Context<Self>) {
        let now = clock::now();
        let due: Vec<TargetId> = self
            .watched
            .iter()
            .filter(|(_, it)| !it.under_way && it.schedule.due() <= now)
            .map(|(id, _)| id.clone())
            .collect();
        for id in due {
            self.ping(ctx, id);
        }
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        let next = self
            .watched
            .values()
            .filter(|it| !it.under_way)
            .map(|it| it.schedule.due())
            .min();
        self.timer = next.map(|at| {
            ctx.run_later(at.saturating_duration_since(now), |this, ctx| {
                this.timer = None;
                this.run(ctx);
            })
        });
    }

    fn ping(&mut self, ctx: &mut Context<Self>, id: TargetId) {
        let Some(it) = self.watched.get_mut(&id) else {
            return;
        };
        it.under_way = true;
        let timeout = it.policy.timeout();
        let ping = self.pinger.send(Ping {
            target: id.clone(),
            timeout,
        });
        let started = clock::now();
        // The pinger keeps its own deadline; this one is for a pinger that does not.
        let answer = async move { tokio::time::timeout(timeout * 2, ping).await };
        ctx.spawn(answer.into_actor(self).map(move |answer, this, ctx| {
            let pong = match answer {
                Ok(Ok(pong)) => Some(pong),
                // A pinger that is gone says nothing about the endpoint.
                Ok(Err(_)) => None,
                Err(_) => Some(Pong::Failed),
            };
            let took = clock::now().saturating_duration_since(started);
            this.heard(&id, pong, took);
            this.run(ctx);
        }));
    }

    fn heard(&mut self, id: &TargetId, pong: Option<Pong>, took: std::time::Duration) {
        let Some(it) = self.watched.get_mut(id) else {
            return;
        };
        it.under_way = false;
        it.schedule
            .pinged(&it.policy, is_out(it.target.status()), clock::now(), luck());
        let Some(pong) = pong else { return };
        self.metrics.pinged(id, pong, took);
        if let Some(office) = it.target.office() {
            it.target.mail.posted();
            if office.addr.try_send(Heard(pong)).is_err() {
                it.target.mail.handled();
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
    /// Pings under way died with the context; they are due again.
    fn restarting(&mut self, _: &mut Self::Context) {
        self.timer = None;
        for it in self.watched.values_mut() {
            it.under_way = false;
        }
    }
}

impl Handler<Watch> for Prober {
    type Result = ();

    fn handle(&mut self, watch: Watch, ctx: &mut Self::Context) {
        let now = clock::now();
        let mut before = std::mem::take(&mut self.watched);
        for (target, policy) in watch.0 {
            if !policy.enabled {
                continue;
            }
            let it = match before.remove(&target.id) {
                Some(old) if old.policy == policy => Watched { target, ..old },
                _ => Watched {
                    schedule: Schedule::new(&policy, now, luck()),
                    target,
                    policy,
                    under_way: false,
                },
            };
            self.watched.insert(it.target.id.clone(), it);
        }
        self.run(ctx);
    }
}

impl Handler<ForceCheck> for Prober {
    type Result = ();

    fn handle(&mut self, _: ForceCheck, ctx: &mut Self::Context) {
        let idle: Vec<TargetId> = self
            .watched
            .iter()
            .filter(|(_, it)| !it.under_way)
            .map(|(id, _)| id.clone())
            .collect();
        for id in idle {
            self.ping(ctx, id);
        }
    }
}

impl Handler<Changed> for Prober {
    type Result = ();

    fn handle(&mut self, changed: Changed, ctx: &mut Self::Context) {
        let Changed(news) = changed;
        if let Some(it) = self.watched.get_mut(&news.target) {
            it.schedule
                .changed(&it.policy, is_out(news.status), clock::now(), luck());
            self.run(ctx);
        }
    }
}

impl Handler<Observe<ProberSeen>> for Prober {
    type Result = MessageResult<Observe<ProberSeen>>;

    fn handle(&mut self, _: Observe<ProberSeen>, _: &mut Self::Context) -> Self::Result {
        MessageResult(ProberSeen {
            watched: self.watched.len(),
            under_way: self.watched.values().filter(|it| it.under_way).count(),
        })
    }
}
