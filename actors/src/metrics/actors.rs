//! Metrics of the actors as actors: up, restarts, mail, pings.

use std::{collections::HashMap, sync::Arc, time::Duration};

use metrics::{Counter, Histogram, Unit};

use super::{Kind, Metric};
use crate::{id::TargetId, state::event::Pong, target::Target};

const ACTOR_UP: Metric = Metric {
    name: "breakerbox_actor_up",
    kind: Kind::Gauge,
    unit: Unit::Count,
    labels: &["actor"],
    help: "1 while the actor takes messages.",
};
const ACTOR_RESTARTS: Metric = Metric {
    name: "breakerbox_actor_restarts_total",
    kind: Kind::Counter,
    unit: Unit::Count,
    labels: &["actor", "reason"],
    help: "Restarts of the actor: panic, stop, or replaced by the guardian.",
};
const MAILBOX_DEPTH: Metric = Metric {
    name: "breakerbox_actor_mailbox_depth",
    kind: Kind::Gauge,
    unit: Unit::Count,
    labels: &["actor"],
    help: "Messages that wait in the actor's mailbox.",
};
pub(super) const ACTOR_MESSAGES: Metric = Metric {
    name: "breakerbox_actor_messages_total",
    kind: Kind::Counter,
    unit: Unit::Count,
    labels: &["actor", "message"],
    help: "Messages the actor has handled.",
};
const PROBES: Metric = Metric {
    name: "breakerbox_probes_total",
    kind: Kind::Counter,
    unit: Unit::Count,
    labels: &["endpoint", "model", "outcome"],
    help: "Pings by what they found.",
};
const PROBE_DURATION: Metric = Metric {
    name: "breakerbox_probe_duration_seconds",
    kind: Kind::Histogram,
    unit: Unit::Seconds,
    labels: &["endpoint", "model"],
    help: "How long pings took.",
};

/// Metrics of the actors as actors.
pub const ACTOR_CATALOGUE: &[Metric] = &[
    ACTOR_UP,
    ACTOR_RESTARTS,
    MAILBOX_DEPTH,
    ACTOR_MESSAGES,
    PROBES,
    PROBE_DURATION,
];

/// The actor label of a target's actor.
pub(super) fn name(target: &TargetId) -> String {
    format!("endpoint:{target}")
}

pub(crate) fn actor_up(target: &TargetId, up: bool) {
    ACTOR_UP
        .gauge([name(target).into()])
        .set(if up { 1.0 } else { 0.0 });
    for reason in ["panic", "stop", "replaced"] {
        ACTOR_RESTARTS
            .counter([name(target).into(), reason.into()])
            .increment(0);
    }
}

/// Says that `target` has no actor any more.
pub(crate) fn actor_gone(target: &TargetId) {
    actor_up(target, false);
    MAILBOX_DEPTH.gauge([name(target).into()]).set(0.0);
}

pub(crate) fn actor_restarted(target: &TargetId, reason: &'static str) {
    ACTOR_RESTARTS
        .counter([name(target).into(), reason.into()])
        .increment(1);
}

pub(crate) fn house_actor_restarted(actor: &'static str, reason: &'static str) {
    ACTOR_RESTARTS
        .counter([actor.into(), reason.into()])
        .increment(1);
}

/// Writes how much mail waits for `target`'s actor; called at each scrape.
pub fn mailbox_depth(target: &Target) {
    MAILBOX_DEPTH
        .gauge([name(&target.id).into()])
        .set(target.mail_depth() as f64);
}

/// The prober's handles.
pub(crate) struct ProberMetrics {
    durations: HashMap<TargetId, Histogram>,
    outcomes: HashMap<(TargetId, &'static str), Counter>,
}

impl std::fmt::Debug for ProberMetrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProberMetrics").finish_non_exhaustive()
    }
}

impl ProberMetrics {
    pub(crate) fn new() -> Self {
        Self {
            durations: HashMap::new(),
            outcomes: HashMap::new(),
        }
    }

    /// Forgets the handles of targets that are not `kept`; the series stay.
    pub(crate) fn retain(&mut self, kept: impl Fn(&TargetId) -> bool) {
        self.durations.retain(|id, _| kept(id));
        self.outcomes.retain(|(id, _), _| kept(id));
    }

    pub(crate) fn pinged(&mut self, id: &TargetId, pong: Pong, took: Duration) {
        let labels = || {
            (
                Arc::clone(id.endpoint()).into(),
                Arc::clone(id.model()).into(),
            )
        };
        self.durations
            .entry(id.clone())
            .or_insert_with(|| {
                let (endpoint, model) = labels();
                PROBE_DURATION.histogram([endpoint, model])
            })
            .record(took);
        self.outcomes
            .entry((id.clone(), pong.label()))
            .or_insert_with(|| {
                let (endpoint, model) = labels();
                PROBES.counter([endpoint, model, pong.label().into()])
            })
            .increment(1);
    }
}
