//! Metrics of the actors as actors: up, restarts, mail, messages.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

use parking_lot::Mutex;

use metrics::{Counter, Gauge, Histogram, SharedString, Unit};

use super::{Kind, Metric};
use crate::clock;

/// Bounds in seconds for what takes microseconds unless a thread is stuck.
const HANDLING: &[f64] = &[0.00001, 0.0001, 0.001, 0.01, 0.1, 1.0];

const ACTOR_UP: Metric = Metric {
    name: "breakerbox_actor_up",
    kind: Kind::Gauge,
    unit: Unit::Count,
    labels: &["actor"],
    help: "1 while the actor takes messages, 0 while it rests after too many restarts or its thread stands still.",
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
const ACTOR_MESSAGES: Metric = Metric {
    name: "breakerbox_actor_messages_total",
    kind: Kind::Counter,
    unit: Unit::Count,
    labels: &["actor", "message"],
    help: "Messages the actor has begun to handle.",
};
const MESSAGE_DURATION: Metric = Metric {
    name: "breakerbox_actor_message_duration_seconds",
    kind: Kind::Histogram(HANDLING),
    unit: Unit::Seconds,
    labels: &["actor"],
    help: "How long the actor took to handle a message; of a router's, one in 64 is timed.",
};

/// Metrics of the actors as actors.
pub const ACTOR_CATALOGUE: &[Metric] = &[
    ACTOR_UP,
    ACTOR_RESTARTS,
    MAILBOX_DEPTH,
    ACTOR_MESSAGES,
    MESSAGE_DURATION,
];

/// One actor's handles.
pub(crate) struct ActorMetrics {
    up: Gauge,
    mailbox_depth: Gauge,
    restarts: Vec<(&'static str, Counter)>,
    messages: Vec<(&'static str, Counter)>,
    durations: Histogram,
    /// The same as the counters, which cannot be read: messages, restarts and
    /// the last one's reason.
    handled: AtomicU64,
    fallen: Mutex<(u64, Option<&'static str>)>,
}

impl ActorMetrics {
    /// Looks up the handles of the actor `name`, which handles these messages
    /// and restarts for these reasons.
    pub(crate) fn new(name: &str, reasons: &[&'static str], messages: &[&'static str]) -> Self {
        let name = || SharedString::from(name.to_owned());
        let with = |metric: Metric, words: &[&'static str]| {
            let counter = |word| (word, metric.counter([name(), SharedString::from(word)]));
            words.iter().copied().map(counter).collect()
        };
        Self {
            up: ACTOR_UP.gauge([name()]),
            mailbox_depth: MAILBOX_DEPTH.gauge([name()]),
            restarts: with(ACTOR_RESTARTS, reasons),
            messages: with(ACTOR_MESSAGES, messages),
            durations: MESSAGE_DURATION.histogram([name()]),
            handled: AtomicU64::new(0),
            fallen: Mutex::new((0, None)),
        }
    }

    /// Writes how the actor is, seen from outside.
    pub(crate) fn show(&self, up: bool, mailbox_depth: u64) {
        self.up.set(if up { 1.0 } else { 0.0 });
        self.mailbox_depth.set(mailbox_depth as f64);
    }

    pub(crate) fn restarted(&self, reason: &'static str) {
        count(&self.restarts, reason);
        let mut fallen = self.fallen.lock();
        *fallen = (fallen.0 + 1, Some(reason));
    }

    pub(crate) fn message(&self, message: &'static str) {
        count(&self.messages, message);
        self.handled.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns how many messages it has begun to handle.
    pub(crate) fn messages(&self) -> u64 {
        self.handled.load(Ordering::Relaxed)
    }

    /// Returns how often it was restarted, and why the last time.
    pub(crate) fn restarts(&self) -> (u64, Option<&'static str>) {
        *self.fallen.lock()
    }

    /// Times the handling of a message until what it returns is dropped.
    pub(crate) fn timed(&self) -> Timed {
        Timed {
            durations: self.durations.clone(),
            began: clock::now(),
        }
    }
}

fn count(counters: &[(&'static str, Counter)], word: &'static str) {
    let found = counters.iter().find(|(it, _)| *it == word);
    debug_assert!(found.is_some(), "{word} does not start at 0");
    if let Some((_, counter)) = found {
        counter.increment(1);
    }
}

/// A message that is being handled.
#[must_use = "the message is handled when this is dropped"]
pub(crate) struct Timed {
    durations: Histogram,
    began: Instant,
}

impl Drop for Timed {
    fn drop(&mut self) {
        let took = clock::now().saturating_duration_since(self.began);
        self.durations.record(took.as_secs_f64());
    }
}
